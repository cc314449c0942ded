// What a step computes and moves, from shapes alone: the numerators of GFLOP/s and GB/s.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "thalweg/runtime/layout.h"

namespace thalweg {

/// Floating-point operations of a node over operands of these shapes; 0 where nobody counts them (copies, indexing). An
/// exponential counts as one, as the field does. `members` elementwise ops are fused into the node besides its own.
THALWEG_API int64_t flops(const Node& n, std::span<const Shape> in, std::span<const Shape> out, int members = 0);

/// One step of a plan, for people. Bytes of shapes that the layout does not know are left out.
struct StepInfo {
  std::string node, op, device;
  int64_t input_bytes = 0, output_bytes = 0, flops = 0;
};

/// By step, in the order of the plan.
THALWEG_API std::vector<StepInfo> step_infos(const Plan& plan, const Layout& layout);

}  // namespace thalweg
