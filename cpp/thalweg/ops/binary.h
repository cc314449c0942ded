// Elementwise ops of two arguments with NumPy broadcasting, and the gradient ops (no broadcasting) of unary.h.
#pragma once

#include "thalweg/ops/elementwise.h"

namespace thalweg::ops {

struct Add {
  static constexpr OpInfo info{"Add(x: T, y: T) -> z: T", kNumeric | kString, "", "x + y; joins strings.", false};
  TW_HD static auto f(auto a, auto b) { return a + b; }
  TW_HD static auto grad(auto dy, auto, auto, auto) { return Pair{dy, dy}; }
};
struct AddV2 {
  static constexpr OpInfo info{"AddV2(x: T, y: T) -> z: T", kNumeric, "math.add, add", "x + y.", true};
  TW_HD static auto f(auto a, auto b) { return a + b; }
  TW_HD static auto grad(auto dy, auto, auto, auto) { return Pair{dy, dy}; }
};
struct Sub {
  static constexpr OpInfo info{"Sub(x: T, y: T) -> z: T", kNumeric, "math.subtract, subtract", "x - y."};
  TW_HD static auto f(auto a, auto b) { return a - b; }
  TW_HD static auto grad(auto dy, auto, auto, auto) { return Pair{dy, -dy}; }
};
struct Mul {
  static constexpr OpInfo info{"Mul(x: T, y: T) -> z: T", kNumeric, "math.multiply, multiply", "x * y.", true};
  TW_HD static auto f(auto a, auto b) { return a * b; }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) { return Pair{dy * b, a * dy}; }
};
struct RealDiv {
  static constexpr OpInfo info{"RealDiv(x: T, y: T) -> z: T", kInexact, "realdiv", "x / y."};
  TW_HD static auto f(auto a, auto b) { return a / b; }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) { return Pair{dy / b, dy * (-a / b / b)}; }
};
struct Div {
  static constexpr OpInfo info{"Div(x: T, y: T) -> z: T", kNumeric, "", "x / y; of integers, toward zero."};
  static constexpr bool kDivides = true;
  TW_HD static auto f(auto a, auto b) { return a / b; }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) { return Pair{dy / b, dy * (-a / b / b)}; }
};
struct TruncateDiv {
  static constexpr OpInfo info{"TruncateDiv(x: T, y: T) -> z: T", kInteger, "truncatediv", "x / y toward zero."};
  static constexpr bool kDivides = true;
  TW_HD static auto f(auto a, auto b) { return a / b; }
};
struct FloorDiv {
  static constexpr OpInfo info{"FloorDiv(x: T, y: T) -> z: T", kReal, "floor_div", "x / y toward minus infinity."};
  static constexpr bool kDivides = true;
  TW_HD static auto f(auto a, auto b) { return floor_div(a, b); }
};
struct FloorMod {
  static constexpr OpInfo info{"FloorMod(x: T, y: T) -> z: T", kReal, "math.floormod, floormod, math.mod, mod",
                               "The remainder of FloorDiv; it takes the sign of y."};
  static constexpr bool kDivides = true;
  TW_HD static auto f(auto a, auto b) { return floor_mod(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) { return Pair{dy, -dy * floor_div(a, b)}; }
};
struct Mod {
  static constexpr OpInfo info{"Mod(x: T, y: T) -> z: T", kFloating | kIndex, "",
                               "The remainder of TruncateDiv; it takes the sign of x."};
  static constexpr bool kDivides = true;
  TW_HD static auto f(auto a, auto b) { return rem(a, b); }
};
struct TruncateMod {
  static constexpr OpInfo info{"TruncateMod(x: T, y: T) -> z: T", kFloating | kIndex, "truncatemod",
                               "The remainder of TruncateDiv; it takes the sign of x."};
  static constexpr bool kDivides = true;
  TW_HD static auto f(auto a, auto b) { return rem(a, b); }
};
struct DivNoNan {
  static constexpr OpInfo info{"DivNoNan(x: T, y: T) -> z: T", kInexact, "", "x / y, and 0 where y is 0."};
  TW_HD static auto f(auto a, auto b) { return where(b == 0, 0, a / b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    return Pair{div_no_nan(dy, b), dy * div_no_nan(div_no_nan(-a, b), b)};
  }
};
struct MulNoNan {
  static constexpr OpInfo info{"MulNoNan(x: T, y: T) -> z: T", kInexact, "", "x * y, and 0 where y is 0."};
  TW_HD static auto f(auto a, auto b) { return where(b == 0, 0, a * b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) { return Pair{mul_no_nan(dy, b), mul_no_nan(a, dy)}; }
};
struct Pow {
  static constexpr OpInfo info{"Pow(x: T, y: T) -> z: T", kFloating | kSigned | kComplex, "", "x to the power y."};
  static constexpr bool kRaises = true;
  TW_HD static auto f(auto a, auto b) { return pow(a, b); }
  // log a where a > 0 (complex: a != 0); elsewhere z does not vary with b.
  TW_HD static auto grad(auto dy, auto a, auto b, auto z) {
    auto defined = has_log(a);
    auto log_a = where(defined, log(where(defined, a, 1)), 0);
    return Pair{dy * b * pow(a, b - 1), dy * z * log_a};
  }
};
struct Maximum {
  static constexpr OpInfo info{"Maximum(x: T, y: T) -> z: T", kReal, "math.maximum, maximum",
                               "The larger of x and y; NaN where either is NaN. The gradient of a tie goes to x."};
  TW_HD static auto f(auto a, auto b) { return max(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    auto first = a >= b;
    return Pair{where(first, dy, 0), where(first, 0, dy)};
  }
};
struct Minimum {
  static constexpr OpInfo info{"Minimum(x: T, y: T) -> z: T", kReal, "math.minimum, minimum",
                               "The smaller of x and y; NaN where either is NaN. The gradient of a tie goes to x."};
  TW_HD static auto f(auto a, auto b) { return min(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    auto first = a <= b;
    return Pair{where(first, dy, 0), where(first, 0, dy)};
  }
};
struct SquaredDifference {
  static constexpr OpInfo info{"SquaredDifference(x: T, y: T) -> z: T", kInexact | kIndex,
                               "math.squared_difference, squared_difference", "(x - y)^2; for complex, |x - y|^2.",
                               true};
  TW_HD static auto f(auto a, auto b) { return magnitude_squared(a - b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    auto d = dy * 2 * unconjugated(a - b);
    return Pair{d, -d};
  }
};
struct Xdivy {
  static constexpr OpInfo info{"Xdivy(x: T, y: T) -> z: T", kInexact, "math.xdivy", "x / y, and 0 where x is 0."};
  TW_HD static auto f(auto a, auto b) { return where(a == 0, 0, a / b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    auto none = a == 0;
    return Pair{dy * where(none, 0, 1 / b), dy * where(none, 0, -a / (b * b))};
  }
};
struct Xlogy {
  static constexpr OpInfo info{"Xlogy(x: T, y: T) -> z: T", kInexact, "math.xlogy", "x * log(y), and 0 where x is 0."};
  TW_HD static auto f(auto a, auto b) { return where(a == 0, 0, a * log(b)); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    auto none = a == 0;
    return Pair{dy * where(none, 0, log(b)), dy * where(none, 0, a / b)};
  }
};
struct Xlog1py {
  static constexpr OpInfo info{"Xlog1py(x: T, y: T) -> z: T", kInexact, "", "x * log1p(y), and 0 where x is 0."};
  TW_HD static auto f(auto a, auto b) { return where(a == 0, 0, a * log1p(b)); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    auto none = a == 0;
    return Pair{dy * where(none, 0, log1p(b)), dy * where(none, 0, a / (b + 1))};
  }
};
struct Atan2 {
  static constexpr OpInfo info{"Atan2(y: T, x: T) -> z: T", kFloating, "math.atan2, atan2",
                               "The angle of the point (x, y), in [-pi, pi]."};
  TW_HD static auto f(auto a, auto b) { return atan2(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    auto d = dy / (a * a + b * b);
    return Pair{b * d, -a * d};
  }
};
struct NextAfter {
  static constexpr DTypeSet kTypes{DType::float32, DType::float64};
  static constexpr OpInfo info{"NextAfter(x1: T, x2: T; T: type = float32) -> output: T", kTypes, "math.nextafter",
                               "The number next to x1 in the direction of x2."};
  TW_HD static auto f(auto a, auto b) { return nextafter(a, b); }
};
struct Zeta {
  static constexpr OpInfo info{"Zeta(x: T, q: T) -> z: T", NextAfter::kTypes, "math.zeta, zeta",
                               "Hurwitz zeta: the sum over k >= 0 of (q + k)^-x."};
  TW_HD static auto f(auto a, auto b) { return zeta(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) { return Pair{nothing(dy), -dy * a * zeta(a + 1, b)}; }
};
struct Polygamma {
  static constexpr OpInfo info{"Polygamma(a: T, x: T) -> z: T", NextAfter::kTypes, "math.polygamma, polygamma",
                               "The a-th derivative of digamma."};
  TW_HD static auto f(auto a, auto b) { return polygamma(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) { return Pair{nothing(dy), dy * polygamma(a + 1, b)}; }
};
struct Igamma {
  static constexpr OpInfo info{"Igamma(a: T, x: T) -> z: T", kFloating, "math.igamma, igamma",
                               "The regularised lower incomplete gamma function."};
  TW_HD static auto f(auto a, auto b) { return igamma(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    return Pair{dy * igamma_grad_a(a, b), dy * exp((a - 1) * log(b) - b - lgamma(a))};
  }
};
struct Igammac {
  static constexpr OpInfo info{"Igammac(a: T, x: T) -> z: T", kFloating, "math.igammac, igammac", "1 - Igamma."};
  TW_HD static auto f(auto a, auto b) { return igammac(a, b); }
  TW_HD static auto grad(auto dy, auto a, auto b, auto) {
    return Pair{-dy * igamma_grad_a(a, b), -dy * exp((a - 1) * log(b) - b - lgamma(a))};
  }
};
struct IgammaGradA {
  static constexpr OpInfo info{"IgammaGradA(a: T, x: T) -> z: T", NextAfter::kTypes, "",
                               "The derivative of Igamma by a."};
  TW_HD static auto f(auto a, auto b) { return igamma_grad_a(a, b); }
};
struct RandomGammaGrad {
  static constexpr OpInfo info{"RandomGammaGrad(alpha: T, sample: T) -> output: T", NextAfter::kTypes, "",
                               "The derivative of a gamma distributed number by alpha at its quantile."};
  TW_HD static auto f(auto a, auto b) { return random_gamma_grad(a, b); }
};

struct LogicalAnd {
  static constexpr OpInfo info{"LogicalAnd(x: bool, y: bool) -> z: bool", kBool, "math.logical_and, logical_and",
                               "x and y.", true};
  TW_HD static auto f(auto a, auto b) { return a && b; }
};
struct LogicalOr {
  static constexpr OpInfo info{"LogicalOr(x: bool, y: bool) -> z: bool", kBool, "math.logical_or, logical_or",
                               "x or y.", true};
  TW_HD static auto f(auto a, auto b) { return a || b; }
};
struct BitwiseAnd {
  static constexpr OpInfo info{"BitwiseAnd(x: T, y: T) -> z: T", kInteger, "bitwise.bitwise_and", "Bits set in both.",
                               true};
  TW_HD static auto f(auto a, auto b) { return a & b; }
};
struct BitwiseOr {
  static constexpr OpInfo info{"BitwiseOr(x: T, y: T) -> z: T", kInteger, "bitwise.bitwise_or", "Bits set in either.",
                               true};
  TW_HD static auto f(auto a, auto b) { return a | b; }
};
struct BitwiseXor {
  static constexpr OpInfo info{"BitwiseXor(x: T, y: T) -> z: T", kInteger, "bitwise.bitwise_xor",
                               "Bits set in exactly one.", true};
  TW_HD static auto f(auto a, auto b) { return a ^ b; }
};
struct LeftShift {
  static constexpr OpInfo info{"LeftShift(x: T, y: T) -> z: T", kInteger, "bitwise.left_shift",
                               "x shifted left by y bits; y is clamped to the width of x."};
  TW_HD static auto f(auto a, auto b) { return shift_left(a, b); }
};
struct RightShift {
  static constexpr OpInfo info{"RightShift(x: T, y: T) -> z: T", kInteger, "bitwise.right_shift",
                               "x shifted right by y bits, keeping its sign; y is clamped to the width of x."};
  TW_HD static auto f(auto a, auto b) { return shift_right(a, b); }
};
struct Complex {
  static constexpr OpInfo info{"Complex(real: T, imag: T; T: type = float32, Tout: type = complex64) -> out: Tout",
                               NextAfter::kTypes, "", "real + i * imag."};
  static constexpr bool kScalar = true;  // has no packet form
  TW_HD static auto f(auto a, auto b) { return complex(a, b); }
  TW_HD static auto grad(auto dy, auto, auto, auto) { return Pair{real(dy), imag(dy)}; }
};

using Binary = List<Add, AddV2, Sub, Mul, RealDiv, Div, TruncateDiv, FloorDiv, FloorMod, Mod, TruncateMod, DivNoNan,
                    MulNoNan, Pow, Maximum, Minimum, SquaredDifference, Xdivy, Xlogy, Xlog1py, Atan2, NextAfter, Zeta,
                    Polygamma, Igamma, Igammac, IgammaGradA, RandomGammaGrad, LogicalAnd, LogicalOr, BitwiseAnd,
                    BitwiseOr, BitwiseXor, LeftShift, RightShift, Complex>;

// Gradient ops: both arguments have the shape of the first. Their own gradients make second derivatives. As in
// TensorFlow, SqrtGrad, RsqrtGrad, ReciprocalGrad and InvGrad conjugate y themselves; they are not holomorphic in it,
// so that their gradient conjugates what reaches y.

struct SigmoidGrad {
  static constexpr OpInfo info{"SigmoidGrad(y: T, dy: T) -> z: T", kInexact, "",
                               "dy * y * (1 - y): Sigmoid's gradient."};
  TW_HD static auto f(auto y, auto dy) { return dy * y * (1 - y); }
  TW_HD static auto grad(auto g, auto y, auto dy, auto) { return Pair{g * dy * (1 - y * 2), g * y * (1 - y)}; }
};
struct TanhGrad {
  static constexpr OpInfo info{"TanhGrad(y: T, dy: T) -> z: T", kInexact, "", "dy * (1 - y * y): Tanh's gradient."};
  TW_HD static auto f(auto y, auto dy) { return dy * (1 - y * y); }
  TW_HD static auto grad(auto g, auto y, auto dy, auto) { return Pair{g * dy * y * -2, g * (1 - y * y)}; }
};
struct SqrtGrad {
  static constexpr OpInfo info{"SqrtGrad(y: T, dy: T) -> z: T", kInexact, "", "dy * 0.5 / y: Sqrt's gradient."};
  TW_HD static auto f(auto y, auto dy) { return dy * 0.5 / unconjugated(y); }
  TW_HD static auto grad(auto g, auto y, auto dy, auto) {
    return Pair{unconjugated(g * dy) * -0.5 / y / y, g * 0.5 / unconjugated(y)};
  }
};
struct RsqrtGrad {
  static constexpr OpInfo info{"RsqrtGrad(y: T, dy: T) -> z: T", kInexact, "", "dy * -0.5 * y^3: Rsqrt's gradient."};
  TW_HD static auto f(auto y, auto dy) { return dy * -0.5 * unconjugated(y * y * y); }
  TW_HD static auto grad(auto g, auto y, auto dy, auto) {
    return Pair{unconjugated(g * dy) * -1.5 * (y * y), g * -0.5 * unconjugated(y * y * y)};
  }
};
struct ReciprocalGrad {
  static constexpr OpInfo info{"ReciprocalGrad(y: T, dy: T) -> z: T", kInexact, "",
                               "-dy * y * y: Reciprocal's gradient."};
  TW_HD static auto f(auto y, auto dy) { return -dy * unconjugated(y * y); }
  TW_HD static auto grad(auto g, auto y, auto dy, auto) {
    return Pair{unconjugated(g * dy) * y * -2, -g * unconjugated(y * y)};
  }
};
struct InvGrad {
  static constexpr OpInfo info{"InvGrad(y: T, dy: T) -> z: T", kInexact, "", "-dy * y * y: Inv's gradient."};
  TW_HD static auto f(auto y, auto dy) { return -dy * unconjugated(y * y); }
  TW_HD static auto grad(auto g, auto y, auto dy, auto) {
    return Pair{unconjugated(g * dy) * y * -2, -g * unconjugated(y * y)};
  }
};
struct ReluGrad {
  static constexpr OpInfo info{"ReluGrad(gradients: T, features: T) -> backprops: T", kReal, "",
                               "gradients where features > 0: Relu's gradient from its input or output."};
  TW_HD static auto f(auto dy, auto x) { return where(x > 0, dy, 0); }
  TW_HD static auto grad(auto g, auto, auto x, auto) { return Pair{where(x > 0, g, 0), like(x, 0)}; }
};
struct Relu6Grad {
  static constexpr OpInfo info{"Relu6Grad(gradients: T, features: T) -> backprops: T", kReal, "",
                               "gradients where 0 < features < 6: Relu6's gradient from its input or output."};
  TW_HD static auto f(auto dy, auto x) { return where(x > 0 && x < 6, dy, 0); }
  TW_HD static auto grad(auto g, auto, auto x, auto) { return Pair{where(x > 0, where(x < 6, g, 0), 0), like(x, 0)}; }
};
struct EluGrad {
  static constexpr OpInfo info{"EluGrad(gradients: T, outputs: T) -> backprops: T", kFloating, "",
                               "Elu's gradient from its output."};
  TW_HD static auto f(auto dy, auto y) { return where(y < 0, dy * (y + 1), dy); }
  TW_HD static auto grad(auto g, auto dy, auto y, auto) {
    return Pair{where(y < 0, g * (y + 1), g), where(y < 0, g * dy, 0)};
  }
};
struct SeluGrad {
  static constexpr double kScale = 1.0507009873554805, kScaleAlpha = 1.7580993408473766;
  static constexpr OpInfo info{"SeluGrad(gradients: T, outputs: T) -> backprops: T", kFloating, "",
                               "Selu's gradient from its output."};
  TW_HD static auto f(auto dy, auto y) { return where(y < 0, dy * (y + kScaleAlpha), dy * kScale); }
  TW_HD static auto grad(auto g, auto dy, auto y, auto) {
    return Pair{where(y < 0, g * (y + kScaleAlpha), g * kScale), where(y < 0, g * dy, 0)};
  }
};
struct SoftplusGrad {
  static constexpr OpInfo info{"SoftplusGrad(gradients: T, features: T) -> backprops: T", kFloating, "",
                               "gradients * sigmoid(features): Softplus's gradient."};
  TW_HD static auto f(auto dy, auto x) { return dy * logistic(x); }
  TW_HD static auto grad(auto g, auto dy, auto x, auto) {
    auto s = logistic(x);
    return Pair{g * s, g * dy * s * (1 - s)};
  }
};
struct SoftsignGrad {
  static constexpr OpInfo info{"SoftsignGrad(gradients: T, features: T) -> backprops: T", kFloating, "",
                               "gradients / (1 + |features|)^2: Softsign's gradient."};
  TW_HD static auto f(auto dy, auto x) {
    auto d = abs(x) + 1;
    return dy / (d * d);
  }
  TW_HD static auto grad(auto g, auto dy, auto x, auto) {
    auto d = abs(x) + 1, square = d * d;
    return Pair{g / square, g * dy * -2 * sign(x) / (square * d)};
  }
};
struct LeakyReluGrad {
  float alpha = 0.2f;
  static constexpr OpInfo info{"LeakyReluGrad(gradients: T, features: T; alpha: float = 0.2) -> backprops: T",
                               kFloating, "", "gradients where features > 0, alpha * gradients elsewhere."};
  static LeakyReluGrad from(const Attrs& a) { return {a.get<float>("alpha")}; }
  TW_HD auto f(auto dy, auto x) const { return where(x > 0, dy, dy * alpha); }
  TW_HD auto grad(auto g, auto, auto x, auto) const { return Pair{where(x > 0, g, g * alpha), like(x, 0)}; }
};

using Gradients = List<SigmoidGrad, TanhGrad, SqrtGrad, RsqrtGrad, ReciprocalGrad, InvGrad, ReluGrad, Relu6Grad,
                       EluGrad, SeluGrad, SoftplusGrad, SoftsignGrad, LeakyReluGrad>;

}  // namespace thalweg::ops
