// Copies of operands in the order in which the micro-kernel reads them.
#pragma once

#include <algorithm>

#include "thalweg/kernels/gemm.h"
#include "thalweg/kernels/gemm_tile.h"

namespace thalweg::kernels {

/// B[k][n] -> panels [k][width] padded with zeros; panel j starts at j * kPanel * k.
template <class T>
void pack_panel(const MatrixView<T>& b, int64_t col, SumType<T>* out) {
  using S = SumType<T>;
  int64_t k = b.rows, cols = std::min<int64_t>(b.cols - col, kPanel<S>);
  int64_t width = panel_vectors<S>(b.cols - col) * Packet<S>::size;
  const T* from = b.data + col * b.col_stride;
  if (b.col_stride == 1) {
    for (int64_t p = 0; p < k; ++p) {
      S* row = out + p * width;
      convert(from + p * b.row_stride, row, cols);
      for (int64_t j = cols; j < width; ++j) row[j] = S(0);
    }
    return;
  }
  // Columns are contiguous or far apart: walk them in short runs, so that both sides stay in cache.
  for (int64_t p0 = 0; p0 < k; p0 += 32) {
    int64_t p1 = std::min(k, p0 + 32);
    for (int64_t j = 0; j < width; ++j) {
      const T* column = from + j * b.col_stride;
      if (j < cols) {
        for (int64_t p = p0; p < p1; ++p) out[p * width + j] = S(column[p * b.row_stride]);
      } else {
        for (int64_t p = p0; p < p1; ++p) out[p * width + j] = S(0);
      }
    }
  }
}

/// Rows [first, first + height) of A -> [k][height].
template <class T>
void pack_rows(const MatrixView<T>& a, int64_t first, int height, SumType<T>* out) {
  using S = SumType<T>;
  const T* from = a.data + first * a.row_stride;
  if (a.row_stride == 1) {
    for (int64_t p = 0; p < a.cols; ++p) convert(from + p * a.col_stride, out + p * height, height);
    return;
  }
  for (int64_t p0 = 0; p0 < a.cols; p0 += 32) {
    int64_t p1 = std::min(a.cols, p0 + 32);
    for (int i = 0; i < height; ++i) {
      for (int64_t p = p0; p < p1; ++p) out[p * height + i] = S(from[i * a.row_stride + p * a.col_stride]);
    }
  }
}

}  // namespace thalweg::kernels
