// The body of gemm.h, compiled once per type by gemm_float.cpp and its siblings.
#pragma once

#include <algorithm>

#include "thalweg/kernels/gemm.h"
#include "thalweg/kernels/gemm_pack.h"
#include "thalweg/kernels/gemm_tile.h"

namespace thalweg::kernels {
namespace detail {

template <class T, int vectors, int... rows>
constexpr std::array<TileFn<T>, sizeof...(rows)> tile_column(std::integer_sequence<int, rows...>) {
  return {&tile<T, rows + 1, vectors>...};
}

// Cache blocking: a panel of B of this depth stays in L1 while the row tiles pass.
inline constexpr int64_t kDepthBlock = 384;
// Row tiles per block: their part of A stays in L2 while the panels pass.
inline constexpr int64_t kTilesPerBlock = 16;

/// y[i] = sum over p of a[i][p] * x[p] for rows contiguous along p; four partial vectors, added in a fixed tree.
template <class S>
void dot_rows(int64_t begin, int64_t end, int64_t k, const S* a, int64_t row_stride, const S* x, int64_t x_stride, S* y,
              int64_t y_stride, S* x_copy) {
  using P = Packet<S>;
  if (x_stride != 1) {
    x = x_copy;
  }
  for (int64_t i = begin; i < end; ++i) {
    const S* row = a + i * row_stride;
    P acc[4] = {P::zero(), P::zero(), P::zero(), P::zero()};
    int64_t p = 0;
    for (; p + 4 * P::size <= k; p += 4 * P::size) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) acc[j] = fma(P::load(row + p + j * P::size), P::load(x + p + j * P::size), acc[j]);
    }
    for (; p < k; p += P::size) {
      int n = int(std::min<int64_t>(P::size, k - p));
      acc[0] = fma(P::load(row + p, n), P::load(x + p, n), acc[0]);
    }
    y[i * y_stride] = sum((acc[0] + acc[1]) + (acc[2] + acc[3]));
  }
}

/// y[j] = sum over p of x[p] * b[p][j] for j in a block of columns contiguous in memory.
template <class S>
void combine_rows(int64_t begin, int64_t end, int64_t k, const S* x, int64_t x_stride, const S* b, int64_t row_stride,
                  S* y, int64_t y_stride) {
  using P = Packet<S>;
  constexpr int kVectors = 8;
  for (int64_t j = begin; j < end;) {
    if (end - j >= kVectors * P::size) {
      P acc[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[v] = P::zero();
      for (int64_t p = 0; p < k; ++p) {
        P xp = P::set(x[p * x_stride]);
        const S* row = b + p * row_stride + j;
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) acc[v] = fma(xp, P::load(row + v * P::size), acc[v]);
      }
      if (y_stride == 1) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) acc[v].store(y + j + v * P::size);
      } else {
        S lanes[kVectors * P::size];
        for (int v = 0; v < kVectors; ++v) acc[v].store(lanes + v * P::size);
        for (int i = 0; i < kVectors * P::size; ++i) y[(j + i) * y_stride] = lanes[i];
      }
      j += kVectors * P::size;
    } else {
      int n = int(std::min<int64_t>(P::size, end - j));
      P acc = P::zero();
      for (int64_t p = 0; p < k; ++p) acc = fma(P::set(x[p * x_stride]), P::load(b + p * row_stride + j, n), acc);
      S lanes[P::size];
      acc.store(lanes);
      for (int i = 0; i < n; ++i) y[(j + i) * y_stride] = lanes[i];
      j += n;
    }
  }
}

/// out[j] = sum over rows of b[p][j] for columns [begin, end): runs of rows first, then the runs, so that rounding
/// errors grow with the length of a run and the number of runs rather than with their product.
template <class T>
void sum_columns(const MatrixView<T>& b, int64_t begin, int64_t end, T* out) {
  using S = SumType<T>;
  constexpr int64_t kRun = 64, kWidth = 64;
  for (int64_t j = begin; j < end; j += kWidth) {
    int64_t width = std::min(kWidth, end - j);
    S total[kWidth] = {};
    for (int64_t p0 = 0; p0 < b.rows; p0 += kRun) {
      S part[kWidth] = {};
      for (int64_t p = p0; p < std::min(b.rows, p0 + kRun); ++p) {
        const T* row = b.data + p * b.row_stride + j * b.col_stride;
        for (int64_t i = 0; i < width; ++i) part[i] += S(row[i * b.col_stride]);
      }
      for (int64_t i = 0; i < width; ++i) total[i] += part[i];
    }
    for (int64_t i = 0; i < width; ++i) out[j + i] = T(total[i]);
  }
}

}  // namespace detail

