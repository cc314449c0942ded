// The body of gemm.h, compiled once per type by gemm_float.cpp and its siblings.
#pragma once

#include <algorithm>
#include <utility>

#include "thalweg/kernels/buffers.h"
#include "thalweg/kernels/gemm.h"
#include "thalweg/kernels/gemm_dot.h"
#include "thalweg/kernels/gemm_pack.h"
#include "thalweg/kernels/gemm_tile.h"

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

/// Longest run of the sum between two visits to C. Visits cost: 512 steps instead of 384 gained 3 % at 1024 x 1024 x
/// 1024 in float; 768 gained no more. A panel of B (64 KB) streams from the second-level cache meanwhile.
template <class S>
inline constexpr int64_t kDepth = 2048 / int64_t(sizeof(S));
/// Bytes of the operand that stays in a core's second-level cache.
inline constexpr int64_t kResident = int64_t(1) << 20;
/// kBlocks: panels of B that a thread packs at a time and leaves in half of its second-level cache.
template <class S>
inline constexpr int64_t kStripPanels = kResident / 2 / (kDepth<S> * kPanel<S> * int64_t(sizeof(S)));
/// Pieces that a product is shared out in.
inline constexpr int64_t kGemmPieces = 16;
/// Bytes of C that are finished together at most, if several rows of tiles make them up.
inline constexpr int64_t kFinishBytes = int64_t(32) << 10;
/// Steps of the sum before a row of B is read in place for the first time by a piece, at which it is fetched: the rows
/// of a panel lie too far apart for the hardware to do so.
inline constexpr int64_t kRowsAhead = 16;
/// Rows of a matrix that lie a multiple of this many bytes apart fight for the same cache sets.
inline constexpr int64_t kAliasBytes = 2048;

/// Columns that would leave more than a fifth of the lanes idle, and few enough for the kernels of gemm_dot.h.
template <class S>
bool few_columns(int64_t n) {
  return n <= 12 && 5 * n < 4 * ceil_div(n, Packet<S>::size) * Packet<S>::size;
}

/// kCombine: the pieces that the sum over k is cut into, each of contiguous rows that are worth a thread.
template <class S>
int64_t combine_pieces(int64_t n, int64_t k) {
  const int64_t worth = std::min({n * k * int64_t(sizeof(S)) >> 19, kGemmPieces, ceil_div(k, 64)});
  return std::max(worth, ceil_div(k, kRun));
}

/// kBlocks: how C is cut into strips of panels and these into rows. Few rows do not pay for packing a strip, narrow
/// strips not for fetching A; both are better than idle threads.
template <class S>
struct Strips {
  int64_t across, down;
  Strips(int64_t m, int64_t n) {
    constexpr int64_t kRows = 512, kFew = 8;
    const int64_t panels = ceil_div(n, kPanel<S>);
    across = ceil_div(panels, kStripPanels<S>);
    down = std::clamp<int64_t>(kGemmPieces / across, 1, std::max<int64_t>(m / kRows, 1));
    if (across * down < kFew) across = std::min(ceil_div(kFew, down), ceil_div(2 * panels, kStripPanels<S>));
    if (across * down < kFew) down = std::clamp<int64_t>(2 * m / kRows, 1, ceil_div(kFew, across));
  }
  int64_t pieces() const { return std::min(across * down, kGemmPieces); }
  /// Elements of a packed strip.
  static int64_t size(int64_t k) { return kStripPanels<S> * kPanel<S> * ceil_div(k, ceil_div(k, kDepth<S>)); }
};

