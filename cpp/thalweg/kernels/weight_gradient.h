// The gradient of a dense layer's weights, x^T dy, as a part of the step that updates them: it passes through the cache
// block by block and never exists as a whole.
#pragma once

#include "thalweg/kernels/finish.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

class WeightGradient : public Kernel {
 public:
  /// The gradient's shape; InvalidArgument where the operands do not fit.
  virtual Shape shape(const Tensor& x, const Tensor& dy) const = 0;
  /// Takes what memory make() needs from the node's scratch, so that nothing fails once variables change.
  virtual void* reserve(KernelContext& k, const Tensor& x, const Tensor& dy) const = 0;
  /// Hands the gradient to `finish` in blocks.
  virtual void make(KernelContext& k, const Tensor& x, const Tensor& dy, void* reserved, Finish finish) const = 0;
};

void register_weight_gradient(KernelRegistry& r);

}  // namespace thalweg::kernels
