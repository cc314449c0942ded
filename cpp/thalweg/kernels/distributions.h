// From Philox's words to numbers, in TensorFlow's way: a given stream gives its values. Distributions work on tiles of
// kTile blocks; a value depends on its block alone, never on its place in a tile.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "thalweg/core/dtype.h"
#include "thalweg/kernels/philox_packet.h"
#include "thalweg/num/vec_math.h"

namespace thalweg::kernels {

inline constexpr int kTile = 32;
using Words = uint32_t[4][kTile];

// In [0, 1): mantissa bits below the exponent of 1, minus 1.
inline double unit_double(uint32_t high, uint32_t low) {
  uint64_t mantissa = uint64_t(high & 0xfffffu) << 32 | low;
  return std::bit_cast<double>(0x3ff0000000000000u | mantissa) - 1.0;
}
/// The same of a packet of words at `word`; of two words a double. 16-bit formats have as many bits as their mantissa.
template <class T>
Vec<Compute<T>> unit(const uint32_t* word, const uint32_t* low = nullptr) {
  using N = Vec<Compute<T>>;
  using Words32 = detail::Pack<uint32_t, N::size>;
  Words32 x;
  std::memcpy(&x, word, sizeof x);
  if constexpr (sizeof(T) == 8) {
    Words32 y;
    std::memcpy(&y, low, sizeof y);
    auto mantissa =
        (__builtin_convertvector(x & 0xfffffu, typename N::U) << 32) | __builtin_convertvector(y, typename N::U);
    return N((typename N::V)(mantissa | 0x3ff0000000000000u)) - 1;
  } else {
    constexpr uint32_t kBits = std::same_as<T, half> ? 10 : std::same_as<T, bfloat16> ? 7 : 23;
    return N((typename N::V)(((x & ((1u << kBits) - 1)) << (23 - kBits)) | 0x3f800000u)) - 1;
  }
}

/// Packets of which x[j] holds value j of as many blocks, stored block by block.
template <class T, class N>
void store_blocks(T* out, const N (&x)[2]) {
  auto merge = [&]<int... i>(std::integer_sequence<int, i...>) {
    store(out, N(__builtin_shufflevector(x[0].v, x[1].v, (i / 2 + i % 2 * N::size)...)));
    store(out + N::size, N(__builtin_shufflevector(x[0].v, x[1].v, ((i + N::size) / 2 + i % 2 * N::size)...)));
  };
  merge(std::make_integer_sequence<int, N::size>());
}
template <class T, class N>
void store_blocks(T* out, const N (&x)[4]) {
  // Values 0 and 2, 1 and 3; then these pairs.
  N even[2], odd[2];
  auto merge = [&]<int... i>(const N& a, const N& b, std::integer_sequence<int, i...>, N(&to)[2]) {
    to[0] = N(__builtin_shufflevector(a.v, b.v, (i / 2 + i % 2 * N::size)...));
    to[1] = N(__builtin_shufflevector(a.v, b.v, ((i + N::size) / 2 + i % 2 * N::size)...));
  };
  constexpr std::make_integer_sequence<int, N::size> kLanes;
  merge(x[0], x[2], kLanes, even);
  merge(x[1], x[3], kLanes, odd);
  for (int part = 0; part < 2; ++part) {
    N pair[2];
    merge(even[part], odd[part], kLanes, pair);
    store(out + 2 * part * N::size, pair[0]);
    store(out + (2 * part + 1) * N::size, pair[1]);
  }
}

/// Values one block yields: four, or two of 64 bits.
template <class T>
inline constexpr int kPerBlock = sizeof(T) == 8 ? 2 : 4;

/// The uniform numbers of blocks i, i + 1 ...
template <class T, class N, int n>
void units(const Words& w, int i, N (&x)[n]) {
  for (int j = 0; j < n; ++j) x[j] = n == 2 ? unit<T>(w[2 * j] + i, w[2 * j + 1] + i) : unit<T>(w[j] + i);
}

template <class T>
struct Uniform {
  static constexpr double kCost = 0.3;  // ns per value
  void operator()(const Words& w, T* out) const {
    using N = Vec<Compute<T>>;
    constexpr int n = kPerBlock<T>;
    for (int i = 0; i < kTile; i += N::size) {
      N x[n];
      units<T>(w, i, x);
      store_blocks(out + n * i, x);
    }
  }
};

/// Integers in [low, low + range); range 0 stands for all.
template <class T>
struct UniformInt {
  static constexpr double kCost = 1;
  using U = std::make_unsigned_t<T>;
  T low;
  U range;
  T place(U bits) const { return T(U(low) + (range ? bits % range : bits)); }
  void operator()(const Words& w, T* out) const {
    for (int i = 0; i < kTile; ++i) {
      if constexpr (sizeof(T) == 8) {
        out[2 * i] = place(w[0][i] | U(w[1][i]) << 32);
        out[2 * i + 1] = place(w[2][i] | U(w[3][i]) << 32);
      } else {
        for (int j = 0; j < 4; ++j) out[4 * i + j] = place(w[j][i]);
      }
    }
  }
};

/// Box-Muller: (u, v) uniform become two independent normal numbers, in place.
template <class N>
void box_muller(N& u, N& v) {
  using C = typename N::value_type;
  // log(0) is avoided as TensorFlow does it; 1e-7 bounds the result by 5.7.
  N radius = sqrt(log(max(u, C(1.0e-7))) * -2);
  N angle = v * C(2 * std::numbers::pi);
  // 2 pi v as if it had been multiplied in double.
  if constexpr (sizeof(C) == 4)
    angle = angle + fma(v, N(C(2 * std::numbers::pi - double(C(2 * std::numbers::pi)))),
                        fma(v, N(C(2 * std::numbers::pi)), -angle));
  u = sin(angle) * radius;
  v = cos(angle) * radius;
}

template <class T>
struct Normal {
  static constexpr double kCost = 1;
  using N = Vec<Compute<T>>;
  static constexpr int n = kPerBlock<T>;

