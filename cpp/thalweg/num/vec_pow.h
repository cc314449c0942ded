// pow over packets: of float by 2^(b log2 a) in double. vec_math.h has the bound.
#pragma once

#include <utility>

#include "thalweg/num/vec_exp.h"
#include "thalweg/num/vec_trig.h"

namespace thalweg {

namespace detail {

/// Lanes `from`, `from` + 1 ... of a float packet as a double packet, without leaving the registers.
template <int from, int... i>
TW_HD Vec<double> half_packet(Vec<float> x, std::integer_sequence<int, i...>) {
  return Vec<double>(__builtin_convertvector(__builtin_shufflevector(x.v, x.v, (from + i)...), Vec<double>::V));
}
template <int... i>
TW_HD Vec<float> join_packets(Vec<double> low, Vec<double> high, std::integer_sequence<int, i...>) {
  using Narrow = Pack<float, Vec<double>::size>;
  return Vec<float>(
      __builtin_shufflevector(__builtin_convertvector(low.v, Narrow), __builtin_convertvector(high.v, Narrow), i...));
}

/// Runs f on the two halves of float packets as double packets.
template <class F, class... Vs>
TW_HD Vec<float> through_double(F f, Vs... x) {
  constexpr std::make_integer_sequence<int, Vec<double>::size> kHalf;
  return join_packets(f(half_packet<0>(x, kHalf)...), f(half_packet<Vec<double>::size>(x, kHalf)...),
                      std::make_integer_sequence<int, Vec<float>::size>());
}

/// log2(x) for 0 < x < infinity to a relative 2^-35, the best polynomial.
TW_HD Vec<double> rough_log2(Vec<double> x) {
  auto [m, e] = split(x);
  Vec<double> f = m - 1, z = f * f;
  // Even and odd coefficients side by side: half the latency.
  Vec<double> even =
      polynomial(z, {1.442695040910640696, 0.4808983326436777602, 0.2885404278452884088, 0.2060568621446809894,
                     0.1605030383084803197, 0.1387931022372629176, 0.03799018378676067265});
  Vec<double> odd = polynomial(z, {-0.721347520831521711, -0.3606736534751889546, -0.2404584170262583512,
                                   -0.1800036626053861621, -0.1492079592254980826, -0.1020413111455501658});
  return fma(fma(odd, f, even), f, e);
}

/// 2^x to a relative 2^-34, in the range of float, beyond it nothing or too much for a float.
TW_HD Vec<double> rough_exp2(Vec<double> x) {
  Vec<double> c = at_least(at_most(x, 200.0), -200.0), k = round(c), r = c - k;
  Vec<double> p =
      polynomial(r, {0.6931471807044969939, 0.2402265106652833876, 0.0555041036606536567, 0.00961803813594086866,
                     0.001333393500659729856, 0.0001546675513084258663, 0.00001519616582126626055});
  return fma(p, r, Vec<double>(1)) * power_of_two(k);
}

}  // namespace detail

template <std::floating_point T>
TW_HD Vec<T> pow(Vec<T> a, Vec<T> b) {
  if constexpr (sizeof(T) == 8) {
    return Vec<T>::map([](T x, T p) { return std::pow(x, p); }, a, b);
  } else {
    using D = Vec<double>;
    Vec<T> y = detail::through_double([](D x, D p) { return detail::rough_exp2(p * detail::rough_log2(x)); }, a, b);
    // Positive finite bases; the others ask the C library.
    auto plain = a > 0 && a < detail::kInf<T> && abs(b) < detail::kInf<T>;
    return detail::patch(!plain, y, [](T x, T p) { return std::pow(x, p); }, a, b);
  }
}

/// Of integers.
template <class T>
TW_HD Vec<T> pow(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T p) { return math::pow(x, p); }, a, b);
}

}  // namespace thalweg
