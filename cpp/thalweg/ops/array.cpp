// Ops on shapes: reading them, changing them without moving elements, making tensors of a given shape.
#include "thalweg/ops/array.h"

#include <cmath>

#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"

namespace thalweg::ops {

std::array<Ints, 2> broadcast_axes(std::span<const int64_t> a, std::span<const int64_t> b) {
  broadcast_dims(a, b);
  std::array<Ints, 2> axes;
  if (std::ranges::equal(a, b)) return axes;
  size_t rank = std::max(a.size(), b.size());
  for (size_t i = 0; i < rank; ++i) {
    int64_t x = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    int64_t y = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    if (x == 1) axes[0].push_back(int64_t(i));
    if (y == 1) axes[1].push_back(int64_t(i));
  }
  return axes;
}

Ints broadcast_dims(std::span<const int64_t> a, std::span<const int64_t> b) {
  Shape s = broadcast(Shape(a), Shape(b));
  return Ints(s.dims().begin(), s.dims().end());
}

int64_t range_size(const Tensor& start, const Tensor& limit, const Tensor& delta) {
  int64_t size = 0;
  visit<kReal>(start.dtype(), [&]<class T>() {
    T a = start.item<T>(), b = limit.item<T>(), d = delta.item<T>();
    TW_CHECK(d != T(0), "Requires delta != 0: ", delta.to_string(1));
    std::string text = start.to_string(1) + "/" + limit.to_string(1);
    if (d > T(0)) {
      TW_CHECK(a <= b, "Requires start <= limit when delta > 0: ", text);
    } else {
      TW_CHECK(a >= b, "Requires start >= limit when delta < 0: ", text);
    }
    if constexpr (std::is_integral_v<T>) {
      // Unsigned arithmetic: the distance between two int64 may not fit an int64.
      uint64_t distance = d > 0 ? uint64_t(b) - uint64_t(a) : uint64_t(a) - uint64_t(b);
      uint64_t step = d > 0 ? uint64_t(d) : uint64_t(0) - uint64_t(d);
      uint64_t n = distance / step + (distance % step != 0);
      TW_CHECK(n <= uint64_t(INT64_MAX), "Range: too many elements: ", text);
      size = int64_t(n);
    } else {
      double n = std::ceil(std::abs(double(T(T(b - a) / d))));
      TW_CHECK(n < 9e18, "Range: too many elements: ", text);  // NaN fails too
      size = int64_t(n);
    }
  });
  return size;
}

namespace {

/// The input's gradient is dy in the input's shape.
Outs reshape_back(Grad& g) {
  Outs dxs = g.none();
  dxs[0] = reshape_like(g.dy, g.in(0));
  return dxs;
}

void pass_values(Infer& s) {
  if (const Values* v = s.known(0)) s.out_values(0, *v);
}

void infer_reshape(Infer& s) {
  s.rank(1, 1);
  pass_values(s);
  auto wanted = s.values(1);
  if (!wanted) return s.out(0, s.shape_from(1));
  s.require(wanted->size() <= size_t(kMaxRank), "Reshape: shapes have at most ", kMaxRank, " dimensions, got ",
            wanted->size());
  PartialShape shape = PartialShape::unknown(int(wanted->size()));
  int64_t known = 1, free = -1;  // the product of the dimensions given, leaving out zeros; where -1 stands
  bool all_known = true, zero = false;
  for (size_t i = 0; i < wanted->size(); ++i) {
    int64_t d = (*wanted)[i];
    if (d == kUnknownValue) {
      all_known = false;
    } else if (d == -1) {
      if (free >= 0) {
        s.require(!s.running(), "Only one input size may be -1, not both ", free, " and ", i);
        all_known = false;
      }
      free = int64_t(i);
    } else {
      s.require(d >= 0, "Size ", i, " must be non-negative, not ", d);
      shape.set(int(i), d);
      zero |= d == 0;
      s.require(d == 0 || !__builtin_mul_overflow(known, d, &known), "Reshape: the requested shape is too large");
    }
  }
  int64_t size = s.in(0).size();
  if (all_known && size >= 0) {
    if (free >= 0) {
      if (zero) {  // TensorFlow's rule: [0,3] to [0,-1] gives [0,3]
        size = 1;
        for (int64_t d : s.in(0).dims()) size *= d == 0 ? 1 : d;
        s.require(s.in(0).size() == 0, "Input to reshape is a tensor with ", s.in(0).size(),
                  " values, but the requested shape has 0");
      } else if (s.running()) {
        s.require(size % known == 0, "Input to reshape is a tensor with ", size,
                  " values, but the requested shape requires a multiple of ", known);
      } else {
        s.require(size % known == 0, "Dimension size must be evenly divisible by ", known, " but is ", size);
      }
      shape.set(int(free), size / known);
    } else {
      int64_t count = zero ? 0 : known;
      if (s.running()) {
        s.require(count == size, "Input to reshape is a tensor with ", size, " values, but the requested shape has ",
                  count);
      } else {
        s.require(count == size, "Cannot reshape a tensor with ", size, " elements to shape ", shape, " (", count,
                  " elements)");
      }
    }
  }
  s.out(0, shape);
}

void infer_squeeze(Infer& s) {
  pass_values(s);
  const PartialShape& in = s.in(0);
  if (!in.known_rank()) return;
  const Ints& dims = s.attr<Ints>("squeeze_dims");
  std::array<bool, kMaxRank> drop{};
  int rank = in.rank();
  for (size_t i = 0; i < dims.size(); ++i) {
    if (s.running()) {
      s.require(dims[i] >= -rank && dims[i] < rank, "Tried to squeeze dim index ", dims[i], " for tensor with ", rank,
                " dimensions.");
    } else {
      s.require(dims[i] >= -rank && dims[i] < rank, "squeeze_dims[", i, "] not in [", -rank, ",", rank, ").");
    }
    int d = int(dims[i] < 0 ? dims[i] + rank : dims[i]);
    s.require(in[d] < 0 || in[d] == 1, "Can not squeeze dim[", d, "], expected a dimension of 1, got ", in[d]);
    drop[size_t(d)] = true;
  }
  PartialShape out = Shape();
  for (int i = 0; i < rank; ++i) {
    if (dims.empty() && in[i] < 0) return;  // may or may not go
    if (dims.empty() ? in[i] != 1 : !drop[size_t(i)]) out.push_back(in[i]);
  }
  s.out(0, out);
}

void infer_expand_dims(Infer& s) {
  pass_values(s);
  const PartialShape& in = s.in(0);
  const PartialShape& axis_shape = s.in(1);
  s.require(!axis_shape.known_rank() || axis_shape.rank() == 0 || axis_shape.size() < 0 || axis_shape.size() == 1,
            "'dim' input must be a tensor with a single value");
  auto axis = s.scalar(1);
  if (!in.known_rank()) return;
  int rank = in.rank();
  if (!axis) return s.out(0, PartialShape::unknown(rank + 1));
  if (s.running()) {
    s.require(*axis >= -rank - 1 && *axis <= rank, "Tried to expand dim index ", *axis, " for tensor with ", rank,
              " dimensions.");
  } else {
    s.require(*axis >= -rank - 1 && *axis <= rank, "dim ", *axis, " not in the interval [", -rank - 1, ", ", rank,
              "].");
  }
  int at = int(*axis < 0 ? *axis + rank + 1 : *axis);
  s.out(0, Infer::concat(Infer::concat(Infer::slice(in, 0, at), Shape{1}), Infer::slice(in, at)));
}

std::string braces(const Values& v) {
  std::string out = "{";
  for (size_t i = 0; i < v.size(); ++i) out += str(i ? "," : "", v[i]);
  return out + "}";
}

void infer_transpose(Infer& s) {
  const PartialShape& in = s.in(0);
  PartialShape perm_shape = s.rank(1, 1);
  auto perm = s.values(1);
  int rank = in.known_rank() ? in.rank() : perm ? int(perm->size()) : int(perm_shape[0]);
  if (rank < 0) return;
  if (in.known_rank() && perm_shape[0] >= 0) {
    if (s.running()) {
      s.require(perm_shape[0] == rank, "transpose expects a vector of size ", rank,
                ". But input(1) is a vector of size ", perm_shape[0]);
    } else {
      s.require(perm_shape[0] == rank, "Dimension must be ", rank, " but is ", perm_shape[0]);
    }
  }
  s.require(rank <= kMaxRank, "Transpose: shapes have at most ", kMaxRank, " dimensions, got ", rank);
  PartialShape out = PartialShape::unknown(rank);
  std::array<bool, kMaxRank> seen{};
  for (int i = 0; perm && i < rank; ++i) {
    int64_t p = (*perm)[size_t(i)];
    if (p == kUnknownValue) continue;
    if (s.running()) {
      s.require(p >= -rank && p < rank, p, " is out of range [0 .. ", rank, ")");
    } else {
      s.require(p >= -rank && p < rank, "perm dim ", p, " is out of range of input rank ", rank);
    }
    p = p < 0 ? p + rank : p;
    seen[size_t(p)] = true;
    if (in.known_rank()) out.set(i, in[int(p)]);
  }
  bool known = perm && std::ranges::find(*perm, kUnknownValue) == perm->end();
  for (int i = 0; known && i < rank; ++i) {
    s.require(seen[size_t(i)], i, " is missing from ", braces(*perm), ".");
  }
  s.out(0, rank < 2 && in.known_rank() ? in : out);
}

Outs transpose_grad(Grad& g) { return {node(g.node().op().name, {g.dy, node("InvertPermutation", {g.in(1)})}), {}}; }

void shape_values(Infer& s, int i) {
  const PartialShape& in = s.in(i);
  s.out(i, PartialShape{in.rank()});
  if (!in.known_rank()) return s.out(i, PartialShape::unknown(1));
  if (s.running()) return;
  Values v;
  for (int64_t d : in.dims()) v.push_back(d < 0 ? kUnknownValue : d);
  s.out_values(i, std::move(v));
}

void infer_size(Infer& s) {
  s.out(0, Shape());
  if (int64_t n = s.in(0).size(); n >= 0) s.out_values(0, {n});
}

void infer_rank(Infer& s) {
  s.out(0, Shape());
  if (s.in(0).known_rank()) s.out_values(0, {s.in(0).rank()});
}

void infer_fill(Infer& s) {
  s.rank(0, 1);
  s.rank(1, 0);
  auto dims = s.values(0);
  if (!dims) return s.out(0, s.shape_from(0));
  s.require(dims->size() <= size_t(kMaxRank), "Fill: shapes have at most ", kMaxRank, " dimensions, got ",
            dims->size());
  PartialShape shape = PartialShape::unknown(int(dims->size()));
  for (size_t i = 0; i < dims->size(); ++i) {
    int64_t d = (*dims)[i];
    if (d == kUnknownValue) continue;
    if (s.running()) {
      s.require(d >= 0, "Dimension ", d, " must be >= 0");
    } else {
      s.require(d >= 0, "Fill dimensions must be >= 0");
    }
    shape.set(int(i), d);
  }
  s.out(0, shape);
  if (const Values* v = s.known(1); v && v->size() == 1 && shape.fully_known() && shape.size() <= kMaxValues) {
    s.out_values(0, Values(size_t(shape.size()), v->front()));
  }
}

/// The sum over all elements.
Out total(const Out& x) {
  if (x.shape().known_rank()) {
    Ints axes;
    for (int i = 0; i < x.shape().rank(); ++i) axes.push_back(i);
    return sum(x, ints(axes));
  }
  return sum(x, node("Range", {int_scalar(0), node("Rank", {x}), int_scalar(1)}));
}

void infer_range(Infer& s) {
  constexpr std::array kNames{"start", "limit", "delta"};
  for (int i = 0; i < 3; ++i) {
    if (s.running()) {
      s.require(s.in(i).rank() == 0, kNames[size_t(i)], " must be a scalar, not shape ", s.in(i));
    } else {
      s.rank(i, 0);
    }
  }
  s.out(0, PartialShape::unknown(1));
  auto known = [&](int i) -> Tensor {
    if (const Tensor* t = s.constant(i)) return *t;
    auto v = s.scalar(i);
    if (!v || !kInteger.has(s.dtype(i))) return {};
    Tensor t(s.dtype(i), Shape());
    visit<kInteger>(s.dtype(i), [&]<class T>() { *t.ptr<T>() = T(*v); });
    return t;
  };
  Tensor start = known(0), limit = known(1), delta = known(2);
  if (!start || !limit || !delta) return;
  int64_t n = range_size(start, limit, delta);
  s.out(0, Shape{n});
  if (s.running() || n > kMaxValues || !kSigned.has(start.dtype())) return;
  visit<kSigned>(start.dtype(), [&]<class T>() {
    Values v;
    for (int64_t i = 0; i < n; ++i) v.push_back(int64_t(start.item<T>()) + i * int64_t(delta.item<T>()));
    s.out_values(0, std::move(v));
  });
}

void infer_lin_space(Infer& s) {
  for (int i = 0; i < 3; ++i) s.rank(i, 0);
  auto n = s.scalar(2);
  s.require(!n || *n > 0, "Requires num > 0: ", n.value_or(0));
  s.out(0, PartialShape{n.value_or(kUnknown)});
}

void infer_broadcast_to(Infer& s) {
  const PartialShape& in = s.in(0);
  PartialShape to = s.shape_from(1);
  if (s.running()) {
    s.require(in.rank() <= to.rank(), "Rank of input (", in.rank(), ") must be no greater than rank of output shape (",
              to.rank(), ").");
    s.require(to.fully_known(), "BroadcastTo: dimensions must be >= 0, got ", to);
  }
  s.out(0, to);
  if (!to.known_rank() || !in.known_rank()) return;
  s.require(in.rank() <= to.rank(), "Shape must be at most rank ", to.rank(), " but is rank ", in.rank());
  for (int i = 1; i <= in.rank(); ++i) {
    int64_t a = in[-i], b = to[-i];
    bool ok = a < 0 || b < 0 || a == b || a == 1;
    s.require(ok || !s.running(), "Incompatible shapes: ", in, " vs. ", to);
    s.require(ok, "Dimensions must be equal, but are ", a, " and ", b);
  }
}

/// Values of which every element is known.
std::optional<Values> complete(std::optional<Values> v) {
  if (v && std::ranges::find(*v, kUnknownValue) != v->end()) v.reset();
  return v;
}

void infer_broadcast_args(Infer& s) {
  PartialShape a = s.rank(0, 1), b = s.rank(1, 1);
  if (a[0] >= 0 && b[0] >= 0) {
    s.out(0, Shape{std::max(a[0], b[0])});
  } else {
    s.out(0, PartialShape::unknown(1));
  }
  if (s.running() || !s.known(0) || !s.known(1)) return;
  auto x = complete(*s.known(0)), y = complete(*s.known(1));
  if (x && y) s.out_values(0, broadcast_dims(*x, *y));
}

void infer_broadcast_gradient_args(Infer& s) {
  s.rank(0, 1);
  s.rank(1, 1);
  auto a = complete(s.values(0)), b = complete(s.values(1));
  for (int i = 0; i < 2; ++i) s.out(i, PartialShape::unknown(1));
  if (!a || !b) return;
  auto axes = broadcast_axes(*a, *b);
  for (int i = 0; i < 2; ++i) {
    s.out(i, Shape{int64_t(axes[size_t(i)].size())});
    s.out_values(i, axes[size_t(i)]);
  }
}

void infer_invert_permutation(Infer& s) {
  s.out(0, s.rank(0, 1));
  const Values* p = s.known(0);
  if (!p || s.running()) return;
  Values inverse(p->size(), kUnknownValue);
  for (size_t i = 0; i < p->size(); ++i) {
    if (int64_t x = (*p)[i]; x >= 0 && x < int64_t(p->size())) inverse[size_t(x)] = int64_t(i);
  }
  s.out_values(0, std::move(inverse));
}

void infer_ensure_shape(Infer& s) {
  const PartialShape &in = s.in(0), &want = s.attr<PartialShape>("shape");
  pass_values(s);
  s.require(!s.running() || want.compatible(in), "Shape of tensor ", in, " is not compatible with expected shape ",
            want, ".");
  s.out(0, s.merge(want, in));
}

}  // namespace

void register_array(OpRegistry& r) {
  r.add("Reshape(tensor: T, shape: Tshape) -> output: T")
      .types("Tshape", kIndex, DType::int32)
      .doc("The same elements under another shape; one dimension may be -1 and is then computed.")
      .infer(infer_reshape)
      .aliases(0)
      .grad(reshape_back);
  r.add("Squeeze(input: T; squeeze_dims: list(int) = []) -> output: T")
      .doc("Drops dimensions of size 1: those listed, or all.")
      .infer(infer_squeeze)
      .aliases(0)
      .grad(reshape_back);
  r.add("ExpandDims(input: T, dim: Tdim) -> output: T")
      .types("Tdim", kIndex, DType::int32)
      .doc("Inserts a dimension of size 1 at axis `dim`.")
      .infer(infer_expand_dims)
      .aliases(0)
      .grad(reshape_back);
  r.add("EnsureShape(input: T; shape: shape) -> output: T")
      .api("ensure_shape")
      .doc("The input itself, if its shape agrees with `shape`; an error otherwise.")
      .infer(infer_ensure_shape)
      .aliases(0)
      .grad([](Grad& g) { return Outs{g.dy}; });
  r.add("Transpose(x: T, perm: Tperm) -> y: T")
      .types("Tperm", kIndex, DType::int32)
      .doc("Reorders the dimensions: dimension i of y is dimension perm[i] of x.")
      .infer(infer_transpose)
      .grad(transpose_grad);
  r.add("ConjugateTranspose(x: T, perm: Tperm) -> y: T")
      .types("Tperm", kIndex, DType::int32)
      .doc("Transpose, and the complex conjugate of every element.")
      .infer(infer_transpose)
      .grad(transpose_grad);
  r.add("InvertPermutation(x: T) -> y: T")
      .types("T", kIndex, DType::int32)
      .api("math.invert_permutation, invert_permutation")
      .doc("The permutation that undoes x: y[x[i]] = i.")
      .infer(infer_invert_permutation)
      .no_grad();

  r.add("Shape(input: T; out_type: type = int32) -> output: out_type")
      .types("out_type", kIndex, DType::int32)
      .doc("The dimensions of a tensor as a vector.")
      .infer([](Infer& s) { shape_values(s, 0); })
      .no_grad();
  r.add("ShapeN(input: N * T; out_type: type = int32) -> output: N * out_type")
      .types("out_type", kIndex, DType::int32)
      .api("shape_n")
      .doc("The dimensions of several tensors.")
      .infer([](Infer& s) {
        for (int i = 0; i < s.inputs(); ++i) shape_values(s, i);
      })
      .no_grad();
  r.add("Size(input: T; out_type: type = int32) -> output: out_type")
      .types("out_type", kIndex, DType::int32)
      .doc("The number of elements.")
      .infer(infer_size)
      .no_grad();
  r.add("Rank(input: T) -> output: int32").doc("The number of dimensions.").infer(infer_rank).no_grad();

  r.add("Fill(dims: index_type, value: T) -> output: T")
      .types("index_type", kIndex, DType::int32)
      .api("fill")
      .doc("A tensor of shape `dims` with every element `value`.")
      .infer(infer_fill)
      .grad([](Grad& g) { return Outs{{}, total(g.dy)}; });
  r.add("Range(start: Tidx, limit: Tidx, delta: Tidx) -> output: Tidx")
      .types("Tidx", kReal - DTypeSet{DType::uint8}, DType::int32)
      .doc("start, start + delta, start + 2 delta ... before limit.")
      .infer(infer_range)
      .no_grad();
  r.add("LinSpace(start: T, stop: T, num: Tidx) -> output: T", kFloating)
      .types("Tidx", kIndex, DType::int32)
      .api("linspace, lin_space")
      .doc("`num` evenly spaced values from start to stop, both included.")
      .infer(infer_lin_space)
      .no_grad();
  r.add("ZerosLike(x: T) -> y: T").doc("Zeros in the shape of x.").infer([](Infer& s) { s.out(0, s.in(0)); }).no_grad();
  r.add("OnesLike(x: T) -> y: T", kNumeric | kBool)
      .doc("Ones in the shape of x.")
      .infer([](Infer& s) { s.out(0, s.in(0)); })
      .no_grad();

  r.add("BroadcastTo(input: T, shape: Tidx) -> output: T")
      .types("Tidx", kIndex, DType::int32)
      .api("broadcast_to")
      .doc("Repeats dimensions of size 1 (and missing leading ones) so that the result has the shape given.")
      .infer(infer_broadcast_to)
      .grad([](Grad& g) { return Outs{unbroadcast(g.dy, g.in(0)), {}}; });
  r.add("BroadcastArgs(s0: T, s1: T) -> r0: T")
      .types("T", kIndex, DType::int32)
      .doc("The shape to which shapes s0 and s1 broadcast.")
      .infer(infer_broadcast_args)
      .no_grad();
  r.add("BroadcastGradientArgs(s0: T, s1: T) -> r0: T, r1: T")
      .types("T", kIndex, DType::int32)
      .doc("The axes to sum over to undo broadcasting shapes s0 and s1 against each other.")
      .infer(infer_broadcast_gradient_args)
      .no_grad();

  register_diagonal(r);
  register_diagonals(r);
  register_rearrange(r);
}

}  // namespace thalweg::ops
