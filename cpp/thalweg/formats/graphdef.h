// Graphs as TensorFlow's GraphDef bytes. Graphs written by either read in the other as long as the ops exist there.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "thalweg/graph/graph.h"

namespace thalweg {

/// Nodes in creation order, attributes sorted: the same graph gives the same bytes. Its functions are the library.
THALWEG_API std::string to_graph_def(const Graph& graph);

/// Adds the nodes of a GraphDef, in any order, under `prefix` ("" or "import"), and returns them by their names in the
/// GraphDef. Inputs "name", "name:1" or "^name" found in `input_map` are replaced. DataLoss for malformed bytes,
/// InvalidArgument and NotFound for graphs that make no sense here. Nodes are checked one by one, so that the graph may
/// hold some of them when one is refused; malformed bytes and unknown ops add nothing. Functions of the library that
/// nodes call are defined in the graph.
THALWEG_API std::unordered_map<std::string, Node*> import_graph_def(
    Graph& graph, std::string_view bytes, const std::string& prefix = "",
    const std::unordered_map<std::string, Endpoint>& input_map = {});

}  // namespace thalweg
