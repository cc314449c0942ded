// prune: copies what fetches and targets need, cut at the feeds.
#pragma once

#include <span>

#include "thalweg/passes/program.h"

namespace thalweg {

/// Fetched variables are read through an Identity, so that a fetch is a value like any other. Where `feed_shapes` are
/// given, the copy is one for feeds of these shapes: whatever follows from them is inferred, and the passes after this
/// one see it. Throws where the graph cannot take such feeds.
Program prune(const Graph& graph, std::span<const Endpoint> feeds, std::span<const Endpoint> fetches,
              std::span<Node* const> targets, std::span<const Shape> feed_shapes = {});

}  // namespace thalweg
