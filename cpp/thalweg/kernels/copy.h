// Copies of whole tensors, shared between threads where they are large.
#pragma once

#include <algorithm>
#include <cstring>

#include "thalweg/core/variant.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// Copies the elements of `from` to `to`, a tensor of the same dtype and size.
inline void copy_elements(const KernelContext& k, const Tensor& from, Tensor& to) {
  TW_ASSERT(from.dtype() == to.dtype() && from.size() == to.size());
  if (from.dtype() == DType::string) {
    std::copy_n(from.ptr<std::string>(), from.size(), to.ptr<std::string>());
    return;
  }
  if (from.dtype() == DType::variant) {
    std::copy_n(from.ptr<Variant>(), from.size(), to.ptr<Variant>());
    return;
  }
  auto* dst = static_cast<char*>(to.data());
  auto* src = static_cast<const char*>(from.data());
  k.parallel_for(int64_t(from.bytes()), 0.1,
                 [&](int64_t begin, int64_t end) { std::memcpy(dst + begin, src + begin, size_t(end - begin)); });
}

}  // namespace thalweg::kernels
