// TensorFlow's NodeDef message, as graphs and functions hold it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "thalweg/formats/attr_proto.h"
#include "thalweg/graph/graph.h"

namespace thalweg {

/// A node as it stands in the message.
struct NodeDef {
  std::string name, op, device;
  std::vector<std::string> inputs;
  std::vector<std::pair<std::string, WireReader>> attrs;
};

NodeDef read_node_def(WireReader r);

/// `input` says how the message names what a node takes.
template <class F>
WireWriter node_def(const Node& n, F&& input) {
  constexpr uint32_t kName = 1, kOp = 2, kInput = 3, kDevice = 4, kAttr = 5, kKey = 1, kValue = 2;
  WireWriter node;
  node.bytes(kName, n.name());
  node.bytes(kOp, n.op().name);
  for (const Endpoint& e : n.inputs()) node.bytes(kInput, input(e));
  for (const Node* c : n.control_inputs()) node.bytes(kInput, "^" + c->name());
  if (!n.device().empty()) node.bytes(kDevice, n.device().to_string());
  for (const auto& [key, value] : n.attrs()) {
    WireWriter entry;
    entry.bytes(kKey, key);
    entry.message(kValue, attr_proto(value));
    node.message(kAttr, entry);
  }
  return node;
}

}  // namespace thalweg
