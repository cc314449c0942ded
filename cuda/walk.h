// Index arithmetic shared by the kernels: operands that are walked together, each with its own stride along every axis.
#pragma once

#include "thalweg/core/shape.h"
#include "thalweg/num/float16.h"

namespace thalweg::cuda {

/// N operands over one index space. Axes are added from the outermost in; axes of size 1 are dropped and neighbours
/// that every operand steps over evenly are merged, so that most walks end with one axis.
template <int N>
struct Walk {
  static constexpr int kMaxAxes = kMaxRank;
  int rank = 0;
  bool narrow = true;  // indices fit 32 bits, where division is several times cheaper
  int64_t size = 1;
  int64_t dims[kMaxAxes];
  int64_t strides[N][kMaxAxes];

  void axis(int64_t dim, const int64_t (&stride)[N]) {
    size *= dim;
    narrow = size <= INT32_MAX;
    if (dim == 1) return;
    bool merge = rank > 0;
    for (int o = 0; o < N && merge; ++o) merge = strides[o][rank - 1] == stride[o] * dim;
    if (merge) {
      dims[rank - 1] *= dim;
      for (int o = 0; o < N; ++o) strides[o][rank - 1] = stride[o];
      return;
    }
    dims[rank] = dim;
    for (int o = 0; o < N; ++o) strides[o][rank] = stride[o];
    ++rank;
  }

  /// Where index i lies in each operand.
  TW_HD void find(int64_t i, int64_t (&at)[N]) const {
    if (rank <= 1) {
      for (int o = 0; o < N; ++o) at[o] = rank == 0 ? 0 : i * strides[o][0];
    } else if (narrow) {
      find_as<uint32_t>(uint32_t(i), at);
    } else {
      find_as<uint64_t>(uint64_t(i), at);
    }
  }

 private:
  // Not inlined: divisions are long, and most walks have one axis.
  template <class I>
  __host__ __device__ __attribute__((noinline)) void find_as(I i, int64_t (&at)[N]) const {
    for (int o = 0; o < N; ++o) at[o] = 0;
    for (int d = rank - 1; d > 0; --d) {
      I next = i / I(dims[d]), digit = i - next * I(dims[d]);
      for (int o = 0; o < N; ++o) at[o] += int64_t(digit) * strides[o][d];
      i = next;
    }
    for (int o = 0; o < N; ++o) at[o] += int64_t(i) * strides[o][0];
  }
};

/// Element strides of a dense row-major shape.
struct Strides {
  int64_t of[kMaxRank]{};
  explicit Strides(const Shape& shape) {
    int64_t stride = 1;
    for (int i = shape.rank() - 1; i >= 0; --i) {
      of[i] = stride;
      stride *= shape[i];
    }
  }
};

/// Operands that broadcast to `out`: repeated dimensions have stride 0.
template <int N>
Walk<N> broadcast_walk(const Shape& out, const Shape* const (&in)[N]) {
  Walk<N> w;
  for (int i = 0; i < out.rank(); ++i) {
    int64_t stride[N];
    for (int o = 0; o < N; ++o) {
      int axis = i - (out.rank() - in[o]->rank());
      stride[o] = axis < 0 || (*in[o])[axis] == 1 ? 0 : Strides(*in[o]).of[axis];
    }
    w.axis(out[i], stride);
  }
  return w;
}

}  // namespace thalweg::cuda
