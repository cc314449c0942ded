// CUDA kernels on the CPU, for tests: one fiber per CUDA thread, so that barriers, shuffles and shared memory behave.
// Shows mistakes in indexing, launch arithmetic and barriers without a GPU; not data races.
#pragma once

#include <cstring>
#include <functional>

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}  // NOLINT: as CUDA declares it
};
inline dim3 blockIdx, blockDim, gridDim, threadIdx;  // of the fiber that runs
using cudaStream_t = void*;

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static  // one block runs at a time: a static is its shared memory

namespace cuda_on_host {

/// Runs body() once for every thread of the grid, block after block. Throws std::logic_error if the threads of a block
/// wait for each other at different places.
void launch(dim3 grid, dim3 block, const std::function<void()>& body);

/// Returns once every thread of the block that has not ended is here.
void wait_for_block();
/// Returns once every thread of the warp that `mask` names is here; each gets lane `lane`'s 8 bytes.
unsigned long long exchange(unsigned mask, unsigned long long mine, int lane);
int lane();

/// Grids launched so far.
long launches();

}  // namespace cuda_on_host

inline void __syncthreads() { cuda_on_host::wait_for_block(); }

namespace cuda_on_host {
template <class T>
T shuffle(unsigned mask, T value, int from) {
  static_assert(sizeof(T) <= 8);
  unsigned long long bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(mask, bits, from);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
}  // namespace cuda_on_host

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta) {
  int from = cuda_on_host::lane() + int(delta);
  return cuda_on_host::shuffle(mask, value, from < 32 ? from : cuda_on_host::lane());
}
template <class T>
T __shfl_sync(unsigned mask, T value, int from) {
  return cuda_on_host::shuffle(mask, value, from);
}
