// The body of gemm.h, compiled once per type by gemm_float.cpp and its siblings.
#pragma once

#include <algorithm>

#include "thalweg/kernels/gemm_product.h"

namespace thalweg::kernels {
namespace detail {

template <class T, int halves, TileMode mode, int... rows>
constexpr std::array<TileFn<T>, kTileRows> tiles_of_width(std::integer_sequence<int, rows...>) {
  return {&tile<T, rows + 1, halves, mode>...};
}

/// One width after the other.
template <class T, TileMode mode, int... widths>
constexpr std::array<std::array<TileFn<T>, kTileRows>, sizeof...(widths)> tiles(std::integer_sequence<int, widths...>) {
  constexpr int kStep = kColumnStep<T> / HalfPacket<T>::size;
  return {tiles_of_width<T, (widths + 1) * kStep, mode>(std::make_integer_sequence<int, kTileRows>())...};
}

template <class T, TileMode mode>
TileFn<T> find_tile(int rows, int width) {
  static constexpr auto kAll = tiles<T, mode>(std::make_integer_sequence<int, kPanel<T> / kColumnStep<T>>());
  return kAll[size_t(width / kColumnStep<T> - 1)][size_t(rows - 1)];
}

template <class T>
void product(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, const SumType<T>* panels_of_b,
             T* c, int64_t c_stride, SumType<T>* scratch, ThreadPool* pool, const Finish& finish, T* b_sums = nullptr,
             SumType<T>* block_memory = nullptr) {
  using S = SumType<T>;
  if (plan.path == GemmPath::kEmpty) {
    if (b_sums) sum_columns(b, b_sums);
    for (int64_t i = 0; i < plan.m; ++i) std::fill_n(c + i * c_stride, plan.n, T(0));
    if (finish && plan.m > 0 && plan.n > 0) finish(0, plan.m, 0, plan.n);
    return;
  }
  S* out = is_sum_type<T> ? reinterpret_cast<S*>(c) : scratch + plan.a_size + plan.b_size;
  Product<T> p{
      plan, a,        b,      panels_of_b, scratch, scratch + plan.a_size, out, is_sum_type<T> ? c_stride : plan.n,
      c,    c_stride, finish, pool,        b_sums,  block_memory};
  switch (plan.path) {
    case GemmPath::kEmpty:
      break;
    case GemmPath::kRows:
      p.rows_over_b();
      break;
    case GemmPath::kColumns:
      p.columns_over_a();
      break;
    case GemmPath::kBlocks:
      p.blocks();
      break;
    case GemmPath::kCombine:
      if constexpr (is_sum_type<T>) p.combine();
      break;
    case GemmPath::kDot:
      if constexpr (is_sum_type<T>) p.dots();
      break;
    case GemmPath::kAcross:
      if constexpr (is_sum_type<T>) p.across_rows();
      break;
  }
}

}  // namespace detail

template <class T>
TileFn<T> tile_fn(int rows, int width) {
  return detail::find_tile<T, TileMode::kPlain>(rows, width);
}

template <class T>
TileFn<T> masked_tile_fn(int rows, int width) {
  return detail::find_tile<T, TileMode::kMasked>(rows, width);
}

template <class T>
TileFn<T> copying_tile_fn(int rows) {
  constexpr int kWidest = 2 * kTileVectors;
  static constexpr auto kAll =
      detail::tiles_of_width<T, kWidest, TileMode::kCopying>(std::make_integer_sequence<int, kTileRows>());
  return kAll[size_t(rows - 1)];
}

template <class T>
GemmPlan<T>::GemmPlan(const MatrixView<T>& a, const MatrixView<T>& b, bool packed) : m(a.rows), n(b.cols), k(a.cols) {
  using P = Packet<S>;
  if (m == 0 || n == 0 || k == 0) return;
  if constexpr (is_sum_type<T>) {
    if (!packed && m == 1 && n > 1 && b.col_stride == 1) {
      path = GemmPath::kCombine;
      b_size = n * detail::combine_pieces<S>(n, k);
      return;
    }
    if (n == 1 && m > 1 && a.row_stride == 1 && a.col_stride != 1) {
      path = GemmPath::kCombine;
      mirrored = true;
      b_size = m * detail::combine_pieces<S>(m, k);
      return;
    }
    mirrored = !packed && m == 1 && n > 1 && b.row_stride == 1;
    if (mirrored || (!packed && a.col_stride == 1 && (n == 1 || (detail::few_columns<S>(n) && k >= 4 * P::size)))) {
      path = GemmPath::kDot;
      if ((mirrored ? a.col_stride : b.row_stride) != 1) b_size = ceil_div(k, P::size) * P::size * (mirrored ? 1 : n);
      return;
    }
    if (!packed && a.row_stride == 1 && detail::few_columns<S>(n) && m >= P::size) {
      path = GemmPath::kAcross;
      return;
    }
  }
  const int64_t bytes_a = m * k * int64_t(sizeof(S)), bytes_b = n * k * int64_t(sizeof(S));
  const int64_t tiles = ceil_div(m, kTileRows), panels = ceil_div(n, kPanel<S>);
  const bool readable = is_sum_type<T> && b.col_stride == 1;
  // Neighbouring rows in different cache sets, or nothing to gain from a copy that is read once.
  auto spread = [](int64_t stride) { return stride * int64_t(sizeof(S)) % detail::kAliasBytes != 0; };
  const bool a_readable = is_sum_type<T> && ((a.col_stride == 1 && (spread(a.row_stride) || panels <= 4)) ||
                                             (a.row_stride == 1 && spread(a.col_stride)));
  const int64_t whole = kTilesMask<S> || n % kColumnStep<S> == 0 ? panels : n / kPanel<S>;
  const bool copied = !packed && !readable;  // B's copy costs least where a panel is used at once
  if (bytes_a <= detail::kResident &&
      ((copied && bytes_b <= detail::kSmall) || (panels >= 4 && (bytes_b > detail::kResident || copied)))) {
    path = GemmPath::kColumns;
    pack_a = !a_readable;
    if (pack_a) a_size = tiles * PackedRows<T>::most(k);
    in_place = readable && !packed && (tiles == 1 || b.row_stride * int64_t(sizeof(S)) <= 1024) ? whole : 0;
  } else if (bytes_b <= detail::kResident) {
    path = GemmPath::kRows;
    pack_a = !a_readable && (panels > 1 || !is_sum_type<T>);
    in_place = readable && !packed ? whole : 0;
    if (!packed) b_size = (padded_columns<S>(n) - in_place * kPanel<S>)*k;
    b_size = std::max<int64_t>(b_size, 0);
  } else {
    path = GemmPath::kBlocks;
    pack_a = !a_readable;
    if (!packed) b_size = detail::Strips<S>(m, n).pieces() * detail::Strips<S>::size(k);
  }
  a_size = ceil_div(a_size, 16) * 16;
  b_size = ceil_div(b_size, 16) * 16;
  if (!is_sum_type<T>) c_size = m * n;
}

template <class T>
int64_t GemmPlan<T>::blocks() const {
  if (!is_sum_type<T> || path != GemmPath::kRows || k > detail::kDepth<S>) return 0;
  return detail::RowPieces(m, n, kPanel<S>).count();
}

template <class T>
int64_t GemmPlan<T>::block_size() const {
  return detail::kFinishBytes / int64_t(sizeof(S)) + kTileRows * padded_columns<S>(n);
}

template <class T>
int64_t GemmPlan<T>::block_scratch() const {
  return scratch() + (blocks() > 0 ? blocks() * block_size() : m * n);
}

template <class T>
PackedMatrix<T>::PackedMatrix(const MatrixView<T>& b) : rows(b.rows), cols(b.cols) {
  using S = SumType<T>;
  using P = Packet<S>;
  few = is_sum_type<T> && detail::few_columns<S>(cols);
  if (few) {
    int64_t step = ceil_div(rows, P::size) * P::size;
    data = Tensor(dtype_of<S>, Shape{step * cols});
    detail::pack_any(b.data, b.row_stride, b.col_stride, rows, cols, step, data.ptr<S>());
  } else {
    data = Tensor(dtype_of<S>, Shape{padded_columns<S>(cols) * rows});
    for (int64_t col = 0; col < cols; col += kPanel<S>) pack_panel(b, col, data.ptr<S>() + col * rows);
  }
}

template <class T>
MatrixView<T> PackedMatrix<T>::columns() const {
  using S = SumType<T>;
  MatrixView<T> b(reinterpret_cast<const T*>(data.template ptr<S>()), rows, cols, false);
  b.row_stride = 1, b.col_stride = ceil_div(rows, Packet<S>::size) * Packet<S>::size;
  return b;
}

template <class T>
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool, const GemmExtras<T>& extras) {
  detail::product<T>(plan, a, b, nullptr, c, c_stride, scratch, pool, extras.finish, extras.b_sums);
}

