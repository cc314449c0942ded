// Vec<T>: one SIMD packet of T, as wide as the instruction set this file is compiled for. The same names as Lane, by
// the compiler's vector extensions; functions without a vector form go through the lanes one by one. vec_math.h has
// exp, log ...
#pragma once

#include <cstring>
#include <utility>

#include "thalweg/num/intrinsics.h"
#include "thalweg/num/math.h"

namespace thalweg {

namespace detail {
template <int bytes>
using IntOf =
    std::conditional_t<bytes == 1, int8_t,
                       std::conditional_t<bytes == 2, int16_t, std::conditional_t<bytes == 4, int32_t, int64_t>>>;
template <class T, int lanes>
struct Packed {
  typedef T type __attribute__((vector_size(sizeof(T) * lanes)));
};
/// `lanes` numbers of T in a register.
template <class T, int lanes>
using Pack = typename Packed<T, lanes>::type;

template <class To, class From>
TW_HD To bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  return (To)x;  // between vectors: the same bits
}
}  // namespace detail

template <class T>
struct Vec {
  using value_type = T;
  static constexpr int size = kVecBytes / int(sizeof(T));
  using V = detail::Pack<T, size>;
  using I = detail::IntOf<sizeof(T)>;
  using M = detail::Pack<I, size>;                        // 0 or -1 per lane
  using U = detail::Pack<std::make_unsigned_t<I>, size>;  // integers wrap
  static constexpr bool kInt = std::is_integral_v<T>;

  struct Mask {
    M m;
    friend TW_HD Mask operator&&(Mask a, Mask b) { return {a.m & b.m}; }
    friend TW_HD Mask operator||(Mask a, Mask b) { return {a.m | b.m}; }
    friend TW_HD Mask operator!(Mask a) { return {~a.m}; }
    friend TW_HD Vec where(Mask m, Vec a, Vec b) { return Vec(m.m ? a.v : b.v); }
    TW_HD bool any() const { return detail::simd::any(m); }
  };

  V v;

  Vec() = default;
  TW_HD explicit Vec(V x) : v(x) {}
  template <Literal K>
  TW_HD Vec(K k) : v(T(k) - V{}) {}  // NOLINT(google-explicit-constructor)

  /// Each lane through f.
  template <class F>
  static TW_HD Vec map(F f, Vec a) {
    for (int i = 0; i < size; ++i) a.v[i] = f(a.v[i]);
    return a;
  }
  template <class F>
  static TW_HD Vec map(F f, Vec a, Vec b) {
    for (int i = 0; i < size; ++i) a.v[i] = f(a.v[i], b.v[i]);
    return a;
  }

  friend TW_HD Vec operator+(Vec a, Vec b) {
    if constexpr (kInt)
      return Vec((V)((U)a.v + (U)b.v));
    else
      return Vec(a.v + b.v);
  }
  friend TW_HD Vec operator-(Vec a, Vec b) {
    if constexpr (kInt)
      return Vec((V)((U)a.v - (U)b.v));
    else
      return Vec(a.v - b.v);
  }
  friend TW_HD Vec operator*(Vec a, Vec b) {
    if constexpr (kInt)
      return Vec((V)((U)a.v * (U)b.v));
    else
      return Vec(a.v * b.v);
  }
  friend TW_HD Vec operator/(Vec a, Vec b) {
    if constexpr (kInt)
      return map([](T x, T y) { return math::div(x, y); }, a, b);
    else
      return Vec(a.v / b.v);
  }
  friend TW_HD Vec operator-(Vec a) {
    if constexpr (kInt)
      return Vec(0) - a;
    else
      return Vec(-a.v);
  }
  friend TW_HD Mask operator<(Vec a, Vec b) { return {(M)(a.v < b.v)}; }
  friend TW_HD Mask operator<=(Vec a, Vec b) { return {(M)(a.v <= b.v)}; }
  friend TW_HD Mask operator>(Vec a, Vec b) { return {(M)(a.v > b.v)}; }
  friend TW_HD Mask operator>=(Vec a, Vec b) { return {(M)(a.v >= b.v)}; }
  friend TW_HD Mask operator==(Vec a, Vec b) { return {(M)(a.v == b.v)}; }
  friend TW_HD Mask operator!=(Vec a, Vec b) { return {(M)(a.v != b.v)}; }
  friend TW_HD Vec like(Vec, Vec k) { return k; }

