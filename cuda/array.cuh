// Kernels that move elements, or make them. Elements are moved by size.
#pragma once

#include "cuda/launch.h"
#include "cuda/walk.h"
#include "thalweg/num/math.h"

namespace thalweg::cuda {

/// out[...] = in[...] over the strides of a walk: transposing, slicing, padding, joining and broadcasting.
template <class U>
__global__ void move(const U* in, U* out, Walk<2> walk) {
  for (int64_t i : Elements(walk.size)) {
    int64_t at[2];
    walk.find(i, at);
    out[at[1]] = in[at[0]];
  }
}

template <class U>
__global__ void fill_with(U* out, const U* value, int64_t n) {
  U v = *value;
  for (int64_t i : Elements(n)) out[i] = v;
}

template <class U>
__global__ void fill_bits(U* out, U value, int64_t n) {
  for (int64_t i : Elements(n)) out[i] = value;
}

/// out is [outer, depth, inner], indices [outer, inner]; indices outside [0, depth) leave their row at `off`.
template <class U, class I>
__global__ void one_hot(const I* indices, const U* on, const U* off, U* out, int64_t n, int64_t depth, int64_t inner) {
  for (int64_t i : Elements(n)) {
    int64_t d = i / inner % depth, at = i / (inner * depth) * inner + i % inner;
    out[i] = int64_t(indices[at]) == d ? *on : *off;
  }
}

/// params is [batch, outer, rows, inner], indices [batch, count]; out is [batch, outer, count, inner]. An index outside
/// [0, rows) gives zeros: a GPU cannot raise an error at this point.
struct GatherShape {
  int64_t batch, outer, rows, inner, count;
  __host__ __device__ int64_t size() const { return batch * outer * count * inner; }
};
template <class U, class I>
__global__ void gather(const U* params, const I* indices, U* out, GatherShape s) {
  for (int64_t i : Elements(s.size())) {
    int64_t x = i % s.inner, c = i / s.inner % s.count,
            o = i / (s.inner * s.count);  // o counts batch and outer together
    int64_t row = int64_t(indices[o / s.outer * s.count + c]);
    bool valid = row >= 0 && row < s.rows;
    out[i] = valid ? params[(o * s.rows + row) * s.inner + x] : U(0);
  }
}

/// The sum of up to kMany tensors of one shape. The output may be any of them.
inline constexpr int kMany = 8;
template <class T>
struct Several {
  const T* p[kMany];
  int count = 0;
};
template <class T>
__global__ void add_several(Several<T> in, T* out, int64_t n) {
  using A = Compute<T>;
  for (int64_t i : Elements(n)) {
    A sum = A(in.p[0][i]);
    for (int j = 1; j < in.count; ++j) sum = math::add(sum, A(in.p[j][i]));
    out[i] = T(sum);
  }
}

}  // namespace thalweg::cuda
