// Elementwise comparisons with NumPy broadcasting: two arguments of T, a bool result, no gradient.
#pragma once

#include "thalweg/ops/elementwise.h"

namespace thalweg::ops {

struct Less {
  static constexpr OpInfo info{"Less(x: T, y: T) -> z: bool", kReal, "math.less, less", "x < y."};
  TW_HD static auto f(auto a, auto b) { return a < b; }
};
struct LessEqual {
  static constexpr OpInfo info{"LessEqual(x: T, y: T) -> z: bool", kReal, "math.less_equal, less_equal", "x <= y."};
  TW_HD static auto f(auto a, auto b) { return a <= b; }
};
struct Greater {
  static constexpr OpInfo info{"Greater(x: T, y: T) -> z: bool", kReal, "math.greater, greater", "x > y."};
  TW_HD static auto f(auto a, auto b) { return a > b; }
};
struct GreaterEqual {
  static constexpr OpInfo info{"GreaterEqual(x: T, y: T) -> z: bool", kReal, "math.greater_equal, greater_equal",
                               "x >= y."};
  TW_HD static auto f(auto a, auto b) { return a >= b; }
};
struct Equal {
  static constexpr OpInfo info{"Equal(x: T, y: T; incompatible_shape_error: bool = true) -> z: bool",
                               kNumeric | kBool | kString, "",
                               "x == y. Unless incompatible_shape_error is set, shapes that do not broadcast give the "
                               "scalar false.",
                               true};
  static constexpr bool kOtherwise = false;  // for shapes that do not broadcast
  TW_HD static auto f(auto a, auto b) { return a == b; }
};
struct NotEqual {
  static constexpr OpInfo info{"NotEqual(x: T, y: T; incompatible_shape_error: bool = true) -> z: bool",
                               kNumeric | kBool | kString, "",
                               "x != y. Unless incompatible_shape_error is set, shapes that do not broadcast give the "
                               "scalar true.",
                               true};
  static constexpr bool kOtherwise = true;
  TW_HD static auto f(auto a, auto b) { return a != b; }
};
struct ApproximateEqual {
  float tolerance = 1e-5f;
  static constexpr OpInfo info{"ApproximateEqual(x: T, y: T; tolerance: float = 0.00001) -> z: bool", kReal, "",
                               "|x - y| < tolerance, for x and y of one shape."};
  static ApproximateEqual from(const Attrs& a) { return {a.get<float>("tolerance")}; }
  TW_HD auto f(auto a, auto b) const { return abs(a - b) < tolerance; }
};

using Compare = List<Less, LessEqual, Greater, GreaterEqual, Equal, NotEqual, ApproximateEqual>;

}  // namespace thalweg::ops
