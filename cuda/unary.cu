// ops/unary.h on the GPU.
#include "thalweg/ops/unary.h"

#include "cuda/elementwise.cuh"
#include "cuda/families.h"

namespace thalweg::cuda {

void register_unary(KernelRegistry& r) { add_ops<UnaryKernel, ops::Unary>(r); }

}  // namespace thalweg::cuda
