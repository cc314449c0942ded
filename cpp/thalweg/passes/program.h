// What the passes work on: a private copy of the part of a graph that one run needs.
#pragma once

#include <memory>
#include <vector>

#include "thalweg/graph/graph.h"

namespace thalweg {

class Device;

struct Program {
  std::unique_ptr<Graph> graph;
  std::vector<Endpoint> feeds;    // placeholders that stand for the fed endpoints
  std::vector<Endpoint> fetches;  // in the caller's order
  std::vector<Node*> targets;     // run for their effect
  std::vector<Device*> devices;   // of each node, by id; filled in by place
};

}  // namespace thalweg
