// What the compiler's vector extensions cannot say: instructions of a whole packet of float or double, each with a form
// for instruction sets that lack it.
#pragma once

#include <cmath>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "thalweg/num/float16.h"

namespace thalweg {

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
// Masked by all lanes: g++ 12 takes the "undefined" registers inside the plain forms for uninitialized variables.
#define TW_SIMD(name, ...) _mm512_maskz_##name(kAll<V>, __VA_ARGS__)
inline constexpr int kVecBytes = 64;
#elif defined(__AVX2__)
#define TW_SIMD(name, ...) _mm256_##name(__VA_ARGS__)
inline constexpr int kVecBytes = 32;
#else
#define TW_SIMD(name, ...) _mm_##name(__VA_ARGS__)
inline constexpr int kVecBytes = 16;
#endif

/// a * b + c is rounded once.
#if defined(__FMA__)
inline constexpr bool kFusedMultiplyAdd = true;
#else
inline constexpr bool kFusedMultiplyAdd = false;
#endif

namespace detail::simd {

template <class V>
inline constexpr bool kFloat = sizeof(V{}[0]) == 4;
#if defined(__AVX512F__)
template <class V>
inline constexpr std::conditional_t<kFloat<V>, __mmask16, __mmask8> kAll = -1;
#endif

/// a * b + c
template <class V>
TW_HD V fma(V a, V b, V c) {
#if defined(__FMA__)
  if constexpr (kFloat<V>)
    return TW_SIMD(fmadd_ps, a, b, c);
  else
    return TW_SIMD(fmadd_pd, a, b, c);
#else
  return a * b + c;
#endif
}

/// a < b ? a : b, so b where either is NaN.
template <class V>
TW_HD V min(V a, V b) {
#if defined(__SSE2__)
  if constexpr (kFloat<V>)
    return TW_SIMD(min_ps, a, b);
  else
    return TW_SIMD(min_pd, a, b);
#else
  return a < b ? a : b;
#endif
}

/// a > b ? a : b, so b where either is NaN.
template <class V>
TW_HD V max(V a, V b) {
#if defined(__SSE2__)
  if constexpr (kFloat<V>)
    return TW_SIMD(max_ps, a, b);
  else
    return TW_SIMD(max_pd, a, b);
#else
  return a > b ? a : b;
#endif
}

template <class V>
TW_HD V sqrt(V a) {
#if defined(__SSE2__)
  if constexpr (kFloat<V>)
    return TW_SIMD(sqrt_ps, a);
  else
    return TW_SIMD(sqrt_pd, a);
#else
  for (size_t i = 0; i < sizeof(V) / sizeof a[0]; ++i) a[i] = std::sqrt(a[i]);
  return a;
#endif
}

enum class To { kNearest = 0, kFloor = 1, kCeil = 2 };  // as the instructions number them

/// A whole number; halves go to the even one. The sign of zero stays.
template <To to, class V>
TW_HD V round(V a) {
#if defined(__AVX512F__)
  if constexpr (kFloat<V>)
    return TW_SIMD(roundscale_ps, a, int(to) | _MM_FROUND_NO_EXC);
  else
    return TW_SIMD(roundscale_pd, a, int(to) | _MM_FROUND_NO_EXC);
#elif defined(__SSE4_1__)
  if constexpr (kFloat<V>)
    return TW_SIMD(round_ps, a, int(to) | _MM_FROUND_NO_EXC);
  else
    return TW_SIMD(round_pd, a, int(to) | _MM_FROUND_NO_EXC);
#else
  for (size_t i = 0; i < sizeof(V) / sizeof a[0]; ++i)
    a[i] = to == To::kNearest ? std::rint(a[i]) : to == To::kFloor ? std::floor(a[i]) : std::ceil(a[i]);
  return a;
#endif
}

#if defined(__AVX512F__)
/// x 2^k, rounded once, for whole k.
template <class V>
TW_HD V scale(V x, V k) {
  if constexpr (kFloat<V>)
    return TW_SIMD(scalef_ps, x, k);
  else
    return TW_SIMD(scalef_pd, x, k);
}
/// x = m 2^e, m in [0.75, 1.5), NaN below 0. What is infinite or 0 has m = 1 and e infinite.
template <class V>
TW_HD V mantissa(V x) {
  if constexpr (kFloat<V>)
    return TW_SIMD(getmant_ps, x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  else
    return TW_SIMD(getmant_pd, x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
}
/// The exponent of x as a number.
template <class V>
TW_HD V exponent(V x) {
  if constexpr (kFloat<V>)
    return TW_SIMD(getexp_ps, x);
  else
    return TW_SIMD(getexp_pd, x);
}
#endif

#if defined(__F16C__)
/// float from the words of IEEE binary16, and back, rounded to the nearest.
template <class V, class H>
TW_HD V from_half(H h) {
#if defined(__AVX512F__)
  return _mm512_maskz_cvtph_ps(kAll<V>, __m256i(h));
#else
  return _mm256_cvtph_ps(__m128i(h));
#endif
}
template <class H, class V>
TW_HD H to_half(V x) {
#if defined(__AVX512F__)
  return H(_mm512_maskz_cvtps_ph(kAll<V>, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
  return H(_mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
#endif
}
#endif

/// Whether any bit is set.
template <class M>
TW_HD bool any(M m) {
#if defined(__AVX512F__)
  if constexpr (sizeof(M) == 64) return _mm512_test_epi64_mask(__m512i(m), __m512i(m)) != 0;
#elif defined(__AVX2__)
  if constexpr (sizeof(M) == 32) return !_mm256_testz_si256(__m256i(m), __m256i(m));
#elif defined(__SSE4_1__)
  if constexpr (sizeof(M) == 16) return !_mm_testz_si128(__m128i(m), __m128i(m));
#endif
  M zero{};
  return std::memcmp(&m, &zero, sizeof m) != 0;
}

}  // namespace detail::simd
}  // namespace thalweg

#undef TW_SIMD
