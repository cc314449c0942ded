// Transcendental functions of Vec. Own vector forms where they pay (exp, log and what follows from them; sin, cos and
// pow of float through double packets); everything else calls the C library lane by lane, so it is as precise as Lane.
#pragma once

#include "thalweg/num/vec.h"

namespace thalweg {

namespace detail {

/// Runs f on the two halves of a float packet as double packets: float results correct but for the last rounding.
template <class F>
TW_HD Vec<float> through_double(Vec<float> a, F f) {
  constexpr int kHalf = Vec<double>::size;
  using Narrow = Pack<float, kHalf>;
  Narrow part[2];
  std::memcpy(part, &a.v, sizeof part);
  for (Narrow& p : part)
    p = __builtin_convertvector(f(Vec<double>(__builtin_convertvector(p, Vec<double>::V))).v, Narrow);
  std::memcpy(&a.v, part, sizeof part);
  return a;
}
template <class F>
TW_HD Vec<float> through_double(Vec<float> a, Vec<float> b, F f) {
  constexpr int kHalf = Vec<double>::size;
  using Narrow = Pack<float, kHalf>;
  Narrow p[2], q[2];
  std::memcpy(p, &a.v, sizeof p);
  std::memcpy(q, &b.v, sizeof q);
  for (int i = 0; i < 2; ++i) {
    p[i] = __builtin_convertvector(f(Vec<double>(__builtin_convertvector(p[i], Vec<double>::V)),
                                     Vec<double>(__builtin_convertvector(q[i], Vec<double>::V)))
                                       .v,
                                   Narrow);
  }
  std::memcpy(&a.v, p, sizeof p);
  return a;
}

/// y with f(x...) in the lanes of `rare`: lane by lane, so that no value depends on its neighbours.
template <class T, class F, class... Vs>
TW_HD Vec<T> patch(typename Vec<T>::Mask rare, Vec<T> y, F f, Vs... x) {
  if (rare.any()) [[unlikely]] {
    for (int i = 0; i < Vec<T>::size; ++i) {
      if (rare.m[i]) y.v[i] = f(x.v[i]...);
    }
  }
  return y;
}

/// 2^k for whole k in the exponent range of normal numbers.
template <class T>
TW_HD Vec<T> power_of_two(Vec<T> k) {
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr int kBias = std::numeric_limits<T>::max_exponent - 1;
  using M = typename Vec<T>::M;
  return Vec<T>((typename Vec<T>::V)((__builtin_convertvector(k.v, M) + kBias) << kMantissa));
}

/// x = k ln2 + r with |r| <= ln2 / 2; ln2 in two parts, the first with trailing zeros so that k times it is exact.
template <class T>
struct Reduced {
  Vec<T> k, r;
};
template <class T>
TW_HD Reduced<T> reduce_ln2(Vec<T> x) {
  Vec<T> k = round(x * T(1.44269504088896340736));
  if constexpr (sizeof(T) == 4)
    return {k, (x - k * 0.693359375f) + k * 2.12194440054690583e-4f};
  else
    return {k, (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10};
}

/// exp(r) - 1 on |r| <= ln2 / 2 by its Taylor series: the first term left out is below a tenth of an ulp.
template <class T>
TW_HD Vec<T> expm1_core(Vec<T> r) {
  constexpr double kInverseFactorial[] = {1.0 / 2,         1.0 / 6,          1.0 / 24,          1.0 / 120,
                                          1.0 / 720,       1.0 / 5040,       1.0 / 40320,       1.0 / 362880,
                                          1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0};
  constexpr int kTop = sizeof(T) == 4 ? 5 : 11;
  Vec<T> p = kInverseFactorial[kTop];
  for (int i = kTop - 1; i >= 0; --i) p = p * r + kInverseFactorial[i];
  return p * (r * r) + r;
}

/// log(m 2^e (1 + c)) from x = m 2^e, m in [sqrt(1/2), sqrt(2)): the series of 2 atanh(s), s = (m - 1) / (m + 1),
/// arranged so that the leading term m - 1 is exact. c is a small relative correction.
template <class T>
TW_HD Vec<T> log_core(Vec<T> x, Vec<T> c) {
  using V = Vec<T>;
  using U = typename V::U;
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr int kBias = std::numeric_limits<T>::max_exponent - 1;
  using Word = std::make_unsigned_t<typename V::I>;
  // Denormals are scaled up first.
  auto tiny = x < std::numeric_limits<T>::min();
  x = where(tiny, x * T(Word(1) << kMantissa), x);
  constexpr Word kOne = Word(kBias) << kMantissa, kFraction = (Word(1) << kMantissa) - 1;
  constexpr Word kRootHalf = sizeof(T) == 4 ? Word(0x3f3504f3) : Word(0x3fe6a09e667f3bcd);
  U word = (U)x.v + (kOne - kRootHalf);
  V e = V(__builtin_convertvector((typename V::M)(word >> kMantissa), typename V::V)) - kBias;
  V m = V((typename V::V)((word & kFraction) + kRootHalf));
  e = where(tiny, e - kMantissa, e);
  V f = m - 1, s = f / (m + 1), z = s * s;
  constexpr int kTop = sizeof(T) == 4 ? 9 : 23;
  V p = 2.0 / kTop;
  for (int i = kTop - 2; i >= 3; i -= 2) p = p * z + 2.0 / i;
  V half = f * f * T(0.5);
  V tail = s * (half + p * z);
  if constexpr (sizeof(T) == 4) {
    return e * 0.693359375f + (f - (half - (tail + (c - e * 2.12194440054690583e-4f))));
  } else {
    return e * 0.693147180369123816490 + (f - (half - (tail + (c + e * 1.90821492927058770002e-10))));
  }
}

template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();

}  // namespace detail

template <std::floating_point T>
TW_HD Vec<T> exp(Vec<T> x) {
  // The limits are where the result leaves the range for good; between, 2^k is applied in two steps (denormal results).
  const T top = sizeof(T) == 4 ? T(89) : T(710), bottom = sizeof(T) == 4 ? T(-105) : T(-746);
  Vec<T> c = where(x > top, top, where(x < bottom, bottom, x));
  auto [k, r] = detail::reduce_ln2(c);
  Vec<T> k1 = floor(k * T(0.5)), p = detail::expm1_core(r) + 1;
  return p * detail::power_of_two(k1) * detail::power_of_two(k - k1);
}

template <std::floating_point T>
TW_HD Vec<T> expm1(Vec<T> x) {
  const T top = sizeof(T) == 4 ? T(89) : T(710), bottom = sizeof(T) == 4 ? T(-20) : T(-40);
  Vec<T> c = where(x > top, top, where(x < bottom, bottom, x));
  auto [k, r] = detail::reduce_ln2(c);
  // 2^k (p + 1) - 1 as 2^k p + (2^k - 1): no cancellation, and p itself where k is 0. Halved where 2^k would overflow.
  Vec<T> p = detail::expm1_core(r), t = detail::power_of_two(k - 1);
  Vec<T> y = (t * p + (t - T(0.5))) * 2;
  return where(k == 0, where(x == 0, x, p), y);
}

template <std::floating_point T>
TW_HD Vec<T> log(Vec<T> x) {
  Vec<T> y = detail::log_core(x, Vec<T>(0));
  y = where(x == detail::kInf<T>, x, y);
  y = where(x == 0, -detail::kInf<T>, y);
  return where(x < 0 || x != x, std::numeric_limits<T>::quiet_NaN(), y);
}

template <std::floating_point T>
TW_HD Vec<T> log1p(Vec<T> x) {
  // u = 1 + x loses low bits of x; what was lost comes back as the relative correction c.
  Vec<T> u = x + 1;
  Vec<T> c = where(x > 1, T(1) - (u - x), x - (u - 1)) / u;
  Vec<T> y = detail::log_core(u, c);
  y = where(abs(x) < std::numeric_limits<T>::epsilon() / 4, x, y);
  y = where(x == detail::kInf<T>, x, y);
  y = where(x == -1, -detail::kInf<T>, y);
  return where(x < -1 || x != x, std::numeric_limits<T>::quiet_NaN(), y);
}

template <std::floating_point T>
TW_HD Vec<T> tanh(Vec<T> x) {
  const T top = sizeof(T) == 4 ? T(10) : T(20);
  Vec<T> a = abs(x);
  Vec<T> t = expm1(where(a > top, top, a) * 2);
  Vec<T> y = copysign(t / (t + 2), x);
  return where(x != x, x, y);
}

/// 1 / (1 + exp(-x)), from exp(-|x|) so that nothing overflows and small values keep their precision.
template <std::floating_point T>
TW_HD Vec<T> logistic(Vec<T> x) {
  Vec<T> e = exp(-abs(x));
  return where(x < 0, e, 1) / (e + 1);
}

template <std::floating_point T>
TW_HD Vec<T> sin(Vec<T> x);
template <std::floating_point T>
TW_HD Vec<T> cos(Vec<T> x);

namespace detail {
/// sin(x + quarter pi/2) in double for |x| < 2^30: pi/2 in two parts, then the Taylor series on [-pi/4, pi/4], good to
/// 1e-12: for float results only.
TW_HD Vec<double> sine(Vec<double> x, int quarter) {
  Vec<double> k = round(x * 0.63661977236758134308);
  Vec<double> r = (x - k * 1.57079632673412561417) - k * 6.07710050650619224932e-11;
  auto n = __builtin_convertvector(k.v, Vec<double>::M) + quarter;
  Vec<double> z = r * r;
  Vec<double> s =
      r + r * z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z * (1.0 / 39916800)))));
  Vec<double> c =
      1.0 +
      z * (-0.5 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 - z * (1.0 / 3628800 - z * (1.0 / 479001600))))));
  Vec<double>::Mask odd{(n & 1) != 0}, minus{(n & 2) != 0};
  Vec<double> y = where(odd, c, s);
  return where(minus, -y, y);
}
}  // namespace detail

