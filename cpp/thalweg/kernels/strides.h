// The one copy loop behind transposing, slicing, padding, tiling, broadcasting and their like: a set of axes, each with
// a stride in the source and one in the destination. Elements are moved by size, so that one loop serves all dtypes.
#pragma once

#include <array>
#include <cstring>

#include "thalweg/core/variant.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// Sixteen bytes moved as one element.
struct Bytes16 {
  uint64_t word[2];
  bool operator==(const Bytes16&) const = default;
};

/// Calls f.template operator()<U>() with a type that has the size of `t`'s elements and copies as they do.
template <class F>
void visit_size(DType t, F&& f) {
  if (t == DType::string || t == DType::resource) return f.template operator()<std::string>();
  if (t == DType::variant) return f.template operator()<Variant>();
  switch (size_of(t)) {
    case 1:
      return f.template operator()<uint8_t>();
    case 2:
      return f.template operator()<uint16_t>();
    case 4:
      return f.template operator()<uint32_t>();
    case 8:
      return f.template operator()<uint64_t>();
    case 16:
      return f.template operator()<Bytes16>();
    default:
      TW_FAIL(Unimplemented, "no copy loop for ", t);
  }
}

/// out[i . out_strides] = in[i . in_strides] for every index i; strides and offsets count elements. A stride of 0 in
/// the source repeats an element, a negative one reads backwards.
class StridedCopy {
 public:
  int64_t in_offset = 0, out_offset = 0;

  /// Axes are added from the outermost in.
  void axis(int64_t size, int64_t in_stride, int64_t out_stride);
  void run(KernelContext& k, const Tensor& in, Tensor& out) const;

 private:
  static constexpr int kMaxAxes = 2 * kMaxRank;
  struct Axis {
    int64_t size, in, out;
  };
  struct Order;
  template <class U>
  void run_as(KernelContext& k, const U* in, U* out) const;

  std::array<Axis, kMaxAxes> axes_{};
  int rank_ = 0;
};

/// Element strides of a dense row-major shape.
std::array<int64_t, kMaxRank> strides_of(const Shape& shape);

/// The elements of an integer tensor (int8 ... int64), widened.
Ints to_ints(const Tensor& t);

/// "[1,2]": where element i of a tensor of this shape stands; "" for a scalar.
std::string position(const Shape& shape, int64_t i);

/// dst[0, n) = src[0, n)
template <class U>
inline void copy_run(const U* src, int64_t n, U* dst) {
  if constexpr (std::is_trivially_copyable_v<U>) {
    if (n > 0) std::memcpy(dst, src, size_t(n) * sizeof(U));
  } else {
    std::copy_n(src, n, dst);
  }
}

/// `bytes` bytes from one place to another, in parallel if there are many; for plain dtypes.
void copy_bytes(KernelContext& k, const void* from, void* to, int64_t bytes);

/// Sets every element to zero (strings to the empty string).
void zero(KernelContext& k, Tensor& t);

}  // namespace thalweg::kernels