  friend TW_HD Vec max(Vec a, Vec b) {
    if constexpr (kInt)
      return Vec(a.v > b.v ? a.v : b.v);
    else
      return where(a != a, a, Vec(detail::simd::max(a.v, b.v)));
  }
  friend TW_HD Vec min(Vec a, Vec b) {
    if constexpr (kInt)
      return Vec(a.v < b.v ? a.v : b.v);
    else
      return where(a != a, a, Vec(detail::simd::min(a.v, b.v)));
  }
  friend TW_HD Vec abs(Vec a) {
    if constexpr (!kInt)
      return Vec((V)((U)a.v & ~sign_bit()));
    else if constexpr (std::is_signed_v<T>)
      return where(a < 0, -a, a);
    else
      return a;
  }
  friend TW_HD Vec sign(Vec a) {
    if constexpr (std::is_unsigned_v<T>)
      return where(a != 0, Vec(1), Vec(0));
    else
      return where(a > 0, Vec(1), where(a < 0, Vec(-1), a));
  }
  /// Magnitude of a, sign of s.
  friend TW_HD Vec copysign(Vec a, Vec s) { return Vec((V)(((U)a.v & ~sign_bit()) | ((U)s.v & sign_bit()))); }
  friend TW_HD Mask is_nan(Vec a) { return a != a; }
  friend TW_HD Mask is_inf(Vec a) { return abs(a) == Vec(std::numeric_limits<T>::infinity()); }
  friend TW_HD Mask is_finite(Vec a) { return abs(a) < Vec(std::numeric_limits<T>::infinity()); }

  /// To nearest, halves to even.
  friend TW_HD Vec round(Vec a) { return rounded<detail::simd::To::kNearest>(a); }
  friend TW_HD Vec floor(Vec a) { return rounded<detail::simd::To::kFloor>(a); }
  friend TW_HD Vec ceil(Vec a) { return rounded<detail::simd::To::kCeil>(a); }
  friend TW_HD Vec sqrt(Vec a) { return Vec(detail::simd::sqrt(a.v)); }
  /// a * b + c, with one rounding where the instruction set has it.
  friend TW_HD Vec fma(Vec a, Vec b, Vec c) { return Vec(detail::simd::fma(a.v, b.v, c.v)); }

  friend TW_HD Vec rem(Vec a, Vec b) {
    return map([](T x, T y) { return math::rem(x, y); }, a, b);
  }
  friend TW_HD Vec floor_div(Vec a, Vec b) {
    if constexpr (kInt)
      return map([](T x, T y) { return math::floor_div(x, y); }, a, b);
    else
      return floor(a / b);
  }
  friend TW_HD Vec floor_mod(Vec a, Vec b) {
    return map([](T x, T y) { return math::floor_mod(x, y); }, a, b);
  }
  friend TW_HD Vec div_no_nan(Vec a, Vec b) { return where(b == 0, 0, a / b); }
  friend TW_HD Vec mul_no_nan(Vec a, Vec b) { return where(b == 0, 0, a * b); }
  friend TW_HD Mask has_log(Vec a) { return a > 0; }
  friend TW_HD Vec unconjugated(Vec a) { return a; }
  friend TW_HD Vec magnitude_squared(Vec a) { return a * a; }
  friend TW_HD Vec nothing(Vec) { return 0; }

