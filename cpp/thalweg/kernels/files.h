// Kernels that read and write files: a part of the string family, called by register_string.
#pragma once

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

void register_files(KernelRegistry& r);

}  // namespace thalweg::kernels
