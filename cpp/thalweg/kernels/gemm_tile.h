// The micro-kernel under every matrix product and convolution: a tile of C held in registers, A broadcast, B in
// vectors.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "thalweg/kernels/half_packet.h"

namespace thalweg::kernels {

/// Rows of the largest tile: as many as the registers hold beside two vectors of B.
inline constexpr int kTileRows = kVectorBytes == 64 ? 14 : 6;
/// Vectors across the widest tile.
inline constexpr int kTileVectors = 2;
/// Widths are multiples of this many columns: of half a vector where that costs half, else of a vector.
template <class T>
inline constexpr int kColumnStep = kVectorBytes == 64 ? HalfPacket<T>::size : Packet<T>::size;
template <class T>
inline int64_t padded_columns(int64_t cols) {
  return ceil_div(cols, kColumnStep<T>) * kColumnStep<T>;
}

/// What a tile fetches into cache for those after it while it computes: one or two streams of elements, and the tile of
/// C that comes next, whose rows lie as far apart as its own.
template <class T>
struct TileAhead {
  const T* data = nullptr;  // null: nothing
  int64_t step = 0;         // from one step of the sum to the next
  int64_t second = 0;       // from one stream to the other
  const T* c = nullptr;     // null: nothing
};

/// What a tile copies for those after it while it computes, a vector a step: the loads and stores of a copy fit beside
/// the multiply-adds. A stretch of the sum is one of Packet<T>::size equal parts of its steps.
template <class T>
struct TileCopy {
  const T* from = nullptr;
  T* to = nullptr;
  int64_t from_step = 0, to_step = 0;  // from vector to vector
  int64_t from_jump = 0, to_jump = 0;  // beside them, from stretch to stretch
  int stretches = 0;                   // that copy something; the last is copied again in those that follow
};

/// C[i][j] (+)= sum over segments s, p < depth of A[offsets[s] + i * row_stride + p * step] * B[(s * depth + p)][j].
/// One segment is a plain matrix product. A convolution has one segment per kernel row: in NHWC the inputs of
/// neighbouring pixels under one kernel row are contiguous, so A is read from the image in place. So is B in the
/// gradient of the filter, where its segments start at b_offsets.
template <class T>
struct TileArgs {
  int64_t segments = 1, depth = 0;
  const int64_t* offsets = nullptr;  // null: all zero
  const T* a = nullptr;
  int64_t row_stride = 0, step = 1;
  const T* b = nullptr;
  int64_t b_stride = 0;
  const int64_t* b_offsets = nullptr;  // null: a segment follows the one before
  T* c = nullptr;
  int64_t c_stride = 0;
  int cols = 0;             // columns of C to be written: the tile's width, or less by less than kColumnStep
  bool accumulate = false;  // add to what C holds
  bool past_cache = false;  // C is not read soon: write it past the caches where it lies in whole vectors
  TileAhead<T> ahead;
  TileCopy<T> copy;
};

/// Writes a vector whose address is a multiple of its size past the caches: its line is not read first.
template <class T>
inline void store_past_cache(Packet<T> x, T* to) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), __m512i(x.v));
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), __m256i(x.v));
#else
  x.store(to);
#endif
}
/// Such writes are seen by whoever sees what this thread writes afterwards.
inline void order_past_cache() {
#if defined(__AVX2__)
  _mm_sfence();
#endif
}

/// Keeps the compiler from deriving p from other pointers.
template <class T>
inline void hide(const T*& p) {
  asm("" : "+r"(p));
}

enum class TileMode : uint8_t {
  kPlain,
  kCopying,  // as `copy` says
  kMasked,   // reads no more of B than its columns; 1 % slower
};