/// out[j] = sum over rows of b[p][j]: runs of rows first, then the runs, so that rounding errors grow with the length
/// of a run and the number of runs rather than with their product.
template <class T>
void sum_columns(const MatrixView<T>& b, T* out) {
  using S = SumType<T>;
  constexpr int64_t kRun = 64, kWidth = 64;
  for (int64_t j = 0; j < b.cols; j += kWidth) {
    const int64_t width = std::min(kWidth, b.cols - j);
    S total[kWidth] = {}, part[kWidth] = {}, line[kWidth] = {};
    for (int64_t p = 0; p < b.rows; ++p) {
      const T* row = b.data + p * b.row_stride + j * b.col_stride;
      if (b.col_stride == 1) {
        if constexpr (is_sum_type<T>) {
          std::copy_n(reinterpret_cast<const S*>(row), width, line);
        } else {
          convert(row, line, width);
        }
      } else {
        for (int64_t i = 0; i < width; ++i) line[i] = S(row[i * b.col_stride]);
      }
      for (int64_t i = 0; i < kWidth; ++i) part[i] += line[i];
      if ((p + 1) % kRun == 0 || p + 1 == b.rows) {
        for (int64_t i = 0; i < kWidth; ++i) total[i] += part[i], part[i] = S(0);
      }
    }
    for (int64_t i = 0; i < width; ++i) out[j + i] = T(total[i]);
  }
}

/// One product on its way.
template <class T>
struct Product {
  using S = SumType<T>;
  using P = Packet<S>;
  const GemmPlan<T>& plan;
  const MatrixView<T>& a;
  const MatrixView<T>& b;
  const S* panels_of_b;  // packed over all of k, from panel plan.in_place on; or null
  S* packed_a;
  S* packed_b;
  S* out;  // C, or where the sums are kept until they are converted
  int64_t out_stride;
  T* c;
  int64_t c_stride;
  const Finish& finish;
  ThreadPool* pool;
  T* b_sums;  // null once they are made

  const int64_t m = plan.m, n = plan.n, k = plan.k;
  const Tiling tiling{m};
  const int64_t panels = ceil_div(n, kPanel<S>), runs = ceil_div(k, kDepth<S>);

