// CPU kernels, one function per family of the catalogue. A static link takes only the families that it names.
#pragma once

#include "thalweg/registry/kernel.h"

namespace thalweg {

namespace kernels {
THALWEG_API void register_elementwise(KernelRegistry& r);
THALWEG_API void register_cast(KernelRegistry& r);
THALWEG_API void register_reduce(KernelRegistry& r);
THALWEG_API void register_matmul(KernelRegistry& r);
THALWEG_API void register_linalg(KernelRegistry& r);
THALWEG_API void register_conv(KernelRegistry& r);
THALWEG_API void register_pool(KernelRegistry& r);
THALWEG_API void register_softmax(KernelRegistry& r);
THALWEG_API void register_array(KernelRegistry& r);
THALWEG_API void register_concat(KernelRegistry& r);
THALWEG_API void register_indexing(KernelRegistry& r);
THALWEG_API void register_state(KernelRegistry& r);
THALWEG_API void register_training(KernelRegistry& r);
THALWEG_API void register_random(KernelRegistry& r);
THALWEG_API void register_search(KernelRegistry& r);
THALWEG_API void register_image(KernelRegistry& r);
THALWEG_API void register_control(KernelRegistry& r);
THALWEG_API void register_string(KernelRegistry& r);
THALWEG_API void register_summary(KernelRegistry& r);
THALWEG_API void register_checkpoint(KernelRegistry& r);
THALWEG_API void register_functional(KernelRegistry& r);
THALWEG_API void register_list(KernelRegistry& r);
THALWEG_API void register_fused(KernelRegistry& r);  // what the fuse pass makes of the others
}  // namespace kernels

/// Adds every CPU kernel of the library.
THALWEG_API void register_kernels(KernelRegistry& r);

}  // namespace thalweg
