// Scalar functions that <cmath> lacks, for one number on host or device. Real types only unless a complex overload
// stands beside; std::complex overloads are host code.
#pragma once

#include <cmath>
#include <complex>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "thalweg/num/float16.h"

namespace thalweg {
/// What may stand as a constant in a formula; it becomes the number's own type, so that `x * 0.5` stays float.
template <class U>
concept Literal = std::is_arithmetic_v<U>;
}  // namespace thalweg

namespace thalweg::math {

template <class T>
inline constexpr bool is_complex = false;
template <class T>
inline constexpr bool is_complex<std::complex<T>> = true;

// Integers wrap: arithmetic happens in an unsigned type at least as wide as int.
template <class T>
using Wrapping = std::conditional_t<(sizeof(T) < 4), uint32_t, std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;

template <class T>
TW_HD T add(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(Wrapping<T>(a) + Wrapping<T>(b));
  else
    return a + b;
}
template <class T>
TW_HD T sub(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(Wrapping<T>(a) - Wrapping<T>(b));
  else
    return a - b;
}
template <class T>
TW_HD T mul(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(Wrapping<T>(a) * Wrapping<T>(b));
  else
    return a * b;
}
/// Integers: toward zero; x / 0 is 0 (kernels refuse it beforehand) and MIN / -1 wraps, so that nothing traps.
template <class T>
TW_HD T div(T a, T b) {
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
    return b == 0 ? T(0) : b == T(-1) ? sub(T(0), a) : T(a / b);
  } else if constexpr (std::is_integral_v<T>) {
    return b == 0 ? T(0) : T(a / b);
  } else {
    return a / b;
  }
}
/// The remainder of div: it takes the dividend's sign.
template <class T>
TW_HD T rem(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0) return T(0);
    if constexpr (std::is_signed_v<T>) {
      if (b == T(-1)) return T(0);
    }
    return T(a % b);
  } else {
    return std::fmod(a, b);
  }
}
template <class T>
TW_HD T floor_div(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    T q = div(a, b);
    if constexpr (std::is_signed_v<T>) {
      if (b != 0 && ((a < 0) != (b < 0)) && mul(q, b) != a) q = T(q - 1);
    }
    return q;
  } else {
    return std::floor(a / b);
  }
}
/// The remainder of floor_div: it takes the divisor's sign.
template <class T>
TW_HD T floor_mod(T a, T b) {
  T r = rem(a, b);
  if constexpr (std::is_signed_v<T> || std::is_floating_point_v<T>) {
    if (r != 0 && ((r < 0) != (b < 0))) r = add(r, b);
  }
  return r;
}
/// Integers by repeated squaring, wrapping; negative exponents are refused beforehand.
template <class T>
TW_HD T pow(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    T result = 1;
    for (; b > 0; b = T(b >> 1), a = mul(a, a)) {
      if (b & 1) result = mul(result, a);
    }
    return result;
  } else {
    return std::pow(a, b);
  }
}
/// Amounts outside [0, bits) are clamped into it.
template <class T>
TW_HD T shift_amount(T b) {
  constexpr int kTop = int(sizeof(T)) * 8 - 1;
  if constexpr (std::is_signed_v<T>) {
    if (b < 0) return T(0);
  }
  return b > T(kTop) ? T(kTop) : b;
}
template <class T>
TW_HD T shift_left(T a, T b) {
  return T(Wrapping<T>(a) << shift_amount(b));
}
template <class T>
TW_HD T shift_right(T a, T b) {
  return T(a >> shift_amount(b));
}

/// NaN where either is NaN.
template <class T>
TW_HD T max(T a, T b) {
  return a != a || a > b ? a : b;
}
template <class T>
TW_HD T min(T a, T b) {
  return a != a || a < b ? a : b;
}

template <class T>
TW_HD T abs(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fabs(x);
  else if constexpr (std::is_signed_v<T>)
    return x < 0 ? sub(T(0), x) : x;
  else
    return x;
}
/// -1, 0, 1; NaN stays NaN. Complex: x / |x|, 0 for 0.
template <class T>
TW_HD T sign(T x) {
  if constexpr (is_complex<T>) {
    auto r = std::abs(x);
    return r == 0 ? T(0) : x / r;
  } else if constexpr (std::is_floating_point_v<T>) {
    return x > 0 ? T(1) : x < 0 ? T(-1) : x;
  } else {
    return T((x > 0) - (x < T(0)));
  }
}
/// To nearest, halves to even.
template <class T>
TW_HD T round(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::rint(x);
  else
    return x;
}

