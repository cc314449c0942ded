// Parts of the array families that have files of their own; called by register_array and register_indexing.
#pragma once

#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

void register_diagonal(KernelRegistry& r);
void register_diagonals(KernelRegistry& r);
void register_rearrange(KernelRegistry& r);
void register_scan(KernelRegistry& r);
void register_unique(KernelRegistry& r);
void register_scatter(KernelRegistry& r);
void register_segment(KernelRegistry& r);

}  // namespace thalweg::kernels
