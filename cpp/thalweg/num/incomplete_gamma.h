// The incomplete gamma function and what it changes by with its first argument.
#pragma once

#include "thalweg/num/math.h"

namespace thalweg::math {

/// The regularised lower incomplete gamma function P(a, x) and its complement: the power series for x < a + 1, else the
/// continued fraction by Lentz's method.
TW_HD double igamma_either(double a, double x, bool upper) {
  if (!(a > 0) || !(x >= 0)) {
    if (a == 0 && x > 0) return upper ? 0 : 1;
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (x == 0) return upper ? 1 : 0;
  if (x == HUGE_VAL) return a == HUGE_VAL ? std::numeric_limits<double>::quiet_NaN() : (upper ? 0 : 1);
  if (a == HUGE_VAL) return upper ? 1 : 0;
  double scale = std::exp(a * std::log(x) - x - lgamma(a));
  if (x < a + 1) {
    double term = 1 / a, sum = term;
    for (double n = a + 1; term > sum * 1e-17; n += 1) sum += term *= x / n;
    return upper ? 1 - sum * scale : sum * scale;
  }
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int i = 1; i < 10000; ++i) {
    double an = -i * (i - a);
    b += 2;
    d = 1 / (std::fabs(an * d + b) < 1e-300 ? 1e-300 : an * d + b);
    c = std::fabs(b + an / c) < 1e-300 ? 1e-300 : b + an / c;
    double step = c * d;
    h *= step;
    if (std::fabs(step - 1) < 1e-16) break;
  }
  return upper ? h * scale : 1 - h * scale;
}
template <class T>
TW_HD T igamma(T a, T x) {
  return T(igamma_either(double(a), double(x), false));
}
template <class T>
TW_HD T igammac(T a, T x) {
  return T(igamma_either(double(a), double(x), true));
}

/// P or Q = 1 - P and its derivative by a, both over x^a e^-x / gamma(a); `upper` says which of the two it is.
struct IgammaSlope {
  double value, slope;
  bool upper;
};
/// The series or the fraction of igamma_either, term by term with its derivative.
TW_HD IgammaSlope igamma_slope(double a, double x) {
  // That of the factor x^a / gamma(a).
  double factor = std::log(x) - digamma(a);
  if (x < a + 1) {
    double term = 1 / a, slope = -term * term, sum = term, slopes = slope;
    for (double n = a + 1; term > sum * 1e-17 || -slope > -slopes * 1e-17; n += 1) {
      slope = (slope - term / n) * (x / n);
      term *= x / n;
      sum += term;
      slopes += slope;
    }
    return {sum, sum * factor + slopes, false};
  }
  double b = x + 1 - a, c = 1e300, dc = 0, d = 1 / b, dd = d * d, h = d, relative = dd / d;
  for (int i = 1; i < 10000; ++i) {
    double an = -i * (i - a);
    b += 2;
    double bottom = an * d + b;
    dd = i * d + an * dd - 1;
    d = 1 / (std::fabs(bottom) < 1e-300 ? 1e-300 : bottom);
    dd *= -d * d;
    double top = b + an / c;
    dc = i / c - an * dc / (c * c) - 1;
    c = std::fabs(top) < 1e-300 ? 1e-300 : top;
    double step = c * d, change = dc / c + dd / d;
    h *= step;
    relative += change;
    if (std::fabs(step - 1) < 1e-16 && std::fabs(change) < 1e-16 * (1 + std::fabs(relative))) break;
  }
  return {h, h * (factor + relative), true};
}

/// The derivative of igamma(a, x) by a.
TW_HD double igamma_grad_a(double a, double x) {
  if (x == 0) return 0;
  if (!(a > 0) || !(x > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (x == HUGE_VAL || a == HUGE_VAL) return 0;
  IgammaSlope s = igamma_slope(a, x);
  return std::exp(a * std::log(x) - x - lgamma(a)) * (s.upper ? -s.slope : s.slope);
}
TW_HD float igamma_grad_a(float a, float x) { return float(igamma_grad_a(double(a), double(x))); }

/// How a gamma distributed number changes with its parameter when its quantile stays: -dP/da over the density.
TW_HD double random_gamma_grad(double a, double x) {
  if (x == 0) return 0;
  if (!(a > 0) || !(x > 0)) return std::numeric_limits<double>::quiet_NaN();
  if (x == HUGE_VAL || a == HUGE_VAL) return 0;
  IgammaSlope s = igamma_slope(a, x);
  return x * (s.upper ? s.slope : -s.slope);
}
TW_HD float random_gamma_grad(float a, float x) { return float(random_gamma_grad(double(a), double(x))); }

}  // namespace thalweg::math
