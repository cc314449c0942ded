// The GPU kernels' table of contents: one function per family of the catalogue, each defined in the file of its name.
#pragma once

#include "thalweg/registry/kernel.h"

namespace thalweg::cuda {

void register_unary(KernelRegistry& r);   // unary.cu: ops/unary.h
void register_binary(KernelRegistry& r);  // binary.cu: ops/binary.h
void register_compare(KernelRegistry& r);
void register_cast(KernelRegistry& r);  // cast.cu: Cast, Select
void register_reduce(KernelRegistry& r);
void register_matmul(KernelRegistry& r);  // MatMul, BatchMatMul, BiasAdd
void register_softmax(KernelRegistry& r);
void register_array(KernelRegistry& r);
void register_state(KernelRegistry& r);  // assignment and optimizer steps

void register_kernels(KernelRegistry& r);

}  // namespace thalweg::cuda
