// erf and erfc over packets of float; double goes through the C library. vec_math.h has the bounds.
#pragma once

#include "thalweg/num/vec_exp.h"

namespace thalweg {

namespace detail {
/// 2^x for x <= 0 to a relative 2^-23.
TW_HD Vec<float> rough_exp2(Vec<float> x) {
  using N = Vec<float>;
  N k = round(x), r = x - k;
  N p = polynomial(r, {0.6931469776f, 0.2402224211f, 0.05550733754f, 0.009671510936f, 0.001326472447f});
  return times_power_of_two(fma(p, r, N(1)), k);
}

/// erf(a) for |a| <= 1.
TW_HD Vec<float> small_erf(Vec<float> a) {
  Vec<float> p = polynomial(a * a, {0.1283791657f, -0.3761262583f, 0.1128358517f, -0.02685381224f, 0.005188327327f,
                                    -0.0008010184346f, 7.853816219e-5f});
  return fma(p, a, a);
}
}  // namespace detail

template <std::floating_point T>
TW_HD Vec<T> erf(Vec<T> x) {
  if constexpr (sizeof(T) == 8) {
    return Vec<T>::map([](T v) { return std::erf(v); }, x);
  } else {
    using N = Vec<T>;
    // Beyond 1, 1 - 2^-q(a) where q approximates the logarithm of erfc.
    N a = detail::at_most(abs(x), 4.0f);
    N q = detail::polynomial(a, {0.0005105326394f, 1.625974157f, 0.9207665475f, 0.1486501684f, -0.03145778582f,
                                 0.004240797412f, -0.0002677105214f});
    return copysign(where(a > 1, 1 - detail::rough_exp2(-q), detail::small_erf(a)), x);
  }
}

template <std::floating_point T>
TW_HD Vec<T> erfc(Vec<T> x) {
  if constexpr (sizeof(T) == 8) {
    return Vec<T>::map([](T v) { return std::erfc(v); }, x);
  } else {
    using N = Vec<T>;
    // exp(a^2) erfc(a) (1 + 2 a) varies little: from 0.45 on a polynomial in t = (a - 2) / (a + 2).
    N a = detail::at_most(abs(x), 10.5f), d = a + 2;
    N p = detail::polynomial(
        (a - 2) / d, {1.276978387f, -0.09276376186f, -0.1660310086f, 0.1640488021f, -0.05420845758f, -0.00800761005f,
                      0.008645818732f, 0.001158213537f, -0.001245996843f, -0.0002451847131f});
    // exp(-a^2) with what the square lost.
    N square = a * a, lost = fma(a, a, -square);
    N e = detail::exp_within(detail::at_least(-square, detail::kExpBottom<T>));
    N y = p / fma(a, N(2), N(1));
    y = fma(-lost, y, y) * e;
    return where(a < 0.45f, 1 - detail::small_erf(x), where(x < 0, 2 - y, y));
  }
}

}  // namespace thalweg
