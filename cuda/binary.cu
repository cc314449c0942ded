// ops/binary.h on the GPU.
#include "thalweg/ops/binary.h"

#include "cuda/elementwise.cuh"
#include "cuda/families.h"

namespace thalweg::cuda {

void register_binary(KernelRegistry& r) {
  add_ops<BinaryKernel, ops::Binary>(r);
  add_ops<BinaryKernel, ops::Gradients>(r);
}

}  // namespace thalweg::cuda
