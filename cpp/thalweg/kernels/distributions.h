// From Philox's words to numbers, in TensorFlow's way: a given stream gives its values. Distributions work on tiles of
// kTile blocks; a value depends on its block alone, never on its place in a tile.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

// g++ 12 takes the "undefined" registers inside the AVX-512 intrinsics for uninitialized variables.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <Eigen/Core>
#pragma GCC diagnostic pop

#include "thalweg/core/dtype.h"
#include "thalweg/kernels/philox.h"

namespace thalweg::kernels {

inline constexpr int kTile = 32;
using Words = uint32_t[4][kTile];

// In [0, 1): mantissa bits below the exponent of 1, minus 1.
inline float unit_float(uint32_t x) { return std::bit_cast<float>(0x3f800000u | (x & 0x7fffffu)) - 1.0f; }
inline double unit_double(uint32_t high, uint32_t low) {
  uint64_t mantissa = uint64_t(high & 0xfffffu) << 32 | low;
  return std::bit_cast<double>(0x3ff0000000000000u | mantissa) - 1.0;
}
template <class T>
T unit(uint32_t x) {
  if constexpr (std::same_as<T, half>)
    return half(float(x & 0x3ffu) * 0x1p-10f);
  else if constexpr (std::same_as<T, bfloat16>)
    return bfloat16(float(x & 0x7fu) * 0x1p-7f);
  else
    return unit_float(x);
}

/// Values one block yields: four, or two of 64 bits.
template <class T>
inline constexpr int kPerBlock = sizeof(T) == 8 ? 2 : 4;

template <class T>
struct Uniform {
  static constexpr double kCost = 0.3;  // ns per value
  void operator()(const Words& w, T* out) const {
    for (int i = 0; i < kTile; ++i) {
      if constexpr (sizeof(T) == 8) {
        out[2 * i] = unit_double(w[0][i], w[1][i]);
        out[2 * i + 1] = unit_double(w[2][i], w[3][i]);
      } else {
        for (int j = 0; j < 4; ++j) out[4 * i + j] = unit<T>(w[j][i]);
      }
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

/// Box-Muller over n pairs: (u, v) uniform become two independent normal numbers, in place.
template <int n, class C>
void box_muller(C* u, C* v) {
  using Row = Eigen::Array<C, n, 1>;
  Eigen::Map<Row> a(u), b(v);
  // log(0) is avoided as TensorFlow does it; 1e-7 bounds the result by 5.7.
  Row radius = (C(-2) * a.max(C(1.0e-7)).log()).sqrt();
  Row angle = (b.template cast<double>() * (2 * std::numbers::pi)).template cast<C>();
  a = angle.sin() * radius;
  b = angle.cos() * radius;
}

template <class T>
struct Normal {
  static constexpr double kCost = 2;
  void operator()(const Words& w, T* out) const {
    using C = Compute<T>;
    alignas(64) C x[kPerBlock<T>][kTile];
    normals(w, x);
    for (int i = 0; i < kTile; ++i) {
      for (int j = 0; j < kPerBlock<T>; ++j) out[kPerBlock<T> * i + j] = T(x[j][i]);
    }
  }
  template <class C, int rows>
  static void normals(const Words& w, C (&x)[rows][kTile]) {
    for (int i = 0; i < kTile; ++i) {
      if constexpr (sizeof(C) == 8) {
        x[0][i] = unit_double(w[0][i], w[1][i]);
        x[1][i] = unit_double(w[2][i], w[3][i]);
      } else {
        for (int j = 0; j < 4; ++j) x[j][i] = unit_float(w[j][i]);
      }
    }
    for (int j = 0; j < rows; j += 2) box_muller<kTile>(x[j], x[j + 1]);
  }
};

/// Normal numbers within two deviations. Each group of outputs has a region of the stream to itself (kRegion blocks)
/// and draws pairs from it until it is full.
template <class T>
struct TruncatedNormal {
  static constexpr double kCost = 5;
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
      first.skipped(uint64_t(start) * kRegion).blocks(kRegion, w);
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
