// sin, cos and tan over packets. vec_math.h has the bounds.
#pragma once

#include "thalweg/num/vec_exp.h"

namespace thalweg {

namespace detail {

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

/// pi / 2 in three parts, each cut off, not rounded, so that none is negative: a remainder of zero keeps its sign.
template <class T>
struct HalfPi {
  static constexpr T k[] = {T(0x1.921fb54442d18p+0), T(0x1.1a62633145c06p-54), T(0x1.c1cd129024e08p-107)};
};
template <>
struct HalfPi<float> {
  static constexpr float k[] = {0x1.921fb4p+0f, 0x1.4442dp-24f, 0x1.846988p-48f};
};

/// Up to here the quarter turns of x are counted right, but for the last place or so.
template <class T>
inline constexpr T kTrigLimit = sizeof(T) == 4 ? T(1e5) : T(1e9);

/// x = n pi/2 + r, |r| <= pi / 4 and a little; x >= 0. The first product cancels exactly against x: a fused
/// multiply-add does not round it.
template <class T>
struct QuarterTurns {
  using U = typename Vec<T>::U;
  Vec<T> r;
  U n;  // its lowest bits

  explicit TW_HD QuarterTurns(Vec<T> x) : r(x) {
    Vec<T> whole = round(x * T(0.63661977236758134308));
    for (T part : HalfPi<T>::k) r = fma(whole, Vec<T>(-part), r);
    // Added to this, a whole number stands in the lowest bits.
    n = (U)(whole + T(1.5) / std::numeric_limits<T>::epsilon()).v;
  }
};

/// sin of n quarter turns and r, with the bits of `sign` flipped into its sign. The best polynomials for the relative
/// error (2^-27; 2^-57 of double).
template <class T>
TW_HD Vec<T> sine(Vec<T> r, typename Vec<T>::U n, typename Vec<T>::U sign) {
  using N = Vec<T>;
  N z = r * r, s, c;
  if constexpr (sizeof(T) == 4) {
    s = polynomial(z, {-0.1666665387f, 0.008332113181f, -0.0001950875966f});
    c = polynomial(z, {-0.5f, 0.04166664436f, -0.001388725141f, 2.442567802e-5f});
  } else {
    N y = z * z, w = y * y;  // Estrin's scheme
    s = fma(fma(z, N(1.589620317249452638e-10), N(-2.505074732476398563e-8)), w,
            fma(fma(z, N(2.755731361877902976e-6), N(-0.0001984126982958260678)), y,
                fma(z, N(0.008333333333322110636), N(-0.166666666666666307))));
    c = fma(fma(fma(z, N(-1.135852094646932974e-11), N(2.087570055534525451e-9)), y,
                fma(z, N(-2.755731417729991828e-7), N(0.00002480158728884520735))),
            y, fma(z, N(-0.001388888888887304671), N(0.04166666666666659287)));
    c = fma(c, z, N(-0.5));
  }
  s = fma(r * z, s, r);
  c = fma(z, c, N(1));
  typename N::Mask odd{(typename N::M)((n & 1) != 0)};
  return N((typename N::V)((typename N::U)where(odd, c, s).v ^ sign ^ (n >> 1 << (sizeof(T) * 8 - 1))));
}

}  // namespace detail

template <std::floating_point T>
TW_HD Vec<T> sin(Vec<T> x) {
  if constexpr (!kFusedMultiplyAdd) return Vec<T>::map([](T v) { return std::sin(v); }, x);
  using U = typename Vec<T>::U;
  Vec<T> a = abs(x);
  detail::QuarterTurns<T> q(a);
  Vec<T> y = detail::sine(q.r, q.n, U((U)x.v ^ (U)a.v));
  return detail::patch(!(a < detail::kTrigLimit<T>), y, [](T v) { return std::sin(v); }, x);
}

/// A quarter turn ahead of sin.
template <std::floating_point T>
TW_HD Vec<T> cos(Vec<T> x) {
  if constexpr (!kFusedMultiplyAdd) return Vec<T>::map([](T v) { return std::cos(v); }, x);
  using U = typename Vec<T>::U;
  Vec<T> a = abs(x);
  detail::QuarterTurns<T> q(a);
  Vec<T> y = detail::sine(q.r, U(q.n + 1), U{});
  return detail::patch(!(a < detail::kTrigLimit<T>), y, [](T v) { return std::cos(v); }, x);
}

/// sin / cos by a polynomial of its own for float; even quarter turns have tan r, odd ones -1 / tan r.
template <std::floating_point T>
TW_HD Vec<T> tan(Vec<T> x) {
  if constexpr (!kFusedMultiplyAdd || sizeof(T) == 8) {
    return Vec<T>::map([](T v) { return std::tan(v); }, x);
  } else {
    using N = Vec<T>;
    using U = typename N::U;
    N a = abs(x);
    detail::QuarterTurns<T> q(a);
    N z = q.r * q.r;
    N t = detail::polynomial(z, {0.3333335269f, 0.1333255946f, 0.05407199675f, 0.0212183252f, 0.01100491828f,
                                 -0.0001290384281f, 0.004486019475f});
    t = fma(q.r * z, t, q.r);
    typename N::Mask odd{(typename N::M)((q.n & 1) != 0)};
    t = where(odd, -1 / t, t);
    N y = N((typename N::V)((U)t.v ^ ((U)x.v ^ (U)a.v)));
    return detail::patch(!(a < detail::kTrigLimit<T>), y, [](T v) { return std::tan(v); }, x);
  }
}

}  // namespace thalweg
