// Lane<T>: one number inside a kernel, on host or device. Formulas are written over it, over Vec (a SIMD packet, vec.h)
// and over Out (a graph node, graph/out.h) with the same names.
#pragma once

#include "thalweg/num/incomplete_gamma.h"

namespace thalweg {

template <class T>
struct Lane {
  using value_type = T;
  static constexpr int size = 1;
  T v;

  Lane() = default;
  TW_HD constexpr Lane(T x) : v(x) {}  // NOLINT(google-explicit-constructor)
  template <Literal U>
    requires(!std::same_as<U, T>)
  TW_HD constexpr Lane(U x) : v(static_cast<T>(x)) {}  // NOLINT(google-explicit-constructor)

  friend TW_HD Lane operator+(Lane a, Lane b) { return math::add(a.v, b.v); }
  friend TW_HD Lane operator-(Lane a, Lane b) { return math::sub(a.v, b.v); }
  friend TW_HD Lane operator*(Lane a, Lane b) { return math::mul(a.v, b.v); }
  friend TW_HD Lane operator/(Lane a, Lane b) { return math::div(a.v, b.v); }
  friend TW_HD Lane operator-(Lane a) {
    if constexpr (std::is_integral_v<T>)
      return math::sub(T(0), a.v);
    else
      return T(-a.v);
  }
  friend TW_HD bool operator<(Lane a, Lane b) { return a.v < b.v; }
  friend TW_HD bool operator<=(Lane a, Lane b) { return a.v <= b.v; }
  friend TW_HD bool operator>(Lane a, Lane b) { return a.v > b.v; }
  friend TW_HD bool operator>=(Lane a, Lane b) { return a.v >= b.v; }
  friend TW_HD bool operator==(Lane a, Lane b) { return a.v == b.v; }
  friend TW_HD bool operator!=(Lane a, Lane b) { return a.v != b.v; }
  // Lane<bool> only. No short circuit: operands are values.
  friend TW_HD bool operator&&(Lane a, Lane b)
    requires std::same_as<T, bool>
  {
    return a.v & b.v;
  }
  friend TW_HD bool operator||(Lane a, Lane b)
    requires std::same_as<T, bool>
  {
    return a.v | b.v;
  }
  friend TW_HD bool operator!(Lane a)
    requires std::same_as<T, bool>
  {
    return !a.v;
  }
  friend TW_HD Lane where(bool m, Lane a, Lane b) { return m ? a : b; }
  /// `k` as a number like x: for derivatives that do not mention x.
  friend TW_HD Lane like(Lane, Lane k) { return k; }

  friend TW_HD Lane exp(Lane a) {
    if constexpr (math::is_complex<T>)
      return math::wide(a.v, [](auto z) { return std::exp(z); });
    else
      return std::exp(a.v);
  }
  friend TW_HD Lane log(Lane a) {
    if constexpr (math::is_complex<T>)
      return math::wide(a.v, [](auto z) { return std::log(z); });
    else
      return std::log(a.v);
  }
  friend TW_HD Lane expm1(Lane a) { return math::expm1(a.v); }
  friend TW_HD Lane log1p(Lane a) { return math::log1p(a.v); }
  friend TW_HD Lane sqrt(Lane a) { return std::sqrt(a.v); }
  friend TW_HD Lane sin(Lane a) { return std::sin(a.v); }
  friend TW_HD Lane cos(Lane a) { return std::cos(a.v); }
  friend TW_HD Lane tan(Lane a) { return std::tan(a.v); }
  friend TW_HD Lane asin(Lane a) { return std::asin(a.v); }
  friend TW_HD Lane acos(Lane a) { return std::acos(a.v); }
  friend TW_HD Lane atan(Lane a) { return std::atan(a.v); }
  friend TW_HD Lane sinh(Lane a) { return std::sinh(a.v); }
  friend TW_HD Lane cosh(Lane a) { return std::cosh(a.v); }
  friend TW_HD Lane tanh(Lane a) {
    if constexpr (math::is_complex<T>)
      return math::wide(a.v, [](auto z) { return std::tanh(z); });
    else
      return std::tanh(a.v);
  }
  friend TW_HD Lane asinh(Lane a) { return std::asinh(a.v); }
  friend TW_HD Lane acosh(Lane a) { return std::acosh(a.v); }
  friend TW_HD Lane atanh(Lane a) { return std::atanh(a.v); }
  friend TW_HD Lane erf(Lane a) { return std::erf(a.v); }
  friend TW_HD Lane erfc(Lane a) { return std::erfc(a.v); }
  friend TW_HD Lane erfinv(Lane a) { return math::erfinv(a.v); }
  friend TW_HD Lane ndtri(Lane a) { return math::ndtri(a.v); }
  friend TW_HD Lane lgamma(Lane a) { return math::lgamma(a.v); }
  friend TW_HD Lane digamma(Lane a) { return math::digamma(a.v); }
  friend TW_HD Lane bessel_i0e(Lane a) { return math::bessel_i0e(a.v); }
  friend TW_HD Lane bessel_i1e(Lane a) { return math::bessel_i1e(a.v); }
  friend TW_HD Lane logistic(Lane a) { return math::logistic(a.v); }
  friend TW_HD Lane floor(Lane a) { return std::floor(a.v); }
  friend TW_HD Lane ceil(Lane a) { return std::ceil(a.v); }
  friend TW_HD Lane round(Lane a) { return math::round(a.v); }
  friend TW_HD Lane abs(Lane a) { return math::abs(a.v); }
  friend TW_HD Lane sign(Lane a) { return math::sign(a.v); }
  friend TW_HD bool is_nan(Lane a) { return a.v != a.v; }
  friend TW_HD bool is_inf(Lane a) { return math::abs(a.v) == std::numeric_limits<T>::infinity(); }
  friend TW_HD bool is_finite(Lane a) { return math::abs(a.v) < std::numeric_limits<T>::infinity(); }