  /// Shares `count` pieces of work out. A product's first loop has one more, the sums of B's columns.
  template <class F>
  void split(int64_t count, double total_ns, F&& body) {
    T* sums = std::exchange(b_sums, nullptr);
    const int64_t first = sums ? -1 : 0;
    auto each = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin + first; i < end + first; ++i) i < 0 ? sum_columns(b, sums) : body(i);
    };
    pool ? pool->parallel_for(count - first, total_ns / double(count), each) : each(0, count - first);
  }
  int64_t run(int64_t d) const { return k * d / runs; }
  int64_t row(int64_t i) const { return i < tiling.count ? tiling.begin(i) : m; }
  int64_t col(int64_t j) const { return std::min(j * kPanel<S>, n); }

  Operand<S> a_in_place(int64_t i, int64_t p) const {
    return {reinterpret_cast<const S*>(a.data) + row(i) * a.row_stride + p * a.col_stride, a.row_stride, a.col_stride};
  }
  Operand<S> b_in_place(int64_t j, int64_t p) const {
    return {reinterpret_cast<const S*>(b.data) + col(j) * b.col_stride + p * b.row_stride, b.row_stride, 1, true};
  }
  int width(int64_t j) const { return panel_width<S>(n - col(j)); }
  Operand<S> b_packed(int64_t j, int64_t p) const {
    return {panels_of_b + (col(j) - col(plan.in_place)) * k + p * width(j), width(j)};
  }

  /// What the tiles of one run of the sum share. A tile's own is set in place, field by field: a copy of what was just
  /// stored in pieces would wait for all stores before it, the last tile's among them.
  TileArgs<S> tiles_of(int64_t d) const {
    TileArgs<S> t;
    t.depth = run(d + 1) - run(d);
    t.c_stride = out_stride;
    t.accumulate = d > 0;
    return t;
  }

  /// Adds a run of the sum to tile (i, j) of C; the first run sets it.
  void multiply(TileArgs<S>& t, int64_t i, int64_t j, const Operand<S>& left, const Operand<S>& right) const {
    t.a = left.data, t.row_stride = left.stride, t.step = left.step;
    t.b = right.data, t.b_stride = right.stride;
    t.c = out + row(i) * out_stride + col(j);
    t.cols = int(std::min<int64_t>(n - col(j), kPanel<S>));
    if constexpr (kTilesCopy<S>) {
      if (t.copy.from) return copying_tile_fn<S>(tiling.height(i))(t);
    }
    if constexpr (kTilesMask<S>) {
      if (t.cols < width(j) && right.masked) return masked_tile_fn<S>(tiling.height(i), width(j))(t);
    }
    tile_fn<S>(tiling.height(i), width(j))(t);
  }

  /// Hands a finished block of C on.
  void complete(int64_t r0, int64_t r1, int64_t c0, int64_t c1) const {
    if constexpr (!is_sum_type<T>) {
      for (int64_t r = r0; r < r1; ++r) convert(out + r * out_stride + c0, c + r * c_stride + c0, c1 - c0);
    }
    if (finish) finish(r0, r1 - r0, c0, c1 - c0);
  }

  void rows_over_b() {
    if (b.data && plan.in_place < panels) {
      split(panels - plan.in_place, double(n - col(plan.in_place)) * double(k) / 4, [&](int64_t j) {
        j += plan.in_place;
        pack_panel(b, col(j), packed_b + (col(j) - col(plan.in_place)) * k);
      });
      panels_of_b = packed_b;
    }
    const int64_t down = std::min(tiling.count, kGemmPieces),
                  across = std::min(panels, ceil_div(kGemmPieces / 2, down));
    split(down * across, plan.cost_ns(), [&](int64_t index) {
      const int64_t i0 = index / across * tiling.count / down, i1 = (index / across + 1) * tiling.count / down;
      const int64_t j0 = index % across * panels / across, j1 = (index % across + 1) * panels / across;
      alignas(64) S packed[PackedRows<T>::most(kDepth<S>)];
      for (int64_t i = i0, open = i0; i < i1; ++i) {
        for (int64_t d = 0; d < runs; ++d) {
          Operand<S> left = a_in_place(i, run(d));
          if (plan.pack_a) {
            const PackedRows<T> rows{a.col_stride == 1, run(d + 1) - run(d)};
            rows.pack(a, row(i), tiling.height(i), run(d), packed);
            left = rows.at(packed, 0);
          }
          TileArgs<S> t = tiles_of(d);
          for (int64_t j = j0; j < j1; ++j) {
            const Operand<S> right = j < plan.in_place ? b_in_place(j, run(d)) : b_packed(j, run(d));
            if (i == i0 && j < plan.in_place) {
              t.ahead.data = right.data + kRowsAhead * right.stride;
              t.ahead.step = right.stride, t.ahead.second = 64 / sizeof(S);
            }
            multiply(t, i, j, left, right);
          }
        }
        int64_t bytes = (row(i + 1) - row(open)) * (col(j1) - col(j0)) * int64_t(sizeof(T));
        if (i + 1 == i1 || bytes >= kFinishBytes) {
          complete(row(open), row(i + 1), col(j0), col(j1));
          open = i + 1;
        }
      }
    });
  }

  void columns_over_a() {
    const PackedRows<T> rows{a.col_stride == 1, k};
    if (plan.pack_a) {
      split(tiling.count, double(m) * double(k) / 4,
            [&](int64_t i) { rows.pack(a, row(i), tiling.height(i), 0, packed_a + i * rows.size()); });
    }
    const int64_t across = std::min(panels, kGemmPieces),
                  down = std::min(tiling.count, ceil_div(kGemmPieces / 2, across));
    split(down * across, plan.cost_ns(), [&](int64_t index) {
      const int64_t i0 = index / across * tiling.count / down, i1 = (index / across + 1) * tiling.count / down;
      const int64_t j0 = index % across * panels / across, j1 = (index % across + 1) * panels / across;
      alignas(64) S packed[kPanel<S> * kDepth<S>];
      for (int64_t j = j0; j < j1; ++j) {
        for (int64_t d = 0; d < runs; ++d) {
          TileArgs<S> t = tiles_of(d);
          Operand<S> right = {packed, width(j)};
          const S* next = nullptr;  // what is packed next, fetched by two tiles
          int64_t next_step = 0;
          if (!b.data) {
            right = b_packed(j, run(d));
          } else if (j < plan.in_place) {
            right = b_in_place(j, run(d));
          } else {
            pack_panel(b, col(j), run(d), run(d + 1), packed);
            if (b.col_stride == 1 && is_sum_type<T>) {
              const Operand<S> following =
                  d + 1 < runs ? b_in_place(j, run(d + 1)) : b_in_place(std::min(j + 1, j1 - 1), 0);
              next = following.data, next_step = following.stride;
            }
          }
          for (int64_t i = i0; i < i1; ++i) {
            const Operand<S> left = plan.pack_a ? rows.at(packed_a + i * rows.size(), run(d)) : a_in_place(i, run(d));
            t.ahead.data = i < i0 + 2 && next ? next + (i - i0) * 64 / int64_t(sizeof(S)) : nullptr;
            t.ahead.step = next_step;
            multiply(t, i, j, left, right);
          }
        }
      }
      complete(row(i0), row(i1), col(j0), col(j1));
    });
  }

  void blocks() {
    const Strips<S> strips(m, n);
    const int64_t units = strips.across * strips.down, pieces = strips.pieces();
    Buffers buffers(pieces);
    split(pieces, plan.cost_ns(), [&](int64_t piece) {
      const Buffers::Lease buffer(buffers);
      for (int64_t unit = piece * units / pieces; unit < (piece + 1) * units / pieces; ++unit) {
        const int64_t s = unit / strips.down, r = unit % strips.down;
        strip(s * panels / strips.across, (s + 1) * panels / strips.across, r * tiling.count / strips.down,
              (r + 1) * tiling.count / strips.down, packed_b + buffer.index() * strips.size(k));
      }
    });
  }

  /// Panels [j0, j1) of rows [i0, i1) of tiles. The panels stay in the second-level cache while A passes, a tile of
  /// rows at a time; the next tile's rows are on their way meanwhile.
  void strip(int64_t j0, int64_t j1, int64_t i0, int64_t i1, S* packed) const {
    alignas(64) S packed_rows[2][PackedRows<T>::most(kDepth<S>)];
    for (int64_t d = 0; d < runs; ++d) {
      const int64_t p0 = run(d), p1 = run(d + 1);
      if (b.data) pack_panels(b, col(j0), col(j1), p0, p1, packed);
      const PackedRows<T> rows{a.col_stride == 1, p1 - p0};
      bool copied = false;
      TileArgs<S> t = tiles_of(d);
      for (int64_t i = i0; i < i1; ++i) {
        Operand<S> left = a_in_place(i, p0);
        const bool more = i + 1 < i1;
        if (plan.pack_a) {
          if (!copied) rows.pack(a, row(i), tiling.height(i), p0, packed_rows[i & 1]);
          left = rows.at(packed_rows[i & 1], 0);
          copied = more && width(j1 - 1) == kPanel<S> && tiles_can_pack(i + 1, rows);
        }
        for (int64_t j = j0; j < j1; ++j) {
          const Operand<S> right =
              b.data ? Operand<S>{packed + (col(j) - col(j0)) * (p1 - p0), width(j)} : b_packed(j, p0);
          if (more) fetch_rows(t.ahead, i + 1, p0, j - j0, std::max<int64_t>(j1 - j0 - int(copied), 1));
          t.ahead.c = j + 1 < j1 ? out + row(i) * out_stride + col(j + 1) : out + row(i + 1) * out_stride + col(j0);
          if (copied && j + 1 == j1) pack_rows(t.copy, i + 1, p0, rows, packed_rows[(i + 1) & 1]);
          multiply(t, i, j, left, right);
        }
        t.ahead.data = nullptr, t.copy.from = nullptr;
        if (d + 1 == runs) complete(row(i), row(i + 1), col(j0), col(j1));
      }
    }
  }

  /// Lets a tile fetch its share of tile i's rows, one of `shares`, from step p0 of the sum on.
  void fetch_rows(TileAhead<S>& ahead, int64_t i, int64_t p0, int64_t share, int64_t shares) const {
    ahead.data = nullptr;
    if constexpr (is_sum_type<T>) {
      const int64_t height = tiling.height(i);
      if (a.row_stride == 1 && a.col_stride != 1) {  // a line or two of each step
        if (share > 0) return;
        ahead.data = a_in_place(i, p0).data, ahead.step = a.col_stride, ahead.second = height - 1;
        return;
      }
      share = std::min(share, shares - 1);
      const int64_t first = height * share / shares, count = height * (share + 1) / shares - first;
      if (count == 0 || a.col_stride != 1) return;
      ahead.data = a_in_place(i, p0).data + first * a.row_stride;
      ahead.step = 1, ahead.second = count > 1 ? a.row_stride : 0;
    }
  }

  /// Whether tiles can pack tile i's rows.
  bool tiles_can_pack(int64_t i, const PackedRows<T>& rows) const {
    return kTilesCopy<S> && is_sum_type<T> && rows.depth % P::size == 0 &&
           (a.col_stride == 1 || (a.row_stride == 1 && row(i) + P::size <= m));
  }
  /// Lets a tile pack them, from step p0 of the sum on.
  void pack_rows(TileCopy<S>& copy, int64_t i, int64_t p0, const PackedRows<T>& rows, S* to) const {
    copy.from = a_in_place(i, p0).data, copy.to = to;
    if (a.col_stride == 1) {
      copy.from_step = copy.to_step = P::size;
      copy.from_jump = a.row_stride - rows.depth, copy.to_jump = rows.stride() - rows.depth;
      copy.stretches = tiling.height(i);
    } else {
      copy.from_step = a.col_stride, copy.to_step = rows.kWidth;
      copy.from_jump = copy.to_jump = 0;
      copy.stretches = P::size;
    }
  }

  /// kAcross: tiles of C^T, transposed as they are stored.
  void across_rows() {
    const MatrixView<T> at = a.transposed(), bt = b.transposed();
    const Tiling tiles(n);
    split(ceil_div(m, kPanel<S>), plan.cost_ns(), [&](int64_t index) {
      const int64_t first = index * kPanel<S>, count = std::min<int64_t>(m - first, kPanel<S>);
      const int width = panel_width<S>(count);
      constexpr int64_t kMost = 16;
      alignas(64) S sums[kMost * kPanel<S>], packed[kPanel<S> * kDepth<S>];
      for (int64_t d = 0; d < runs; ++d) {
        TileArgs<S> t;
        t.depth = run(d + 1) - run(d);
        t.row_stride = bt.row_stride, t.step = bt.col_stride;
        t.b = reinterpret_cast<const S*>(at.data) + first + run(d) * at.row_stride, t.b_stride = at.row_stride;
        if (count < width) {
          pack_panel(at, first, run(d), run(d + 1), packed);
          t.b = packed, t.b_stride = width;
        }
        t.c_stride = kPanel<S>, t.cols = width;
        t.accumulate = d > 0;
        for (int64_t i = 0; i < tiles.count; ++i) {
          t.a = reinterpret_cast<const S*>(bt.data) + tiles.begin(i) * bt.row_stride + run(d) * bt.col_stride;
          t.c = sums + tiles.begin(i) * kPanel<S>;
          tile_fn<S>(tiles.height(i), width)(t);
        }
      }
      for (int64_t j = 0; j < n; j += P::size) {
        const int lanes = int(std::min<int64_t>(n - j, P::size));
        for (int64_t i = 0; i < count; i += P::size) {
          P square[P::size];
          for (int l = 0; l < P::size; ++l) square[l] = l < lanes ? P::load(sums + (j + l) * kPanel<S> + i) : P::zero();
          transpose(square);
          const int rows = int(std::min<int64_t>(count - i, P::size));
          for (int r = 0; r < rows; ++r) square[r].store(out + (first + i + r) * out_stride + j, lanes);
        }
      }
      complete(first, first + count, 0, n);
    });
  }

  void dots() {
    // Of C^T = B^T A^T where that is the vector.
    const MatrixView<T> left = plan.mirrored ? b.transposed() : a, right = plan.mirrored ? a.transposed() : b;
    const S* lines = reinterpret_cast<const S*>(right.data);
    int64_t step = right.col_stride;
    if (right.row_stride != 1) {
      step = ceil_div(k, P::size) * P::size;
      pack_any(right.data, right.row_stride, right.col_stride, k, right.cols, step, packed_b);
      lines = packed_b;
    }
    const int64_t pieces = std::min(kGemmPieces, ceil_div(left.rows, 8));
    const double bytes = double(left.rows) * double(k) * sizeof(S);
    split(pieces, std::max(plan.cost_ns(), bytes / 30), [&](int64_t index) {
      const int64_t i0 = index * left.rows / pieces, i1 = (index + 1) * left.rows / pieces;
      dot_product(i0, i1, right.cols, k, reinterpret_cast<const S*>(left.data), left.row_stride, lines, step, out,
                  plan.mirrored ? 1 : out_stride);
      plan.mirrored ? complete(0, 1, i0, i1) : complete(i0, i1, 0, n);
    });
  }

  void combine() {
    const MatrixView<T> x = plan.mirrored ? b.transposed() : a, rows = plan.mirrored ? a.transposed() : b;
    const bool direct = !plan.mirrored || out_stride == 1;  // else C is a column whose elements lie apart
    const int64_t count = rows.cols, pieces = combine_pieces<S>(count, k);
    S* sums = packed_b;  // a row per piece
    split(pieces, double(count) * double(k) * sizeof(S) / 30, [&](int64_t i) {
      combine_rows(k * i / pieces, k * (i + 1) / pieces, count, reinterpret_cast<const S*>(x.data), x.col_stride,
                   reinterpret_cast<const S*>(rows.data), rows.row_stride,
                   pieces == 1 && direct ? out : sums + i * count);
    });
    for (int64_t i = 1; i < pieces; ++i) {
      for (int64_t j = 0; j < count; ++j) sums[j] += sums[i * count + j];
    }
    if (pieces > 1 || !direct) {
      for (int64_t j = 0; j < count; ++j) out[j * (plan.mirrored ? out_stride : 1)] = sums[j];
    }
    complete(0, m, 0, n);
  }
};

template <class T>
void product(const GemmPlan<T>& plan, const MatrixView<T>& a, const MatrixView<T>& b, const SumType<T>* panels_of_b,
             T* c, int64_t c_stride, SumType<T>* scratch, ThreadPool* pool, const Finish& finish, T* b_sums) {
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
      c,    c_stride, finish, pool,        b_sums};
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
  if (bytes_a <= detail::kResident && panels >= 4 &&
      (bytes_b > detail::kResident || (copied && (bytes_a < bytes_b || bytes_b > detail::kResident / 8)))) {
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
void gemm(const GemmPlan<T>& plan, const MatrixView<T>& a, const PackedMatrix<T>& b, T* c, int64_t c_stride,
          SumType<T>* scratch, ThreadPool* pool, const Finish& finish) {
  MatrixView<T> view = b.few ? b.columns() : MatrixView<T>(nullptr, b.rows, b.cols, false);
  detail::product<T>(plan, a, view, b.panels(), c, c_stride, scratch, pool, finish, nullptr);
}

}  // namespace thalweg::kernels