template <class T>
TileFn<T> tile_fn(int rows, int vectors) {
  static constexpr auto kOne = detail::tile_column<T, 1>(std::make_integer_sequence<int, kTileRows>());
  static constexpr auto kTwo = detail::tile_column<T, 2>(std::make_integer_sequence<int, kTileRows>());
  return (vectors == 1 ? kOne : kTwo)[size_t(rows - 1)];
}

template <class T>
GemmPlan<T>::GemmPlan(const MatrixView<T>& a, const MatrixView<T>& b) : m(a.rows), n(b.cols), k(a.cols) {
  if (m == 0 || n == 0 || k == 0) return;
  if constexpr (is_sum_type<T>) {
    // A matrix times a vector reads the matrix once, in the direction it is stored.
    const MatrixView<T>& matrix = n == 1 ? a : b;
    const MatrixView<T>& x = n == 1 ? b : a;
    if ((n == 1 || m == 1) && (matrix.row_stride == 1 || matrix.col_stride == 1)) {
      vector = true;
      int64_t along = n == 1 ? matrix.col_stride : matrix.row_stride;  // stride of the summed dimension
      int64_t x_stride = n == 1 ? x.row_stride : x.col_stride;
      if (along == 1 && x_stride != 1) c_size = k;
      return;
    }
    bool rows_contiguous = a.col_stride == 1;
    // In place A costs nothing but a stride; packing pays when columns are strided and used by many tiles, or when rows
    // lie a power of two apart and fight for the same cache sets.
    pack_a = rows_contiguous ? a.row_stride % 512 == 0 && n > 4 * kPanel<S> : m > 4 * kTileRows && n > Packet<S>::size;
    bool small_b = n * k * int64_t(sizeof(S)) <= (int64_t(1) << 19) || m <= 2 * kTileRows;
    pack_b = !(b.col_stride == 1 && n % kPanel<S> == 0 && small_b);
  } else {
    pack_a = pack_b = true;
    c_size = m * n;
  }
  if (pack_a) a_size = ceil_div(m * k, 16) * 16;
  if (pack_b) b_size = ceil_div(n, Packet<S>::size) * Packet<S>::size * k;
}

template <class T>
GemmPlan<T>::GemmPlan(const MatrixView<T>& a, const PackedMatrix<T>& b) : m(a.rows), n(b.cols), k(a.cols) {
  if (m == 0 || n == 0 || k == 0) return;
  bool rows_contiguous = a.col_stride == 1;
  pack_a = !is_sum_type<T> || (!rows_contiguous && m > 4 * kTileRows && n > Packet<S>::size);
  if (pack_a) a_size = ceil_div(m * k, 16) * 16;
  if (!is_sum_type<T>) c_size = m * n;
}

template <class T>
PackedMatrix<T>::PackedMatrix(const MatrixView<T>& b) : rows(b.rows), cols(b.cols) {
  using S = SumType<T>;
  panels = Tensor(dtype_of<S>, Shape{ceil_div(cols, Packet<S>::size) * Packet<S>::size * rows});
  for (int64_t col = 0; col < cols; col += kPanel<S>) pack_panel(b, col, panels.ptr<S>() + col * rows);
}

