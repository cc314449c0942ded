// Ops that only the runtime's own passes make.
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

/// Fused nodes are made when shapes are known, `shapes` those of their inputs. What comes in a run may have others
/// where a program said of a tensor what is not so.
void check_inputs(Infer& s) {
  const Shapes& shapes = s.attr<Shapes>("shapes");
  for (int i = 0; i < s.inputs(); ++i) {
    s.require(s.in(i).compatible(shapes[size_t(i)]), "Incompatible shapes: ", s.in(i), " vs. ", shapes[size_t(i)],
              ", which the graph says input ", i, " has");
  }
}

void infer_settled(Infer& s) {
  check_inputs(s);
  s.out(0, s.attr<PartialShape>("shape"));
}

/// The op without its second output.
void infer_with_sums(Infer& s, const PartialShape& product) {
  check_inputs(s);
  s.out(0, product);
  s.out(1, {product.known_rank() ? product[-1] : kUnknown});
}

}  // namespace

void register_internal(OpRegistry& r) {
  r.add("_Copy(x: T) -> y: T", kAny).doc("The same value on another device.").infer(infer_unchanged);

  // What `members` counts: the lists of nodes in Program::fused. Their operands follow the op's own inputs.
  r.add("_Fused(operands: U...; members: int, shapes: list(shape), shape: shape, T: type) -> output: T", kPlain)
      .doc("A tree of elementwise ops in one pass.")
      .infer(infer_settled)
      .elementwise();
  r.add(
       "_FusedReduce(operands: U...; members: int, shapes: list(shape), domain: shape, reduction: "
       "string{Sum|Mean|Max|Min|Prod}, "
       "shape: shape, T: type) -> output: T",
       kFloating)
      .doc("A reduction over all or the last axes of a tree of elementwise ops over `domain`.")
      .infer(infer_settled);
  r.add(
       "_FusedMatMul(a: T, b: T, operands: U...; transpose_a: bool = false, transpose_b: bool = false, members: int, "
       "shapes: list(shape), shape: shape) -> product: T",
       kFloating)
      .doc("A tree of elementwise ops over a matrix product, block by block of the product.")
      .infer(infer_settled);
  r.add(
       "_MatMulAndSums(a: T, b: T; transpose_a: bool = false, transpose_b: bool = false, shapes: list(shape)) -> "
       "product: T, sums: T",
       kFloating)
      .doc("A matrix product a^T b, and the sums of b over its rows.")
      .infer([](Infer& s) { infer_with_sums(s, {s.in(0)[1], s.in(1)[1]}); });
  r.add("_WeightGradient(x: T, dy: T; shapes: list(shape)) -> gradient: T", kFloating)
      .doc("x^T dy, the gradient of a dense layer's weights, where a step that updates them takes it in.")
      .infer([](Infer& s) {
        check_inputs(s);
        s.out(0, {s.in(0)[1], s.in(1)[1]});
      });
  r.add(
       "_FusedConv2D(input: T, filter: T, operands: U...; strides: list(int), use_cudnn_on_gpu: bool = true, "
       "padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1], members: int, shapes: "
       "list(shape), shape: shape) "
       "-> output: T",
       kFloating)
      .doc("A tree of elementwise ops over a convolution, block by block of its output.")
      .infer(infer_settled);
  r.add(
       "_FusedConv2DBackpropInput(input_sizes: int32, filter: T, out_backprop: T, operands: U...; strides: list(int), "
       "use_cudnn_on_gpu: bool = true, padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1], members: int, shapes: "
       "list(shape), shape: shape) "
       "-> output: T",
       kFloating)
      .doc("A tree of elementwise ops over the gradient of a convolution's input.")
      .infer(infer_settled);
  r.add(
       "_FusedMaxPoolGrad(orig_input: T, orig_output: T, grad: T, operands: U...; ksize: list(int), strides: "
       "list(int), padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', members: int, shapes: list(shape), shape: shape) "
       "-> output: T",
       kFloating)
      .doc("A tree of elementwise ops over the gradient of a max pooling.")
      .infer(infer_settled);
  r.add(
       "_Conv2DBackpropFilterAndSums(input: T, filter_sizes: int32, out_backprop: T; strides: list(int), "
       "use_cudnn_on_gpu: bool = true, padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1], shapes: list(shape)) -> output: "
       "T, sums: T",
       kFloating)
      .doc("The gradient of a convolution's filter, and the sums of out_backprop over all but the channels.")
      .infer([](Infer& s) { infer_with_sums(s, s.shape_from(1)); });
}

}  // namespace thalweg::ops
