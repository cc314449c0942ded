// prune: copies what fetches and targets need, cut at the feeds.
#pragma once

#include <span>

#include "thalweg/passes/program.h"

namespace thalweg {

struct PruneOptions {
  /// If not empty, the copy is one for feeds of these shapes: whatever follows from them is inferred, and the passes
  /// after this one see it.
  std::span<const Shape> feed_shapes;
  /// Functions that are called (PartitionedCall) are copied into the place of the call, so that the passes see through.
  bool inline_calls = false;
};

/// Fetched variables are read through an Identity, so that a fetch is a value like any other. Throws where the graph
/// cannot take feeds of the given shapes.
Program prune(const Graph& graph, std::span<const Endpoint> feeds, std::span<const Endpoint> fetches,
              std::span<Node* const> targets, const PruneOptions& options = {});

}  // namespace thalweg
