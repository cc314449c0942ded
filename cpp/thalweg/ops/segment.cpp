// Reductions over groups of rows: segment_ids say which group each row of data belongs to.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/array.h"

namespace thalweg::ops {
namespace {

void infer_unsorted(Infer& s) {
  const PartialShape &data = s.in(0), &ids = s.in(1);
  s.rank(2, 0);
  auto n = s.scalar(2);
  if (n) {
    s.require(*n >= 0, s.running() ? "Input num_segments == " : "Dimension size, given by scalar input 2, must be ",
              s.running() ? "" : "non-negative but is ", *n, s.running() ? " must not be negative." : "");
  }
  if (!data.known_rank() || !ids.known_rank()) return;
  bool prefix = ids.rank() <= data.rank();
  for (int i = 0; i < ids.rank() && prefix; ++i) {
    bool equal = data[i] < 0 || ids[i] < 0 || data[i] == ids[i];
    s.require(equal || s.running(), "Dimensions must be equal, but are ", data[i], " and ", ids[i]);
    prefix &= equal;
  }
  s.require(prefix, "data.shape = ", data, " does not start with segment_ids.shape = ", ids);
  s.out(0, Infer::concat(PartialShape{n.value_or(kUnknown)}, Infer::slice(data, ids.rank())));
}

/// Sorted ids: there are as many segments as the last id says, so the shape depends on them while running.
void infer_sorted(Infer& s) {
  const PartialShape& data = s.rank_at_least(0, 1);
  PartialShape ids = s.rank(1, 1);
  if (data.known_rank()) {
    s.require(data[0] < 0 || ids[0] < 0 || data[0] == ids[0] || !s.running(),
              "segment_ids should be the same size as dimension 0 of input.");
    s.merge(data[0], ids[0]);
  }
  s.out(0, Infer::concat(PartialShape{kUnknown}, Infer::slice(data, 1)));
}

/// A mask over ids, shaped to broadcast against rows that are gathered with them.
Out over_rows(const Out& mask, const Out& rows) {
  Out ids_shape = shape_of(mask);
  auto size = [](const Out& v) { return node("Size", {v}); };
  Out ones = node("Fill", {reshape(size(shape_of(rows)) - size(ids_shape), ints({1})), int_scalar(1)});
  return reshape(mask, node("ConcatV2", {ids_shape, ones, int_scalar(0)}));
}

/// x[ids], with zeros for negative ids (which belong to no segment).
Out gather_rows(const Out& x, const Out& ids) {
  Out rows = node("GatherV2", {x, node("Maximum", {ids, 0}), int_scalar(0)});
  return where(over_rows(ids >= 0, rows), rows, zeros_like(rows));
}

Out gather_sorted(const Out& x, const Out& ids) { return node("GatherV2", {x, ids, int_scalar(0)}); }

Outs unsorted_sum_grad(Grad& g) { return {gather_rows(g.dy, g.in(1)), {}, {}}; }

/// All rows that reached their segment's maximum (minimum) share its gradient equally.
Outs unsorted_extreme_grad(Grad& g) {
  Out x = g.in(0), ids = g.in(1);
  Out won = cast(x == gather_rows(g.out(), ids), x.dtype());
  Out winners = node("UnsortedSegmentSum", {won, ids, g.in(2)});
  return {gather_rows(g.dy / winners, ids) * won, {}, {}};
}

Outs sorted_extreme_grad(Grad& g) {
  Out x = g.in(0), ids = g.in(1);
  Out won = cast(x == gather_sorted(g.out(), ids), x.dtype());
  Out winners = node("SegmentSum", {won, ids});
  return {gather_sorted(g.dy / winners, ids) * won, {}};
}

/// d prod / d x_i is the product of the others: prod / x_i, or where x_i alone is zero, the product without it.
template <class Gather, class Reduce>
Out product_grad(Grad& g, Gather gather, Reduce reduce) {
  Out x = g.in(0), dy = g.dy;
  Out zero = x == zeros_like(x);
  Out zeros = gather(reduce("Sum", cast(zero, DType::int32)));
  Out others = gather(reduce("Prod", where(zero, ones_like(x), x)));  // of the elements that are not zero
  Out none = zeros_like(x);
  Out safe = where(zero, ones_like(x), x);
  if (kComplex.has(x.dtype())) {
    others = node("Conj", {others});
    safe = node("Conj", {safe});
  }
  Out partial = where(zeros == 0, others / safe, where(logical_and(zeros == 1, zero), others, none));
  return gather(dy) * partial;
}

Outs unsorted_product_grad(Grad& g) {
  Out ids = g.in(1), n = g.in(2);
  auto gather = [&](const Out& v) { return gather_rows(v, ids); };
  auto reduce = [&](const char* what, const Out& v) { return node(str("UnsortedSegment", what), {v, ids, n}); };
  return {product_grad(g, gather, reduce), {}, {}};
}

Outs sorted_product_grad(Grad& g) {
  Out ids = g.in(1);
  auto gather = [&](const Out& v) { return gather_sorted(v, ids); };
  auto reduce = [&](const char* what, const Out& v) { return node(str("Segment", what), {v, ids}); };
  return {product_grad(g, gather, reduce), {}};
}

Outs mean_grad(Grad& g) {
  Out x = g.in(0), ids = g.in(1);
  Out ones = like(ids, 1);
  Out counts = node("SegmentSum", {cast(ones, x.dtype()), ids});
  Out rows = gather_sorted(g.dy, ids), share = gather_sorted(counts, ids);
  return {rows / over_rows(share, rows), {}};
}

}  // namespace

void register_segment(OpRegistry& r) {
  auto unsorted = [&](Signature signature, DTypeSet types, const char* api, const char* doc, GradFn grad) {
    r.add(signature, types)
        .types("Tindices", kIndex | DTypeSet{DType::int16})
        .types("Tnumsegments", kIndex, DType::int32)
        .api(api)
        .doc(doc)
        .infer(infer_unsorted)
        .grad(grad);
  };
  unsorted("UnsortedSegmentSum(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T", kNumeric,
           "math.unsorted_segment_sum, unsorted_segment_sum",
           "The sum of the rows of each segment; rows with a negative id are left out.", unsorted_sum_grad);
  unsorted("UnsortedSegmentProd(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T", kNumeric,
           "math.unsorted_segment_prod, unsorted_segment_prod", "The product of the rows of each segment, 1 for none.",
           unsorted_product_grad);
  unsorted("UnsortedSegmentMax(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T", kReal,
           "math.unsorted_segment_max, unsorted_segment_max",
           "The maximum of the rows of each segment; the lowest finite number for an empty one.",
           unsorted_extreme_grad);
  unsorted("UnsortedSegmentMin(data: T, segment_ids: Tindices, num_segments: Tnumsegments) -> output: T", kReal,
           "math.unsorted_segment_min, unsorted_segment_min",
           "The minimum of the rows of each segment; the highest finite number for an empty one.",
           unsorted_extreme_grad);

  auto sorted = [&](Signature signature, DTypeSet types, const char* api, const char* doc, GradFn grad) {
    r.add(signature, types).types("Tindices", kIndex).api(api).doc(doc).infer(infer_sorted).grad(grad);
  };
  sorted("SegmentSum(data: T, segment_ids: Tindices) -> output: T", kNumeric, "math.segment_sum, segment_sum",
         "The sum of the rows of each segment; ids do not fall.",
         [](Grad& g) { return Outs{gather_sorted(g.dy, g.in(1)), {}}; });
  sorted("SegmentMean(data: T, segment_ids: Tindices) -> output: T", kNumeric, "math.segment_mean, segment_mean",
         "The mean of the rows of each segment; 0 for an empty one.", mean_grad);
  sorted("SegmentProd(data: T, segment_ids: Tindices) -> output: T", kNumeric, "math.segment_prod, segment_prod",
         "The product of the rows of each segment; 1 for an empty one.", sorted_product_grad);
  sorted("SegmentMax(data: T, segment_ids: Tindices) -> output: T", kReal, "math.segment_max, segment_max",
         "The maximum of the rows of each segment; 0 for an empty one.", sorted_extreme_grad);
  sorted("SegmentMin(data: T, segment_ids: Tindices) -> output: T", kReal, "math.segment_min, segment_min",
         "The minimum of the rows of each segment; 0 for an empty one.", sorted_extreme_grad);
}

}  // namespace thalweg::ops
