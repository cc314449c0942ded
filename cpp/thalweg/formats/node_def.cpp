#include "thalweg/formats/node_def.h"

#include <algorithm>
#include <queue>

#include "thalweg/formats/attr_proto.h"

namespace thalweg {
namespace {

// Fields of NodeDef and of its attr map's entries.
constexpr uint32_t kName = 1, kOp = 2, kInput = 3, kDevice = 4, kAttr = 5;
constexpr uint32_t kKey = 1, kValue = 2;

}  // namespace

NodeDef read_node_def(WireReader r) {
  NodeDef n;
  while (r.next()) {
    if (r.field() == kName) n.name = r.text();
    if (r.field() == kOp) n.op = r.text();
    if (r.field() == kInput) n.inputs.push_back(r.text());
    if (r.field() == kDevice) n.device = r.text();
    if (r.field() != kAttr) continue;
    std::string key;
    WireReader value({}, "AttrValue");
    for (WireReader entry = r.message("NodeDef.AttrEntry"); entry.next();) {
      if (entry.field() == kKey) key = entry.text();
      if (entry.field() == kValue) value = entry.message("AttrValue");
    }
    n.attrs.emplace_back(std::move(key), value);
  }
  return n;
}

WireWriter node_def(const Node& n, const std::function<std::string(const Endpoint&)>& input_name) {
  WireWriter w;
  w.bytes(kName, n.name());
  w.bytes(kOp, n.op().name);
  for (const Endpoint& e : n.inputs()) w.bytes(kInput, input_name(e));
  for (const Node* c : n.control_inputs()) w.bytes(kInput, "^" + c->name());
  if (!n.device().empty()) w.bytes(kDevice, n.device().to_string());
  for (const auto& [key, value] : n.attrs()) {
    WireWriter entry;
    entry.bytes(kKey, key);
    entry.message(kValue, attr_proto(value));
    w.message(kAttr, entry);
  }
  return w;
}

std::pair<std::vector<size_t>, int64_t> in_order_of_need(
    size_t n, const std::function<void(size_t, const std::function<void(size_t)>&)>& needs) {
  std::vector<int> missing(n);
  std::vector<std::vector<size_t>> users(n);
  for (size_t i = 0; i < n; ++i) {
    needs(i, [&](size_t j) {
      users[j].push_back(i);
      ++missing[i];
    });
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < n; ++i) {
    if (missing[i] == 0) ready.push(i);
  }
  std::vector<size_t> order;
  while (!ready.empty()) {
    size_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (size_t u : users[i]) {
      if (--missing[u] == 0) ready.push(u);
    }
  }
  if (order.size() == n) return {std::move(order), -1};
  return {{}, std::ranges::find_if(missing, [](int m) { return m > 0; }) - missing.begin()};
}

}  // namespace thalweg