template <class T>
void gemm_blocks(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, SumType<T>* scratch,
                 ThreadPool* pool, const Finish& finish) {
  SumType<T>* rest = scratch + plan.scratch();
  if (plan.blocks() > 0) {
    return detail::product<T>(plan, a, b, nullptr, nullptr, 0, scratch, pool, finish, nullptr, rest);
  }
  struct Whole {
    const T* c;
    int64_t n;
    const Finish& finish;
  } whole{reinterpret_cast<const T*>(rest), plan.n, finish};
  const Finish in_blocks{[](const void* context, const void*, int64_t row, int64_t rows, int64_t col, int64_t cols) {
                           const auto& [c, n, finish] = *static_cast<const Whole*>(context);
                           if (cols == n) return finish(row, rows, col, cols, c + row * n);
                           for (int64_t r = row; r < row + rows; ++r) finish(r, 1, col, cols, c + r * n + col);
                         },
                         &whole};
  detail::product<T>(plan, a, b, nullptr, reinterpret_cast<T*>(rest), plan.n, scratch, pool, in_blocks, nullptr);
}

template <class T>
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const PackedMatrix<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool, const Finish& finish) {
  MatrixView<T> view = b.few ? b.columns() : MatrixView<T>(nullptr, b.rows, b.cols, false);
  detail::product<T>(plan, a, view, b.panels(), c, c_stride, scratch, pool, finish);
}

}  // namespace thalweg::kernels
