// OpDefs of the elementwise family from the structs of unary.h, binary.h and compare.h: shape rules, gradients, known
// values.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/binary.h"
#include "thalweg/ops/compare.h"
#include "thalweg/ops/families.h"
#include "thalweg/ops/symbolic.h"
#include "thalweg/ops/unary.h"

namespace thalweg::ops {
namespace {

/// The chain rule multiplies by conj(df): arguments are conjugated here, once, instead of in every formula.
Out argument(const Out& x) { return is_complex_value(x) ? conj(x) : x; }

template <class Op>
Outs unary_gradient(Grad& g) {
  Op op = make_op<Op>(g.attrs());
  if constexpr (requires { Op::gradient; }) {
    Attrs attrs;
    if constexpr (requires { op.alpha; }) attrs.set("alpha", op.alpha);
    std::string name(Op::gradient.name);
    switch (Op::gradient.saved) {
      case Saved::kOutputFirst:
        return {node(name, {Op::gradient.conjugates ? g.out() : argument(g.out()), g.dy}, attrs)};
      case Saved::kOutputLast:
        return {node(name, {g.dy, argument(g.out())}, attrs)};
      case Saved::kInputLast:
        return {node(name, {g.dy, argument(g.in(0))}, attrs)};
    }
    return g.none();
  } else {
    Out x = argument(g.in(0)), y = argument(g.out());
    if constexpr (requires { op.grad(g.dy, x, y); })
      return {op.grad(g.dy, x, y)};
    else
      return {g.dy * op.df(x, y)};
  }
}

template <class Op, bool broadcasts>
Outs binary_gradient(Grad& g) {
  Op op = make_op<Op>(g.attrs());
  auto [a, b] = op.grad(g.dy, argument(g.in(0)), argument(g.in(1)), argument(g.out()));
  Outs out{a, b};
  if constexpr (broadcasts) {
    for (int i = 0; i < 2; ++i) {
      if (out[size_t(i)]) out[size_t(i)] = unbroadcast(out[size_t(i)], g.in(i));
    }
  }
  return out;
}

template <class Op>
inline constexpr bool has_unary_gradient = requires(Op op, Out x) { op.df(x, x); } ||
                                           requires(Op op, Out x) { op.grad(x, x, x); } || requires { Op::gradient; };
template <class Op>
inline constexpr bool has_binary_gradient = requires(Op op, Out x) { op.grad(x, x, x, x); };

/// Real and its like: the real type must be the complex one's.
void check_real_type(const Infer& s, DType complex, DType real) {
  DType its = complex == DType::complex128 ? DType::float64 : DType::float32;
  s.require(kComplex.has(complex) && real == its, s.op().name, ": ", complex, " does not go with ", real);
}

void infer_real_part(Infer& s) {
  check_real_type(s, s.attr<DType>("T"), s.attr<DType>("Tout"));
  infer_unchanged(s);
}
void infer_complex(Infer& s) {
  check_real_type(s, s.attr<DType>("Tout"), s.attr<DType>("T"));
  infer_broadcast(s);
}
void infer_same(Infer& s) { s.out(0, s.merge(s.in(0), s.in(1))); }
void infer_first(Infer& s) { s.out(0, s.in(0)); }

void infer_equal(Infer& s) {
  if (s.attr<bool>("incompatible_shape_error")) return infer_broadcast(s);
  if (!s.in(0).known_rank() || !s.in(1).known_rank()) return;
  try {
    infer_broadcast(s);
  } catch (const Error&) {
    s.out(0, Shape());
  }
}

/// Small integer tensors (shapes, sizes) are followed through arithmetic.
template <class Op>
void infer_arithmetic(Infer& s) {
  infer_broadcast(s);
  const Values *a = s.known(0), *b = s.known(1);
  if (!a || !b || !kIndex.has(s.dtype(0)) || s.in(0).rank() > 1 || s.in(1).rank() > 1) return;
  if (a->empty() || b->empty() || (a->size() != b->size() && a->size() != 1 && b->size() != 1)) return;
  Values out(std::max(a->size(), b->size()), kUnknownValue);
  for (size_t i = 0; i < out.size(); ++i) {
    int64_t x = a->size() == 1 ? a->front() : (*a)[i], y = b->size() == 1 ? b->front() : (*b)[i];
    if (x == kUnknownValue || y == kUnknownValue) continue;
    if constexpr (requires { Op::kDivides; }) {
      if (y == 0) continue;
    }
    int64_t z = Op::f(Lane<int64_t>(x), Lane<int64_t>(y)).v;
    out[i] = s.dtype(0) == DType::int32 ? int64_t(int32_t(z)) : z;
  }
  s.out_values(0, std::move(out));
}

using Followed = List<Add, AddV2, Sub, Mul, Div, FloorDiv, FloorMod, Maximum, Minimum>;
template <class Op, class... In>
constexpr bool contains(List<In...>) {
  return (std::same_as<Op, In> || ...);
}

template <class Op>
OpDef& add(OpRegistry& r) {
  OpDef& def = r.add(Op::info.signature);
  if (def.attr("T")) def.types("T", Op::info.dtypes);
  def.doc(Op::info.doc).api(Op::info.api);
  if (Op::info.commutative) def.commutative();
  // In place only where an element's result has the size of the element.
  if (!def.outputs[0].type_attr.empty() && def.outputs[0].type_attr == def.inputs[0].type_attr) def.elementwise();
  return def;
}

}  // namespace

void register_elementwise(OpRegistry& r) {
  for_each_op(Unary{}, [&]<class Op>() {
    OpDef& def = add<Op>(r).infer(infer_first);
    if (def.attr("Tout")) def.infer(infer_real_part);
    if constexpr (has_unary_gradient<Op>)
      def.grad(unary_gradient<Op>);
    else
      def.no_grad();
  });
  for_each_op(Binary{}, [&]<class Op>() {
    OpDef& def = add<Op>(r).infer(infer_broadcast);
    if (def.attr("Tout")) def.infer(infer_complex);
    if constexpr (contains<Op>(Followed{})) def.infer(infer_arithmetic<Op>);
    if constexpr (has_binary_gradient<Op>)
      def.grad(binary_gradient<Op, true>);
    else
      def.no_grad();
  });
  for_each_op(Gradients{}, [&]<class Op>() { add<Op>(r).infer(infer_first).grad(binary_gradient<Op, false>); });
  for_each_op(Compare{}, [&]<class Op>() {
    OpDef& def = add<Op>(r).infer(infer_broadcast).no_grad();
    if constexpr (requires { Op::kOtherwise; }) def.infer(infer_equal);
    if constexpr (requires { Op::tolerance; }) def.infer(infer_same);
  });

  r.add("AddN(inputs: N * T) -> sum: T", kNumeric | DTypeSet{DType::variant})
      .api("")
      .doc("The elementwise sum of tensors of one shape.")
      .infer([](Infer& s) {
        PartialShape shape = s.in(0);
        for (int i = 1; i < s.inputs(); ++i) shape = s.merge(shape, s.in(i));
        s.out(0, shape);
      })
      .grad([](Grad& g) { return Outs(size_t(g.inputs()), g.dy); })
      .elementwise();
  r.add("ClipByValue(t: T, clip_value_min: T, clip_value_max: T) -> output: T", kReal)
      .doc("min(max(t, clip_value_min), clip_value_max); the limits are scalars or have the shape of t.")
      .infer(infer_first)
      .grad([](Grad& g) {
        auto [t, low, high] = g.inputs<3>();
        Out below = t<low, above = t> high;
        return Outs{where(below, 0, where(above, 0, g.dy)), unbroadcast(where(below, g.dy, 0), low),
                    unbroadcast(where(below, 0, where(above, g.dy, 0)), high)};
      })
      .elementwise();
}

}  // namespace thalweg::ops
