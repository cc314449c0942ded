// How kernels are launched, and how a thread finds its elements. The same source runs on the GPU under nvcc and, in
// tests, on the host, one fiber per thread (tests/cpp/cuda_on_host.h).
#pragma once

#include <algorithm>
#include <type_traits>

#include "thalweg/registry/kernel.h"

#if defined(__CUDACC__)
#include "cuda/device.h"
#else
#include "cuda_on_host.h"
#endif

namespace thalweg::cuda {

inline constexpr int kThreads = 256;
inline constexpr int kWarp = 32;

struct Grid {
  dim3 blocks, threads;
};

/// One thread for each of n elements; threads walk on where n is larger than a grid should be.
inline Grid grid_for(int64_t n) {
  constexpr int64_t kMaxBlocks = 1 << 16;
  return {dim3(unsigned(std::clamp<int64_t>((n + kThreads - 1) / kThreads, 1, kMaxBlocks))), dim3(kThreads)};
}

/// One block of `threads` for each of n rows.
inline Grid grid_of_rows(int64_t n, int threads) {
  constexpr int64_t kMaxBlocks = 1 << 20;
  return {dim3(unsigned(std::clamp<int64_t>(n, 1, kMaxBlocks))), dim3(unsigned(threads))};
}

/// Starts `kernel` on the device's stream: launch(k, unary<Op, T>, grid_for(n), op, x, y, n).
template <class... Parameters>
void launch(KernelContext& k, void (*kernel)(Parameters...), Grid grid, std::type_identity_t<Parameters>... arguments) {
#if defined(__CUDACC__)
  make_current(k.device());
  kernel<<<grid.blocks, grid.threads, 0, static_cast<cudaStream_t>(k.device().stream())>>>(arguments...);
  check(cudaGetLastError(), "launching a kernel");
#else
  (void)k;
  cuda_on_host::launch(grid.blocks, grid.threads, [&] { kernel(arguments...); });
#endif
}

/// The elements of a thread: for (int64_t i : Elements(n)).
class Elements {
 public:
  struct Iterator {
    int64_t at, step;
    __device__ int64_t operator*() const { return at; }
    __device__ void operator++() { at += step; }
    __device__ bool operator!=(const Iterator& end) const { return at < end.at; }
  };
  __device__ explicit Elements(int64_t n) : n_(n) {}
  __device__ Iterator begin() const {
    return {int64_t(blockIdx.x) * blockDim.x + threadIdx.x, int64_t(gridDim.x) * blockDim.x};
  }
  __device__ Iterator end() const { return {n_, 0}; }

 private:
  int64_t n_;
};

/// The rows of a block: for (int64_t row : Rows(n)). All its threads see the same ones, so they may wait for each
/// other.
class Rows {
 public:
  __device__ explicit Rows(int64_t n) : n_(n) {}
  __device__ Elements::Iterator begin() const { return {int64_t(blockIdx.x), int64_t(gridDim.x)}; }
  __device__ Elements::Iterator end() const { return {n_, 0}; }

 private:
  int64_t n_;
};

}  // namespace thalweg::cuda