  // Integers.
  friend TW_HD Vec operator~(Vec a) { return Vec(~a.v); }
  friend TW_HD Vec operator&(Vec a, Vec b) { return Vec(a.v & b.v); }
  friend TW_HD Vec operator|(Vec a, Vec b) { return Vec(a.v | b.v); }
  friend TW_HD Vec operator^(Vec a, Vec b) { return Vec(a.v ^ b.v); }
  friend TW_HD Vec shift_left(Vec a, Vec b) {
    return map([](T x, T y) { return math::shift_left(x, y); }, a, b);
  }
  friend TW_HD Vec shift_right(Vec a, Vec b) {
    return map([](T x, T y) { return math::shift_right(x, y); }, a, b);
  }

 private:
  template <detail::simd::To to>
  static TW_HD Vec rounded(Vec a) {
    if constexpr (kInt)
      return a;
    else
      return Vec(detail::simd::round<to>(a.v));
  }
  static TW_HD U sign_bit() { return (std::make_unsigned_t<I>(1) << (sizeof(T) * 8 - 1)) - U{}; }
};

template <class T>
using MaskOf = typename Vec<T>::Mask;

namespace detail {
template <class V, class F, int... i>
TW_HD auto fold_halves(V v, F combine, std::integer_sequence<int, i...>) {
  return combine(__builtin_shufflevector(v, v, i...), __builtin_shufflevector(v, v, (int(sizeof...(i)) + i)...));
}
}  // namespace detail

/// The lanes of a register combined into one, halves with halves: combine takes registers of any width, and numbers.
template <class V, class F>
TW_HD auto fold_lanes(V v, F combine) {
  constexpr int kLanes = int(sizeof(V) / sizeof(v[0]));
  if constexpr (kLanes == 2)
    return combine(v[0], v[1]);
  else
    return fold_lanes(detail::fold_halves(v, combine, std::make_integer_sequence<int, kLanes / 2>()), combine);
}

// Memory. Storage may be narrower than the number: half and bfloat16 are read as float. The forms with a count reach
// the first n elements alone, 1 <= n <= size: tails of arrays pass through the same arithmetic as whole packets.