namespace detail {

/// A B from the operands as they lie, or B as panels if `packed` is given.
template <class T>
void product(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, const SumType<T>* packed, T* c,
             int64_t c_stride, SumType<T>* scratch, ThreadPool* pool, const GemmExtras<T>& extras) {
  using S = SumType<T>;
  using P = Packet<S>;
  const int64_t m = plan.m, n = plan.n, k = plan.k;
  const Finish& finish = extras.finish;
  if (extras.b_sums) sum_columns(b, 0, n, extras.b_sums);
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i) std::fill_n(c + i * c_stride, n, T(0));
    if (finish) finish(0, m, 0, n);
    return;
  }
  auto split = [&](int64_t count, double total_ns, auto&& body) {
    if (pool) {
      pool->parallel_for(count, total_ns / double(count), body);
    } else {
      body(int64_t(0), count);
    }
  };

  if constexpr (is_sum_type<T>) {
    if (plan.vector) {
      bool column = n == 1;                                   // C is a column
      const MatrixView<T> mat = column ? a : b.transposed();  // rows of `mat` give the elements of C
      const S* x = reinterpret_cast<const S*>(column ? b.data : a.data);
      int64_t x_stride = column ? b.row_stride : a.col_stride, y_stride = column ? c_stride : 1;
      const S* data = reinterpret_cast<const S*>(mat.data);
      S* y = reinterpret_cast<S*>(c);
      double cost = double(mat.rows) * double(k) * sizeof(S) / 20;  // reads 20 bytes a nanosecond
      if (mat.col_stride == 1) {
        if (x_stride != 1) {
          for (int64_t p = 0; p < k; ++p) scratch[p] = x[p * x_stride];
        }
        split(mat.rows, cost, [&](int64_t begin, int64_t end) {
          dot_rows(begin, end, k, data, mat.row_stride, x, x_stride, y, y_stride, scratch);
          if (finish) column ? finish(begin, end - begin, 0, 1) : finish(0, 1, begin, end - begin);
        });
      } else {
        // Whole groups of vectors per index, so that a column's place in a group does not depend on the threads.
        constexpr int64_t kGroup = 8 * P::size;
        split(ceil_div(mat.rows, kGroup), cost, [&](int64_t begin, int64_t end) {
          begin *= kGroup, end = std::min(end * kGroup, mat.rows);
          combine_rows(begin, end, k, x, x_stride, data, mat.col_stride, y, y_stride);
          if (finish) column ? finish(begin, end - begin, 0, 1) : finish(0, 1, begin, end - begin);
        });
      }
      return;
    }
  }

  const Tiling tiling(m);
  const int64_t panels = ceil_div(n, kPanel<S>);
  S* packed_a = scratch;
  S* packed_b = scratch + plan.a_size;
  S* out = reinterpret_cast<S*>(c);
  int64_t out_stride = c_stride;
  if constexpr (!is_sum_type<T>) {
    out = scratch + plan.a_size + plan.b_size;
    out_stride = n;
  }
  if (plan.pack_b) {
    split(panels, double(n) * double(k), [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) pack_panel(b, j * kPanel<S>, packed_b + j * kPanel<S> * k);
    });
    packed = packed_b;
  }
  if (plan.pack_a) {
    split(tiling.count, double(m) * double(k), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        pack_rows(a, tiling.begin(i), tiling.height(i), packed_a + tiling.begin(i) * k);
      }
    });
  }

  // Blocks of the result: tall enough to reuse a panel of B, and enough of them to share out.
  int64_t block_tiles = std::min(tiling.count, kTilesPerBlock), block_panels = panels;
  auto blocks = [&] { return ceil_div(tiling.count, block_tiles) * ceil_div(panels, block_panels); };
  while (blocks() < 16 && block_panels > 1) block_panels = (block_panels + 1) / 2;
  while (blocks() < 8 && block_tiles > 1) block_tiles = (block_tiles + 1) / 2;
  const int64_t across = ceil_div(panels, block_panels);

  auto block = [&](int64_t index) {
    int64_t i0 = index / across * block_tiles, i1 = std::min(i0 + block_tiles, tiling.count);
    int64_t j0 = index % across * block_panels, j1 = std::min(j0 + block_panels, panels);
    for (int64_t p = 0; p < k; p += kDepthBlock) {
      TileArgs<S> t;
      t.depth = std::min(k - p, kDepthBlock);
      t.accumulate = p > 0;
      t.c_stride = out_stride;
      for (int64_t j = j0; j < j1; ++j) {
        int64_t col = j * kPanel<S>;
        int vectors = panel_vectors<S>(n - col);
        t.cols = int(std::min<int64_t>(n - col, vectors * P::size));
        t.b_stride = packed ? vectors * P::size : b.row_stride;
        t.b = packed ? packed + col * k + p * t.b_stride : reinterpret_cast<const S*>(b.data) + p * b.row_stride + col;
        for (int64_t i = i0; i < i1; ++i) {
          int64_t row = tiling.begin(i);
          int height = tiling.height(i);
          if (plan.pack_a) {
            t.a = packed_a + row * k + p * height;
            t.row_stride = 1;
            t.step = height;
          } else {
            t.a = reinterpret_cast<const S*>(a.data) + row * a.row_stride + p * a.col_stride;
            t.row_stride = a.row_stride;
            t.step = a.col_stride;
          }
          t.c = out + row * out_stride + col;
          tile_fn<S>(height, vectors)(t);
        }
      }
    }
    int64_t r0 = tiling.begin(i0), r1 = i1 < tiling.count ? tiling.begin(i1) : m;
    int64_t c0 = j0 * kPanel<S>, c1 = std::min(j1 * kPanel<S>, n);
    if constexpr (!is_sum_type<T>) {
      for (int64_t r = r0; r < r1; ++r) convert(out + r * out_stride + c0, c + r * c_stride + c0, c1 - c0);
    }
    if (finish) finish(r0, r1 - r0, c0, c1 - c0);
  };
  split(blocks(), plan.cost_ns(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) block(i);
  });
}

}  // namespace detail

template <class T>
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool, const GemmExtras<T>& extras) {
  detail::product<T>(plan, a, b, nullptr, c, c_stride, scratch, pool, extras);
}

template <class T>
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const PackedMatrix<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool, const Finish& finish) {
  detail::product<T>(plan, a, {}, b.panels.template ptr<SumType<T>>(), c, c_stride, scratch, pool, {finish});
}

}  // namespace thalweg::kernels
