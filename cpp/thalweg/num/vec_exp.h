// exp, log and what follows from them, over packets: expm1, log1p, the hyperbolic functions, logistic, pow. vec_math.h
// has the bounds.
#pragma once

#include "thalweg/num/vec.h"

namespace thalweg {

namespace detail {

template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();

/// c[0] + c[1] x + ... by Horner's rule.
template <class T, size_t n>
TW_HD Vec<T> polynomial(Vec<T> x, const T (&c)[n]) {
  Vec<T> p = c[n - 1];
  for (size_t i = n - 1; i-- > 0;) p = fma(p, x, Vec<T>(c[i]));
  return p;
}

/// Limits that let NaN pass.
template <class T>
TW_HD Vec<T> at_most(Vec<T> x, T top) {
  return Vec<T>(simd::min(Vec<T>(top).v, x.v));
}
template <class T>
TW_HD Vec<T> at_least(Vec<T> x, T bottom) {
  return Vec<T>(simd::max(Vec<T>(bottom).v, x.v));
}

/// 2^k for whole k in the exponent range of normal numbers.
template <class T>
TW_HD Vec<T> power_of_two(Vec<T> k) {
#if defined(__AVX512F__)
  return Vec<T>(simd::scale(Vec<T>(1).v, k.v));
#else
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr int kBias = std::numeric_limits<T>::max_exponent - 1;
  // Added to 3/2 2^kMantissa, a whole number stands in the lowest bits.
  using U = typename Vec<T>::U;
  return Vec<T>((typename Vec<T>::V)((U)(k + (T(1.5) / std::numeric_limits<T>::epsilon() + kBias)).v << kMantissa));
#endif
}

/// x 2^k, rounded once, for whole k of up to twice that range: the result may be denormal or infinite.
template <class T>
TW_HD Vec<T> times_power_of_two(Vec<T> x, Vec<T> k) {
#if defined(__AVX512F__)
  return Vec<T>(simd::scale(x.v, k.v));
#else
  Vec<T> first = floor(k * T(0.5));
  return x * power_of_two(first) * power_of_two(k - first);
#endif
}

/// x = k ln2 + r with |r| <= ln2 / 2; ln2 in two parts, the first with trailing zeros so that k times it is exact.
template <class T>
struct Ln2 {
  static constexpr T kHigh = T(0.693147180369123816490), kLow = T(1.90821492927058770002e-10);
};
template <>
struct Ln2<float> {
  static constexpr float kHigh = 0x1.62ep-1f, kLow = 0x1.0bfbe8p-15f;
};
template <class T>
struct Reduced {
  Vec<T> k, r;
};
template <class T>
TW_HD Reduced<T> reduce_ln2(Vec<T> x) {
  Vec<T> k = round(x * T(1.44269504088896340736));
  return {k, fma(k, Vec<T>(-Ln2<T>::kLow), fma(k, Vec<T>(-Ln2<T>::kHigh), x))};
}

/// (exp(r) - 1 - r) / r^2 on |r| <= ln2 / 2. Of float the best polynomial (relative error of exp 2^-28); of double the
/// Taylor series, whose first term left out is below a tenth of an ulp.
template <class T>
TW_HD Vec<T> exp_tail(Vec<T> r) {
  if constexpr (sizeof(T) == 4) {
    return polynomial(r, {0.4999999335f, 0.1666651914f, 0.04166840584f, 0.008368897697f, 0.001381421145f});
  } else {
    return polynomial(r, {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                          1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0});
  }
}
template <class T>
TW_HD Vec<T> expm1_core(Vec<T> r) {
  return fma(exp_tail(r), r * r, r);
}

// Where the results of exp leave the range for good.
template <class T>
inline constexpr T kExpTop = sizeof(T) == 4 ? T(89) : T(710);
template <class T>
inline constexpr T kExpBottom = sizeof(T) == 4 ? T(-105) : T(-746);

/// exp of numbers within these limits.
template <class T>
TW_HD Vec<T> exp_within(Vec<T> x) {
  auto [k, r] = reduce_ln2(x);
  return times_power_of_two(fma(fma(exp_tail(r), r, Vec<T>(1)), r, Vec<T>(1)), k);
}

/// x = m 2^e, m in [0.75, 1.5); m of numbers below 0 is NaN, and so is what becomes of it. Of an infinity e is
/// infinite.
template <class T>
struct Split {
  Vec<T> m, e;
};
template <class T>
TW_HD Split<T> split(Vec<T> x) {
  using N = Vec<T>;
  using V = typename N::V;
#if defined(__AVX512F__)
  V m = simd::mantissa(x.v);
  return {N(m), N(V(simd::exponent(x.v) - simd::exponent(m)))};
#else
  using U = typename N::U;
  using Word = std::make_unsigned_t<typename N::I>;
  constexpr int kMantissa = std::numeric_limits<T>::digits - 1;
  constexpr int kBias = std::numeric_limits<T>::max_exponent - 1;
  constexpr Word kOne = Word(kBias) << kMantissa, kFraction = (Word(1) << kMantissa) - 1;
  constexpr Word kLeast = kOne - (Word(1) << (kMantissa - 1));  // 0.75
  // Denormals are scaled up first.
  auto tiny = x < std::numeric_limits<T>::min();
  U word = (U)where(tiny, x * T(Word(1) << kMantissa), x).v + (kOne - kLeast);
  // A small whole number in the lowest bits of 2^kMantissa is added to it.
  constexpr T kUnit = T(Word(1) << kMantissa);
  N e = N((V)(word >> kMantissa | (U)N(kUnit).v)) - where(tiny, kUnit + (kBias + kMantissa), kUnit + kBias);
  N m = N((V)((word & kFraction) + kLeast));
  m = where(x < 0 || x != x, std::numeric_limits<T>::quiet_NaN(), m);
  return {m, where(x == kInf<T>, x, where(x == 0, -kInf<T>, e))};
#endif
}

/// e ln2 + log(1 + f) + c for |f| < 1/2 as split() leaves it; c is small.
template <class T>
TW_HD Vec<T> log_core(Vec<T> f, Vec<T> e, Vec<T> c) {
  using N = Vec<T>;
  N square = f * f;
  if constexpr (sizeof(T) == 4) {
    // f - f^2 / 2 + f^3 p(f): the best p for the relative error (2^-27).
    N p = polynomial(f, {0.3333344912f, -0.2500009592f, 0.199908609f, -0.166473098f, 0.1447839455f, -0.1316120973f,
                         0.1046305395f, -0.04507499332f});
    N y = fma(e, N(Ln2<T>::kLow), fma(fma(p, f, N(-0.5)), square, c));
    return fma(e, N(Ln2<T>::kHigh), f + y);
  } else {
    // 2 atanh(s), s = f / (2 + f), by its series, arranged so that the leading term f is exact.
    N s = f / (f + 2), z = s * s;
    constexpr int kTop = 25;
    N p = 2.0 / kTop;
    for (int i = kTop - 2; i >= 3; i -= 2) p = fma(p, z, N(2.0 / i));
    N half = square * T(0.5);
    N y = fma(e, N(Ln2<T>::kLow), fma(s, fma(p, z, half), c));
    return fma(e, N(Ln2<T>::kHigh), f - (half - y));
  }
}

}  // namespace detail

template <std::floating_point T>
TW_HD Vec<T> exp(Vec<T> x) {
  return detail::exp_within(detail::at_least(detail::at_most(x, detail::kExpTop<T>), detail::kExpBottom<T>));
}

template <std::floating_point T>
TW_HD Vec<T> expm1(Vec<T> x) {
  auto [k, r] =
      detail::reduce_ln2(detail::at_least(detail::at_most(x, detail::kExpTop<T>), sizeof(T) == 4 ? T(-20) : T(-40)));
  // 2^k (p + 1) - 1 as 2^k p + (2^k - 1): no cancellation. Halved, as 2^k may overflow.
  Vec<T> p = detail::expm1_core(r), t = detail::power_of_two(k - 1);
  return where(x == 0, x, fma(t, p, t - T(0.5)) * 2);
}

template <std::floating_point T>
TW_HD Vec<T> log(Vec<T> x) {
  auto [m, e] = detail::split(x);
  return detail::log_core(m - 1, e, Vec<T>(0));
}

template <std::floating_point T>
TW_HD Vec<T> log1p(Vec<T> x) {
  // u = 1 + x loses low bits of x; what was lost comes back as the relative correction c.
  Vec<T> u = x + 1;
  Vec<T> c = where(x > 1, T(1) - (u - x), x - (u - 1)) / u;
  auto [m, e] = detail::split(u);
  Vec<T> y = detail::log_core(m - 1, e, where(abs(u) < detail::kInf<T> && u != 0, c, 0));
  return where(abs(x) < std::numeric_limits<T>::epsilon() / 4, x, y);
}

template <std::floating_point T>
TW_HD Vec<T> tanh(Vec<T> x) {
  // expm1(2 |x|) as t = 2^k p + (2^k - 1): tanh is t / (t + 2).
  auto [k, r] = detail::reduce_ln2(detail::at_most(abs(x), sizeof(T) == 4 ? T(10) : T(20)) * 2);
  Vec<T> s = detail::power_of_two(k);
  Vec<T> t = fma(s, detail::expm1_core(r), s - 1);
  return copysign(t / (t + 2), x);
}

/// 1 / (1 + exp(-x)), from exp(-|x|) so that nothing overflows and small values keep their precision.
template <std::floating_point T>
TW_HD Vec<T> logistic(Vec<T> x) {
  Vec<T> e = detail::exp_within(detail::at_least(-abs(x), detail::kExpBottom<T>));
  return where(x < 0, e, 1) / (e + 1);
}

}  // namespace thalweg
