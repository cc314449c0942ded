// How the gradient of a filter is put together from the sums of the pieces of a batch.
#pragma once

#include <algorithm>

#include "thalweg/kernels/packet.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// Piece p's sums start at sums + p * stride: `weights` elements for dfilter, then `biases` for dbias. They are added
/// pairwise, in a fixed order.
template <class T, class S>
void add_pieces(KernelContext& k, S* sums, int64_t pieces, int64_t stride, int64_t weights, T* dfilter, int64_t biases,
                T* dbias) {
  constexpr int64_t kRun = 4096;
  const int64_t all = weights + biases;
  k.parallel_for(ceil_div(all, kRun), double(std::min(kRun, all) * pieces) / 8, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i * kRun, n = std::min(kRun, all - at);
      for (int64_t step = 1; step < pieces; step *= 2) {
        for (int64_t p = 0; p + step < pieces; p += 2 * step) {
          S* __restrict a = sums + p * stride + at, * __restrict b = sums + (p + step) * stride + at;
          for (int64_t j = 0; j < n; ++j) a[j] += b[j];
        }
      }
      const int64_t of_filter = std::clamp<int64_t>(weights - at, 0, n);
      convert(sums + at, dfilter + at, of_filter);
      if (of_filter < n) convert(sums + at + of_filter, dbias + at + of_filter - weights, n - of_filter);
    }
  });
}

}  // namespace thalweg::kernels
