// A register's worth of numbers for the hand-written kernels, and conversions between storage and compute types. The
// width follows the instruction set that this file is compiled for.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "thalweg/core/dtype.h"

namespace thalweg::kernels {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

template <class T>
struct Packet {
  static constexpr int size = kVectorBytes / int(sizeof(T));
  typedef T V __attribute__((vector_size(kVectorBytes)));
  typedef T Loose __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
  V v;

  static Packet load(const T* p) { return {*reinterpret_cast<const Loose*>(p)}; }
  static Packet set(T x) { return {x - V{}}; }
  static Packet zero() { return {V{}}; }
  void store(T* p) const { *reinterpret_cast<Loose*>(p) = v; }

  /// The first n elements, n <= size; the others are zero. Nothing beyond them is touched.
  static Packet load(const T* p, int n) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return {V(_mm512_maskz_loadu_epi32(__mmask16((1u << n) - 1), p))};
    if constexpr (sizeof(T) == 8) return {V(_mm512_maskz_loadu_epi64(__mmask8((1u << n) - 1), p))};
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) return {V(_mm256_maskload_epi32(reinterpret_cast<const int*>(p), __m256i(first(n))))};
    if constexpr (sizeof(T) == 8) {
      return {V(_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), __m256i(first(n))))};
    }
#endif
    V v{};
    std::memcpy(&v, p, size_t(n) * sizeof(T));
    return {v};
  }
  void store(T* p, int n) const {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return _mm512_mask_storeu_epi32(p, __mmask16((1u << n) - 1), __m512i(v));
    if constexpr (sizeof(T) == 8) return _mm512_mask_storeu_epi64(p, __mmask8((1u << n) - 1), __m512i(v));
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4) {
      return _mm256_maskstore_epi32(reinterpret_cast<int*>(p), __m256i(first(n)), __m256i(v));
    }
    if constexpr (sizeof(T) == 8) {
      return _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), __m256i(first(n)), __m256i(v));
    }
#endif
    std::memcpy(p, &v, size_t(n) * sizeof(T));
  }

  /// All bits set in the first n lanes.
  using Index = std::conditional_t<
      sizeof(T) == 1, int8_t,
      std::conditional_t<sizeof(T) == 2, int16_t, std::conditional_t<sizeof(T) == 4, int32_t, int64_t>>>;
  typedef Index Mask __attribute__((vector_size(kVectorBytes)));
  static Mask first(int n) {
    Mask lane;
    for (int i = 0; i < size; ++i) lane[i] = Index(i);
    return lane < (Index(n) - Mask{});
  }

  friend Packet operator+(Packet a, Packet b) { return {a.v + b.v}; }
  friend Packet operator*(Packet a, Packet b) { return {a.v * b.v}; }
};

/// a * b + c, with one rounding where the instruction set has it.
template <class T>
inline Packet<T> fma(Packet<T> a, Packet<T> b, Packet<T> c) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>) return {_mm512_fmadd_ps(a.v, b.v, c.v)};
  if constexpr (std::is_same_v<T, double>) return {_mm512_fmadd_pd(a.v, b.v, c.v)};
#elif defined(__AVX2__) && defined(__FMA__)
  if constexpr (std::is_same_v<T, float>) return {_mm256_fmadd_ps(a.v, b.v, c.v)};
  if constexpr (std::is_same_v<T, double>) return {_mm256_fmadd_pd(a.v, b.v, c.v)};
#endif
  return {a.v * b.v + c.v};
}

/// Makes the compiler load x once and keep it, where it would rather read memory again with every use: loads run out
/// before multiply-adds do.
template <class T>
inline void keep(Packet<T>& x) {
#if defined(__AVX512F__)
  asm("" : "+v"(x.v));
#elif defined(__x86_64__)
  asm("" : "+x"(x.v));
#else
  (void)x;
#endif
}

/// A sum of all elements in an order fixed by the type.
template <class T>
inline T sum(Packet<T> a) {
  T lanes[Packet<T>::size];
  a.store(lanes);
  for (int n = Packet<T>::size / 2; n > 0; n /= 2) {
    for (int i = 0; i < n; ++i) lanes[i] += lanes[i + n];
  }
  return lanes[0];
}

