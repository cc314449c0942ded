// What an elementwise op's struct is made of. unary.h, binary.h and compare.h hold the structs; elementwise.cpp turns
// them into OpDefs with gradients; kernels/elementwise*.cpp into CPU kernels.
//
// A struct has `info`, the formula `f` over generic numbers (Lane, Vec, Out) and, where it is differentiable, one of
//   df(x, y)            the derivative; the gradient is dy * df
//   grad(dy, x, y)      the gradient itself (unary); grad(dy, a, b, z) -> Pair (binary)
//   gradient            the op that computes it: {"SigmoidGrad", Saved::kOutputFirst}
// Attributes are members; `from` reads them from a node. Complex arguments arrive conjugated: the chain rule needs
// conj(df).
#pragma once

#include <string_view>

#include "thalweg/core/attr.h"
#include "thalweg/num/lane.h"
#include "thalweg/registry/signature.h"

namespace thalweg {

struct OpInfo {
  Signature signature;
  DTypeSet dtypes;  // of attribute T
  std::string_view api, doc;
  bool commutative = false;
};

template <class... Op>
struct List {};

template <class... Op, class F>
void for_each_op(List<Op...>, F&& f) {
  (f.template operator()<Op>(), ...);
}

/// Two gradients; `da` and `db` may differ in type when they are graph values.
template <class A, class B>
struct Pair {
  A da;
  B db;
};
template <class A, class B>
Pair(A, B) -> Pair<A, B>;

/// What a gradient op takes beside dy, and in which order.
enum class Saved { kOutputFirst, kOutputLast, kInputLast };
struct GradientOp {
  std::string_view name;
  Saved saved;
  bool conjugates =
      false;  // the op itself takes conj of what was saved (TensorFlow's choice for SqrtGrad and its like)
};

/// The op with its attributes read from a node.
template <class Op>
Op make_op(const Attrs& attrs) {
  if constexpr (requires { Op::from(attrs); })
    return Op::from(attrs);
  else
    return Op{};
}

}  // namespace thalweg
