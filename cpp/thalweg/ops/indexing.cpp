// Reading parts of tensors: slices, gathers, one-hot rows, positions of true elements.
#include "thalweg/graph/grad.h"
#include "thalweg/graph/indexed_slices.h"
#include "thalweg/ops/array.h"
#include "thalweg/ops/families.h"
#include "thalweg/ops/strided_slice.h"

namespace thalweg::ops {
namespace {

bool follows_values(const Infer& s) { return !s.running() && kIndex.has(s.dtype(0)); }

void infer_slice(Infer& s) {
  const PartialShape& in = s.in(0);
  PartialShape n = s.merge(s.rank(1, 1), s.rank(2, 1));
  if (in.known_rank() && n[0] >= 0) {
    s.require(in.rank() == n[0] || !s.running(), "Expected begin and size arguments to be 1-D tensors of size ",
              in.rank(), ", but got shapes ", s.in(1), " and ", s.in(2), " instead.");
    s.require(in.rank() == n[0], "Shape must be rank ", n[0], " but is rank ", in.rank());
  }
  int rank = in.known_rank() ? in.rank() : int(n[0]);
  if (rank < 0) return;
  auto begin = s.values(1), size = s.values(2);
  PartialShape out = PartialShape::unknown(rank);
  for (int i = 0; i < rank; ++i) {
    int64_t b = begin ? (*begin)[size_t(i)] : kUnknownValue, c = size ? (*size)[size_t(i)] : kUnknownValue;
    int64_t d = in.known_rank() ? in[i] : kUnknown;
    s.require(b == kUnknownValue || (b >= 0 && (d < 0 || b <= d)), "Expected begin[", i, "] in [0, ", d, "], but got ",
              b);
    const int64_t rest = d < 0 || b < 0 ? d : d - b;
    s.require(c == kUnknownValue || c >= -1, "Expected size[", i, "] in [0, ", rest, "], but got ", c);
    if (c >= 0) {
      s.require(d < 0 || b == kUnknownValue || c <= rest, "Expected size[", i, "] in [0, ", rest, "], but got ", c);
      out.set(i, c);
    } else if (c == -1 && d >= 0 && b >= 0) {
      out.set(i, rest);
    }
  }
  s.out(0, out);
  const Values* v = follows_values(s) && rank == 1 ? s.known(0) : nullptr;
  if (v && begin && out[0] >= 0 && begin->front() >= 0 && begin->front() + out[0] <= int64_t(v->size())) {
    auto first = v->begin() + begin->front();
    s.out_values(0, Values(first, first + out[0]));
  }
}

/// A slice's gradient is dy with zeros round it.
Outs slice_grad(Grad& g) {
  Out x = g.in(0), begin = g.in(1);
  DType index = begin.dtype();
  const auto& known = begin.info().values;
  if (known && std::ranges::find(*known, kUnknownValue) == known->end() && x.shape().fully_known() &&
      g.out().shape().fully_known()) {
    Ints paddings;
    for (int i = 0; i < x.shape().rank(); ++i) {
      int64_t before = (*known)[size_t(i)];
      paddings.insert(paddings.end(), {before, x.shape()[i] - before - g.out().shape()[i]});
    }
    return {node("Pad", {g.dy, reshape(ints(paddings, index), ints({-1, 2}))}), {}, {}};
  }
  Out after = shape_of(x, index) - shape_of(g.out(), index) - begin;
  Out dx = node("Pad", {g.dy, node("Pack", {begin, after}, {{"axis", int64_t(1)}})});
  return {reshape(dx, shape_of(x)), {}, {}};  // the shape, for inference: Pad sees only sums
}

/// The number of index entries, once begin, end and strides (from input `first` on) agree; -1 if not known.
int64_t slice_entries(Infer& s, int first) {
  PartialShape n = s.merge(s.merge(s.rank(first, 1), s.rank(first + 1, 1)), s.rank(first + 2, 1));
  return n[0];
}

SliceSpec infer_spec(Infer& s, const PartialShape& in, int first, int64_t entries) {
  auto begin = s.values(first), end = s.values(first + 1), strides = s.values(first + 2);
  return resolve_slice(in, SliceMasks(s.attrs()), size_t(entries), begin ? &*begin : nullptr, end ? &*end : nullptr,
                       strides ? &*strides : nullptr);
}

void infer_strided_slice(Infer& s) {
  int64_t entries = slice_entries(s, 1);
  const PartialShape& in = s.in(0);
  if (entries < 0 || !in.known_rank()) return;
  SliceSpec spec = infer_spec(s, in, 1, entries);
  s.out(0, spec.out);
  const Values* v = follows_values(s) && in.rank() == 1 ? s.known(0) : nullptr;
  const SliceSpec::Dim& d = spec.dims[0];
  if (!v || d.size < 0) return;
  Values part;
  for (int64_t i = 0; i < d.size; ++i) part.push_back((*v)[size_t(d.begin + i * d.stride)]);
  s.out_values(0, std::move(part));
}

Attrs mask_attrs(Grad& g) {
  Attrs a;
  for (const char* name : {"begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"}) {
    a.set(name, g.attr<int64_t>(name));
  }
  return a;
}

Outs strided_slice_grad(Grad& g) {
  DType index = g.in(1).dtype() == DType::int64 ? DType::int64 : DType::int32;
  Out dx = node("StridedSliceGrad",
                {shape_of(g.in(0), index), cast(g.in(1), index), cast(g.in(2), index), cast(g.in(3), index), g.dy},
                mask_attrs(g));
  return {dx, {}, {}, {}};
}

void infer_strided_slice_grad(Infer& s) {
  PartialShape shape = s.shape_from(0);
  slice_entries(s, 1);
  s.out(0, shape);
  s.require(!s.running() || shape.fully_known(), "StridedSliceGrad: dimensions must be >= 0, got ", shape);
}

/// Gathers along `axis` with leading batch dimensions.
void infer_gather(Infer& s, std::optional<int64_t> axis, int64_t batch) {
  const PartialShape& params = s.rank_at_least(0, 1);
  const PartialShape& indices = s.in(1);
  if (axis && params.known_rank()) {
    int64_t need = *axis < 0 ? -*axis : *axis + 1;
    s.require(params.rank() >= need, "Shape must be at least rank ", need, " but is rank ", params.rank());
    if (*axis < 0) *axis += params.rank();
  }
  if (indices.known_rank()) {
    s.require(batch >= -indices.rank() && batch <= indices.rank(), "batch_dims must be in [", -indices.rank(), ", ",
              indices.rank(), "], got ", batch);
    if (batch < 0) batch += indices.rank();
  }
  if (!params.known_rank() || !indices.known_rank()) return;
  s.require(batch < params.rank() || batch == 0, "Shape must be at least rank ", batch, " but is rank ", params.rank());
  int rank = params.rank() - 1 + indices.rank() - int(batch);
  s.require(rank <= kMaxRank, s.op().name, ": shapes have at most ", kMaxRank, " dimensions, got ", rank);
  if (!axis || *axis < 0) return s.out(0, PartialShape::unknown(rank));
  s.require(batch <= *axis, "batch_dims (", batch, ") must be less than or equal to axis (", *axis, ").");
  PartialShape lead = Infer::slice(params, 0, int(*axis));
  for (int i = 0; i < batch; ++i) {
    s.require(params[i] < 0 || indices[i] < 0 || params[i] == indices[i], "params.shape[", i, "]: ", params[i],
              " should be equal to indices.shape[", i, "]: ", indices[i]);
    lead.set(i, params[i] < 0 ? indices[i] : params[i]);
  }
  s.out(0, Infer::concat(Infer::concat(lead, Infer::slice(indices, int(batch))), Infer::slice(params, int(*axis) + 1)));

  if (!follows_values(s) || params.rank() != 1 || indices.rank() > 1) return;
  const Values *p = s.known(0), *at = s.known(1);
  if (!p || !at) return;
  Values v;
  for (int64_t i : *at) v.push_back(i >= 0 && i < int64_t(p->size()) ? (*p)[size_t(i)] : kUnknownValue);
  s.out_values(0, std::move(v));
}

Out range(const Out& from, const Out& to) { return node("Range", {from, to, int_scalar(1)}); }
Out rank_of(const Out& x) { return x.shape().known_rank() ? int_scalar(x.shape().rank()) : node("Rank", {x}); }
Out joined(std::initializer_list<Out> parts) {
  Outs inputs(parts);
  inputs.push_back(int_scalar(0));
  return node("ConcatV2", inputs);
}
Out element(const Out& vector, const Out& i) { return node("GatherV2", {vector, i, int_scalar(0)}); }

/// dy, the rows of x at `indices`, as slices of x.
Out rows_gradient(const Out& dy, const Out& indices, const Out& x) {
  Out rows = element(shape_of(x), int_scalar(0));
  bool flat = indices.shape().known_rank() && indices.shape().rank() == 1;
  if (flat && dy.shape().known_rank() && x.shape().known_rank() && dy.shape().rank() == x.shape().rank()) {
    return IndexedSlices{dy, indices, rows}.dense();
  }
  Out row = node("Slice", {shape_of(x), ints({1}), ints({-1})});
  return IndexedSlices{reshape(dy, joined({ints({-1}), row})), reshape(indices, ints({-1})), rows}.dense();
}

/// The rows of dy summed at the places they were gathered from.
Outs gather_grad(Grad& g) {
  Outs dxs = g.none();
  Out params = g.in(0), indices = g.in(1);
  int64_t batch = g.attrs().get_or<int64_t>("batch_dims", 0);
  Out axis = g.inputs() > 2 ? cast(g.in(2), DType::int32) : int_scalar(0);
  const auto& known = g.inputs() > 2 ? g.in(2).info().values : axis.info().values;
  if (batch == 0 && known && known->size() == 1 && known->front() == 0) {
    dxs[0] = rows_gradient(g.dy, indices, params);
    return dxs;
  }
  // In general: bring the indexed axis to the front behind the batch, number the rows of all batches through, sum, and
  // undo both. With ranks p, i and b batch dimensions, dy has the dimensions params[:axis], indices[b:],
  // params[axis+1:].
  Out p = rank_of(params), i = rank_of(indices);
  if (batch < 0) {
    TW_CHECK(indices.shape().known_rank(), "GatherV2: the gradient for batch_dims < 0 needs indices of known rank");
    batch += indices.shape().rank();
  }
  Out zero = int_scalar(0), b = int_scalar(batch);
  Out at =
      known && known->size() == 1 && known->front() >= 0 ? int_scalar(known->front()) : node("FloorMod", {axis, p});
  Out end = at + i - b;  // where the indices' dimensions end in dy
  Out dy = transpose(g.dy, joined({range(zero, b), range(at, end), range(b, at), range(end, rank_of(g.dy))}));
  Out there = joined({range(zero, b), reshape(at, ints({1})), range(b, at), range(at + 1, p)});
  Out moved_shape = node("GatherV2", {shape_of(params), there, zero});
  Out rows = element(shape_of(params), at);
  Out ids = cast(indices, DType::int64);
  if (batch > 0) {
    Out lead = node("Slice", {shape_of(indices), ints({0}), ints({batch})});
    Out batches = node("Prod", {lead, ints({0})});
    Out first = range(zero, batches) * rows;
    Out ones = node("Fill", {reshape(i - b, ints({1})), int_scalar(1)});
    ids = ids + cast(reshape(first, joined({lead, ones})), DType::int64);
    rows = rows * batches;
  }
  Out summed = node("UnsortedSegmentSum", {dy, ids, rows});
  dxs[0] = transpose(reshape(summed, moved_shape), node("InvertPermutation", {there}));
  return dxs;
}

void infer_gather_nd(Infer& s) {
  const PartialShape &params = s.in(0), &indices = s.rank_at_least(1, 1);
  if (!params.known_rank() || !indices.known_rank() || indices[-1] < 0) return;
  s.require(indices[-1] <= params.rank(), "indices.shape[-1] must be <= params.rank, but saw indices shape: ", indices,
            " and params shape: ", params);
  s.out(0, Infer::concat(Infer::slice(indices, 0, indices.rank() - 1), Infer::slice(params, int(indices[-1]))));
}

void infer_one_hot(Infer& s) {
  for (int i = 1; i < 4; ++i) s.rank(i, 0);
  auto depth = s.scalar(1);
  if (depth) {
    s.require(*depth >= 0 || !s.running(), "depth must be non-negative, got: ", *depth);
    s.require(*depth >= 0, "Dimension size, given by scalar input 1, must be non-negative but is ", *depth);
  }
  const PartialShape& in = s.in(0);
  int64_t axis = s.attr<int64_t>("axis");
  s.require(axis >= -1, "OneHot: axis must be >= -1, got ", axis);
  if (!in.known_rank()) return;
  s.require(axis <= in.rank(), "Expected axis to be -1 or between [0, ", in.rank() + 1, ").  But received: ", axis);
  s.require(in.rank() < kMaxRank, "OneHot: shapes have at most ", kMaxRank, " dimensions");
  int at = axis < 0 ? in.rank() : int(axis);
  s.out(0, Infer::concat(Infer::concat(Infer::slice(in, 0, at), PartialShape{depth.value_or(kUnknown)}),
                         Infer::slice(in, at)));
}

}  // namespace

void register_indexing(OpRegistry& r) {
  r.add("Slice(input: T, begin: Index, size: Index) -> output: T")
      .types("Index", kIndex)
      .doc("The part that begins at `begin` and has shape `size`; -1 stands for all that is left of a dimension.")
      .infer(infer_slice)
      .grad(slice_grad);
  r.add(
       "StridedSlice(input: T, begin: Index, end: Index, strides: Index; begin_mask: int = 0, end_mask: int = 0, "
       "ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0) -> output: T")
      .types("Index", kIndex | DTypeSet{DType::int16})
      .doc("NumPy's x[begin:end:stride, ...]; bit i of a mask says what index entry i is.")
      .infer(infer_strided_slice)
      .grad(strided_slice_grad);
  r.add(
       "StridedSliceGrad(shape: Index, begin: Index, end: Index, strides: Index, dy: T; begin_mask: int = 0, "
       "end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0, shrink_axis_mask: int = 0) -> output: T")
      .types("Index", kIndex)
      .doc("Zeros of the shape given with dy where StridedSlice would have read.")
      .infer(infer_strided_slice_grad)
      .grad([](Grad& g) {
        return Outs{{}, {}, {}, {}, node("StridedSlice", {g.dy, g.in(1), g.in(2), g.in(3)}, mask_attrs(g))};
      });
  r.add("Gather(params: Tparams, indices: Tindices; validate_indices: bool = true) -> output: Tparams")
      .types("Tindices", kIndex)
      .doc("Rows of params.")
      .infer([](Infer& s) { infer_gather(s, 0, 0); })
      .grad(gather_grad);
  r.add("GatherV2(params: Tparams, indices: Tindices, axis: Taxis; batch_dims: int = 0) -> output: Tparams")
      .types("Tindices", kIndex | DTypeSet{DType::int16})
      .types("Taxis", kIndex)
      .doc("The slices of params at `indices` along an axis; the first batch_dims dimensions are walked together.")
      .infer([](Infer& s) {
        s.rank(2, 0);
        infer_gather(s, s.scalar(2), s.attr<int64_t>("batch_dims"));
      })
      .grad(gather_grad);
  r.add(
       "GatherNd(params: Tparams, indices: Tindices; bad_indices_policy: string {|DEFAULT|ERROR} = '') -> output: "
       "Tparams")
      .types("Tindices", kIndex | DTypeSet{DType::int16})
      .doc("Elements or slices of params; the last dimension of indices holds coordinates.")
      .infer(infer_gather_nd)
      .grad([](Grad& g) {
        Out x = g.in(0), indices = cast(g.in(1), g.in(1).dtype() == DType::int16 ? DType::int32 : g.in(1).dtype());
        const PartialShape& s = indices.shape();
        if (s.known_rank() && s[-1] == 1) return Outs{rows_gradient(g.dy, reshape(indices, ints({-1})), x), {}};
        return Outs{node("ScatterNd", {indices, g.dy, shape_of(x, indices.dtype())}), {}};
      });
  r.add("OneHot(indices: TI, depth: int32, on_value: T, off_value: T; axis: int = -1) -> output: T")
      .types("TI", DTypeSet{DType::uint8, DType::int8} | kIndex, DType::int64)
      .doc("on_value at position indices[i] of a new axis of size depth, off_value elsewhere.")
      .infer(infer_one_hot)
      .no_grad();
  r.add("Where(input: T) -> index: int64")
      .types("T", kNumeric | kBool | kQuantized, DType::boolean)
      .doc("The coordinates of the elements that are true (not zero), one row each, in row-major order.")
      .infer([](Infer& s) {
        const PartialShape& in = s.in(0);
        s.out(0, PartialShape{kUnknown, in.known_rank() ? in.rank() : kUnknown});
      })
      .no_grad();
  register_scatter(r);
  register_segment(r);
}

}  // namespace thalweg::ops
