// What max and mean pooling share: sizes, windows and vectors over the channels of a pixel.
#pragma once

#include <algorithm>

#include "thalweg/kernels/channel_vectors.h"
#include "thalweg/kernels/finish.h"
#include "thalweg/ops/window.h"
#include "thalweg/registry/kernel.h"

namespace thalweg::kernels {

/// The window attributes of a pooling node; V2 reads them from its inputs.
struct PoolAttrs {
  Attrs attrs;
  std::string op;
  bool from_inputs;
  explicit PoolAttrs(const KernelInit& init);
  ops::Window window(const KernelContext& k) const;
};

/// A pooling's sizes. A plane is what one window position covers at once: an image with its channels side by side, or
/// one channel of a channels-first image.
struct PoolShape {
  int64_t planes, lanes;  // lanes: contiguous elements of a pixel
  int64_t rows, cols, out_rows, out_cols;
  ops::Axis row, col;

  PoolShape(ops::Window w, const Shape& in, const Shape& out);
  int64_t in_plane() const { return rows * cols * lanes; }
  int64_t out_plane() const { return out_rows * out_cols * lanes; }
  /// Every input element lies in exactly one window.
  bool tiles_input() const;
  /// Nanoseconds for one output element.
  double cost() const { return 0.2 + double(row.kernel * col.kernel) * 0.05; }
};

/// The input pixels of one window.
struct PoolWindow {
  int64_t row0, row1, col0, col1;
  PoolWindow(const PoolShape& s, int64_t r, int64_t c)
      : row0(std::max<int64_t>(r * s.row.stride - s.row.before, 0)),
        row1(std::min(r * s.row.stride - s.row.before + s.row.kernel, s.rows)),
        col0(std::max<int64_t>(c * s.col.stride - s.col.before, 0)),
        col1(std::min(c * s.col.stride - s.col.before + s.col.kernel, s.cols)) {}
  bool empty() const { return row0 >= row1 || col0 >= col1; }
  int64_t size() const { return (row1 - row0) * (col1 - col0); }
  /// Calls f(offset of a pixel in the plane), row by row.
  template <class F>
  void for_each(const PoolShape& s, F&& f) const {
    for (int64_t y = row0; y < row1; ++y) {
      for (int64_t x = col0; x < col1; ++x) f((y * s.cols + x) * s.lanes);
    }
  }
};

/// A square window whose size is known to the compiler, so that loops over it are unrolled.
template <int size>
struct SquareWindow {
  int64_t row0, col0;
  template <class F>
  void for_each(const PoolShape& s, F&& f) const {
    const int64_t first = (row0 * s.cols + col0) * s.lanes, line = s.cols * s.lanes;
#pragma GCC unroll 3
    for (int y = 0; y < size; ++y) {
#pragma GCC unroll 3
      for (int x = 0; x < size; ++x) f(first + y * line + x * s.lanes);
    }
  }
};

/// Calls f(window) with the window as the most special type that it fits. Only for float: the others gain no less, but
/// are seldom pooled.
template <class T, class F>
void with_window(const PoolWindow& w, F&& f) {
  if constexpr (std::is_same_v<T, float>) {
    const int64_t rows = w.row1 - w.row0, cols = w.col1 - w.col0;
    if (rows == 2 && cols == 2) return f(SquareWindow<2>{w.row0, w.col0});
    if (rows == 3 && cols == 3) return f(SquareWindow<3>{w.row0, w.col0});
  }
  f(w);
}

/// A number in place of a vector: the same expressions work on both.
template <class T>
struct OneElement {
  using V = Compute<T>;
  static V load(const T* p) { return V(*p); }
  static void store(V v, T* p) { *p = T(v); }
};

/// Calls f(element, vector or number) for the channels of a pixel.
template <class T, class F>
void for_each_lanes(const PoolShape& s, F&& f) {
  if (s.lanes == 1) return f(int64_t(0), OneElement<T>{});
  for_each_vector<T>(s.lanes, f);
}

/// Calls f(plane, row, column) for the windows of all planes; several threads share rows.
template <class F>
void for_each_output(KernelContext& k, const PoolShape& s, F&& f) {
  k.parallel_for(s.planes * s.out_rows, double(s.out_cols * s.lanes) * s.cost(), [&](int64_t i, int64_t end) {
    for (; i < end; ++i) {
      for (int64_t c = 0; c < s.out_cols; ++c) f(i / s.out_rows, i % s.out_rows, c);
    }
  });
}

/// dx = the gradient of the max pooling of x. `finish` sees whole pixels of channels-last images, in blocks that lie
/// apart: dx may be the memory of x.
template <class T>
void max_pool_gradient(KernelContext& k, const PoolShape& s, const T* x, const T* dy, T* dx, Finish finish = {});

}  // namespace thalweg::kernels
