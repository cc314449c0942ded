// prune: copies what fetches and targets need, cut at the feeds.
#pragma once

#include <span>

#include "thalweg/passes/program.h"

namespace thalweg {

/// Fetched variables are read through an Identity, so that a fetch is a value like any other.
Program prune(const Graph& graph, std::span<const Endpoint> feeds, std::span<const Endpoint> fetches,
              std::span<Node* const> targets);

}  // namespace thalweg
