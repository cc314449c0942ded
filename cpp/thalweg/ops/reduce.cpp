// Reductions over axes: sums, extremes, and the positions of extremes. Contract, shapes, gradients.
#include <algorithm>

#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"

namespace thalweg::ops {
namespace {

void infer_reduce(Infer& s) {
  PartialShape in = s.in(0);
  bool keep = s.attr<bool>("keep_dims");
  s.rank_at_most(1, 1);
  std::optional<Values> axes = s.values(1);
  if (axes && std::ranges::count(*axes, kUnknownValue)) axes.reset();
  if (!in.known_rank()) return;
  if (!axes) {
    if (s.in(1).known_rank() && s.in(1).size() == 0) return s.out(0, in);
    return s.out(0, keep ? PartialShape::unknown(in.rank()) : PartialShape());
  }
  uint32_t reduced = 0;
  for (int64_t a : *axes) {
    s.require(a >= -in.rank() && a < in.rank(), "Invalid reduction dimension ", a, " for input with ", in.rank(),
              " dimensions.");
    uint32_t bit = 1u << (a < 0 ? a + in.rank() : a);
    s.require(!(reduced & bit), "Invalid reduction arguments: Axes contains duplicate dimension: ", a);
    reduced |= bit;
  }
  PartialShape out{std::initializer_list<int64_t>{}};
  for (int i = 0; i < in.rank(); ++i) {
    if (!(reduced >> i & 1u))
      out.push_back(in[i]);
    else if (keep)
      out.push_back(1);
  }
  s.out(0, out);
  const Values* v = s.known(0);  // products of shapes: the sizes of things
  if (v && in.rank() == 1 && reduced == 1 && !std::ranges::count(*v, kUnknownValue)) {
    int64_t total = s.op().name == "Sum" ? 0 : 1;
    for (int64_t x : *v) total = s.op().name == "Sum" ? total + x : total * x;
    if (s.op().name == "Sum" || s.op().name == "Prod") s.out_values(0, {total});
  }
}

/// A reduction's result with its axes put back as ones, so that it broadcasts against the input.
Out kept(Grad& g, const Out& value) {
  if (g.attr<bool>("keep_dims")) return value;
  const Out x = g.in(0), axes = g.in(1);
  const std::optional<Values>& known = axes.info().values;
  if (x.shape().known_rank() && known && !std::ranges::count(*known, kUnknownValue)) {
    const int rank = x.shape().rank();
    Values ones(size_t(rank), 1), sorted = *known;
    if (int(sorted.size()) == rank) return reshape(value, ints(ones));
    for (int64_t& a : sorted) a += a < 0 ? rank : 0;
    std::ranges::sort(sorted);
    Out out = value;
    for (int64_t a : sorted) out = node("ExpandDims", {out, int_scalar(a)});
    return out;
  }
  // Any rank and axes: the input's shape with ones at the axes.
  Out dims = shape_of(x), rank = node("Size", {dims});
  Out wrapped = node("FloorMod", {reshape(cast(axes, DType::int32), ints({-1})), rank});
  Out range = node("Range", {int_scalar(0), rank, int_scalar(1)});
  Out hit = node(
      "Any", {node("ExpandDims", {range, int_scalar(1)}) == node("ExpandDims", {wrapped, int_scalar(0)}), ints({1})});
  return reshape(value, where(hit, ones_like(dims), dims));
}

Out spread(Grad& g, const Out& value) { return node("BroadcastTo", {kept(g, value), shape_of(g.in(0))}); }

Outs grad_sum(Grad& g) {
  Scope scope(g.in(0).graph());
  return {spread(g, g.dy), Out()};
}

Outs grad_mean(Grad& g) {
  Scope scope(g.in(0).graph());
  Out x = g.in(0);
  int64_t from = x.shape().size(), to = g.out().shape().size();
  if (from > 0 && to > 0) return {spread(g, g.dy / scalar(double(from) / double(to), x.dtype())), Out()};
  Out sizes = node("Size", {x}), results = node("Maximum", {node("Size", {g.out()}), int_scalar(1)});
  return {spread(g, g.dy / cast(node("FloorDiv", {sizes, results}), x.dtype())), Out()};
}

// Equal extremes share the gradient equally.
Outs grad_extreme(Grad& g) {
  Scope scope(g.in(0).graph());
  Out x = g.in(0);
  Out hit = cast(x == kept(g, g.out()), x.dtype());
  return {hit / sum(hit, g.in(1), true) * kept(g, g.dy), Out()};
}

// d prod / dx_i is the product of the others: prod / x_i, unless there are zeros. With one zero only its own place has
// a gradient, the product of the rest; with two there is none.
Outs grad_prod(Grad& g) {
  Scope scope(g.in(0).graph());
  Out x = g.in(0), axes = g.in(1);
  Out is_zero = x == zeros_like(x), one = ones_like(x), nothing = zeros_like(x);
  Out safe = where(is_zero, one, x);
  Out zeros = sum(cast(is_zero, DType::int32), axes, true);
  Out rest = node("Prod", {safe, axes}, {{"keep_dims", true}}) * one;
  Out at_zero = node("LogicalAnd", {is_zero, zeros == ones_like(zeros)});
  Out elsewhere = node("LogicalAnd", {logical_not(is_zero), zeros == zeros_like(zeros)});
  Out others = where(at_zero, rest, where(elsewhere, rest / safe, nothing));
  if (kComplex.has(x.dtype())) others = node("Conj", {others});
  return {others * kept(g, g.dy), Out()};
}

// d |x| / dx = x / |x|; at the origin 0.
Outs grad_euclidean_norm(Grad& g) {
  Scope scope(g.in(0).graph());
  Out x = g.in(0), norm = kept(g, g.out());
  return {node("DivNoNan", {x, norm}) * kept(g, g.dy), Out()};
}

void infer_arg(Infer& s) {
  PartialShape in = s.in(0);
  s.rank_at_most(1, 1);
  if (!in.known_rank()) return;
  std::optional<int64_t> d = s.scalar(1);
  if (!d) return s.out(0, PartialShape::unknown(std::max(in.rank() - 1, 0)));
  int rank = in.rank();
  bool inside = *d >= -rank && *d < rank;
  if (s.running()) s.require(inside, "Expected dimension in the range [", -rank, ", ", rank, "), but got ", *d);
  s.require(inside, "Dimension (", *d, ") must be in the range [", -rank, ", ", rank, "), where ", rank,
            " is the number of dimensions in the input.");
  int axis = int(*d < 0 ? *d + rank : *d);
  s.require(!s.running() || in[axis] > 0, "Reduction axis ", *d, " is empty in shape ", in);
  s.out(0, Infer::concat(Infer::slice(in, 0, axis), Infer::slice(in, axis + 1)));
}

}  // namespace

void register_reduce(OpRegistry& r) {
  auto reduction = [&](Signature signature, DTypeSet types, std::string_view doc) -> OpDef& {
    return r.add(signature, types).types("Tidx", kIndex, DType::int32).doc(doc).infer(infer_reduce);
  };
  reduction("Sum(input: T, reduction_indices: Tidx; keep_dims: bool = false) -> output: T", kNumeric,
            "Sum over the axes given; no axes: the input itself.")
      .grad(grad_sum);
  reduction("Mean(input: T, reduction_indices: Tidx; keep_dims: bool = false) -> output: T", kNumeric,
            "Mean over the axes given; NaN over no elements. Integers divide towards zero.")
      .grad(grad_mean);
  reduction("Prod(input: T, reduction_indices: Tidx; keep_dims: bool = false) -> output: T", kNumeric,
            "Product over the axes given.")
      .grad(grad_prod);
  reduction("Max(input: T, reduction_indices: Tidx; keep_dims: bool = false) -> output: T", kReal,
            "Largest element over the axes given; NaN if there is one, -inf (or the type's lowest) over no elements.")
      .grad(grad_extreme);
  reduction("Min(input: T, reduction_indices: Tidx; keep_dims: bool = false) -> output: T", kReal,
            "Smallest element over the axes given; NaN if there is one, inf (or the type's highest) over no elements.")
      .grad(grad_extreme);
  reduction("EuclideanNorm(input: T, reduction_indices: Tidx; keep_dims: bool = false) -> output: T", kNumeric,
            "Square root of the sum of squared magnitudes over the axes given.")
      .grad(grad_euclidean_norm);
  reduction("All(input: bool, reduction_indices: Tidx; keep_dims: bool = false) -> output: bool", {},
            "Whether all elements over the axes given are true; true over no elements.")
      .no_grad();
  reduction("Any(input: bool, reduction_indices: Tidx; keep_dims: bool = false) -> output: bool", {},
            "Whether any element over the axes given is true; false over no elements.")
      .no_grad();
  r.add("ArgMax(input: T, dimension: Tidx; output_type: type = int64) -> output: output_type", kReal | kBool)
      .types("Tidx", kIndex | DTypeSet{DType::int16}, DType::int32)
      .types("output_type", kIndex | DTypeSet{DType::int16, DType::uint16}, DType::int64)
      .doc("Position of the largest element along one axis, the first of equals; NaN is never chosen.")
      .infer(infer_arg)
      .no_grad();
  r.add("ArgMin(input: T, dimension: Tidx; output_type: type = int64) -> output: output_type", kReal | kBool)
      .types("Tidx", kIndex, DType::int32)
      .types("output_type", kIndex, DType::int64)
      .doc("Position of the smallest element along one axis, the first of equals; NaN is never chosen.")
      .infer(infer_arg)
      .no_grad();
}

}  // namespace thalweg::ops
