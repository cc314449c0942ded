// Elementwise ops of one argument: contract, formula and derivative of each in one struct.
#pragma once

#include "thalweg/ops/elementwise.h"

namespace thalweg::ops {

inline constexpr DTypeSet kSignedReal = kFloating | kSigned;

struct Abs {
  static constexpr OpInfo info{"Abs(x: T) -> y: T", kSignedReal, "", "Absolute value."};
  TW_HD static auto f(auto x) { return abs(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return sign(x); }
};
struct Neg {
  static constexpr OpInfo info{"Neg(x: T) -> y: T", kSignedReal | kComplex, "math.negative, negative", "-x."};
  TW_HD static auto f(auto x) { return -x; }
  TW_HD static auto grad(auto dy, auto /*x*/, auto /*y*/) { return -dy; }
};
struct Sign {
  static constexpr OpInfo info{"Sign(x: T) -> y: T", kSignedReal | kComplex, "math.sign, sign",
                               "-1, 0 or 1 by the sign of x; x / |x| for complex numbers."};
  TW_HD static auto f(auto x) { return sign(x); }
  TW_HD static auto grad(auto dy, auto x, auto y) { return sign_gradient(dy, x, y); }
};
struct Square {
  static constexpr OpInfo info{"Square(x: T) -> y: T", kNumeric, "math.square, square", "x * x."};
  TW_HD static auto f(auto x) { return x * x; }
  TW_HD static auto df(auto x, auto /*y*/) { return x * 2; }
};
struct Sqrt {
  static constexpr OpInfo info{"Sqrt(x: T) -> y: T", kInexact, "math.sqrt, sqrt", "Square root."};
  static constexpr GradientOp gradient{"SqrtGrad", Saved::kOutputFirst, true};
  TW_HD static auto f(auto x) { return sqrt(x); }
};
struct Rsqrt {
  static constexpr OpInfo info{"Rsqrt(x: T) -> y: T", kInexact, "math.rsqrt, rsqrt", "1 / sqrt(x)."};
  static constexpr GradientOp gradient{"RsqrtGrad", Saved::kOutputFirst, true};
  TW_HD static auto f(auto x) { return 1 / sqrt(x); }
};
struct Reciprocal {
  static constexpr OpInfo info{"Reciprocal(x: T) -> y: T", kInexact, "math.reciprocal, reciprocal", "1 / x."};
  static constexpr GradientOp gradient{"ReciprocalGrad", Saved::kOutputFirst, true};
  TW_HD static auto f(auto x) { return 1 / x; }
};
struct Inv {
  static constexpr OpInfo info{"Inv(x: T) -> y: T", kInexact, "", "1 / x, under its older name."};
  static constexpr GradientOp gradient{"InvGrad", Saved::kOutputFirst, true};
  TW_HD static auto f(auto x) { return 1 / x; }
};
struct Exp {
  static constexpr OpInfo info{"Exp(x: T) -> y: T", kInexact, "math.exp, exp", "e to the power x."};
  TW_HD static auto f(auto x) { return exp(x); }
  TW_HD static auto df(auto /*x*/, auto y) { return y; }
};
struct Expm1 {
  static constexpr OpInfo info{"Expm1(x: T) -> y: T", kInexact, "math.expm1, expm1",
                               "exp(x) - 1, precise for small x."};
  TW_HD static auto f(auto x) { return expm1(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return exp(x); }
};
struct Log {
  static constexpr OpInfo info{"Log(x: T) -> y: T", kInexact, "math.log, log", "Natural logarithm."};
  TW_HD static auto f(auto x) { return log(x); }
  TW_HD static auto grad(auto dy, auto x, auto /*y*/) { return dy / x; }
};
struct Log1p {
  static constexpr OpInfo info{"Log1p(x: T) -> y: T", kInexact, "math.log1p, log1p",
                               "log(1 + x), precise for small x."};
  TW_HD static auto f(auto x) { return log1p(x); }
  TW_HD static auto grad(auto dy, auto x, auto /*y*/) { return dy / (x + 1); }
};

struct Sin {
  static constexpr OpInfo info{"Sin(x: T) -> y: T", kInexact, "math.sin, sin", "Sine."};
  TW_HD static auto f(auto x) { return sin(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return cos(x); }
};
struct Cos {
  static constexpr OpInfo info{"Cos(x: T) -> y: T", kInexact, "math.cos, cos", "Cosine."};
  TW_HD static auto f(auto x) { return cos(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return -sin(x); }
};
struct Tan {
  static constexpr OpInfo info{"Tan(x: T) -> y: T", kInexact, "math.tan, tan", "Tangent."};
  TW_HD static auto f(auto x) { return tan(x); }
  TW_HD static auto df(auto /*x*/, auto y) { return y * y + 1; }
};
struct Asin {
  static constexpr OpInfo info{"Asin(x: T) -> y: T", kInexact, "math.asin, asin", "Inverse sine."};
  TW_HD static auto f(auto x) { return asin(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return 1 / sqrt(1 - x * x); }
};
struct Acos {
  static constexpr OpInfo info{"Acos(x: T) -> y: T", kInexact, "math.acos, acos", "Inverse cosine."};
  TW_HD static auto f(auto x) { return acos(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return -1 / sqrt(1 - x * x); }
};
struct Atan {
  static constexpr OpInfo info{"Atan(x: T) -> y: T", kInexact, "math.atan, atan", "Inverse tangent."};
  TW_HD static auto f(auto x) { return atan(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return 1 / (x * x + 1); }
};
struct Sinh {
  static constexpr OpInfo info{"Sinh(x: T) -> y: T", kInexact, "math.sinh, sinh", "Hyperbolic sine."};
  TW_HD static auto f(auto x) { return sinh(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return cosh(x); }
};
struct Cosh {
  static constexpr OpInfo info{"Cosh(x: T) -> y: T", kInexact, "math.cosh, cosh", "Hyperbolic cosine."};
  TW_HD static auto f(auto x) { return cosh(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return sinh(x); }
};
struct Tanh {
  static constexpr OpInfo info{"Tanh(x: T) -> y: T", kInexact, "math.tanh, tanh, nn.tanh", "Hyperbolic tangent."};
  static constexpr GradientOp gradient{"TanhGrad", Saved::kOutputFirst};
  TW_HD static auto f(auto x) { return tanh(x); }
};
struct Asinh {
  static constexpr OpInfo info{"Asinh(x: T) -> y: T", kInexact, "math.asinh, asinh", "Inverse hyperbolic sine."};
  TW_HD static auto f(auto x) { return asinh(x); }
  TW_HD static auto df(auto /*x*/, auto y) { return 1 / cosh(y); }
};
struct Acosh {
  static constexpr OpInfo info{"Acosh(x: T) -> y: T", kInexact, "math.acosh, acosh", "Inverse hyperbolic cosine."};
  TW_HD static auto f(auto x) { return acosh(x); }
  TW_HD static auto df(auto /*x*/, auto y) { return 1 / sinh(y); }
};
struct Atanh {
  static constexpr OpInfo info{"Atanh(x: T) -> y: T", kInexact, "math.atanh, atanh", "Inverse hyperbolic tangent."};
  TW_HD static auto f(auto x) { return atanh(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return 1 / (1 - x * x); }
};

struct Sigmoid {
  static constexpr OpInfo info{"Sigmoid(x: T) -> y: T", kInexact, "math.sigmoid, nn.sigmoid, sigmoid",
                               "The logistic function 1 / (1 + exp(-x))."};
  static constexpr GradientOp gradient{"SigmoidGrad", Saved::kOutputFirst};
  TW_HD static auto f(auto x) { return logistic(x); }
};
struct Softplus {
  static constexpr OpInfo info{"Softplus(features: T) -> activations: T", kFloating, "math.softplus, nn.softplus",
                               "Smooth relu: log(exp(features) + 1)."};
  static constexpr GradientOp gradient{"SoftplusGrad", Saved::kInputLast};
  // log1p(exp(-|x|)) neither overflows for large x nor cancels for small.
  TW_HD static auto f(auto x) { return max(x, 0) + log1p(exp(-abs(x))); }
};
struct Softsign {
  static constexpr OpInfo info{"Softsign(features: T) -> activations: T", kFloating, "math.softsign, nn.softsign",
                               "features / (|features| + 1)."};
  static constexpr GradientOp gradient{"SoftsignGrad", Saved::kInputLast};
  TW_HD static auto f(auto x) { return x / (abs(x) + 1); }
};
struct Relu {
  static constexpr OpInfo info{"Relu(features: T) -> activations: T", kReal, "nn.relu", "max(features, 0)."};
  static constexpr GradientOp gradient{"ReluGrad", Saved::kOutputLast};
  TW_HD static auto f(auto x) { return max(x, 0); }
};
struct Relu6 {
  static constexpr OpInfo info{"Relu6(features: T) -> activations: T", kReal, "", "min(max(features, 0), 6)."};
  static constexpr GradientOp gradient{"Relu6Grad", Saved::kOutputLast};
  TW_HD static auto f(auto x) { return min(max(x, 0), 6); }
};
struct Elu {
  static constexpr OpInfo info{"Elu(features: T) -> activations: T", kFloating, "nn.elu",
                               "features where positive, exp(features) - 1 elsewhere."};
  static constexpr GradientOp gradient{"EluGrad", Saved::kOutputLast};
  TW_HD static auto f(auto x) { return where(x < 0, expm1(x), x); }
};
struct Selu {
  static constexpr OpInfo info{
      "Selu(features: T) -> activations: T", kFloating, "nn.selu",
      "Scaled elu whose activations keep zero mean and unit variance (Klambauer et al. 2017)."};
  static constexpr GradientOp gradient{"SeluGrad", Saved::kOutputLast};
  static constexpr double kScale = 1.0507009873554805, kScaleAlpha = 1.7580993408473766;
  TW_HD static auto f(auto x) { return where(x < 0, expm1(x) * kScaleAlpha, x * kScale); }
};
struct LeakyRelu {
  float alpha = 0.2f;
  static constexpr OpInfo info{"LeakyRelu(features: T; alpha: float = 0.2) -> activations: T", kFloating, "",
                               "features where positive, alpha * features elsewhere."};
  static constexpr GradientOp gradient{"LeakyReluGrad", Saved::kInputLast};
  static LeakyRelu from(const Attrs& a) { return {a.get<float>("alpha")}; }
  TW_HD auto f(auto x) const { return where(x > 0, x, x * alpha); }
};

struct Erf {
  static constexpr OpInfo info{"Erf(x: T) -> y: T", kFloating, "math.erf, erf", "The error function."};
  TW_HD static auto f(auto x) { return erf(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return exp(-(x * x)) * 1.12837916709551257390; }  // 2 / sqrt(pi)
};
struct Erfc {
  static constexpr OpInfo info{"Erfc(x: T) -> y: T", kFloating, "math.erfc, erfc", "1 - erf(x), precise for large x."};
  TW_HD static auto f(auto x) { return erfc(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return exp(-(x * x)) * -1.12837916709551257390; }
};
struct Erfinv {
  static constexpr OpInfo info{"Erfinv(x: T) -> y: T", kFloating, "", "The inverse of erf."};
  TW_HD static auto f(auto x) { return erfinv(x); }
  TW_HD static auto df(auto /*x*/, auto y) { return exp(y * y) * 0.88622692545275801365; }  // sqrt(pi) / 2
};
struct Ndtri {
  static constexpr OpInfo info{"Ndtri(x: T) -> y: T", kFloating, "", "Quantile of the standard normal distribution."};
  TW_HD static auto f(auto x) { return ndtri(x); }
  TW_HD static auto df(auto /*x*/, auto y) { return exp(y * y * 0.5) * 2.50662827463100050242; }  // sqrt(2 pi)
};
struct Lgamma {
  static constexpr OpInfo info{"Lgamma(x: T) -> y: T", kFloating, "math.lgamma, lgamma", "log |gamma(x)|."};
  TW_HD static auto f(auto x) { return lgamma(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return digamma(x); }
};
struct Digamma {
  static constexpr OpInfo info{"Digamma(x: T) -> y: T", kFloating, "math.digamma, digamma",
                               "The derivative of lgamma."};
  TW_HD static auto f(auto x) { return digamma(x); }
  TW_HD static auto df(auto x, auto /*y*/) { return polygamma(like(x, 1), x); }
};
struct BesselI0e {
  static constexpr OpInfo info{"BesselI0e(x: T) -> y: T", kFloating, "math.bessel_i0e",
                               "exp(-|x|) times the modified Bessel function of order 0."};
  TW_HD static auto f(auto x) { return bessel_i0e(x); }
  TW_HD static auto df(auto x, auto y) { return bessel_i1e(x) - sign(x) * y; }
};
struct BesselI1e {
  static constexpr OpInfo info{"BesselI1e(x: T) -> y: T", kFloating, "math.bessel_i1e",
                               "exp(-|x|) times the modified Bessel function of order 1."};
  TW_HD static auto f(auto x) { return bessel_i1e(x); }
  // y / x tends to 1/2 at 0.
  TW_HD static auto df(auto x, auto y) {
    return where(x == 0, 0.5, bessel_i0e(x) - y * (sign(x) + 1 / where(x == 0, 1, x)));
  }
};

struct Floor {
  static constexpr OpInfo info{"Floor(x: T) -> y: T", kFloating, "math.floor, floor", "The largest whole number <= x."};
  TW_HD static auto f(auto x) { return floor(x); }
};
struct Ceil {
  static constexpr OpInfo info{"Ceil(x: T) -> y: T", kFloating, "math.ceil, ceil", "The smallest whole number >= x."};
  TW_HD static auto f(auto x) { return ceil(x); }
};
struct Round {
  static constexpr OpInfo info{"Round(x: T) -> y: T", kSignedReal, "",
                               "The nearest whole number; halves go to the even one."};
  TW_HD static auto f(auto x) { return round(x); }
};
struct Rint {
  static constexpr OpInfo info{"Rint(x: T) -> y: T", kFloating, "math.rint, rint",
                               "The nearest whole number; halves go to the even one."};
  TW_HD static auto f(auto x) { return round(x); }
};
struct IsNan {
  static constexpr OpInfo info{"IsNan(x: T) -> y: bool", kFloating, "math.is_nan, is_nan", "Where x is NaN."};
  TW_HD static auto f(auto x) { return is_nan(x); }
};
struct IsInf {
  static constexpr OpInfo info{"IsInf(x: T) -> y: bool", kFloating, "math.is_inf, is_inf", "Where x is infinite."};
  TW_HD static auto f(auto x) { return is_inf(x); }
};
struct IsFinite {
  static constexpr OpInfo info{"IsFinite(x: T) -> y: bool", kFloating, "math.is_finite, is_finite",
                               "Where x is neither infinite nor NaN."};
  TW_HD static auto f(auto x) { return is_finite(x); }
};
struct LogicalNot {
  static constexpr OpInfo info{"LogicalNot(x: bool) -> y: bool", kBool, "math.logical_not, logical_not", "not x."};
  TW_HD static auto f(auto x) { return !x; }
};
struct Invert {
  static constexpr OpInfo info{"Invert(x: T) -> y: T", kInteger, "bitwise.invert", "Flips every bit."};
  TW_HD static auto f(auto x) { return ~x; }
};
struct PopulationCount {
  static constexpr OpInfo info{"PopulationCount(x: T) -> y: uint8", kInteger, "", "The number of bits set."};
  static constexpr bool kScalar = true;  // has no packet form
  TW_HD static auto f(auto x) { return popcount(x); }
};

struct Conj {
  static constexpr OpInfo info{"Conj(input: T; T: type = complex64) -> output: T", kComplex, "",
                               "The complex conjugate."};
  TW_HD static auto f(auto x) { return conj(x); }
  TW_HD static auto grad(auto dy, auto /*x*/, auto /*y*/) { return conj(dy); }
};
struct Real {
  static constexpr OpInfo info{"Real(input: T; T: type = complex64, Tout: type = float32) -> output: Tout", kComplex,
                               "", "The real part."};
  TW_HD static auto f(auto x) { return real(x); }
  TW_HD static auto grad(auto dy, auto /*x*/, auto /*y*/) { return complex(dy, like(dy, 0)); }
};
struct Imag {
  static constexpr OpInfo info{"Imag(input: T; T: type = complex64, Tout: type = float32) -> output: Tout", kComplex,
                               "", "The imaginary part."};
  TW_HD static auto f(auto x) { return imag(x); }
  TW_HD static auto grad(auto dy, auto /*x*/, auto /*y*/) { return complex(like(dy, 0), dy); }
};
struct ComplexAbs {
  static constexpr OpInfo info{"ComplexAbs(x: T; T: type = complex64, Tout: type = float32) -> y: Tout", kComplex, "",
                               "The magnitude of complex numbers."};
  TW_HD static auto f(auto x) { return magnitude(x); }
  // conj: x arrives conjugated, but the magnitude is not holomorphic and its gradient points along x itself.
  TW_HD static auto grad(auto dy, auto x, auto /*y*/) { return complex(dy, like(dy, 0)) * sign(conj(x)); }
};
struct Angle {
  static constexpr OpInfo info{"Angle(input: T; T: type = complex64, Tout: type = float32) -> output: Tout", kComplex,
                               "", "The argument of complex numbers, in (-pi, pi]."};
  TW_HD static auto f(auto x) { return angle(x); }
  // i / conj(x): a quarter turn ahead of x, as long as 1 / |x|.
  TW_HD static auto grad(auto dy, auto x, auto /*y*/) { return complex(like(dy, 0), dy) / x; }
};

using Unary =
    List<Abs, Neg, Sign, Square, Sqrt, Rsqrt, Reciprocal, Inv, Exp, Expm1, Log, Log1p, Sin, Cos, Tan, Asin, Acos, Atan,
         Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Sigmoid, Softplus, Softsign, Relu, Relu6, Elu, Selu, LeakyRelu, Erf,
         Erfc, Erfinv, Ndtri, Lgamma, Digamma, BesselI0e, BesselI1e, Floor, Ceil, Round, Rint, IsNan, IsInf, IsFinite,
         LogicalNot, Invert, PopulationCount, Conj, Real, Imag, ComplexAbs, Angle>;

}  // namespace thalweg::ops