// complex64 goes through complex128: the library's single-precision functions lose several bits.
template <class T, class F>
std::complex<T> wide(std::complex<T> x, F f) {
  return std::complex<T>(f(std::complex<double>(x)));
}
template <class T>
TW_HD T expm1(T x) {
  if constexpr (is_complex<T>) {
    return wide(x, [](std::complex<double> z) {
      // Re: expm1(a) cos b - 2 sin^2(b/2), which does not cancel near 0.
      double s = std::sin(z.imag() / 2);
      return std::complex<double>(std::expm1(z.real()) * std::cos(z.imag()) - 2 * s * s,
                                  std::exp(z.real()) * std::sin(z.imag()));
    });
  } else {
    return std::expm1(x);
  }
}
template <class T>
TW_HD T log1p(T x) {
  if constexpr (is_complex<T>) {
    return wide(x, [](std::complex<double> z) {
      double a = z.real(), b = z.imag();
      double re = std::fabs(a) < 0.5 && std::fabs(b) < 0.5 ? 0.5 * std::log1p(a * (2 + a) + b * b)
                                                           : std::log(std::hypot(1 + a, b));
      return std::complex<double>(re, std::atan2(b, 1 + a));
    });
  } else {
    return std::log1p(x);
  }
}
/// 1 / (1 + exp(-x)), from exp(-|x|) so that nothing overflows and small values keep their precision.
template <class T>
TW_HD T logistic(T x) {
  if constexpr (is_complex<T>) {
    return wide(x, [](std::complex<double> z) {
      bool negative = z.real() < 0;
      auto e = std::exp(negative ? z : -z);
      return (negative ? e : std::complex<double>(1)) / (1.0 + e);
    });
  } else {
    T e = std::exp(-std::fabs(x));
    return (x < 0 ? e : T(1)) / (1 + e);
  }
}

/// log|gamma(x)|. lgamma_r: lgamma writes a global, which threads would race for.
template <class T>
TW_HD T lgamma(T x) {
#if defined(__CUDA_ARCH__)
  return ::lgamma(x);
#else
  int sign = 0;
  return T(::lgamma_r(double(x), &sign));
#endif
}
/// psi(x): reflection for x < 0, the recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18).
TW_HD double digamma(double x) {
  double result = 0;
  if (x <= 0) {
    double whole = std::floor(x);
    if (whole == x) return std::numeric_limits<double>::quiet_NaN();
    constexpr double kPi = 3.14159265358979323846;
    result = -kPi / std::tan(kPi * (x - whole));
    x = 1 - x;
  }
  for (; x < 10; x += 1) result -= 1 / x;
  double r = 1 / (x * x);
  double series =
      r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132 - r * 691.0 / 32760)))));
  return result + std::log(x) - 0.5 / x - series;
}
TW_HD float digamma(float x) { return float(digamma(double(x))); }

