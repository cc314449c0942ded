// The micro-kernel under every matrix product and convolution: a tile of C held in registers, A broadcast, B in
// vectors.
#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "thalweg/kernels/packet.h"

namespace thalweg::kernels {

/// Rows of the largest tile: as many as the registers hold beside two vectors of B.
inline constexpr int kTileRows = kVectorBytes == 64 ? 14 : 6;
/// Vectors across a tile; narrow operands use tiles of one.
inline constexpr int kTileVectors = 2;

/// C[i][j] (+)= sum over segments s, p < depth of A[offsets[s] + i * row_stride + p * step] * B[(s * depth + p)][j].
/// One segment is a plain matrix product. A convolution has one segment per kernel row: in NHWC the inputs of
/// neighbouring pixels under one kernel row are contiguous, so A is read from the image in place.
template <class T>
struct TileArgs {
  int64_t segments = 1, depth = 0;
  const int64_t* offsets = nullptr;  // null: all zero
  const T* a = nullptr;
  int64_t row_stride = 0, step = 1;
  const T* b = nullptr;
  int64_t b_stride = 0;
  T* c = nullptr;
  int64_t c_stride = 0;
  int cols = 0;              // columns of C to be written, up to the tile's width
  bool accumulate = false;   // add to what C holds
  const T* ahead = nullptr;  // what will be read soon: a cache line every `ahead_step` elements is fetched meanwhile
  int64_t ahead_step = 0;
};

template <class T, int rows, int vectors>
void tile(const TileArgs<T>& t) {
  using P = Packet<T>;
  P acc[rows][vectors];
#pragma GCC unroll 14
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) acc[i][j] = P::zero();
  }
  const T* b = t.b;
  const int64_t row_stride = t.row_stride, step = t.step, b_stride = t.b_stride;
  const T* ahead = t.ahead ? t.ahead : b;
  const int64_t ahead_step = t.ahead ? t.ahead_step : 0;
  if (t.depth > 64) {  // time enough for C to arrive
    const T* c = t.c;
#pragma GCC unroll 1
    for (int i = 0; i < rows; ++i, c += t.c_stride) {
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) __builtin_prefetch(c + j * P::size, 1);
    }
  }
  for (int64_t s = 0; s < t.segments; ++s) {
    const T* a = t.a + (t.offsets ? t.offsets[s] : 0);
    for (int64_t p = 0; p < t.depth; ++p) {
      P bv[vectors];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) bv[j] = P::load(b + j * P::size);
      b += b_stride;
      __builtin_prefetch(ahead);
      ahead += ahead_step;
#pragma GCC unroll 14
      for (int i = 0; i < rows; ++i) {
        P x = P::set(a[i * row_stride]);
#pragma GCC unroll 2
        for (int j = 0; j < vectors; ++j) acc[i][j] = fma(x, bv[j], acc[i][j]);
      }
      a += step;
    }
  }
  // What C holds is read before anything is written: rows often lie a power of two apart, and a load whose address
  // looks like that of a store under way waits for it.
  auto each = [&](auto&& f) {
#pragma GCC unroll 14
    for (int i = 0; i < rows; ++i) {
      T* c = t.c + i * t.c_stride;
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) f(acc[i][j], c + j * P::size, j);
    }
  };
  if (t.cols == vectors * P::size) {
    if (t.accumulate) each([](P& x, const T* c, int) { x = x + P::load(c); });
    each([](P& x, T* c, int) { x.store(c); });
    return;
  }
  int lanes[vectors];
  for (int j = 0; j < vectors; ++j) lanes[j] = std::clamp(t.cols - j * P::size, 0, P::size);
  if (t.accumulate) each([&](P& x, const T* c, int j) { x = x + P::load(c, lanes[j]); });
  each([&](P& x, T* c, int j) { x.store(c, lanes[j]); });
}

template <class T>
using TileFn = void (*)(const TileArgs<T>&);

/// The kernel for a tile of this many rows (1 to kTileRows) and vectors (1 to kTileVectors).
template <class T>
TileFn<T> tile_fn(int rows, int vectors);

// Defined where the kernels are compiled, one file per type.
extern template TileFn<float> tile_fn<float>(int, int);
extern template TileFn<double> tile_fn<double>(int, int);
extern template TileFn<uint32_t> tile_fn<uint32_t>(int, int);
extern template TileFn<uint64_t> tile_fn<uint64_t>(int, int);

/// Columns of one B panel starting at `col` when `cols` are left, in vectors.
template <class T>
inline int panel_vectors(int64_t cols_left) {
  return cols_left > Packet<T>::size ? 2 : 1;
}
template <class T>
inline constexpr int kPanel = kTileVectors * Packet<T>::size;

/// Cuts `rows` into tiles of nearly equal height.
struct Tiling {
  int64_t rows, count;
  explicit Tiling(int64_t n) : rows(n), count(ceil_div(n, kTileRows)) {}
  int64_t begin(int64_t i) const { return rows * i / count; }
  int height(int64_t i) const { return int(begin(i + 1) - begin(i)); }
};

}  // namespace thalweg::kernels
