#include "thalweg/passes/cse.h"

#include <algorithm>
#include <unordered_map>

#include "thalweg/passes/rewrite.h"

namespace thalweg {
namespace {

/// Nodes with different keys differ; nodes with equal keys are compared.
std::string key(const Node& n) {
  std::string k = n.op().name;
  for (const Endpoint& e : n.inputs()) k += str(" ", e.node->id(), ":", e.index);
  if (n.op().name == "Const") {  // constants have no inputs to tell them apart
    const Tensor& t = n.attr<Tensor>("value");
    k += t.describe();
    if (kPlain.has(t.dtype())) k.append(static_cast<const char*>(t.data()), std::min<size_t>(t.bytes(), 64));
  }
  return k + n.device().to_string();
}

bool same(const Node& a, const Node& b) {
  return &a.op() == &b.op() && a.inputs() == b.inputs() && a.device() == b.device() && a.attrs() == b.attrs();
}

}  // namespace

void eliminate_common_subexpressions(Program& p) {
  Rewriter rewriter(p);
  std::unordered_multimap<std::string, Node*> seen;
  for (int id = 0; id < p.graph->size(); ++id) {
    Node& n = p.graph->node(id);
    rewriter.update(n);
    if (!is_pure(n) || n.outputs().empty()) continue;
    auto [first, last] = seen.equal_range(key(n));
    auto twin = std::find_if(first, last, [&](const auto& entry) { return same(*entry.second, n); });
    if (twin == last) {
      seen.emplace(key(n), &n);
    } else {
      rewriter.replace(n, *twin->second);
    }
  }
  rewriter.finish();
}

}  // namespace thalweg
