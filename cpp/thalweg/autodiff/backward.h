// Reverse-mode differentiation as a graph-to-graph transformation: gradient nodes are added to the same graph.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "thalweg/graph/grad.h"

namespace thalweg {

struct GradientOptions {
  std::string prefix = "gradients";  // names of new nodes start with it
  Outs grad_ys;                      // one per y, or none; an empty Out stands for ones
  Outs stop;                         // treated as constants
  /// Ranges [first, last) of node numbers to go through; what other nodes compute is constant. None: all.
  std::vector<std::pair<int, int>> nodes;
  /// Gradients defined outside the registry (Python). `python` is called for nodes for which `has_python` is true.
  std::function<bool(Node&)> has_python;
  std::function<Outs(Node&, std::span<const Out> dys)> python;
};

/// The sum over ys of dy/dx for every x; an empty Out where no path leads from x to any y. NotFound if an op on the way
/// has no gradient.
THALWEG_API Outs gradients(const Outs& ys, const Outs& xs, const GradientOptions& options = {});

}  // namespace thalweg