/// Hurwitz zeta: sum over k >= 0 of (q + k)^-x, by Euler-Maclaurin after 12 terms.
TW_HD double zeta(double x, double q) {
  if (x == 1) return HUGE_VAL;
  if (!(x > 1)) return std::numeric_limits<double>::quiet_NaN();
  if (q <= 0) {
    if (q == std::floor(q)) return HUGE_VAL;
    if (x != std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
  }
  if (q == HUGE_VAL) return 0;
  double sum = 0, a = q;
  for (int k = 0; k < 12 || a < 9; ++k, a += 1) sum += std::pow(a, -x);
  double p = std::pow(a, -x);
  sum += p * a / (x - 1) + 0.5 * p;
  // B_2j / (2j)!
  constexpr double kCoefficients[] = {1.0 / 12,
                                      -1.0 / 720,
                                      1.0 / 30240,
                                      -1.0 / 1209600,
                                      1.0 / 47900160,
                                      -691.0 / 1307674368000.0,
                                      1.0 / 74724249600.0,
                                      -3617.0 / 10670622842880000.0};
  double rising = x, power = p / a;
  for (int j = 0; j < 8; ++j) {
    sum += kCoefficients[j] * rising * power;
    rising *= (x + 2 * j + 1) * (x + 2 * j + 2);
    power /= a * a;
  }
  return sum;
}
TW_HD float zeta(float x, float q) { return float(zeta(double(x), double(q))); }

/// The n-th derivative of digamma; n is a whole number >= 0.
TW_HD double polygamma(double n, double x) {
  if (n != std::floor(n) || n < 0) return std::numeric_limits<double>::quiet_NaN();
  if (n == 0) return digamma(x);
  double odd = std::fmod(n, 2.0) == 1 ? 1.0 : -1.0;
  // At its poles an even derivative has no one-sided limit in common.
  if (odd < 0 && x <= 0 && x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
  return odd * std::tgamma(n + 1) * zeta(n + 1, x);
}
TW_HD float polygamma(float n, float x) { return float(polygamma(double(n), double(x))); }

/// The normal distribution's quantile (Acklam's rational start, relative error 1e-9, and one Halley step).
TW_HD double ndtri(double p) {
  if (!(p > 0)) return p == 0 ? -HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  if (!(p < 1)) return p == 1 ? HUGE_VAL : std::numeric_limits<double>::quiet_NaN();
  double q = p < 0.5 ? p : 1 - p, x;
  if (q > 0.02425) {
    double c = q - 0.5, r = c * c;
    x = (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
           1.383577518672690e+02) *
              r -
          3.066479806614716e+01) *
             r +
         2.506628277459239e+00) *
        c /
        (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
           6.680131188771972e+01) *
              r -
          1.328068155288572e+01) *
             r +
         1);
  } else {
    double t = std::sqrt(-2 * std::log(q));
    x = (((((-7.784894002430293e-03 * t - 3.223964580411365e-01) * t - 2.400758277161838e+00) * t -
           2.549732539343734e+00) *
              t +
          4.374664141464968e+00) *
             t +
         2.938163982698783e+00) /
        ((((7.784695709041462e-03 * t + 3.224671290700398e-01) * t + 2.445134137142996e+00) * t +
          3.754408661907416e+00) *
             t +
         1);
  }
  for (int i = 0; i < 2; ++i) {
    double e = 0.5 * std::erfc(-x * 0.70710678118654752440) - q;
    double u = e * 2.50662827463100050242 * std::exp(x * x / 2);
    x -= u / (1 + x * u / 2);
  }
  return p < 0.5 ? x : -x;
}
TW_HD float ndtri(float p) { return float(ndtri(double(p))); }

/// Newton on erf from the quantile; odd, so that small arguments keep their precision.
TW_HD double erfinv(double x) {
  if (x == 0 || x != x) return x;
  double a = std::fabs(x), r;
  if (!(a <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 1) return std::copysign(HUGE_VAL, x);
  constexpr double kHalfRootPi = 0.88622692545275801365;
  if (a < 0.5) {
    r = a * kHalfRootPi * (1 + a * a * 0.26179938779914943654);
    for (int i = 0; i < 4; ++i) {
      double u = (std::erf(r) - a) * kHalfRootPi * std::exp(r * r);
      r -= u / (1 + r * u);
    }
  } else {
    r = -ndtri((1 - a) / 2) * 0.70710678118654752440;
  }
  return std::copysign(r, x);
}
TW_HD float erfinv(float x) { return float(erfinv(double(x))); }

TW_HD double bessel_i0e_series(double x, int order) {
  // exp(-x) I_order(x): the power series up to 20, the asymptotic one beyond.
  if (x < 20) {
    double term = order ? x / 2 : 1, sum = term;
    for (int k = 1; term > sum * 1e-17 && k < 200; ++k) sum += term *= x * x / 4 / (double(k) * (k + order));
    return sum * std::exp(-x);
  }
  double mu = 4.0 * order, term = 1, sum = 1;
  for (int k = 1; k < 30; ++k) {
    double next = term * -(mu - (2.0 * k - 1) * (2.0 * k - 1)) / (k * 8 * x);
    if (std::fabs(next) >= std::fabs(term)) break;
    sum += term = next;
  }
  return sum / std::sqrt(6.28318530717958647692 * x);
}
template <class T>
TW_HD T bessel_i0e(T x) {
  return x != x ? x : T(bessel_i0e_series(std::fabs(double(x)), 0));
}
template <class T>
TW_HD T bessel_i1e(T x) {
  return x != x ? x : T(std::copysign(bessel_i0e_series(std::fabs(double(x)), 1), double(x)));
}

}  // namespace thalweg::math
