// ops/compare.h on the GPU.
#include "thalweg/ops/compare.h"

#include "cuda/elementwise.cuh"
#include "cuda/families.h"

namespace thalweg::cuda {

void register_compare(KernelRegistry& r) { add_ops<BinaryKernel, ops::Compare>(r); }

}  // namespace thalweg::cuda
