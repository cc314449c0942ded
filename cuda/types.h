// The element types that GPU kernels are made for, and how one is registered.
#pragma once

#include "thalweg/registry/kernel.h"

namespace thalweg::cuda {

inline constexpr DTypeSet kTypes = kFloating | kIndex;

/// An unsigned integer as wide as T's elements, for kernels that only move them.
template <class T>
using UnsignedOf = std::conditional_t<
    sizeof(T) == 1, uint8_t,
    std::conditional_t<sizeof(T) == 2, uint16_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>>;

/// K for nodes whose type attribute is T's dtype.
template <class K, class T>
KernelEntry& register_kernel(KernelRegistry& r, std::string_view op, std::string_view type_attr = "T") {
  KernelEntry& e = r.add<K>(op, kGpu);
  e.type_attr = type_attr;
  e.dtype = dtype_of<T>;
  return e;
}

}  // namespace thalweg::cuda
