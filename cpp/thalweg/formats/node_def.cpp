#include "thalweg/formats/node_def.h"

namespace thalweg {

NodeDef read_node_def(WireReader r) {
  constexpr uint32_t kName = 1, kOp = 2, kInput = 3, kDevice = 4, kAttr = 5, kKey = 1, kValue = 2;
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

}  // namespace thalweg
