// Constants, placeholders, identities and the ops that watch a program: Print, Assert, CheckNumerics, PyFunc.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

void infer_const(Infer& s) {
  const Tensor& value = s.attr<Tensor>("value");
  s.require(value.dtype() == s.attr<DType>("dtype"), "Const: value is ", value.dtype(), ", attribute dtype is ",
            s.attr<DType>("dtype"));
  s.out(0, value.shape());
  if (value.size() > kMaxValues || !value.device().host_memory()) return;
  Values values;
  if (value.dtype() == DType::int32) {
    values.assign(value.ptr<int32_t>(), value.ptr<int32_t>() + value.size());
  } else if (value.dtype() == DType::int64) {
    values.assign(value.ptr<int64_t>(), value.ptr<int64_t>() + value.size());
  } else {
    return;
  }
  s.out_values(0, std::move(values));
}

void infer_declared(Infer& s) { s.out(0, s.attr<PartialShape>("shape")); }

void infer_placeholder_with_default(Infer& s) {
  const PartialShape& shape = s.attr<PartialShape>("shape");
  s.merge(s.in(0), shape);  // the default must fit
  s.out(0, s.running() ? s.in(0) : shape);
}

void infer_each_unchanged(Infer& s) {
  for (int i = 0; i < s.inputs(); ++i) s.out(i, s.in(i));
}

Outs pass_through(Grad& g) {
  Outs dx = g.none();
  dx[0] = g.dy;
  return dx;
}

Outs identity_n(Grad& g) {
  Outs dx = g.none();
  for (int i = 0; i < g.inputs(); ++i) {
    if (g.has_dy(i)) dx[size_t(i)] = g.dys(i);
  }
  return dx;
}

/// The gradient is checked by the same op.
Outs checked(Grad& g) {
  constexpr std::string_view kWhere = "Not a number (NaN) or infinity (Inf) values detected in gradient. ";
  return {node(g.node().op().name, {g.dy}, {{"message", str(kWhere, g.attr<std::string>("message"))}})};
}

Outs prevented(Grad& g) { TW_FAIL(NotFound, "Gradient explicitly disabled. Reason: ", g.attr<std::string>("message")); }

}  // namespace

void register_control(OpRegistry& r) {
  r.add("Const(; value: tensor, dtype: type) -> output: dtype")
      .doc("A tensor that is part of the graph.")
      .infer(infer_const)
      .no_grad();
  r.add("Placeholder(; dtype: type, shape: shape = unknown) -> output: dtype")
      .doc("A value that every run must feed.")
      .infer(infer_declared)
      .no_grad();
  r.add("PlaceholderV2(; dtype: type, shape: shape) -> output: dtype")
      .doc("A value of a declared shape that every run must feed.")
      .infer(infer_declared)
      .no_grad();
  r.add("PlaceholderWithDefault(input: dtype; shape: shape) -> output: dtype")
      .doc("A value that a run may feed; otherwise it is the input.")
      .infer(infer_placeholder_with_default)
      .grad(pass_through)
      .aliases(0);

  r.add("Identity(input: T) -> output: T")
      .doc("The input itself: a place for names, devices and control inputs.")
      .infer(infer_unchanged)
      .grad(pass_through)
      .aliases(0);
  r.add("IdentityN(input: T...) -> output: T...")
      .doc("The inputs themselves, all of them ready before any is passed on.")
      .api("identity_n")
      .infer(infer_each_unchanged)
      .grad(identity_n);
  r.add("NoOp() ->").doc("Does nothing; orders other ops through control inputs.").api("no_op");
  r.add("StopGradient(input: T) -> output: T")
      .doc("The input itself, which gradients do not pass.")
      .api("stop_gradient")
      .infer(infer_unchanged)
      .no_grad()
      .aliases(0);
  r.add("PreventGradient(input: T; message: string = '') -> output: T")
      .doc("The input itself; asking for a gradient through it is an error.")
      .infer(infer_unchanged)
      .grad(prevented)
      .aliases(0);

  r.add("Print(input: T, data: U...; message: string = '', first_n: int = -1, summarize: int = 3) -> output: T")
      .doc("The input itself; writes the message and the data to standard error when it runs.")
      .infer(infer_unchanged)
      .grad(pass_through)
      .stateful();
  r.add("PrintV2(input: string; output_stream: string = 'stderr', end: string = '\n') ->")
      .doc("Writes a string to standard output, standard error, the log or a file (file://path).")
      .infer([](Infer& s) { s.rank(0, 0); })
      .no_grad()
      .stateful();
  r.add("Assert(condition: bool, data: T...; summarize: int = 3) ->")
      .doc("Fails the run, showing the data, unless the condition is true.")
      .infer([](Infer& s) { s.rank(0, 0); })
      .no_grad()
      .stateful();
  r.add("CheckNumerics(tensor: T; message: string) -> output: T", kFloating)
      .doc("The input itself; fails the run if it holds a NaN or an infinity.")
      .api("debugging.check_numerics")
      .infer(infer_unchanged)
      .grad(checked)
      .stateful();
  r.add("CheckNumericsV2(tensor: T; message: string) -> output: T", kFloating)
      .doc("As CheckNumerics, telling the infinities apart by sign.")
      .infer(infer_unchanged)
      .grad(checked)
      .stateful();
  r.add("Timestamp() -> ts: float64")
      .doc("Seconds since 1970 at the moment it runs.")
      .api("timestamp")
      .infer(infer_scalar)
      .no_grad()
      .stateful();

  r.add("PyFunc(input: Tin...; token: string, Tin: list(type), Tout: list(type)) -> output: Tout...")
      .doc("Calls the Python function registered under the token.")
      .infer(infer_unknown)
      .no_grad()
      .stateful();
  r.add("PyFuncStateless(input: Tin...; token: string, Tin: list(type), Tout: list(type)) -> output: Tout...")
      .doc("Calls the Python function registered under the token, which has no side effects.")
      .infer(infer_unknown)
      .no_grad()
      .stateful();  // not folded: plans are made without the interpreter lock
}

}  // namespace thalweg::ops