  void operator()(const Words& w, T* out) const {
    for (int i = 0; i < kTile; i += N::size) {
      N x[n];
      normals(w, i, x);
      store_blocks(out + n * i, x);
    }
  }
  /// The normal numbers of blocks i, i + 1 ...
  static void normals(const Words& w, int i, N (&x)[n]) {
    units<Compute<T>>(w, i, x);
    for (int j = 0; j < n; j += 2) box_muller(x[j], x[j + 1]);
  }
  static void normals(const Words& w, Compute<T> (&x)[n][kTile]) {
    for (int i = 0; i < kTile; i += N::size) {
      N packet[n];
      normals(w, i, packet);
      for (int j = 0; j < n; ++j) store(x[j] + i, packet[j]);
    }
  }
};

/// Normal numbers within two deviations. Each group of outputs has a region of the stream to itself (kRegion blocks)
/// and draws pairs from it until it is full.
template <class T>
struct TruncatedNormal {
  static constexpr double kCost = 3;
  static constexpr int kGroups = 8 * kTile;  // at most, in one call
  static constexpr uint64_t kRegion = kPerBlock<T> * 64;
  using C = Compute<T>;

  /// Fills `groups` groups whose regions start at `first`.
  void operator()(const Philox& first, int groups, T* out) const {
    constexpr int n = kPerBlock<T>;
    alignas(64) C x[n][kTile];
    Words w;
    int group[kGroups], missing[kGroups], open = 0;  // groups that are not full yet
    for (int start = 0; start < groups; start += kTile) {
      philox_blocks(first.skipped(uint64_t(start) * kRegion), kRegion, w);
      Normal<T>::normals(w, x);
      for (int i = 0; i < std::min(kTile, groups - start); ++i) {
        int have = 0;
        for (int j = 0; j < n; ++j) {
          if (std::abs(x[j][i]) < C(2)) out[n * (start + i) + have++] = T(x[j][i]);
        }
        if (have == n) continue;
        group[open] = start + i;
        missing[open++] = n - have;
      }
    }
    // One group in six is left. They take their next blocks together, through the same arithmetic.
    for (uint64_t block = 1; open > 0; ++block) {
      int still = 0;
      for (int start = 0; start < open; start += kTile) {
        int lanes = std::min(kTile, open - start);
        for (int p = 0; p < kTile; ++p) {
          int i = group[start + (p < lanes ? p : 0)];
          Philox::Block b = first.skipped(uint64_t(i) * kRegion + block).block();
          for (size_t word = 0; word < 4; ++word) w[word][p] = b[word];
        }
        Normal<T>::normals(w, x);
        for (int p = 0; p < lanes; ++p) {
          int i = group[start + p], left = missing[start + p];
          for (int j = 0; j < n && left > 0; ++j) {
            if (std::abs(x[j][p]) < C(2)) out[n * i + n - left--] = T(x[j][p]);
          }
          if (left > 0) {
            group[still] = i;
            missing[still++] = left;
          }
        }
      }
      open = still;
    }
  }
};

}  // namespace thalweg::kernels