template <>
TW_HD Vec<float> sin(Vec<float> x) {
  Vec<float> y = detail::through_double(x, [](Vec<double> v) { return detail::sine(v, 0); });
  y = detail::patch(!(abs(x) < 1e6f), y, [](float v) { return std::sin(v); }, x);
  return where(x == 0, x, y);
}
template <>
TW_HD Vec<float> cos(Vec<float> x) {
  Vec<float> y = detail::through_double(x, [](Vec<double> v) { return detail::sine(v, 1); });
  return detail::patch(!(abs(x) < 1e6f), y, [](float v) { return std::cos(v); }, x);
}
template <>
TW_HD Vec<double> sin(Vec<double> x) {
  return Vec<double>::map([](double v) { return std::sin(v); }, x);
}
template <>
TW_HD Vec<double> cos(Vec<double> x) {
  return Vec<double>::map([](double v) { return std::cos(v); }, x);
}

template <class T>
TW_HD Vec<T> pow(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return math::pow(x, y); }, a, b);
}
/// Positive finite bases of float by exp(b log a) in double; the others ask the C library.
template <>
TW_HD Vec<float> pow(Vec<float> a, Vec<float> b) {
  Vec<float> y = detail::through_double(a, b, [](Vec<double> x, Vec<double> p) { return exp(p * log(x)); });
  auto plain = a > 0 && a < detail::kInf<float> && abs(b) < detail::kInf<float>;
  return detail::patch(!plain, y, [](float x, float p) { return std::pow(x, p); }, a, b);
}