  friend TW_HD Lane max(Lane a, Lane b) { return math::max(a.v, b.v); }
  friend TW_HD Lane min(Lane a, Lane b) { return math::min(a.v, b.v); }
  friend TW_HD Lane pow(Lane a, Lane b) {
    if constexpr (math::is_complex<T>)
      return a.v == T(0) ? (b.v == T(0) ? T(1) : T(0)) : std::pow(a.v, b.v);
    else
      return math::pow(a.v, b.v);
  }
  friend TW_HD Lane atan2(Lane a, Lane b) { return std::atan2(a.v, b.v); }
  friend TW_HD Lane nextafter(Lane a, Lane b) { return std::nextafter(a.v, b.v); }
  friend TW_HD Lane zeta(Lane a, Lane b) { return math::zeta(a.v, b.v); }
  friend TW_HD Lane polygamma(Lane a, Lane b) { return math::polygamma(a.v, b.v); }
  friend TW_HD Lane igamma(Lane a, Lane b) { return math::igamma(a.v, b.v); }
  friend TW_HD Lane igammac(Lane a, Lane b) { return math::igammac(a.v, b.v); }
  friend TW_HD Lane igamma_grad_a(Lane a, Lane b) { return math::igamma_grad_a(a.v, b.v); }
  friend TW_HD Lane random_gamma_grad(Lane a, Lane b) { return math::random_gamma_grad(a.v, b.v); }
  friend TW_HD Lane rem(Lane a, Lane b) { return math::rem(a.v, b.v); }
  friend TW_HD Lane floor_div(Lane a, Lane b) { return math::floor_div(a.v, b.v); }
  friend TW_HD Lane floor_mod(Lane a, Lane b) { return math::floor_mod(a.v, b.v); }
  friend TW_HD Lane div_no_nan(Lane a, Lane b) { return b.v == T(0) ? Lane(T(0)) : a / b; }
  friend TW_HD Lane mul_no_nan(Lane a, Lane b) { return b.v == T(0) ? Lane(T(0)) : a * b; }
  /// Where log(a) is defined for gradients: a > 0, or a != 0 if complex.
  friend TW_HD bool has_log(Lane a) {
    if constexpr (math::is_complex<T>)
      return a.v != T(0);
    else
      return a.v > 0;
  }
  /// conj of a complex number, other numbers as they are: undoes the conjugation of a gradient's arguments.
  friend TW_HD Lane unconjugated(Lane a) {
    if constexpr (math::is_complex<T>)
      return std::conj(a.v);
    else
      return a;
  }
  friend TW_HD Lane magnitude_squared(Lane a) { return unconjugated(a) * a; }
  /// The gradient of an argument that has none.
  friend TW_HD Lane nothing(Lane) { return Lane(T(0)); }

  // Integers.
  friend TW_HD Lane operator~(Lane a) { return T(~a.v); }
  friend TW_HD Lane operator&(Lane a, Lane b) { return T(a.v & b.v); }
  friend TW_HD Lane operator|(Lane a, Lane b) { return T(a.v | b.v); }
  friend TW_HD Lane operator^(Lane a, Lane b) { return T(a.v ^ b.v); }
  friend TW_HD Lane shift_left(Lane a, Lane b) { return math::shift_left(a.v, b.v); }
  friend TW_HD Lane shift_right(Lane a, Lane b) { return math::shift_right(a.v, b.v); }
  friend TW_HD auto popcount(Lane a) {
    auto rest = std::make_unsigned_t<T>(a.v);
    int count = 0;
    for (; rest; rest &= decltype(rest)(rest - 1)) ++count;
    return Lane<uint8_t>(count);
  }

  // Complex.
  friend TW_HD Lane conj(Lane a) { return std::conj(a.v); }
  friend TW_HD auto real(Lane a) { return Lane<typename T::value_type>(a.v.real()); }
  friend TW_HD auto imag(Lane a) { return Lane<typename T::value_type>(a.v.imag()); }
  friend TW_HD auto magnitude(Lane a) { return Lane<typename T::value_type>(std::abs(a.v)); }
  friend TW_HD auto angle(Lane a) { return Lane<typename T::value_type>(std::arg(a.v)); }
  friend TW_HD auto complex(Lane a, Lane b) { return Lane<std::complex<T>>(std::complex<T>(a.v, b.v)); }
};

}  // namespace thalweg
