// Index tensors, which are of 32 or 64 bits.
#pragma once

#include "thalweg/core/tensor.h"

namespace thalweg::kernels {

/// An index tensor of either width.
struct Indices {
  explicit Indices(const Tensor& t)
      : wide(t.dtype() == DType::int64), data(t.data()), size(t.size()), shape(t.shape()) {}
  int64_t operator[](int64_t i) const {
    return wide ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i];
  }
  bool wide;
  const void* data;
  int64_t size;
  Shape shape;
};

}  // namespace thalweg::kernels