template <std::floating_point T>
TW_HD Vec<T> tan(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::tan(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> asin(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::asin(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> acos(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::acos(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> atan(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::atan(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> sinh(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::sinh(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> cosh(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::cosh(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> asinh(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::asinh(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> acosh(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::acosh(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> atanh(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::atanh(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> erf(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::erf(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> erfc(Vec<T> x) {
  return Vec<T>::map([](T v) { return std::erfc(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> erfinv(Vec<T> x) {
  return Vec<T>::map([](T v) { return math::erfinv(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> ndtri(Vec<T> x) {
  return Vec<T>::map([](T v) { return math::ndtri(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> lgamma(Vec<T> x) {
  return Vec<T>::map([](T v) { return math::lgamma(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> digamma(Vec<T> x) {
  return Vec<T>::map([](T v) { return math::digamma(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> bessel_i0e(Vec<T> x) {
  return Vec<T>::map([](T v) { return math::bessel_i0e(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> bessel_i1e(Vec<T> x) {
  return Vec<T>::map([](T v) { return math::bessel_i1e(v); }, x);
}
template <std::floating_point T>
TW_HD Vec<T> atan2(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return std::atan2(x, y); }, a, b);
}
template <std::floating_point T>
TW_HD Vec<T> nextafter(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return std::nextafter(x, y); }, a, b);
}
template <std::floating_point T>
TW_HD Vec<T> zeta(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return math::zeta(x, y); }, a, b);
}
template <std::floating_point T>
TW_HD Vec<T> polygamma(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return math::polygamma(x, y); }, a, b);
}
template <std::floating_point T>
TW_HD Vec<T> igamma(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return math::igamma(x, y); }, a, b);
}
template <std::floating_point T>
TW_HD Vec<T> igammac(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return math::igammac(x, y); }, a, b);
}

}  // namespace thalweg
