// Matrix products and the bias additions that go with them: contract, shapes, gradients.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"

namespace thalweg::ops {
namespace {

constexpr DTypeSet kMatMulTypes = kInexact | kUnsigned | DTypeSet{DType::int32, DType::int64};
constexpr DTypeSet kBatchTypes = kMatMulTypes | DTypeSet{DType::int16};

/// The last two dimensions of a matrix operand, exchanged if it is to be transposed.
std::pair<int64_t, int64_t> matrix_dims(const PartialShape& s, bool transposed) {
  if (!s.known_rank()) return {kUnknown, kUnknown};
  return transposed ? std::pair(s[-1], s[-2]) : std::pair(s[-2], s[-1]);
}

void infer_matmul(Infer& s) {
  auto [rows, inner] = matrix_dims(s.rank(0, 2), s.attr<bool>("transpose_a"));
  auto [depth, cols] = matrix_dims(s.rank(1, 2), s.attr<bool>("transpose_b"));
  s.merge(inner, depth);
  s.out(0, {rows, cols});
}

Outs grad_matmul(Grad& g) {
  auto [a, b] = g.inputs<2>();
  bool ta = g.attr<bool>("transpose_a"), tb = g.attr<bool>("transpose_b");
  // The adjoint of a complex product takes the conjugate of the other factor.
  auto conj = [](const Out& x) { return kComplex.has(x.dtype()) ? node("Conj", {x}) : x; };
  Out ca = conj(a), cb = conj(b);
  Out da = ta ? matmul(cb, g.dy, tb, true) : matmul(g.dy, cb, false, !tb);
  Out db = tb ? matmul(g.dy, ca, true, ta) : matmul(ca, g.dy, !ta, false);
  return {da, db};
}

void infer_batch_matmul(Infer& s) {
  PartialShape x = s.rank_at_least(0, 2), y = s.rank_at_least(1, 2);
  auto [rows, inner] = matrix_dims(x, s.attr<bool>("adj_x"));
  auto [depth, cols] = matrix_dims(y, s.attr<bool>("adj_y"));
  s.merge(inner, depth);
  PartialShape batch_x = Infer::slice(x, 0, -2), batch_y = Infer::slice(y, 0, -2);
  bool broadcasts = s.op().name != "BatchMatMul";
  PartialShape batch = broadcasts ? s.broadcast(batch_x, batch_y) : s.merge(batch_x, batch_y);
  if (!x.known_rank() || (broadcasts && !y.known_rank())) return;
  s.out(0, Infer::concat(batch, {rows, cols}));
}

Outs grad_batch_matmul(Grad& g) {
  auto [x, y] = g.inputs<2>();
  bool ax = g.attr<bool>("adj_x"), ay = g.attr<bool>("adj_y");
  std::string_view op = g.node().op().name;
  auto product = [&](const Out& a, const Out& b, bool adj_a, bool adj_b) {
    return node(op, {a, b}, {{"adj_x", adj_a}, {"adj_y", adj_b}});
  };
  Out dx = ax ? product(y, g.dy, ay, true) : product(g.dy, y, false, !ay);
  Out dy = ay ? product(g.dy, x, true, ax) : product(x, g.dy, !ax, false);
  if (op == "BatchMatMul") return {dx, dy};
  return {unbroadcast(dx, x), unbroadcast(dy, y)};
}

/// The channel axis of a bias: the last one, or axis 1 for NCHW.
int channel_axis(const Attrs& attrs, int rank) {
  return attrs.get_or<std::string>("data_format", "NHWC") == "NCHW" ? 1 : rank - 1;
}

void infer_bias_add(Infer& s) {
  PartialShape value = s.rank_at_least(0, 2), bias = s.rank(1, 1);
  if (value.known_rank()) {
    int axis = channel_axis(s.attrs(), value.rank());
    value.set(axis, s.merge(value[axis], bias[0]));
  }
  s.out(0, value);
}

Outs grad_bias_add(Grad& g) {
  std::string format = g.attrs().get_or<std::string>("data_format", "NHWC");
  return {g.dy, node("BiasAddGrad", {g.dy}, {{"data_format", format}})};
}

void infer_bias_add_grad(Infer& s) {
  PartialShape dy = s.rank_at_least(0, 2);
  s.out(0, {dy.known_rank() ? dy[channel_axis(s.attrs(), dy.rank())] : kUnknown});
}

Outs grad_bias_add_grad(Grad& g) {
  // The adjoint of a sum over all but the channels: every pixel gets its channel's gradient.
  Out dy = g.dy, x = g.in(0);
  if (g.attr<std::string>("data_format") == "NCHW") {
    // [C] -> [C, 1, ..., 1], so that broadcasting meets axis 1.
    Scope scope(x.graph());
    if (x.shape().known_rank()) {
      Ints dims{-1};
      dims.resize(size_t(x.shape().rank()) - 1, 1);
      dy = reshape(dy, ints(dims));
    } else {
      Out axis = node("Range", {int_scalar(0), node("Size", {shape_of(x)}) - 1, int_scalar(1)});
      dy = reshape(dy, where(axis == zeros_like(axis), -ones_like(axis), ones_like(axis)));
    }
  }
  return {node("BroadcastTo", {dy, shape_of(x)})};
}

}  // namespace

void register_matmul(OpRegistry& r) {
  r.add(
       "MatMul(a: T, b: T; transpose_a: bool = false, transpose_b: bool = false, grad_a: bool = false, "
       "grad_b: bool = false) -> product: T",
       kMatMulTypes)
      .doc("Matrix product a @ b, after the requested transpositions.")
      .infer(infer_matmul)
      .grad(grad_matmul);
  r.add(
       "BatchMatMul(x: T, y: T; adj_x: bool = false, adj_y: bool = false, grad_x: bool = false, "
       "grad_y: bool = false) -> output: T",
       kMatMulTypes)
      .doc(
          "Products of the matrices in the last two dimensions; the other dimensions must agree. adj_x and adj_y take "
          "the conjugate transpose first.")
      .infer(infer_batch_matmul)
      .grad(grad_batch_matmul);
  r.add(
       "BatchMatMulV2(x: T, y: T; adj_x: bool = false, adj_y: bool = false, grad_x: bool = false, "
       "grad_y: bool = false) -> output: T",
       kBatchTypes)
      .doc(
          "Products of the matrices in the last two dimensions; the other dimensions broadcast. adj_x and adj_y take "
          "the conjugate transpose first.")
      .infer(infer_batch_matmul)
      .grad(grad_batch_matmul);
  r.add("BiasAdd(value: T, bias: T; data_format: string{NHWC|NCHW} = 'NHWC') -> output: T", kNumeric)
      .doc("Adds a vector along the channel axis: the last one, or axis 1 for NCHW.")
      .infer(infer_bias_add)
      .grad(grad_bias_add);
  r.add("BiasAddV1(value: T, bias: T) -> output: T", kNumeric)
      .doc("Adds a vector along the last axis.")
      .infer(infer_bias_add)
      .grad(grad_bias_add);
  r.add("BiasAddGrad(out_backprop: T; data_format: string{NHWC|NCHW} = 'NHWC') -> output: T", kNumeric)
      .doc("Sums over every axis but the channels: the gradient of BiasAdd's bias.")
      .infer(infer_bias_add_grad)
      .grad(grad_bias_add_grad);
  r.add("L2Loss(t: T) -> output: T", kFloating)
      .api("nn.l2_loss")
      .doc("Half the sum of squares: sum(t ** 2) / 2.")
      .infer(infer_scalar)
      .grad([](Grad& g) { return Outs{g.in(0) * g.dy}; });
}

}  // namespace thalweg::ops
