// Ops that call functions of the graph: choices, loops, calls. Their gradients are graphs that call functions again:
// autodiff/functional.
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

/// What whoever made the node knew of its outputs.
void infer_declared(Infer& s) {
  const Shapes& shapes = s.attr<Shapes>("output_shapes");
  if (shapes.empty()) return;
  s.require(int(shapes.size()) == s.outputs(), "`output_shapes` must be the same length as num outputs (",
            shapes.size(), " vs. ", s.outputs());
  for (int i = 0; i < s.outputs(); ++i) s.out(i, shapes[size_t(i)]);
}

void infer_while(Infer& s) {
  const Shapes& shapes = s.attr<Shapes>("output_shapes");
  s.require(shapes.empty() || int(shapes.size()) == s.outputs(),
            "`output_shapes` must be the same length as num outputs (", shapes.size(), " vs. ", s.outputs());
  if (!s.running()) infer_declared(s);
}

void infer_choice(Infer& s) {
  if (!s.running()) infer_declared(s);
}

void infer_case(Infer& s) {
  s.rank(0, 0);
  infer_choice(s);
}

}  // namespace

void register_functional(OpRegistry& r) {
  constexpr std::string_view kIfDoc =
      "One of two functions of the inputs: then_branch where cond holds (a true bool, a number that is not 0, a string "
      "or tensor that is not empty), else else_branch.";
  r.add(
       "If(cond: Tcond, input: Tin...; then_branch: func, else_branch: func, Tout: list(type), "
       "output_shapes: list(shape) = []) -> output: Tout...")
      .doc(kIfDoc)
      .infer(infer_choice)
      .stateful();
  r.add(
       "StatelessIf(cond: Tcond, input: Tin...; then_branch: func, else_branch: func, Tout: list(type), "
       "output_shapes: list(shape) = []) -> output: Tout...")
      .doc(kIfDoc)
      .infer(infer_choice);

  constexpr std::string_view kCaseDoc =
      "The function branches[branch_index] of the inputs; the last one where the index is out of range.";
  r.add(
       "Case(branch_index: int32, input: Tin...; branches: list(func), Tout: list(type), "
       "output_shapes: list(shape) = []) -> output: Tout...")
      .doc(kCaseDoc)
      .infer(infer_case)
      .stateful();
  r.add(
       "StatelessCase(branch_index: int32, input: Tin...; branches: list(func), Tout: list(type), "
       "output_shapes: list(shape) = []) -> output: Tout...")
      .doc(kCaseDoc)
      .infer(infer_case);

  constexpr std::string_view kWhileDoc = "input = body(input) as long as cond(input) holds.";
  r.add(
       "While(input: T...; cond: func, body: func, output_shapes: list(shape) = [], parallel_iterations: int = 10) "
       "-> output: T...")
      .doc(kWhileDoc)
      .infer(infer_while)
      .stateful();
  r.add(
       "StatelessWhile(input: T...; cond: func, body: func, output_shapes: list(shape) = [], "
       "parallel_iterations: int = 10) -> output: T...")
      .doc(kWhileDoc)
      .infer(infer_while);

  r.add(
       "PartitionedCall(args: Tin...; Tout: list(type), f: func, config: string = '', config_proto: string = '', "
       "executor_type: string = '') -> output: Tout...")
      .doc("A function of the inputs.");
  r.add(
       "StatefulPartitionedCall(args: Tin...; Tout: list(type), f: func, config: string = '', "
       "config_proto: string = '', executor_type: string = '') -> output: Tout...")
      .doc("A function of the inputs that has effects or draws on state.")
      .stateful();
}

}  // namespace thalweg::ops
