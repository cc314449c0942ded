// Convolutions and their two adjoints, each differentiable in its turn: contract, shapes, gradients.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"
#include "thalweg/ops/window.h"

namespace thalweg::ops {
namespace {

Ints spatial_strides_checked(Infer& s, const Layout& l) {
  const Ints& step = s.attr<Ints>("strides");
  s.require(step.size() == 4 && step[size_t(l.batch)] == 1 && step[size_t(l.channel)] == 1, s.op().name,
            ": Current implementation does not yet support strides in the batch and depth dimensions.");
  return step;
}

/// Output shape for an input and a filter shape (both of rank 4, dimensions may be unknown); checks what they must
/// share.
PartialShape conv_shape(Infer& s, const PartialShape& in, const PartialShape& filter, bool depthwise) {
  Window w(s.op().name, s.attrs());
  spatial_strides_checked(s, w.layout);
  w.row.kernel = filter[0];
  w.col.kernel = filter[1];
  int64_t depth = in[w.layout.channel], channels = filter[3];
  if (depthwise) {
    depth = s.merge(depth, filter[2]);
    channels = Infer::mul(depth, filter[3]);
  } else if (depth > 0 && filter[2] > 0 && depth != filter[2]) {
    s.require(depth % filter[2] == 0, "Depth of input (", depth, ") is not a multiple of input depth of filter (",
              filter[2], ")");
    int64_t groups = depth / filter[2];
    s.require(channels < 0 || channels % groups == 0, "Depth of output (", channels,
              ") is not a multiple of the number of groups (", groups, ")");
  } else if (depth >= 0 && filter[2] >= 0) {
    s.require(depth == filter[2], "Depth of input (", depth, ") is not a multiple of input depth of filter (",
              filter[2], ")");
  }
  return w.layout.shape(in[w.layout.batch], w.out_rows(s, in[w.layout.row]), w.out_cols(s, in[w.layout.col]), channels);
}

template <bool depthwise>
void infer_conv(Infer& s) {
  PartialShape in = s.rank(0, 4), filter = s.rank(1, 4);
  s.out(0, conv_shape(s, in, filter, depthwise));
}

/// A shape given as the values of a vector of 4.
PartialShape shape_of_four(Infer& s, int input, const char* what) {
  PartialShape shape = s.shape_from(input);
  if (!shape.known_rank()) return PartialShape::unknown(4);
  s.require(shape.rank() == 4, s.op().name, ": ", what, " must have 4 elements, got ", shape.rank());
  s.require(!s.running() || shape.fully_known(), s.op().name, ": ", what, " must be >= 0, got ", shape);
  return shape;
}

template <bool depthwise>
void infer_backprop_input(Infer& s) {
  PartialShape in = shape_of_four(s, 0, "input_sizes"), filter = s.rank(1, 4), dy = s.rank(2, 4);
  PartialShape want = conv_shape(s, in, filter, depthwise);
  if (dy.known_rank()) s.merge(want, dy);
  int batch = Layout(s.attrs()).batch;
  in.set(batch, s.merge(in[batch], dy[batch]));
  s.out(0, in);
}

template <bool depthwise>
void infer_backprop_filter(Infer& s) {
  PartialShape in = s.rank(0, 4), filter = shape_of_four(s, 1, "filter_sizes"), dy = s.rank(2, 4);
  s.merge(conv_shape(s, in, filter, depthwise), dy);
  s.out(0, filter);
}

/// The attributes that all three ops of a convolution share.
Attrs shared_attrs(const Grad& g) {
  Attrs out;
  for (std::string_view name :
       {"strides", "padding", "explicit_paddings", "data_format", "dilations", "use_cudnn_on_gpu"}) {
    if (const AttrValue* v = g.attrs().find(name)) out.set(name, *v);
  }
  return out;
}

struct Names {
  std::string_view forward, input, filter;
};
constexpr Names kDense{"Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"};
constexpr Names kDepthwise{"DepthwiseConv2dNative", "DepthwiseConv2dNativeBackpropInput",
                           "DepthwiseConv2dNativeBackpropFilter"};

// The convolution is linear in the image x and in the filter w; its three forms are each other's adjoints.
template <const Names& op>
Outs grad_conv(Grad& g) {
  auto [x, w] = g.inputs<2>();
  return {node(op.input, {shape_of(x), w, g.dy}, shared_attrs(g)),
          node(op.filter, {x, shape_of(w), g.dy}, shared_attrs(g))};
}
template <const Names& op>
Outs grad_backprop_input(Grad& g) {
  Out w = g.in(1), dy = g.in(2);
  return {Out(), node(op.filter, {g.dy, shape_of(w), dy}, shared_attrs(g)),
          node(op.forward, {g.dy, w}, shared_attrs(g))};
}
template <const Names& op>
Outs grad_backprop_filter(Grad& g) {
  Out x = g.in(0), dy = g.in(2);
  return {node(op.input, {shape_of(x), g.dy, dy}, shared_attrs(g)), Out(),
          node(op.forward, {x, g.dy}, shared_attrs(g))};
}

}  // namespace

void register_conv(OpRegistry& r) {
  constexpr DTypeSet kConvTypes = kFloating | DTypeSet{DType::int32};
  r.add(
       "Conv2D(input: T, filter: T; strides: list(int), use_cudnn_on_gpu: bool = true, "
       "padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1]) -> output: T",
       kConvTypes)
      .doc("Slides a filter [rows, cols, in, out] over images; each output is the product of a patch with the filter.")
      .infer(infer_conv<false>)
      .grad(grad_conv<kDense>);
  r.add(
       "Conv2DBackpropInput(input_sizes: int32, filter: T, out_backprop: T; strides: list(int), "
       "use_cudnn_on_gpu: bool = true, padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1]) -> output: T",
       kConvTypes)
      .doc("The gradient of Conv2D with respect to its input, also known as transposed convolution.")
      .infer(infer_backprop_input<false>)
      .grad(grad_backprop_input<kDense>);
  r.add(
       "Conv2DBackpropFilter(input: T, filter_sizes: int32, out_backprop: T; strides: list(int), "
       "use_cudnn_on_gpu: bool = true, padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1]) -> output: T",
       kFloating)
      .doc("The gradient of Conv2D with respect to its filter.")
      .infer(infer_backprop_filter<false>)
      .grad(grad_backprop_filter<kDense>);
  r.add(
       "DepthwiseConv2dNative(input: T, filter: T; strides: list(int), padding: string{SAME|VALID|EXPLICIT}, "
       "explicit_paddings: list(int) = [], data_format: string{NHWC|NCHW} = 'NHWC', "
       "dilations: list(int) = [1, 1, 1, 1]) -> output: T",
       kFloating)
      .doc("Convolves every input channel with its own filters: filter [rows, cols, in, multiplier].")
      .infer(infer_conv<true>)
      .grad(grad_conv<kDepthwise>);
  r.add(
       "DepthwiseConv2dNativeBackpropInput(input_sizes: int32, filter: T, out_backprop: T; strides: list(int), "
       "padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1]) -> output: T",
       kFloating)
      .doc("The gradient of DepthwiseConv2dNative with respect to its input.")
      .infer(infer_backprop_input<true>)
      .grad(grad_backprop_input<kDepthwise>);
  r.add(
       "DepthwiseConv2dNativeBackpropFilter(input: T, filter_sizes: int32, out_backprop: T; strides: list(int), "
       "padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC', dilations: list(int) = [1, 1, 1, 1]) -> output: T",
       kFloating)
      .doc("The gradient of DepthwiseConv2dNative with respect to its filter.")
      .infer(infer_backprop_filter<true>)
      .grad(grad_backprop_filter<kDepthwise>);
}

}  // namespace thalweg::ops
