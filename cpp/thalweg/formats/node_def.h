// One node as a NodeDef message. What its inputs are called depends on whether it stands in a graph or in a function.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "thalweg/formats/wire.h"
#include "thalweg/graph/graph.h"

namespace thalweg {

/// A node as it stands in the message.
struct NodeDef {
  std::string name, op, device;
  std::vector<std::string> inputs;
  std::vector<std::pair<std::string, WireReader>> attrs;
};

NodeDef read_node_def(WireReader r);
WireWriter node_def(const Node& n, const std::function<std::string(const Endpoint&)>& input_name);

/// Indices of n things so that what one needs comes before it, and otherwise in their order; `needs(i, f)` calls f(j)
/// for each that i needs. The second is a thing on a cycle, or behind one, if there is any; -1 otherwise.
std::pair<std::vector<size_t>, int64_t> in_order_of_need(
    size_t n, const std::function<void(size_t, const std::function<void(size_t)>&)>& needs);

}  // namespace thalweg
