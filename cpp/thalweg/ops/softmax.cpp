// Softmax, the cross-entropies over it, and the selection of largest elements: contract, shapes, gradients.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"

namespace thalweg::ops {
namespace {

void infer_rows(Infer& s) { s.out(0, s.rank_at_least(0, 1)); }

Out last_axis_sum(const Out& x) {
  Scope scope(x.graph());
  return sum(x, ints({-1}), true);
}
Out as_column(const Out& v) { return node("ExpandDims", {v, int_scalar(-1)}); }

Outs grad_softmax(Grad& g) {
  Out y = g.out();
  return {(g.dy - last_axis_sum(g.dy * y)) * y};
}

Outs grad_log_softmax(Grad& g) { return {g.dy - last_axis_sum(g.dy) * node("Exp", {g.out()})}; }

bool broadcastable(const PartialShape& a, const PartialShape& b) {
  for (int i = 0; i < std::min(a.rank(), b.rank()); ++i) {
    if (a[i] != b[i] && a[i] != 1 && b[i] != 1) return false;
  }
  return a.rank() == b.rank();
}

void infer_xent(Infer& s) {
  s.require(!s.running() || broadcastable(s.in(0), s.in(1)),
            "logits and labels must be broadcastable: logits_size=", s.in(0), " labels_size=", s.in(1));
  PartialShape shape = s.broadcast(s.in(0), s.in(1));
  if (!shape.known_rank()) shape = PartialShape::unknown(2);
  s.require(shape.rank() == 2, "Shape must be rank 2 but is rank ", shape.rank());
  s.out(0, {shape[0]});
  s.out(1, shape);
}

/// What arrives at the second output, backprop = softmax(x) - labels, flows on to the features x.
Out through_backprop(Grad& g, Out dx) {
  if (!g.has_dy(1)) return dx;
  Out p = node("Softmax", {g.in(0)}), d = g.dys(1);
  Out second = (d - last_axis_sum(d * p)) * p;
  return dx ? dx + second : second;
}

Outs grad_xent(Grad& g) {
  auto [x, labels] = g.inputs<2>();
  Scope scope(x.graph());
  Out dx, dlabels;
  if (g.has_dy(0)) {
    Out dloss = as_column(g.dys(0));
    dx = dloss * g.out(1);
    dlabels = dloss * -node("LogSoftmax", {x});
  }
  dx = through_backprop(g, dx);
  if (g.has_dy(1)) dlabels = dlabels ? dlabels - g.dys(1) : -g.dys(1);
  // Only shapes known to differ broadcast; tf.nn always passes equal ones.
  if (!x.shape().compatible(labels.shape())) dx = unbroadcast(dx, x), dlabels = unbroadcast(dlabels, labels);
  return {dx, dlabels};
}

void infer_sparse_xent(Infer& s) {
  PartialShape x = s.rank(0, 2), labels = s.rank(1, 1);
  int64_t batch = s.merge(x[0], labels[0]);
  x.set(0, batch);
  s.out(0, {batch});
  s.out(1, x);
}

Outs grad_sparse_xent(Grad& g) {
  Scope scope(g.in(0).graph());
  Out dx;
  if (g.has_dy(0)) dx = as_column(g.dys(0)) * g.out(1);
  return {through_backprop(g, dx), Out()};
}

void infer_in_top_k(Infer& s) {
  PartialShape predictions = s.rank(0, 2), targets = s.rank(1, 1);
  s.out(0, {s.merge(predictions[0], targets[0])});
}

void infer_top_k(Infer& s) {
  PartialShape in = s.in(0);
  if (!in.known_rank()) return;
  s.require(in.rank() >= 1, "input must be >= 1-D, got shape ", in);
  std::optional<int64_t> k = s.inputs() > 1 ? s.scalar(1) : s.attr<int64_t>("k");
  if (s.inputs() > 1) s.rank(1, 0);
  s.require(!k || *k >= 0, "Need k >= 0, got ", k.value_or(0));
  s.require(!k || in[-1] < 0 || in[-1] >= *k, "input must have at least k columns. Had ", in[-1], ", needed ",
            k.value_or(0));
  in.set(-1, k.value_or(kUnknown));
  s.out(0, in);
  s.out(1, in);
}

/// Puts each row's gradients back where its values came from.
Outs grad_top_k(Grad& g) {
  Out x = g.in(0), chosen = g.out(1);
  Scope scope(x.graph());
  // one_hot(indices) [.., k, n] summed against dy [.., k]: a scatter written as a product, exact because one factor is
  // 0/1.
  Out depth;
  if (x.shape().known_rank() && x.shape()[-1] >= 0) {
    depth = int_scalar(x.shape()[-1]);
  } else {
    Out dims = shape_of(x);
    depth = reshape(node("Slice", {dims, node("Size", {dims}) - 1 + ints({0}), ints({1})}), ints({}));
  }
  Out hot = node("OneHot", {chosen, depth, scalar(1, x.dtype()), scalar(0, x.dtype())}, {{"axis", int64_t(-1)}});
  Out dx = sum(as_column(g.dys(0)) * hot, ints({-2}));
  Outs out = g.none();
  out[0] = reshape_like(dx, x);
  return out;
}

}  // namespace

void register_softmax(OpRegistry& r) {
  r.add("Softmax(logits: T) -> softmax: T", kFloating)
      .doc("exp(logits) / sum(exp(logits)) along the last axis.")
      .infer(infer_rows)
      .grad(grad_softmax);
  r.add("LogSoftmax(logits: T) -> logsoftmax: T", kFloating)
      .doc("logits - log(sum(exp(logits))) along the last axis, without overflow.")
      .infer(infer_rows)
      .grad(grad_log_softmax);
  r.add("SoftmaxCrossEntropyWithLogits(features: T, labels: T) -> loss: T, backprop: T", kFloating)
      .doc(
          "Cross-entropy of each row of labels against softmax(features), and its gradient softmax(features) - labels.")
      .infer(infer_xent)
      .grad(grad_xent);
  r.add("SparseSoftmaxCrossEntropyWithLogits(features: T, labels: Tlabels) -> loss: T, backprop: T", kFloating)
      .types("Tlabels", kIndex, DType::int64)
      .doc("Softmax cross-entropy with one class index per row instead of a distribution, and its gradient.")
      .infer(infer_sparse_xent)
      .grad(grad_sparse_xent);
  r.add("InTopK(predictions: float32, targets: T; k: int) -> precision: bool")
      .types("T", kIndex, DType::int32)
      .doc("Whether the target's prediction is among the k largest of its row; ties at the border count as inside.")
      .infer(infer_in_top_k)
      .no_grad();
  r.add("InTopKV2(predictions: float32, targets: T, k: T) -> precision: bool")
      .types("T", kIndex, DType::int32)
      .api("math.in_top_k, nn.in_top_k")
      .doc("Whether the target's prediction is among the k largest of its row; ties at the border count as inside.")
      .infer(infer_in_top_k)
      .no_grad();
  r.add("TopK(input: T; k: int, sorted: bool = true) -> values: T, indices: int32", kReal)
      .doc("The k largest elements of each row and their positions; equal elements keep their order.")
      .infer(infer_top_k)
      .grad(grad_top_k);
  r.add("TopKV2(input: T, k: Tk; sorted: bool = true, index_type: type = int32) -> values: T, indices: index_type",
        kReal)
      .types("Tk", kIndex | DTypeSet{DType::int16}, DType::int32)
      .types("index_type", kIndex | DTypeSet{DType::int16}, DType::int32)
      .doc("The k largest elements of each row and their positions; equal elements keep their order.")
      .infer(infer_top_k)
      .grad(grad_top_k);
}

}  // namespace thalweg::ops
