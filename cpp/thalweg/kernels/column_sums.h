// Sums of the columns of a matrix: the gradient of a bias.
#pragma once

#include <algorithm>
#include <array>
#include <numeric>

#include "thalweg/kernels/packet.h"

namespace thalweg::kernels {
namespace detail {

/// Vectors of a row-major matrix, end to end, meet the same columns again after `period` of them: each of these keeps
/// a sum of its own, whose lanes are columns.
template <int period>
void add_periodic(const float* in, int64_t size, int64_t cols, float* sums) {
  using P = Packet<float>;
  constexpr int64_t kStep = period * P::size;
  P acc[period];
  for (P& a : acc) a = P::zero();
  int64_t at = 0;
  for (; at + kStep <= size; at += kStep) {
#pragma GCC unroll 8
    for (int v = 0; v < period; ++v) acc[v] = acc[v] + P::load(in + at + v * P::size);
  }
  float lanes[kStep];
#pragma GCC unroll 8
  for (int v = 0; v < period; ++v) acc[v].store(lanes + v * P::size);
  for (int64_t i = 0; at + i < size; ++i) lanes[i] += in[at + i];
  for (int64_t i = 0; i < kStep; i += cols) {
    for (int64_t j = 0; j < cols; ++j) sums[j] += lanes[i + j];
  }
}

}  // namespace detail

/// sums[j] += the sum of column j of a row-major matrix, in runs of rows so that a long column loses little to
/// rounding.
template <class T, class S>
void add_columns(const T* in, int64_t rows, int64_t cols, S* sums) {
  if constexpr (std::is_same_v<T, float>) {
    using Fn = void (*)(const float*, int64_t, int64_t, float*);
    static constexpr std::array<Fn, 8> kPeriodic{
        &detail::add_periodic<1>, &detail::add_periodic<2>, &detail::add_periodic<3>, &detail::add_periodic<4>,
        &detail::add_periodic<5>, &detail::add_periodic<6>, &detail::add_periodic<7>, &detail::add_periodic<8>};
    const int64_t period = cols / std::gcd(cols, int64_t(Packet<float>::size));
    if (period <= int64_t(kPeriodic.size())) {
      constexpr int64_t kRun = 1024;
      for (int64_t i = 0; i < rows; i += kRun) {
        kPeriodic[size_t(period - 1)](in + i * cols, std::min(kRun, rows - i) * cols, cols, sums);
      }
      return;
    }
  }
  constexpr int64_t kCols = 64, kRun = 64;
  for (int64_t j0 = 0; j0 < cols; j0 += kCols) {
    const int64_t n = std::min(kCols, cols - j0);
    for (int64_t i0 = 0; i0 < rows; i0 += kRun) {
      S run[kCols] = {};
      for (int64_t i = i0; i < std::min(rows, i0 + kRun); ++i) {
        for (int64_t j = 0; j < n; ++j) run[j] += S(in[i * cols + j0 + j]);
      }
      for (int64_t j = 0; j < n; ++j) sums[j0 + j] += run[j];
    }
  }
}

}  // namespace thalweg::kernels
