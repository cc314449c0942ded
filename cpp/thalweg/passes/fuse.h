// fuse: chains and trees of elementwise nodes become one node, and those that follow a product or precede a reduction
// become part of it. Intermediate results then live in cache instead of memory.
//
//   elementwise tree                                  -> _Fused
//   reduction(elementwise tree)                       -> _FusedReduce
//   elementwise tree over MatMul, Conv2D, Conv2DBackpropInput, MaxPoolGrad -> _FusedMatMul, ...
//   MatMul(x^T, dy), Sum(dy, rows)                    -> _MatMulAndSums, and the same for Conv2DBackpropFilter
//   MatMul(x^T, dy) that an optimizer's update alone reads     -> _WeightGradient, which the update's step takes in
#pragma once

#include <functional>
#include <string_view>

#include "thalweg/passes/program.h"
#include "thalweg/registry/kernel.h"

namespace thalweg {

struct FuseOptions {
  /// The loop of the node's kernel, empty if it is not a loop over elements.
  std::function<RowLoop(const Node&)> row_loop;
  /// Whether `op` has a kernel where n runs, for n's element type T.
  std::function<bool(std::string_view op, const Node& n)> has_kernel;
};

/// Only what is certain when shapes are known is fused: every member of a group has the group's shape, and its result
/// is used by nobody outside. Comes after the passes that remove or merge nodes.
void fuse(Program& p, const FuseOptions& options);

}  // namespace thalweg
