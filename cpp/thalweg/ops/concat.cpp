// Ops that join tensors, cut them up, repeat them and pad them.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"
#include "thalweg/registry/infer.h"

namespace thalweg::ops {
namespace {

PartialShape without(const PartialShape& s, int axis) {
  return Infer::concat(Infer::slice(s, 0, axis), Infer::slice(s, axis + 1));
}

PartialShape with(const PartialShape& s, int axis, int64_t dim) {
  return Infer::concat(Infer::concat(Infer::slice(s, 0, axis), PartialShape{dim}), Infer::slice(s, axis));
}

/// The joined shape of inputs [first, first + n); input `axis_input` is the axis.
void infer_concat(Infer& s, int first, int n, int axis_input) {
  s.rank(axis_input, 0);
  auto axis = s.scalar(axis_input);
  int rank = -1, of = first;
  for (int i = first; i < first + n; ++i) {
    const PartialShape& in = s.in(i);
    if (!in.known_rank()) continue;
    s.require(in.rank() > 0, s.running() ? "ConcatOp : " : "", "Can't concatenate scalars (use tf.stack instead)");
    if (rank < 0) {
      rank = in.rank();
      of = i;
    }
    s.require(in.rank() == rank || !s.running(),
              "ConcatOp : Ranks of all input tensors should match: shape[0] = ", s.in(of), " vs. shape[", i - first,
              "] = ", in);
    s.require(in.rank() == rank, "Shape must be rank ", rank, " but is rank ", in.rank());
  }
  if (rank < 0) return;
  if (!axis) return s.out(0, PartialShape::unknown(rank));
  if (s.running()) {
    s.require(*axis >= -rank && *axis < rank, "ConcatOp : Expected concatenating dimensions in the range [", -rank,
              ", ", rank, "), but got ", *axis);
  } else {
    s.require(*axis >= -rank && *axis < rank, "Shape must be at least rank ", *axis < 0 ? -*axis : *axis + 1,
              " but is rank ", rank);
  }
  int at = int(*axis < 0 ? *axis + rank : *axis);
  PartialShape rest = PartialShape::unknown(rank - 1);
  int64_t total = 0;
  bool follow = rank == 1;
  Values values;
  for (int i = first; i < first + n; ++i) {
    const PartialShape& in = s.in(i);
    if (s.running()) {
      for (int d = 0; d < rank; ++d) {
        s.require(d == at || in[d] == s.in(first)[d], "ConcatOp : Dimension ", d,
                  " in both shapes must be equal: shape[0] = ", s.in(first), " vs. shape[", i - first, "] = ", in);
      }
    }
    if (in.known_rank()) rest = s.merge(rest, without(in, at));
    int64_t size = in.known_rank() ? in[at] : kUnknown;
    total = Infer::add(total, size);
    follow &= size >= 0 && total <= kMaxValues;
    if (!follow) continue;
    const Values* v = s.known(i);
    values.insert(values.end(), size_t(v ? 0 : size), kUnknownValue);
    if (v) values.insert(values.end(), v->begin(), v->end());
  }
  s.out(0, with(rest, at, total));
  if (follow && kIndex.has(s.dtype(first)) && !s.running()) s.out_values(0, std::move(values));
}

/// dy cut into pieces of the inputs' sizes along the axis.
Outs concat_grad(Grad& g, int first, int n, const Out& axis) {
  Outs dxs = g.none();
  if (n == 1) {
    dxs[size_t(first)] = g.dy;
    return dxs;
  }
  Out at = cast(axis, DType::int32);
  Outs sizes;
  Ints known;
  const auto& axis_value = axis.info().values;
  for (int i = first; i < first + n; ++i) {
    const PartialShape& shape = g.in(i).shape();
    if (axis_value && axis_value->size() == 1 && axis_value->front() != kUnknownValue && shape.known_rank() &&
        shape[int(axis_value->front())] >= 0) {
      known.push_back(shape[int(axis_value->front())]);
    }
  }
  Out pieces;
  if (int(known.size()) == n) {
    pieces = ints(known);
  } else {
    // A negative axis counts from the end of the shape vector, which slicing understands and Gather does not.
    Out end = at + 1;
    Attrs one{{"shrink_axis_mask", int64_t(1)}};
    auto vec = [](const Out& x) { return reshape(x, ints({1})); };
    for (int i = first; i < first + n; ++i) {
      Out shape = node("Shape", {g.in(i)});
      sizes.push_back(node("StridedSlice", {shape, vec(at), vec(end), ints({1})}, one));
    }
    pieces = node("Pack", sizes);
  }
  Outs parts = outputs_of(node("SplitV", {g.dy, pieces, at}, {{"num_split", int64_t(n)}}));
  std::copy(parts.begin(), parts.end(), dxs.begin() + first);
  return dxs;
}

/// The outputs' gradients joined along an axis.
Out joined(Grad& g, const Out& axis) {
  Outs parts;
  for (int i = 0; i < int(g.node().outputs().size()); ++i) parts.push_back(g.dys(i));
  if (parts.size() == 1) return parts[0];
  parts.push_back(axis);
  return node("ConcatV2", parts);
}

/// The axis of a split, if it and the rank are known.
std::optional<int> split_axis(Infer& s, int value, int axis_input) {
  s.rank(axis_input, 0);
  auto axis = s.scalar(axis_input);
  const PartialShape& in = s.in(value);
  if (!axis || !in.known_rank()) return {};
  int rank = in.rank();
  if (s.running()) {
    s.require(*axis >= -rank && *axis < rank, "-input rank(-", rank, ") <= split_dim < input rank (", rank,
              "), but got ", *axis);
  } else {
    s.require(*axis >= -rank && *axis < rank, "Dimension size, given by scalar input ", *axis, " must be in range [",
              -rank, ", ", rank, ")");
  }
  return int(*axis < 0 ? *axis + rank : *axis);
}

void infer_split(Infer& s) {
  int64_t n = s.attr<int64_t>("num_split");
  s.require(n >= 1, "Split: num_split must be >= 1, got ", n);
  auto axis = split_axis(s, 1, 0);
  const PartialShape& in = s.in(1);
  if (!in.known_rank()) return;
  s.require(in.rank() > 0, "Split: a scalar cannot be split");
  PartialShape piece = PartialShape::unknown(in.rank());
  if (axis) {
    int64_t size = in[*axis];
    if (s.running()) {
      s.require(size % n == 0, "Number of ways to split should evenly divide the split dimension, but got split_dim ",
                *axis, " (size = ", size, ") and num_split ", n);
    }
    s.require(size < 0 || size % n == 0, "Dimension size must be evenly divisible by ", n, " but is ", size,
              "\n\tNumber of ways to split should evenly divide the split dimension");
    piece = in;
    piece.set(*axis, size < 0 ? kUnknown : size / n);
  }
  for (int i = 0; i < s.outputs(); ++i) s.out(i, piece);
}

void infer_split_v(Infer& s) {
  PartialShape sizes_shape = s.rank(1, 1);
  s.require(s.outputs() >= 1, "SplitV: num_split must be >= 1");
  s.require(sizes_shape[0] < 0 || sizes_shape[0] == s.outputs(),
            "SplitV: size_splits must have num_split = ", s.outputs(), " elements, got ", sizes_shape[0]);
  auto axis = split_axis(s, 0, 2);
  auto sizes = s.values(1);
  const PartialShape& in = s.in(0);
  if (!in.known_rank()) return;
  PartialShape piece = axis ? in : PartialShape::unknown(in.rank());
  if (axis) piece.set(*axis, kUnknown);
  if (!axis || !sizes) {
    if (axis && s.outputs() == 1) piece = in;
    for (int i = 0; i < s.outputs(); ++i) s.out(i, piece);
    return;
  }
  int64_t sum = 0, size = in[*axis], free = -1;
  bool all = true;
  for (size_t i = 0; i < sizes->size(); ++i) {
    int64_t x = (*sizes)[i];
    if (x == kUnknownValue) {
      all = false;
    } else if (x == -1) {
      s.require(free < 0, s.running() ? "There can only be one -1 in the input." : "size_splits can only have one -1");
      free = int64_t(i);
    } else {
      s.require(x >= 0, "Split size at index ", i, " must be >= 0. Got: ", x);
      s.require(!__builtin_add_overflow(sum, x, &sum), "SplitV: the sum of size_splits overflows");
    }
  }
  if (all && size >= 0) {
    bool fits = free >= 0 ? sum <= size : sum == size;
    s.require(fits || !s.running(), "Determined shape must either match input shape along split_dim exactly if fully ",
              "specified, or be less than the size of the input along split_dim if not fully specified.  Got: ", sum);
    s.require(fits || free < 0, "Split size at index ", free, " must be >= 0. Got: ", size - sum);
    s.require(fits, "can't split axis of size ", size, " into pieces of size ", PartialShape(*sizes));
  }
  for (int i = 0; i < s.outputs(); ++i) {
    int64_t x = (*sizes)[size_t(i)];
    piece.set(*axis, x == kUnknownValue ? kUnknown : x != -1 ? x : all && size >= 0 ? size - sum : kUnknown);
    s.out(i, piece);
  }
}

int pack_axis(Infer& s, int rank) {
  int64_t axis = s.attr<int64_t>("axis");
  if (s.running()) {
    s.require(axis >= -rank && axis < rank, "axis = ", axis, " not in [", -rank, ", ", rank, ")");
  } else {
    s.require(axis >= -rank && axis < rank, "Invalid axis: ", axis, "; must be in [", -rank, ",", rank, ")");
  }
  return int(axis < 0 ? axis + rank : axis);
}

void infer_pack(Infer& s) {
  s.require(s.inputs() >= 1, "Pack: N must be >= 1");
  PartialShape one;
  for (int i = 0; i < s.inputs(); ++i) {
    s.require(!s.running() || s.in(i) == s.in(0), "Shapes of all inputs must match: values[0].shape = ", s.in(0),
              " != values[", i, "].shape = ", s.in(i));
    one = s.merge(one, s.in(i));
  }
  if (!one.known_rank()) return;
  s.require(one.rank() < kMaxRank, "Pack: shapes have at most ", kMaxRank, " dimensions");
  s.out(0, with(one, pack_axis(s, one.rank() + 1), s.inputs()));
  if (one.rank() > 0 || s.running() || !kIndex.has(s.dtype(0))) return;
  Values values;
  for (int i = 0; i < s.inputs(); ++i) {
    const Values* v = s.known(i);
    values.push_back(v && v->size() == 1 ? v->front() : kUnknownValue);
  }
  s.out_values(0, std::move(values));
}

void infer_unpack(Infer& s) {
  const PartialShape& in = s.in(0);
  if (!in.known_rank()) return;
  int axis = pack_axis(s, in.rank());
  int64_t n = s.outputs();
  s.require(in[axis] < 0 || in[axis] == n || !s.running(), "Input shape axis ", axis, " must equal ", n, ", got shape ",
            in);
  s.require(in[axis] < 0 || in[axis] == n, "Dimension must be ", n, " but is ", in[axis]);
  const Values* v = in.rank() == 1 ? s.known(0) : nullptr;
  for (int i = 0; i < s.outputs(); ++i) {
    s.out(i, without(in, axis));
    if (v && int64_t(v->size()) == n) s.out_values(i, {(*v)[size_t(i)]});
  }
}

/// Sizes of a per-dimension argument against the rank of input 0; returns the common rank, or -1.
int common_rank(Infer& s, int64_t entries) {
  const PartialShape& in = s.in(0);
  if (!in.known_rank()) {
    s.require(entries <= kMaxRank, s.op().name, ": shapes have at most ", kMaxRank, " dimensions, got ", entries);
    return int(entries);
  }
  s.require(entries < 0 || in.rank() == entries, "Shape must be rank ", entries, " but is rank ", in.rank());
  return in.rank();
}

void infer_tile(Infer& s) {
  PartialShape entries = s.rank(1, 1);
  const PartialShape& in = s.in(0);
  s.require(!s.running() || in.rank() == entries[0], "Expected multiples argument to be a vector of length ", in.rank(),
            " but got length ", entries[0]);
  int rank = common_rank(s, entries[0]);
  if (rank < 0) return;
  auto multiples = s.values(1);
  PartialShape out = PartialShape::unknown(rank);
  for (int i = 0; multiples && i < rank; ++i) {
    int64_t m = (*multiples)[size_t(i)];
    if (m == kUnknownValue) continue;
    s.require(m >= 0, "Expected multiples[", i, "] >= 0, but got ", m);
    int64_t d = in.known_rank() ? in[i] : m == 0 ? 0 : kUnknown, product;
    s.require(d < 0 || !__builtin_mul_overflow(d, m, &product), "Tile: dimension ", i, " is too large: ", d, " x ", m);
    out.set(i, Infer::mul(d, m));
  }
  s.out(0, out);
  const Values* v = rank == 1 && !s.running() ? s.known(0) : nullptr;
  if (v && out[0] >= 0 && out[0] <= kMaxValues) {
    Values tiled;
    while (int64_t(tiled.size()) < out[0]) tiled.insert(tiled.end(), v->begin(), v->end());
    s.out_values(0, std::move(tiled));
  }
}

/// TileGrad is the adjoint of Tile: dimensions are divided by the multiples.
void infer_tile_grad(Infer& s) {
  PartialShape entries = s.rank(1, 1);
  int rank = common_rank(s, entries[0]);
  if (rank < 0) return;
  auto multiples = s.values(1);
  PartialShape out = PartialShape::unknown(rank);
  for (int i = 0; multiples && s.in(0).known_rank() && i < rank; ++i) {
    int64_t m = (*multiples)[size_t(i)], d = s.in(0)[i];
    if (m == kUnknownValue || d < 0) continue;
    s.require(m >= 1 && d % m == 0, "TileGrad: dimension ", i, " of ", s.in(0), " is not a multiple of ", m);
    out.set(i, d / m);
  }
  s.out(0, out);
}

Outs tile_grad(Grad& g) {
  Out x = g.in(0), multiples = g.in(1);
  const auto& known = multiples.info().values;
  bool positive = known && std::ranges::all_of(*known, [](int64_t m) { return m > 0; });
  if (positive) return {node("TileGrad", {g.dy, cast(multiples, DType::int32)}), {}};
  // A multiple of 0 leaves nothing to sum; dividing by 1 instead and padding keeps the input's shape.
  Out m = node("Maximum", {cast(multiples, DType::int32), 1});
  Out summed = node("TileGrad", {g.dy, m});
  Out missing = shape_of(x) - shape_of(summed);
  Out paddings = node("Pack", {node("ZerosLike", {missing}), missing}, {{"axis", int64_t(1)}});
  return {reshape(node("Pad", {summed, paddings}), shape_of(x)), {}};
}

/// Adds (sign 1) or takes away (sign -1) the paddings.
void infer_pad(Infer& s, int sign) {
  PartialShape p = s.rank(1, 2);
  const PartialShape& in = s.in(0);
  s.require(!s.running() || p[1] == 2, "paddings must be a matrix with 2 columns: ", p);
  s.require(p[1] < 0 || p[1] == 2, "Dimension must be 2 but is ", p[1]);
  s.require(!s.running() || in.rank() == p[0], "The first dimension of paddings must be the rank of inputs", p, " ",
            in);
  int rank = common_rank(s, p[0]);
  if (rank < 0) return;
  PartialShape out = PartialShape::unknown(rank);
  if (auto v = s.values(1)) {
    for (int i = 0; i < rank; ++i) {
      int64_t before = (*v)[size_t(2 * i)], after = (*v)[size_t(2 * i + 1)];
      if (before == kUnknownValue || after == kUnknownValue) continue;
      s.require(before >= 0 && after >= 0, "Paddings must be non-negative",
                s.running() ? str(": ", before, " ", after) : "");
      int64_t d = in.known_rank() ? in[i] : kUnknown, both;
      s.require(!__builtin_add_overflow(before, after, &both) && both < INT64_MAX / 2,
                "Paddings are too large: ", before, " ", after);
      s.require(d < 0 || sign > 0 || d >= both, "MirrorPadGrad: paddings ", before, " and ", after,
                " are more than dimension ", i, " of ", in);
      out.set(i, d < 0 ? kUnknown : d + sign * both);
    }
  }
  s.out(0, out);
}

/// The part of dy that stands on the input.
Outs pad_grad(Grad& g) {
  Outs dxs = g.none();
  Out paddings = g.in(1);
  Out begin;
  if (const auto& v = paddings.info().values; v && std::ranges::find(*v, kUnknownValue) == v->end()) {
    Ints before;
    for (size_t i = 0; i < v->size(); i += 2) before.push_back((*v)[i]);
    begin = ints(before, paddings.dtype());
  } else {
    Out column = node("Slice", {paddings, ints({0, 0}), ints({-1, 1})});
    begin = reshape(column, ints({-1}));
  }
  dxs[0] = node("Slice", {g.dy, begin, shape_of(g.in(0), paddings.dtype())});
  return dxs;
}

Outs mirror_pad_grad(Grad& g) {
  const char* adjoint = g.node().op().name == "MirrorPad" ? "MirrorPadGrad" : "MirrorPad";
  return {node(adjoint, {g.dy, g.in(1)}, {{"mode", g.attr<std::string>("mode")}}), {}};
}

void infer_concat_offset(Infer& s) {
  s.require(s.inputs() > 1, "ConcatOffset: Value for attr 'N' of 0 must be at least minimum 1");
  s.rank(0, 0);
  PartialShape one = PartialShape::unknown(1);
  for (int i = 1; i < s.inputs(); ++i) {
    s.rank(i, 1);
    one = s.merge(one, s.in(i));
  }
  for (int i = 0; i < s.outputs(); ++i) s.out(i, one);
}

}  // namespace

void register_concat(OpRegistry& r) {
  r.add("ConcatV2(values: N * T, axis: Tidx) -> output: T")
      .types("Tidx", kIndex, DType::int32)
      .doc("Joins tensors along an axis; the other dimensions must agree.")
      .infer([](Infer& s) { infer_concat(s, 0, s.inputs() - 1, s.inputs() - 1); })
      .grad([](Grad& g) { return concat_grad(g, 0, g.inputs() - 1, g.in(g.inputs() - 1)); });
  r.add("Concat(concat_dim: int32, values: N * T) -> output: T")
      .doc("ConcatV2 with the axis first.")
      .infer([](Infer& s) { infer_concat(s, 1, s.inputs() - 1, 0); })
      .grad([](Grad& g) { return concat_grad(g, 1, g.inputs() - 1, g.in(0)); });
  r.add("ConcatOffset(concat_dim: int32, shape: N * shape_type) -> offset: N * shape_type")
      .types("shape_type", kIndex, DType::int32)
      .doc("Where each input begins in the result of joining inputs of these shapes.")
      .infer(infer_concat_offset)
      .no_grad();
  r.add("Split(split_dim: int32, value: T; num_split: int) -> output: num_split * T")
      .doc("Cuts a tensor into num_split equal pieces along an axis.")
      .infer(infer_split)
      .grad([](Grad& g) { return Outs{{}, joined(g, g.in(0))}; });
  r.add("SplitV(value: T, size_splits: Tlen, split_dim: int32; num_split: int) -> output: num_split * T")
      .types("Tlen", kIndex | DTypeSet{DType::int8}, DType::int64)
      .doc("Cuts a tensor into pieces of the sizes given along an axis; one size may be -1, the rest.")
      .infer(infer_split_v)
      .grad([](Grad& g) { return Outs{joined(g, g.in(2)), {}, {}}; });
  r.add("Pack(values: N * T; axis: int = 0) -> output: T")
      .doc("Stacks tensors of one shape along a new axis.")
      .infer(infer_pack)
      .grad([](Grad& g) {
        return outputs_of(node("Unpack", {g.dy}, {{"num", int64_t(g.inputs())}, {"axis", g.attr<int64_t>("axis")}}));
      });
  r.add("Unpack(value: T; num: int, axis: int = 0) -> output: num * T")
      .doc("Takes a tensor apart along an axis, which disappears.")
      .infer(infer_unpack)
      .grad([](Grad& g) {
        Outs parts;
        for (int i = 0; i < int(g.node().outputs().size()); ++i) parts.push_back(g.dys(i));
        return Outs{node("Pack", parts, {{"axis", g.attr<int64_t>("axis")}})};
      });
  r.add("Tile(input: T, multiples: Tmultiples) -> output: T")
      .types("Tmultiples", kIndex, DType::int32)
      .api("tile, manip.tile")
      .doc("Repeats a tensor multiples[i] times along dimension i.")
      .infer(infer_tile)
      .grad(tile_grad);
  r.add("TileGrad(input: T, multiples: int32) -> output: T", kNumeric)
      .doc("Sums over the repetitions that Tile made.")
      .infer(infer_tile_grad)
      .grad([](Grad& g) { return Outs{node("Tile", {g.dy, g.in(1)}), {}}; });
  r.add("Pad(input: T, paddings: Tpaddings) -> output: T")
      .types("Tpaddings", kIndex, DType::int32)
      .doc("Puts paddings[i,0] zeros before dimension i and paddings[i,1] after it.")
      .infer([](Infer& s) { infer_pad(s, 1); })
      .grad(pad_grad);
  r.add("PadV2(input: T, paddings: Tpaddings, constant_values: T) -> output: T")
      .types("Tpaddings", kIndex, DType::int32)
      .doc("Pad with a value of choice.")
      .infer([](Infer& s) {
        s.rank(2, 0);
        infer_pad(s, 1);
      })
      .grad(pad_grad);
  r.add("MirrorPad(input: T, paddings: Tpaddings; mode: string {REFLECT|SYMMETRIC}) -> output: T")
      .types("Tpaddings", kIndex, DType::int32)
      .doc("Pads with the tensor's mirror image: without the edge (REFLECT) or with it (SYMMETRIC).")
      .infer([](Infer& s) { infer_pad(s, 1); })
      .grad(mirror_pad_grad);
  r.add("MirrorPadGrad(input: T, paddings: Tpaddings; mode: string {REFLECT|SYMMETRIC}) -> output: T", kNumeric)
      .types("Tpaddings", kIndex, DType::int32)
      .doc("Adds the mirrored borders back onto what they mirror.")
      .infer([](Infer& s) { infer_pad(s, -1); })
      .grad(mirror_pad_grad);
}

}  // namespace thalweg::ops
