// The plain matrix product: for integers, and for machines without cuBLASLt. Tiles of both operands go through shared
// memory; every element is summed in order of k.
#pragma once

#include "cuda/cublaslt.h"
#include "cuda/launch.h"
#include "thalweg/num/math.h"

namespace thalweg::cuda {

inline constexpr int kTile = 16;

template <class T>
__global__ void matmul(const T* a, const T* b, T* c, Product p) {
  using A = Compute<T>;
  __shared__ A left[kTile][kTile + 1], right[kTile][kTile + 1];  // one wider: columns fall into different banks
  int x = int(threadIdx.x), y = int(threadIdx.y);
  int64_t row = int64_t(blockIdx.y) * kTile + y, col = int64_t(blockIdx.x) * kTile + x;
  for (int64_t i = blockIdx.z; i < p.batch; i += gridDim.z) {
    const T *from_a = a + i * p.stride_a, *from_b = b + i * p.stride_b;
    A sum = 0;
    for (int64_t k0 = 0; k0 < p.k; k0 += kTile) {
      int64_t ka = k0 + x, kb = k0 + y;
      left[y][x] = row < p.m && ka < p.k ? A(from_a[p.transpose_a ? ka * p.m + row : row * p.k + ka]) : A(0);
      right[y][x] = col < p.n && kb < p.k ? A(from_b[p.transpose_b ? col * p.k + kb : kb * p.n + col]) : A(0);
      __syncthreads();
      for (int j = 0; j < kTile; ++j) sum = math::add(sum, math::mul(left[y][j], right[j][x]));
      __syncthreads();
    }
    if (row < p.m && col < p.n) c[(i * p.m + row) * p.n + col] = T(sum);
  }
}

inline Grid matmul_grid(const Product& p) {
  constexpr int64_t kMaxDepth = 65535;
  auto tiles = [](int64_t n) { return unsigned((n + kTile - 1) / kTile); };
  TW_CHECK(p.m <= kMaxDepth * kTile, "MatMul: more than ", kMaxDepth * kTile, " rows need cuBLASLt on a GPU, got ",
           p.m);
  return {dim3(tiles(p.n), tiles(p.m), unsigned(std::min(p.batch, kMaxDepth))), dim3(kTile, kTile)};
}

template <class T>
__global__ void bias_add(const T* x, const T* bias, T* y, int64_t n, int64_t channels, int64_t inner) {
  for (int64_t i : Elements(n)) {
    using A = Compute<T>;
    y[i] = T(math::add(A(x[i]), A(bias[i / inner % channels])));
  }
}

}  // namespace thalweg::cuda
