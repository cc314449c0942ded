// Pooling: the largest or the mean element of sliding windows. Contract, shapes, gradients.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"
#include "thalweg/ops/window.h"

namespace thalweg::ops {
namespace {

PartialShape pool_shape(Infer& s, const PartialShape& in, const Ints& ksize, const Ints* strides) {
  Window w(s.op().name, s.attrs(), strides);
  const Layout& l = w.layout;
  s.require(ksize.size() == 4, s.op().name, ": Sliding window ksize field must specify 4 dimensions, got ",
            ksize.size());
  for (int64_t k : ksize) s.require(k > 0, s.op().name, ": Sliding window ksize must be > 0, got ", k);
  const Ints& step = strides ? *strides : s.attr<Ints>("strides");
  for (int dim : {l.batch, l.channel}) {
    s.require(ksize[size_t(dim)] == 1 && step[size_t(dim)] == 1, s.op().name,
              ": Pooling is not yet supported on the batch and depth dimensions.");
  }
  w.row.kernel = ksize[size_t(l.row)];
  w.col.kernel = ksize[size_t(l.col)];
  return l.shape(in[l.batch], w.out_rows(s, in[l.row]), w.out_cols(s, in[l.col]), in[l.channel]);
}

void infer_pool(Infer& s) { s.out(0, pool_shape(s, s.rank(0, 4), s.attr<Ints>("ksize"), nullptr)); }

void infer_pool_v2(Infer& s) {
  PartialShape in = s.rank(0, 4);
  s.rank(1, 1);
  s.rank(2, 1);
  auto ksize = s.values(1), strides = s.values(2);
  auto known = [](const std::optional<Values>& v) { return v && !std::ranges::count(*v, kUnknownValue); };
  if (!known(ksize) || !known(strides)) return s.out(0, PartialShape::unknown(4));
  s.out(0, pool_shape(s, in, *ksize, &*strides));
}

void infer_max_pool_grad(Infer& s) {
  PartialShape in = s.rank(0, 4), out = s.rank(1, 4), dy = s.rank(2, 4);
  s.merge(s.merge(pool_shape(s, in, s.attr<Ints>("ksize"), nullptr), out), dy);
  s.out(0, in);
}

void infer_max_pool_grad_grad(Infer& s) {
  PartialShape in = s.rank(0, 4), out = s.rank(1, 4);
  s.merge(in, s.rank(2, 4));
  s.out(0, s.merge(pool_shape(s, in, s.attr<Ints>("ksize"), nullptr), out));
}

void infer_avg_pool_grad(Infer& s) {
  PartialShape in = s.shape_from(0), dy = s.rank(1, 4);
  if (!in.known_rank()) in = PartialShape::unknown(4);
  s.require(in.rank() == 4, s.op().name, ": orig_input_shape must have 4 elements, got ", in.rank());
  s.require(!s.running() || in.fully_known(), s.op().name, ": orig_input_shape must be >= 0, got ", in);
  s.merge(pool_shape(s, in, s.attr<Ints>("ksize"), nullptr), dy);
  s.out(0, in);
}

Attrs shared_attrs(const Grad& g) {
  Attrs out;
  for (std::string_view name : {"ksize", "strides", "padding", "explicit_paddings", "data_format"}) {
    if (const AttrValue* v = g.attrs().find(name)) out.set(name, *v);
  }
  return out;
}

Outs grad_max_pool(Grad& g) { return {node("MaxPoolGrad", {g.in(0), g.out(), g.dy}, shared_attrs(g))}; }

// MaxPoolGrad is linear in dy: it scatters to the maxima, its adjoint gathers from them. The choice of maxima is
// constant.
Outs grad_max_pool_grad(Grad& g) {
  return {Out(), Out(), node("MaxPoolGradGrad", {g.in(0), g.in(1), g.dy}, shared_attrs(g))};
}
Outs grad_max_pool_grad_grad(Grad& g) {
  return {Out(), Out(), node("MaxPoolGrad", {g.in(0), g.in(1), g.dy}, shared_attrs(g))};
}

Outs grad_max_pool_v2(Grad& g) {
  auto ksize = g.in(1).info().values, strides = g.in(2).info().values;
  TW_CHECK(ksize && strides, "MaxPoolV2: the gradient needs constant ksize and strides");
  Attrs attrs = shared_attrs(g);
  attrs.set("ksize", *ksize);
  attrs.set("strides", *strides);
  return {node("MaxPoolGrad", {g.in(0), g.out(), g.dy}, attrs), Out(), Out()};
}

Outs grad_avg_pool(Grad& g) { return {node("AvgPoolGrad", {shape_of(g.in(0)), g.dy}, shared_attrs(g))}; }
Outs grad_avg_pool_grad(Grad& g) { return {Out(), node("AvgPool", {g.dy}, shared_attrs(g))}; }

}  // namespace

void register_pool(OpRegistry& r) {
  constexpr DTypeSet kMaxTypes = kReal - DTypeSet{DType::uint32, DType::uint64};
  auto t = [](OpDef& op, DTypeSet types) -> OpDef& { return op.types("T", types, DType::float32); };
  t(r.add("MaxPool(input: T; ksize: list(int), strides: list(int), padding: string{SAME|VALID|EXPLICIT}, "
          "explicit_paddings: list(int) = [], data_format: string{NHWC|NCHW} = 'NHWC') -> output: T",
          kMaxTypes),
    kMaxTypes)
      .doc("The largest element of each window; padding never wins.")
      .infer(infer_pool)
      .grad(grad_max_pool);
  t(r.add("MaxPoolV2(input: T, ksize: int32, strides: int32; padding: string{SAME|VALID}, "
          "data_format: string{NHWC|NCHW} = 'NHWC') -> output: T",
          kMaxTypes),
    kMaxTypes)
      .doc("MaxPool with window sizes and strides given as tensors.")
      .infer(infer_pool_v2)
      .grad(grad_max_pool_v2);
  t(r.add("MaxPoolGrad(orig_input: T, orig_output: T, grad: T; ksize: list(int), strides: list(int), "
          "padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
          "data_format: string{NHWC|NCHW} = 'NHWC') -> output: T",
          kReal),
    kReal)
      .doc("The gradient of MaxPool: each window's gradient goes to its first largest element.")
      .infer(infer_max_pool_grad)
      .grad(grad_max_pool_grad);
  r.add(
       "MaxPoolGradGrad(orig_input: T, orig_output: T, grad: T; ksize: list(int), strides: list(int), "
       "padding: string{SAME|VALID|EXPLICIT}, explicit_paddings: list(int) = [], "
       "data_format: string{NHWC|NCHW} = 'NHWC') -> output: T",
       kReal)
      .doc("The adjoint of MaxPoolGrad: takes from grad, shaped like the input, the element at each window's maximum.")
      .infer(infer_max_pool_grad_grad)
      .grad(grad_max_pool_grad_grad);
  r.add(
       "AvgPool(value: T; ksize: list(int), strides: list(int), padding: string{SAME|VALID}, "
       "data_format: string{NHWC|NCHW} = 'NHWC') -> output: T",
       kFloating)
      .doc("The mean of each window, over the elements inside the image.")
      .infer(infer_pool)
      .grad(grad_avg_pool);
  r.add(
       "AvgPoolGrad(orig_input_shape: int32, grad: T; ksize: list(int), strides: list(int), "
       "padding: string{SAME|VALID}, data_format: string{NHWC|NCHW} = 'NHWC') -> output: T",
       kFloating)
      .doc("The gradient of AvgPool: each window's gradient is shared equally by its elements inside the image.")
      .infer(infer_avg_pool_grad)
      .grad(grad_avg_pool_grad);
}

}  // namespace thalweg::ops
