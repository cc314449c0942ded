// Products with few columns (logits, a vector): where the tiles would leave most lanes of a packet idle, the lanes run
// along the sum instead, or along the rows of C.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "thalweg/kernels/gemm_pack.h"

namespace thalweg::kernels::detail {

/// Additions to one number in a row, at most: rounding errors grow with them.
inline constexpr int64_t kRun = 512;

/// Sums held in registers by one call of dot_tile.
inline constexpr int kDotSums = kVectorBytes == 64 ? 16 : 10;
inline constexpr int kDotCols = 5;
constexpr int dot_rows(int cols) { return std::min(8, kDotSums / cols); }

/// c[i * c_stride + j] (+)= sum over p < k of a[i * a_stride + p] * b[j * b_stride + p].
template <class S, int rows, int cols>
void dot_tile(int64_t k, const S* a, int64_t a_stride, const S* b, int64_t b_stride, S* c, int64_t c_stride,
              bool accumulate) {
  using P = Packet<S>;
  P acc[rows][cols];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < cols; ++j) acc[i][j] = P::zero();
  }
  auto step = [&](auto&& load) {
    P bv[cols];
#pragma GCC unroll 5
    for (int j = 0; j < cols; ++j) {
      bv[j] = load(b + j * b_stride);
      keep(bv[j]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      P x = load(a + i * a_stride);
#pragma GCC unroll 5
      for (int j = 0; j < cols; ++j) acc[i][j] = fma(x, bv[j], acc[i][j]);
    }
  };
  int64_t p = 0;
  for (; p + P::size <= k; p += P::size, a += P::size, b += P::size) step([](const S* from) { return P::load(from); });
  if (p < k) step([n = int(k - p)](const S* from) { return P::load(from, n); });

  constexpr int kSums = rows * cols, kGroups = (kSums + P::size - 1) / P::size;
  S sums[kGroups * P::size];
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) {
    P part[P::size];
#pragma GCC unroll 16
    for (int l = 0; l < P::size; ++l) {
      int at = g * P::size + l;
      part[l] = at < kSums ? acc[at / cols][at % cols] : P::zero();
    }
    sum_each(part).store(sums + g * P::size);
  }
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; ++j) {
      S& to = c[i * c_stride + j];
      to = accumulate ? S(to + sums[i * cols + j]) : sums[i * cols + j];
    }
  }
}

template <class S>
using DotFn = void (*)(int64_t, const S*, int64_t, const S*, int64_t, S*, int64_t, bool);

template <class S, int cols, int... rows>
constexpr std::array<DotFn<S>, 8> dot_column(std::integer_sequence<int, rows...>) {
  return {&dot_tile<S, rows + 1, cols>...};
}
template <class S, int... cols>
constexpr std::array<std::array<DotFn<S>, 8>, sizeof...(cols)> dot_table(std::integer_sequence<int, cols...>) {
  return {dot_column<S, cols + 1>(std::make_integer_sequence<int, dot_rows(cols + 1)>())...};
}

/// Rows [begin, end) of C = A B^T for contiguous rows of `a` (m x k) and `b` (n x k).
template <class S>
void dot_product(int64_t begin, int64_t end, int64_t n, int64_t k, const S* a, int64_t a_stride, const S* b,
                 int64_t b_stride, S* c, int64_t c_stride) {
  static constexpr auto kTable = dot_table<S>(std::make_integer_sequence<int, kDotCols>());
  const int64_t groups = ceil_div(n, kDotCols), runs = ceil_div(k, kRun * Packet<S>::size);
  for (int64_t d = 0; d < runs; ++d) {
    const int64_t p0 = k * d / runs, p1 = k * (d + 1) / runs;
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t j = g * n / groups;
      const int cols = int((g + 1) * n / groups - j);
      for (int64_t i = begin; i < end;) {
        int rows = int(std::min<int64_t>(end - i, dot_rows(cols)));
        kTable[size_t(cols - 1)][size_t(rows - 1)](p1 - p0, a + i * a_stride + p0, a_stride, b + j * b_stride + p0,
                                                   b_stride, c + i * c_stride + j, c_stride, d > 0);
        i += rows;
      }
    }
  }
}

/// y[j] = sum over p in [begin, end) of x[p] * b[p][j]. Rows of B pass in groups, so that y is read and written once a
/// group and B is read in the order in which it lies.
template <class S>
void combine_rows(int64_t begin, int64_t end, int64_t n, const S* x, int64_t x_stride, const S* b, int64_t row_stride,
                  S* y) {
  using P = Packet<S>;
  constexpr int kGroup = 8;
  auto group = [&]<int rows>(std::integral_constant<int, rows>, int64_t p) {
    P xs[rows];
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) xs[r] = P::set(x[(p + r) * x_stride]);
    const S* from = b + p * row_stride;
    const int64_t ahead = p + 2 * rows <= end ? rows * row_stride : 0;
    auto at = [&](int64_t j, auto&& load, auto&& store) {
      P acc = p > begin ? load(y + j) : P::zero();
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const S* q = from + r * row_stride + j;
        __builtin_prefetch(q + ahead);
        acc = fma(xs[r], load(q), acc);
      }
      store(acc, y + j);
    };
    int64_t j = 0;
    for (; j + P::size <= n; j += P::size) {
      at(j, [](const S* q) { return P::load(q); }, [](P v, S* q) { v.store(q); });
    }
    int rest = int(n - j);
    if (rest > 0) at(j, [rest](const S* q) { return P::load(q, rest); }, [rest](P v, S* q) { v.store(q, rest); });
  };
  int64_t p = begin;
  for (; p + kGroup <= end; p += kGroup) group(std::integral_constant<int, kGroup>{}, p);
  for (; p < end; ++p) group(std::integral_constant<int, 1>{}, p);
}

}  // namespace thalweg::kernels::detail
