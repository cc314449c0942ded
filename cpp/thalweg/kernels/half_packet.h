// Half a register's worth of numbers. Where registers have 64 bytes tiles use them at their edge: processors that
// execute such registers in halves take half the time for half of one.
#pragma once

#include "thalweg/kernels/packet.h"

namespace thalweg::kernels {

template <class T>
struct HalfPacket {
  static constexpr int size = Packet<T>::size / 2;
  typedef T V __attribute__((vector_size(kVectorBytes / 2)));
  typedef T Loose __attribute__((vector_size(kVectorBytes / 2), aligned(alignof(T)), may_alias));
  V v;

  static HalfPacket load(const T* p) { return {*reinterpret_cast<const Loose*>(p)}; }
  static HalfPacket set(T x) { return {x - V{}}; }
  static HalfPacket zero() { return {V{}}; }
  void store(T* p) const { *reinterpret_cast<Loose*>(p) = v; }

  /// The first n elements, n <= size; the others are zero. Nothing beyond them is touched.
  static HalfPacket load(const T* p, int n) {
#if defined(__AVX512VL__)
    const auto lanes = __mmask8((1u << n) - 1);
    if constexpr (sizeof(T) == 4) return {V(_mm256_maskz_loadu_epi32(lanes, p))};
    if constexpr (sizeof(T) == 8) return {V(_mm256_maskz_loadu_epi64(lanes, p))};
#endif
    V v{};
    std::memcpy(&v, p, size_t(n) * sizeof(T));
    return {v};
  }
  void store(T* p, int n) const {
#if defined(__AVX512VL__)
    const auto lanes = __mmask8((1u << n) - 1);
    if constexpr (sizeof(T) == 4) return _mm256_mask_storeu_epi32(p, lanes, __m256i(v));
    if constexpr (sizeof(T) == 8) return _mm256_mask_storeu_epi64(p, lanes, __m256i(v));
#endif
    std::memcpy(p, &v, size_t(n) * sizeof(T));
  }

  friend HalfPacket operator+(HalfPacket a, HalfPacket b) { return {a.v + b.v}; }
};

/// a * b + c, rounded as packets round it.
template <class T>
inline HalfPacket<T> fma(HalfPacket<T> a, HalfPacket<T> b, HalfPacket<T> c) {
#if defined(__AVX512VL__)
  if constexpr (std::is_same_v<T, float>) return {_mm256_fmadd_ps(a.v, b.v, c.v)};
  if constexpr (std::is_same_v<T, double>) return {_mm256_fmadd_pd(a.v, b.v, c.v)};
#endif
  return {a.v * b.v + c.v};
}

}  // namespace thalweg::kernels
