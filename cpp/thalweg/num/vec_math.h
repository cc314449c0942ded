// Transcendental functions of Vec. What the included files have, has vector forms; everything else calls the C library
// lane by lane, so it is as precise as Lane.
//
// The largest error in units in the last place, with fused multiply-adds; tests/test_ulp.py reads this table:
//   function   float   double
//   exp        1       1
//   expm1      1.6     2
//   log        1       1
//   log1p      1.1     1
//   tanh       2.6     2.6
//   logistic   2.4     2.4
//   sin        1.6     1.6
//   cos        1.6     1.6
//   tan        2.5     1
//   erf        1.4     1.1
//   erfc       4.0     4.0
//   pow        0.51    1
//   sqrt       0.5     0.5
//   rsqrt      1.5     1.5
#pragma once

#include "thalweg/num/incomplete_gamma.h"
#include "thalweg/num/vec_erf.h"
#include "thalweg/num/vec_exp.h"
#include "thalweg/num/vec_pow.h"
#include "thalweg/num/vec_trig.h"

namespace thalweg {

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
template <std::floating_point T>
TW_HD Vec<T> igamma_grad_a(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return math::igamma_grad_a(x, y); }, a, b);
}
template <std::floating_point T>
TW_HD Vec<T> random_gamma_grad(Vec<T> a, Vec<T> b) {
  return Vec<T>::map([](T x, T y) { return math::random_gamma_grad(x, y); }, a, b);
}

}  // namespace thalweg