/// `halves`: the tile's width in half vectors.
template <class T, int rows, int halves, TileMode mode>
void tile(const TileArgs<T>& t) {
  constexpr bool copying = mode == TileMode::kCopying, masked = mode == TileMode::kMasked;
  using P = Packet<T>;
  using H = HalfPacket<T>;
  constexpr int kWhole = halves / 2, kEdge = kWhole * P::size, kWidth = halves * H::size;
  constexpr int kRowsOfBase = 7, kBases = (rows + kRowsOfBase - 1) / kRowsOfBase;
  P acc[rows][std::max(kWhole, 1)];
  H edge[rows];
#pragma GCC unroll 14
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kWhole; ++j) acc[i][j] = P::zero();
    if constexpr (kEdge < kWidth) edge[i] = H::zero();
  }
  const T* b = t.b;
  const int last = t.cols - (kEdge < kWidth ? kEdge : kEdge - P::size);  // columns in the last register
  const int64_t row_stride = t.row_stride, step = t.step, b_stride = t.b_stride;
  const T *ahead = t.ahead.data ? t.ahead.data : b, *next_c = t.ahead.c;
  const int64_t ahead_step = t.ahead.data ? t.ahead.step : 0, second = t.ahead.data ? t.ahead.second : 0;
  const bool fetches_c = t.segments * t.depth > 64;  // time enough for it to arrive
  auto fetch_c = [](const T* c) {
#pragma GCC unroll 2
    for (int j = 0; j < kWidth; j += P::size) __builtin_prefetch(c + j, 1);
  };
  // A row of the next C is fetched with each stretch, not all at once: misses queue.
  const int64_t stretch = copying ? t.depth / P::size : t.ahead.c ? 32 : t.depth > 96 ? t.depth - 32 : t.depth;
  const T* from = t.copy.from;
  T* to = t.copy.to;
  int stretches = t.copy.stretches;
  for (int64_t s = 0; s < t.segments; ++s) {
    const T* a[kBases];  // as many as leave the rows' offsets few enough for registers
    for (int i = 0; i < kBases; ++i) {
      a[i] = t.a + (t.offsets ? t.offsets[s] : 0) + i * kRowsOfBase * row_stride;
      if constexpr (kBases > 1) hide(a[i]);
    }
    if (t.b_offsets) b = t.b + t.b_offsets[s];
    for (int64_t left = t.depth; left > 0;) {
      int64_t steps = left < stretch ? left : stretch;
      left -= steps;
      if (next_c) {
        fetch_c(next_c);
        next_c += t.c_stride;
      }
      if (left == 0 && s + 1 == t.segments && fetches_c) {  // what was fetched earlier has left the first-level cache
#pragma GCC unroll 1
        for (int i = 0; i < rows; ++i) fetch_c(t.c + i * t.c_stride);
      }
      do {
        P bv[std::max(kWhole, 1)];
        H b_edge;
#pragma GCC unroll 2
        for (int j = 0; j < kWhole; ++j) {
          if constexpr (masked && kEdge == kWidth) {
            bv[j] = j + 1 < kWhole ? P::load(b + j * P::size) : P::load(b + j * P::size, last);
          } else {
            bv[j] = P::load(b + j * P::size);
          }
        }
        if constexpr (kEdge < kWidth) b_edge = masked ? H::load(b + kEdge, last) : H::load(b + kEdge);
        b += b_stride;
        if constexpr (copying) {
          P::load(from).store(to);
          from += t.copy.from_step, to += t.copy.to_step;
        } else {
          __builtin_prefetch(ahead);
          __builtin_prefetch(ahead + second);
          ahead += ahead_step;
        }
#pragma GCC unroll 14
        for (int i = 0; i < rows; ++i) {
          const T x = a[i / kRowsOfBase][i % kRowsOfBase * row_stride];
#pragma GCC unroll 2
          for (int j = 0; j < kWhole; ++j) acc[i][j] = fma(P::set(x), bv[j], acc[i][j]);
          if constexpr (kEdge < kWidth) edge[i] = fma(H::set(x), b_edge, edge[i]);
        }
#pragma GCC unroll 3
        for (int i = 0; i < kBases; ++i) {
          a[i] += step;
          if constexpr (kBases > 1) hide(a[i]);
        }
      } while (--steps);
      if constexpr (copying) {
        const bool on = --stretches > 0;
        from += on ? t.copy.from_jump : -stretch * t.copy.from_step;
        to += on ? t.copy.to_jump : -stretch * t.copy.to_step;
      }
    }
  }
  // What C holds is read before anything is written: rows often lie a power of two apart, and a load whose address
  // looks like that of a store under way waits for it.
  auto each = [&](auto&& f) {
#pragma GCC unroll 14
    for (int i = 0; i < rows; ++i) {
      T* c = t.c + i * t.c_stride;
#pragma GCC unroll 2
      for (int j = 0; j < kWhole; ++j) f(acc[i][j], c + j * P::size, j * P::size);
      if constexpr (kEdge < kWidth) f(edge[i], c + kEdge, kEdge);
    }
  };
  if (t.cols == kWidth) {
    if (t.accumulate) each([](auto& x, const T* c, int) { x = x + x.load(c); });
    if constexpr (mode == TileMode::kPlain && kEdge == kWidth) {
      constexpr auto kBytes = uintptr_t(kVectorBytes);
      if (t.past_cache && uintptr_t(t.c) % kBytes == 0 && uintptr_t(t.c_stride) * sizeof(T) % kBytes == 0) {
        each([](P& x, T* c, int) { store_past_cache(x, c); });
        return;
      }
    }
    each([](auto& x, T* c, int) { x.store(c); });
    return;
  }
  auto lanes = [cols = t.cols](int from, int size) { return std::clamp(cols - from, 0, size); };
  if (t.accumulate) each([&](auto& x, const T* c, int from) { x = x + x.load(c, lanes(from, x.size)); });
  each([&](auto& x, T* c, int from) { x.store(c, lanes(from, x.size)); });
}

template <class T>
using TileFn = void (*)(const TileArgs<T>&);

/// The kernel for a tile of this many rows (1 to kTileRows) and this width (panel_width).
template <class T>
TileFn<T> tile_fn(int rows, int width);

/// Whether tiles can copy the operand of another tile: each step has room for a vector.
template <class T>
inline constexpr bool kTilesCopy = kTileRows <= Packet<T>::size;
/// The same for a tile of the largest width that copies.
template <class T>
TileFn<T> copying_tile_fn(int rows);

/// Whether tiles can read a panel of B in place though no width ends where it does.
template <class T>
inline constexpr bool kTilesMask = kVectorBytes == 64 && std::is_floating_point_v<T>;
/// The same for such a tile.
template <class T>
TileFn<T> masked_tile_fn(int rows, int width);

// Defined where the kernels are compiled, one file per type.
extern template TileFn<float> tile_fn<float>(int, int);
extern template TileFn<double> tile_fn<double>(int, int);
extern template TileFn<uint32_t> tile_fn<uint32_t>(int, int);
extern template TileFn<uint64_t> tile_fn<uint64_t>(int, int);

/// Columns of a panel of B, at most.
template <class T>
inline constexpr int kPanel = kTileVectors * Packet<T>::size;
/// The width of the next panel when `cols` columns are left; the last one is padded with zeros.
template <class T>
inline int panel_width(int64_t cols) {
  return int(std::min<int64_t>(padded_columns<T>(cols), kPanel<T>));
}

/// Cuts `rows` into tiles of nearly equal height.
struct Tiling {
  int64_t rows, count;
  explicit Tiling(int64_t n) : rows(n), count(ceil_div(n, kTileRows)) {}
  int64_t begin(int64_t i) const { return rows * i / count; }
  int height(int64_t i) const { return int(begin(i + 1) - begin(i)); }
};

}  // namespace thalweg::kernels
