#include "cuda/families.h"

namespace thalweg::cuda {

void register_kernels(KernelRegistry& r) {
  register_unary(r);
  register_binary(r);
  register_compare(r);
  register_cast(r);
  register_reduce(r);
  register_matmul(r);
  register_softmax(r);
  register_array(r);
  register_state(r);
}

}  // namespace thalweg::cuda