namespace detail {

template <class E>
TW_HD auto raw(const E& x) {
  IntOf<sizeof(E)> r;
  std::memcpy(&r, &x, sizeof r);
  return r;
}

/// The first n elements at p; the other lanes repeat the first, so that nothing is divided by a zero nobody wrote and
/// no rare case is met that the data does not hold.
template <class P, class E>
TW_HD P load_first(const E* p, int n) {
  static_assert(sizeof(P) % sizeof(E) == 0);
  [[maybe_unused]] const auto* from = reinterpret_cast<const char*>(p);
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  const auto mask = (uint64_t(1) << (n - 1) << 1) - 1;
  const auto first = raw(*p);
  if constexpr (sizeof(P) == 64) {
    if constexpr (sizeof(E) == 8) return P(_mm512_mask_loadu_epi64(_mm512_set1_epi64(first), __mmask8(mask), from));
    if constexpr (sizeof(E) == 4) return P(_mm512_mask_loadu_epi32(_mm512_set1_epi32(first), __mmask16(mask), from));
    if constexpr (sizeof(E) == 2) return P(_mm512_mask_loadu_epi16(_mm512_set1_epi16(first), __mmask32(mask), from));
    if constexpr (sizeof(E) == 1) return P(_mm512_mask_loadu_epi8(_mm512_set1_epi8(first), __mmask64(mask), from));
  }
  if constexpr (sizeof(P) == 32 && sizeof(E) == 2)
    return P(_mm256_mask_loadu_epi16(_mm256_set1_epi16(first), __mmask16(mask), from));
#elif defined(__AVX2__)
  if constexpr (sizeof(P) == 32 && sizeof(E) >= 4) {
    using I = IntOf<sizeof(E)>;
    using M = Pack<I, 32 / sizeof(E)>;
    M lane, first = raw(*p) - M{};
    for (int i = 0; i < int(32 / sizeof(E)); ++i) lane[i] = I(i);
    M mask = lane < I(n);
    if constexpr (sizeof(E) == 4)
      return P(mask ? M(_mm256_maskload_epi32(reinterpret_cast<const int*>(from), __m256i(mask))) : first);
    else
      return P(mask ? M(_mm256_maskload_epi64(reinterpret_cast<const long long*>(from), __m256i(mask))) : first);
  }
#endif
  constexpr int kLanes = sizeof(P) / sizeof(E);
  P v = P(raw(*p) - Pack<IntOf<sizeof(E)>, kLanes>{});
  std::memcpy(&v, from, size_t(n) * sizeof(E));
  return v;
}

/// The first n lanes of v to p; what lies beyond is not touched.
template <class P, class E>
TW_HD void store_first(E* p, P v, int n) {
  static_assert(sizeof(P) % sizeof(E) == 0);
  auto* to = reinterpret_cast<char*>(p);
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  const auto mask = (uint64_t(1) << (n - 1) << 1) - 1;
  if constexpr (sizeof(P) == 64) {
    if constexpr (sizeof(E) == 8) return _mm512_mask_storeu_epi64(to, __mmask8(mask), __m512i(v));
    if constexpr (sizeof(E) == 4) return _mm512_mask_storeu_epi32(to, __mmask16(mask), __m512i(v));
    if constexpr (sizeof(E) == 2) return _mm512_mask_storeu_epi16(to, __mmask32(mask), __m512i(v));
    if constexpr (sizeof(E) == 1) return _mm512_mask_storeu_epi8(to, __mmask64(mask), __m512i(v));
  }
  if constexpr (sizeof(P) == 32) {
    if constexpr (sizeof(E) == 2) return _mm256_mask_storeu_epi16(to, __mmask16(mask), __m256i(v));
    if constexpr (sizeof(E) == 1) return _mm256_mask_storeu_epi8(to, __mmask32(mask), __m256i(v));
  }
  if constexpr (sizeof(P) == 16 && sizeof(E) == 1) return _mm_mask_storeu_epi8(to, __mmask16(mask), __m128i(v));
#elif defined(__AVX2__)
  if constexpr (sizeof(P) == 32 && sizeof(E) >= 4) {
    using I = IntOf<sizeof(E)>;
    using M = Pack<I, 32 / sizeof(E)>;
    M lane;
    for (int i = 0; i < int(32 / sizeof(E)); ++i) lane[i] = I(i);
    M mask = lane < I(n);
    if constexpr (sizeof(E) == 4)
      return _mm256_maskstore_epi32(reinterpret_cast<int*>(to), __m256i(mask), __m256i(v));
    else
      return _mm256_maskstore_epi64(reinterpret_cast<long long*>(to), __m256i(mask), __m256i(v));
  }
#endif
  std::memcpy(to, &v, size_t(n) * sizeof(E));
}

template <class N>
using Half = Pack<uint16_t, N::size>;

/// The numbers that 16-bit words stand for, T says in which format.
template <class N, class T>
TW_HD N widen(Half<N> h) {
  using U32 = Pack<uint32_t, N::size>;
#if defined(__F16C__)
  if constexpr (std::same_as<T, half>) return N(simd::from_half<typename N::V>(h));
#endif
  U32 w = __builtin_convertvector(h, U32);
  if constexpr (std::same_as<T, bfloat16>) {
    return N((typename N::V)(w << 16));
  } else {  // as detail::half_to_float: a denormal is a float after scaling
    using F32 = Pack<float, N::size>;
    U32 sign = (w & 0x8000u) << 16, rest = (w & 0x7fffu) << 13, exponent = rest >> 23;
    U32 normal = rest + (0x38000000u - U32{});
    U32 tiny = (U32)((F32)(rest | 0x38800000u) - (F32)(0x38800000u - U32{}));
    U32 r = exponent == 0x1fu ? (rest | 0x7f800000u) : (exponent == 0u ? tiny : normal);
    return N((typename N::V)(r | sign));
  }
}
template <class T, class N>
TW_HD Half<N> narrow(const N& x) {
  using U32 = Pack<uint32_t, N::size>;
  using F32 = Pack<float, N::size>;
#if defined(__F16C__)
  if constexpr (std::same_as<T, half>) return simd::to_half<Half<N>>(x.v);
#endif
  U32 f = (U32)x.v, r;
  if constexpr (std::same_as<T, bfloat16>) {
    U32 rounded = (f + 0x7fffu + ((f >> 16) & 1u)) >> 16;
    r = (f & 0x7fffffffu) > 0x7f800000u ? ((f >> 16) | 0x40u) : rounded;
  } else {  // as detail::float_to_half
    U32 sign = (f >> 16) & 0x8000u;
    f &= 0x7fffffffu;
    U32 big = f > 0x7f800000u ? (0x7e00u - U32{}) : (0x7c00u - U32{});
    U32 tiny = (U32)((F32)f + 0.5f) - 0x3f000000u;
    U32 normal = (f - 0x38000000u + 0xfffu + ((f >> 13) & 1u)) >> 13;
    r = (f >= 0x47800000u ? big : (f < 0x38800000u ? tiny : normal)) | sign;
  }
  return __builtin_convertvector(r, Half<N>);
}

/// Bytes 0 and 1 from the lanes of a mask.
template <class K>
TW_HD auto bytes(const K& mask) {
  constexpr int kLanes = int(sizeof(mask.m) / sizeof(mask.m[0]));
  return __builtin_convertvector(mask.m, Pack<int8_t, kLanes>) & 1;
}

}  // namespace detail

