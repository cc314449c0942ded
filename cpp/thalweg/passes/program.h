// What the passes work on: a private copy of the part of a graph that one run needs.
#pragma once

#include <memory>
#include <vector>

#include "thalweg/graph/graph.h"

namespace thalweg {

class Device;

/// A node that was fused into another: what its kernel needs. Operands are numbered as in FusedMember.
struct FusedNode {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::string name;
  std::vector<int> operands;
  std::vector<DType> input_dtypes;
  DType dtype = DType::invalid;  // of the result
};

struct Program {
  std::unique_ptr<Graph> graph;
  std::vector<Endpoint> feeds;    // placeholders that stand for the fed endpoints
  std::vector<Endpoint> fetches;  // in the caller's order
  std::vector<Node*> targets;     // run for their effect
  std::vector<Device*> devices;   // of each node, by id; filled in by place
  // What the nodes made by fuse stand for: their attribute `members` is a position here.
  std::vector<std::vector<FusedNode>> fused;
};

}  // namespace thalweg
