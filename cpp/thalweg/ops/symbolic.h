// The functions of Lane and Vec over graph values: a formula written with them builds nodes.
#pragma once

#include "thalweg/graph/out.h"

namespace thalweg {

inline bool is_complex_value(const Out& x) { return kComplex.has(x.dtype()); }

inline Out abs(const Out& x) { return node("Abs", {x}); }
inline Out sign(const Out& x) { return node("Sign", {x}); }
inline Out sqrt(const Out& x) { return node("Sqrt", {x}); }
inline Out exp(const Out& x) { return node("Exp", {x}); }
inline Out expm1(const Out& x) { return node("Expm1", {x}); }
inline Out log(const Out& x) { return node("Log", {x}); }
inline Out log1p(const Out& x) { return node("Log1p", {x}); }
inline Out sin(const Out& x) { return node("Sin", {x}); }
inline Out cos(const Out& x) { return node("Cos", {x}); }
inline Out sinh(const Out& x) { return node("Sinh", {x}); }
inline Out cosh(const Out& x) { return node("Cosh", {x}); }
inline Out tanh(const Out& x) { return node("Tanh", {x}); }
inline Out logistic(const Out& x) { return node("Sigmoid", {x}); }
inline Out lgamma(const Out& x) { return node("Lgamma", {x}); }
inline Out digamma(const Out& x) { return node("Digamma", {x}); }
inline Out bessel_i0e(const Out& x) { return node("BesselI0e", {x}); }
inline Out bessel_i1e(const Out& x) { return node("BesselI1e", {x}); }
inline Out max(const Out& a, const Out& b) { return node("Maximum", {a, b}); }
inline Out min(const Out& a, const Out& b) { return node("Minimum", {a, b}); }
inline Out pow(const Out& a, const Out& b) { return node("Pow", {a, b}); }
inline Out floor_div(const Out& a, const Out& b) { return node("FloorDiv", {a, b}); }
inline Out div_no_nan(const Out& a, const Out& b) { return node("DivNoNan", {a, b}); }
inline Out mul_no_nan(const Out& a, const Out& b) { return node("MulNoNan", {a, b}); }
inline Out zeta(const Out& a, const Out& b) { return node("Zeta", {a, b}); }
/// Registered for float and double; 16-bit numbers go through float.
inline Out polygamma(const Out& a, const Out& b) {
  if (b.dtype() == DType::float32 || b.dtype() == DType::float64) return node("Polygamma", {a, b});
  return cast(node("Polygamma", {cast(a, DType::float32), cast(b, DType::float32)}), b.dtype());
}

inline Out igamma_grad_a(const Out& a, const Out& b) {
  if (b.dtype() == DType::float32 || b.dtype() == DType::float64) return node("IgammaGradA", {a, b});
  return cast(node("IgammaGradA", {cast(a, DType::float32), cast(b, DType::float32)}), b.dtype());
}

inline Out conj(const Out& x) { return node("Conj", {x}); }
inline Out unconjugated(const Out& x) { return is_complex_value(x) ? conj(x) : x; }
inline Out has_log(const Out& x) { return is_complex_value(x) ? x != 0 : x > 0; }
inline Out real(const Out& x) {
  return node("Real", {x}, {{"Tout", x.dtype() == DType::complex128 ? DType::float64 : DType::float32}});
}
inline Out imag(const Out& x) {
  return node("Imag", {x}, {{"Tout", x.dtype() == DType::complex128 ? DType::float64 : DType::float32}});
}
inline Out complex(const Out& a, const Out& b) {
  return node("Complex", {a, b}, {{"Tout", a.dtype() == DType::float64 ? DType::complex128 : DType::complex64}});
}
/// Zero for real numbers. x / |x| of complex ones moves along the circle only; x and y arrive conjugated.
inline Out sign_gradient(const Out& dy, const Out& x, const Out& y) {
  if (!is_complex_value(x)) return like(x, 0);
  Out along = real(y * dy),
      magnitude = node("ComplexAbs", {x}, {{"Tout", x.dtype() == DType::complex128 ? DType::float64 : DType::float32}});
  Out zero = like(along, 0);
  return div_no_nan(dy - conj(y) * complex(along, zero), complex(magnitude, zero));
}
/// The gradient of an argument that has none.
inline Out nothing(const Out&) { return {}; }

}  // namespace thalweg