template <class N, class T>
TW_HD N load(const T* p) {
  if constexpr (N::size == 1) {
    return N(typename N::value_type(*p));
  } else if constexpr (std::same_as<T, typename N::value_type>) {
    typename N::V v;
    std::memcpy(&v, p, sizeof v);
    return N(v);
  } else {
    detail::Half<N> h;
    std::memcpy(&h, p, sizeof h);
    return detail::widen<N, T>(h);
  }
}
template <class N, class T>
TW_HD N load(const T* p, int n) {
  if constexpr (N::size == 1)
    return load<N>(p);
  else if constexpr (std::same_as<T, typename N::value_type>)
    return N(detail::load_first<typename N::V>(p, n));
  else
    return detail::widen<N, T>(detail::load_first<detail::Half<N>>(p, n));
}

/// The same value in every lane.
template <class N, class T>
TW_HD N splat(const T& x) {
  return N(typename N::value_type(x));
}

template <class N, class T>
TW_HD void store(T* p, const N& x) {
  if constexpr (N::size == 1) {
    *p = T(x.v);
  } else if constexpr (std::same_as<T, typename N::value_type>) {
    std::memcpy(p, &x.v, sizeof x.v);
  } else {
    auto h = detail::narrow<T>(x);
    std::memcpy(p, &h, sizeof h);
  }
}
template <class N, class T>
TW_HD void store(T* p, const N& x, int n) {
  if constexpr (N::size == 1)
    store(p, x);
  else if constexpr (std::same_as<T, typename N::value_type>)
    detail::store_first(p, x.v, n);
  else
    detail::store_first(p, detail::narrow<T>(x), n);
}

TW_HD void store(bool* p, bool x) { *p = x; }
TW_HD void store(bool* p, bool x, int /*n*/) { *p = x; }
template <class K>
  requires requires(K k) { k.m; }
TW_HD void store(bool* p, const K& mask) {
  auto bytes = detail::bytes(mask);
  std::memcpy(p, &bytes, sizeof bytes);
}
template <class K>
  requires requires(K k) { k.m; }
TW_HD void store(bool* p, const K& mask, int n) {
  detail::store_first(p, detail::bytes(mask), n);
}

}  // namespace thalweg