namespace detail {

/// Lane l of the first result is a[l] where l lacks `bit`, b[l - bit] where it has it; of the second a[l + bit] and
/// b[l].
template <int bit, class T>
inline void exchange(Packet<T>& a, Packet<T>& b) {
  constexpr int n = Packet<T>::size;
  constexpr auto low = [] {
    typename Packet<T>::Mask m{};
    for (int l = 0; l < n; ++l) m[l] = typename Packet<T>::Index(l & bit ? n + l - bit : l);
    return m;
  };
  const typename Packet<T>::Mask from_low = low(), from_high = from_low + typename Packet<T>::Index(bit);
  auto first = __builtin_shuffle(a.v, b.v, from_low);
  b.v = __builtin_shuffle(a.v, b.v, from_high);
  a.v = first;
}

template <int bit, class T>
inline void transpose_stages(Packet<T>* rows) {
  constexpr int n = Packet<T>::size;
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) {
    if (!(i & bit)) exchange<bit>(rows[i], rows[i | bit]);
  }
  if constexpr (2 * bit < n) transpose_stages<2 * bit>(rows);
}

template <int bit, class T>
inline void sum_stages(Packet<T>* x) {
  constexpr int n = Packet<T>::size;
#pragma GCC unroll 8
  for (int i = 0; i < n / 2 / bit; ++i) {
    Packet<T> a = x[2 * i], b = x[2 * i + 1];
    exchange<bit>(a, b);
    x[i] = a + b;
  }
  if constexpr (2 * bit < n) sum_stages<2 * bit>(x);
}

}  // namespace detail

/// Exchanges rows and columns of a square of Packet<T>::size packets.
template <class T>
inline void transpose(Packet<T>* rows) {
  detail::transpose_stages<1>(rows);
}

/// Lane i: the sum of all elements of x[i], for Packet<T>::size packets, in an order fixed by the type. Destroys x.
template <class T>
inline Packet<T> sum_each(Packet<T>* x) {
  detail::sum_stages<1>(x);
  return x[0];
}

/// The type that products of T are summed in: float for the 16-bit formats, unsigned words for integers (their products
/// and sums are right modulo 2^n whatever the sign, and overflow is defined).
template <class T>
struct SumTypeOf {
  using type = Compute<T>;
};
template <class T>
  requires std::is_integral_v<T>
struct SumTypeOf<T> {
  using type = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;
};
template <class T>
using SumType = typename SumTypeOf<T>::type;

/// The sum type may take T's place in memory.
template <class T>
inline constexpr bool is_sum_type = sizeof(T) == sizeof(SumType<T>);

/// dst[i] = src[i], converted.
template <class Dst, class Src>
inline void convert(const Src* src, Dst* dst, int64_t n) {
  if constexpr (std::is_same_v<Dst, Src>) {
    if (n > 0) std::memcpy(dst, src, size_t(n) * sizeof(Src));
  } else {
    int64_t i = 0;
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<Src, half> && std::is_same_v<Dst, float>) {
      for (; i + 16 <= n; i += 16) {
        __m256i h = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(src + i));
        _mm512_storeu_ps(dst + i, _mm512_maskz_cvtph_ps(0xffff, h));
      }
    }
    if constexpr (std::is_same_v<Src, float> && std::is_same_v<Dst, half>) {
      for (; i + 16 <= n; i += 16) {
        __m256i h =
            _mm512_maskz_cvtps_ph(0xffff, _mm512_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i), h);
      }
    }
#elif defined(__F16C__)
    if constexpr (std::is_same_v<Src, half> && std::is_same_v<Dst, float>) {
      for (; i + 8 <= n; i += 8) {
        __m128i h = _mm_loadu_si128(reinterpret_cast<const __m128i*>(src + i));
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(h));
      }
    }
    if constexpr (std::is_same_v<Src, float> && std::is_same_v<Dst, half>) {
      for (; i + 8 <= n; i += 8) {
        __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + i), h);
      }
    }
#endif
    for (; i < n; ++i) dst[i] = Dst(src[i]);
  }
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace thalweg::kernels
