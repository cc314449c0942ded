// Finds out whether the current device can run the code in this plugin.
#include <cuda_runtime.h>

#include "cuda/device.h"

namespace thalweg::cuda {

__global__ void nothing() {}

cudaError_t has_code_for_current_device() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, nothing);
}

}  // namespace thalweg::cuda
