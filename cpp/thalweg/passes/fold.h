// fold: nodes whose inputs are constants, and shapes that are known, become constants.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "thalweg/core/tensor.h"
#include "thalweg/passes/program.h"

namespace thalweg {

/// Runs one node on host tensors; empty when it cannot be run now (no kernel) or fails (the error then belongs to the
/// run).
using Evaluate = std::function<std::optional<std::vector<Tensor>>(const Node&, std::span<const Tensor>)>;

/// Results above `max_bytes` are left to the run.
void fold(Program& p, const Evaluate& evaluate, size_t max_bytes = size_t(10) << 20);

}  // namespace thalweg
