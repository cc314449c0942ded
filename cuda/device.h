// The CUDA runtime behind thalweg::Device: one stream per GPU, on which allocation, copies and kernels follow each
// other.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <vector>

#include "thalweg/core/device.h"

namespace thalweg::cuda {

/// Throws ResourceExhausted for want of memory and Internal for everything else, with CUDA's own words.
void check(cudaError_t status, const char* doing);

/// Makes `device` the one that the calling thread's CUDA calls go to.
void make_current(const Device& device);

/// The GPUs that can run this plugin's code; FailedPrecondition with the reason if there are none.
std::vector<std::shared_ptr<Device>> find_devices();

/// Whether this plugin holds code that the current device can run. Defined beside the kernels.
cudaError_t has_code_for_current_device();

}  // namespace thalweg::cuda
