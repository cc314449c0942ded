// One matrix product on its way: the loops of every path, between a plan and the micro-kernels.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include "thalweg/kernels/buffers.h"
#include "thalweg/kernels/gemm.h"
#include "thalweg/kernels/gemm_dot.h"
#include "thalweg/kernels/gemm_pack.h"
#include "thalweg/kernels/gemm_tile.h"

namespace thalweg::kernels::detail {

/// Longest run of the sum between two visits to C. Visits cost: 512 steps instead of 384 gained 3 % at 1024 x 1024 x
/// 1024 in float; 768 gained no more. A panel of B (64 KB) streams from the second-level cache meanwhile.
template <class S>
inline constexpr int64_t kDepth = 2048 / int64_t(sizeof(S));
/// Bytes of the operand that stays in a core's second-level cache.
inline constexpr int64_t kResident = int64_t(1) << 20;
/// kBlocks: panels of B that a thread packs at a time and leaves in half of its second-level cache.
template <class S>
inline constexpr int64_t kStripPanels = kResident / 2 / (kDepth<S> * kPanel<S> * int64_t(sizeof(S)));
/// Bytes of an operand so small that each piece of work copies it for itself rather than read it from another core.
inline constexpr int64_t kSmall = kResident / 8;
/// kDot: elements of such an operand.
inline constexpr int64_t kOwnLines = 12 << 10;
/// Bytes of a C that no cache is expected to hold until it is read: it is written past them.
inline constexpr int64_t kPastCache = int64_t(8) << 20;
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

/// kRows: how C is cut into pieces, by rows of tiles and by panels.
struct RowPieces {
  int64_t down, across;
  RowPieces(int64_t m, int64_t n, int64_t panel)
      : down(std::min(Tiling(m).count, kGemmPieces)),
        across(std::min(ceil_div(n, panel), ceil_div(kGemmPieces / 2, down))) {}
  int64_t count() const { return down * across; }
};

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
  T* b_sums;        // null once they are made
  S* block_memory;  // of blocks that only `finish` sees

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
  /// Where work is cut may depend on these: an element's sum does not depend on the cut.
  int64_t threads() const { return pool ? pool->threads() : 1; }
  /// Pieces a thread of at least `least` of `n` units, or one.
  int64_t shares(int64_t n, int64_t least) const {
    return threads() == 1 ? 1 : std::max<int64_t>(n / (least * threads()), 1);
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

  S* place(int64_t i, int64_t j) const { return out + row(i) * out_stride + col(j); }

  /// Adds a run of the sum to tile (i, j), which lies at t.c; the first run sets it.
  void multiply(TileArgs<S>& t, int64_t i, int64_t j, const Operand<S>& left, const Operand<S>& right) const {
    t.a = left.data, t.row_stride = left.stride, t.step = left.step;
    t.b = right.data, t.b_stride = right.stride;
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

  /// Lets tile (i, j) fetch its share of what `finish` reads under the tiles of row i.
  void fetch_reads(TileAhead<S>& ahead, int64_t i, int64_t j, int64_t depth) const {
    const int64_t reads = finish.read_count;
    if (reads == 0) return;
    const int64_t read = j * reads / panels;
    const int64_t first = ceil_div(read * panels, reads), parts = ceil_div((read + 1) * panels, reads) - first;
    const int64_t size = tiling.height(i) * n, begin = size * (j - first) / parts, end = size * (j + 1 - first) / parts;
    const int64_t half = ceil_div(end - begin, 2);
    ahead.data = static_cast<const S*>(finish.reads[read]) + row(i) * n + begin;
    ahead.step = ceil_div(half, depth), ahead.second = half;
  }

  void rows_over_b() {
    if (b.data && plan.in_place < panels) {
      split(panels - plan.in_place, double(n - col(plan.in_place)) * double(k) / 4, [&](int64_t j) {
        j += plan.in_place;
        pack_panel(b, col(j), packed_b + (col(j) - col(plan.in_place)) * k);
      });
      panels_of_b = packed_b;
    }
    const bool past_cache = runs == 1 && !finish && is_sum_type<T> && m * n * int64_t(sizeof(S)) >= kPastCache;
    const RowPieces pieces(m, n, kPanel<S>);
    const int64_t down = pieces.down, across = pieces.across;
    Buffers buffers(pieces.count());
    split(pieces.count(), plan.cost_ns(), [&](int64_t index) {
      const int64_t i0 = index / across * tiling.count / down, i1 = (index / across + 1) * tiling.count / down;
      const int64_t j0 = index % across * panels / across, j1 = (index % across + 1) * panels / across;
      alignas(64) S packed[PackedRows<T>::most(kDepth<S>)];
      std::optional<Buffers::Lease> buffer;
      if (block_memory) buffer.emplace(buffers);
      S* block = buffer ? block_memory + buffer->index() * plan.block_size() : nullptr;
      const int64_t columns = col(j1) - col(j0);
      for (int64_t i = i0, open = i0; i < i1; ++i) {
        for (int64_t d = 0; d < runs; ++d) {
          Operand<S> left = a_in_place(i, run(d));
          if (plan.pack_a) {
            const PackedRows<T> rows{a.col_stride == 1, run(d + 1) - run(d)};
            rows.pack(a, row(i), tiling.height(i), run(d), packed);
            left = rows.at(packed, 0);
          }
          TileArgs<S> t = tiles_of(d);
          t.past_cache = past_cache;
          if (block) t.c_stride = columns;
          for (int64_t j = j0; j < j1; ++j) {
            const Operand<S> right = j < plan.in_place ? b_in_place(j, run(d)) : b_packed(j, run(d));
            if (i == i0 && j < plan.in_place) {
              t.ahead.data = right.data + kRowsAhead * right.stride;
              t.ahead.step = right.stride, t.ahead.second = 64 / sizeof(S);
            } else if (block && columns == n) {
              fetch_reads(t.ahead, i, j, t.depth);
            }
            t.c = block ? block + (row(i) - row(open)) * columns + col(j) - col(j0) : place(i, j);
            multiply(t, i, j, left, right);
          }
        }
        int64_t bytes = (row(i + 1) - row(open)) * columns * int64_t(sizeof(T));
        if (i + 1 == i1 || bytes >= kFinishBytes) {
          if (block) {
            finish(row(open), row(i + 1) - row(open), col(j0), columns, block);
          } else {
            complete(row(open), row(i + 1), col(j0), col(j1));
          }
          open = i + 1;
        }
      }
      if (past_cache) order_past_cache();
    });
  }

  void columns_over_a() {
    const PackedRows<T> rows{a.col_stride == 1, k};
    if (plan.pack_a) {
      split(tiling.count, double(m) * double(k) / 4,
            [&](int64_t i) { rows.pack(a, row(i), tiling.height(i), 0, packed_a + i * rows.size()); });
    }
    // Pieces of four panels: their rows share pages.
    int64_t across = std::clamp(panels / 4, std::min(panels, kGemmPieces / 2), kGemmPieces),
            down = std::min(tiling.count, ceil_div(kGemmPieces / 2, across));
    if (b.data && plan.in_place == 0 && n * k * int64_t(sizeof(S)) <= kSmall) {
      down = std::min(threads() * shares(tiling.count, 12), ceil_div(tiling.count, 2));
      across = std::min(panels, ceil_div(threads(), down));
    }
    // Runs and panels pass in the order in which B lies.
    const bool by_rows = b.data && b.col_stride == 1;
    split(down * across, plan.cost_ns(), [&](int64_t index) {
      const int64_t i0 = index / across * tiling.count / down, i1 = (index / across + 1) * tiling.count / down;
      const int64_t j0 = index % across * panels / across, j1 = (index % across + 1) * panels / across;
      const int64_t count = (j1 - j0) * runs;
      auto panel_at = [&](int64_t at) { return by_rows ? j0 + at % (j1 - j0) : j0 + at / runs; };
      auto run_at = [&](int64_t at) { return by_rows ? at / (j1 - j0) : at % runs; };
      alignas(64) S packed[kPanel<S> * kDepth<S>];
      for (int64_t at = 0; at < count; ++at) {
        const int64_t j = panel_at(at), d = run_at(at);
        TileArgs<S> t = tiles_of(d);
        Operand<S> right = {packed, width(j)};
        // What is packed next is fetched meanwhile, a line a step: by so many tiles, each from its own place on.
        constexpr int64_t kLine = 64 / int64_t(sizeof(S));
        const S* next = nullptr;
        int64_t fetching = 0, apart = 0;
        if (!b.data) {
          right = b_packed(j, run(d));
        } else if (j < plan.in_place) {
          right = b_in_place(j, run(d));
        } else {
          pack_panel(b, col(j), run(d), run(d + 1), packed);
          if (is_sum_type<T> && by_rows && at + 1 < count) {  // the lines of each row
            next = b_in_place(panel_at(at + 1), run(run_at(at + 1))).data;
            fetching = ceil_div(kPanel<S>, kLine), apart = kLine, t.ahead.step = b.row_stride;
          } else if (is_sum_type<T> && b.row_stride == 1 && b.col_stride == k &&
                     j + 1 < panels) {  // a panel end to end
            const int64_t done = d * (i1 - i0) * t.depth;
            next = b_in_place(j + 1, 0).data + done * kLine;
            fetching = ceil_div(kPanel<S> * k / kLine - done, t.depth), apart = t.depth * kLine, t.ahead.step = kLine;
          }
        }
        for (int64_t i = i0; i < i1; ++i) {
          const Operand<S> left = plan.pack_a ? rows.at(packed_a + i * rows.size(), run(d)) : a_in_place(i, run(d));
          t.ahead.data = i - i0 < fetching ? next + (i - i0) * apart : nullptr;
          t.c = place(i, j);
          multiply(t, i, j, left, right);
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
          t.ahead.c = j + 1 < j1 ? place(i, j + 1) : place(i + 1, j0);
          t.c = place(i, j);
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
    int64_t step = right.col_stride, pieces = std::min(kGemmPieces, ceil_div(left.rows, 8));
    // Packed lines are read by all; where they are few each piece has its own, which is in its cache.
    const bool packs = right.row_stride != 1, each_packs = packs && plan.b_size <= kOwnLines;
    if (packs) step = ceil_div(k, P::size) * P::size;
    if (each_packs) {
      pieces = std::min(pieces, threads() * shares(left.rows, 256));
    } else if (packs) {
      pack_any(right.data, right.row_stride, right.col_stride, k, right.cols, step, packed_b);
      lines = packed_b;
    }
    const double bytes = double(left.rows) * double(k) * sizeof(S);
    split(pieces, std::max(plan.cost_ns(), bytes / 30), [&](int64_t index) {
      const int64_t i0 = index * left.rows / pieces, i1 = (index + 1) * left.rows / pieces;
      alignas(64) S own[kOwnLines];
      if (each_packs) pack_any(right.data, right.row_stride, right.col_stride, k, right.cols, step, own);
      dot_product(i0, i1, right.cols, k, reinterpret_cast<const S*>(left.data), left.row_stride,
                  each_packs ? own : lines, step, out, plan.mirrored ? 1 : out_stride);
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

}  // namespace thalweg::kernels::detail
