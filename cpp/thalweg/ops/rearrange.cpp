// Ops that move elements about, run along an axis, or compare elements of vectors.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/array.h"

namespace thalweg::ops {
namespace {

void infer_reverse(Infer& s) {
  const PartialShape& in = s.in(0);
  s.rank(1, 1);
  s.out(0, in);
  auto v = s.running() ? std::nullopt : s.values(1);  // the kernel checks what is not known before
  if (!v || !in.known_rank()) return;
  std::array<bool, kMaxRank> seen{};
  for (size_t i = 0; i < v->size(); ++i) {
    int64_t a = (*v)[i], rank = in.rank();
    if (a == kUnknownValue) continue;
    s.require(a >= -rank && a < rank, "'axis'[", i, "] = ", a, " is out of valid range [0, ", rank - 1);
    bool& taken = seen[size_t(a < 0 ? a + rank : a)];
    s.require(!taken, "axis ", a < 0 ? a + rank : a, " specified more than once.");
    taken = true;
  }
}

void infer_roll(Infer& s) {
  s.out(0, s.rank_at_least(0, 1));
  s.rank_at_most(1, 1);
  s.rank_at_most(2, 1);
  if (s.running()) {
    s.require(s.in(1) == s.in(2), "shift and axis must have the same size");
  } else {
    s.merge(s.in(1), s.in(2));
  }
}

/// Positions of batch, rows, columns and channels for a data_format.
struct Layout {
  int rows, cols, channels;
  explicit Layout(const Infer& s) {
    bool last = s.attr<std::string>("data_format") == "NHWC";
    rows = last ? 1 : 2;
    cols = rows + 1;
    channels = last ? 3 : 1;
  }
};

int64_t divided(const Infer& s, int64_t dim, int64_t by) {
  s.require(dim < 0 || dim % by == 0, "Dimension size must be evenly divisible by ", by, " but is ", dim);
  return dim < 0 ? kUnknown : dim / by;
}

int64_t block_size(const Infer& s) {
  int64_t block = s.attr<int64_t>("block_size");
  s.require(block >= 2 && block < (1 << 20), s.op().name, ": block_size must be >= 2, got ", block);
  return block;
}

void infer_space_to_depth(Infer& s) {
  int64_t block = block_size(s);
  PartialShape out = s.rank(0, 4);
  Layout l(s);
  out.set(l.rows, divided(s, out[l.rows], block));
  out.set(l.cols, divided(s, out[l.cols], block));
  out.set(l.channels, Infer::mul(out[l.channels], block * block));
  s.out(0, out);
}

void infer_depth_to_space(Infer& s) {
  int64_t block = block_size(s);
  PartialShape out = s.rank(0, 4);
  Layout l(s);
  out.set(l.rows, Infer::mul(out[l.rows], block));
  out.set(l.cols, Infer::mul(out[l.cols], block));
  out.set(l.channels, divided(s, out[l.channels], block * block));
  s.out(0, out);
}

Outs block_grad(Grad& g) {
  const char* inverse = g.node().op().name == "DepthToSpace" ? "SpaceToDepth" : "DepthToSpace";
  return {node(inverse, {g.dy},
               {{"block_size", g.attr<int64_t>("block_size")}, {"data_format", g.attr<std::string>("data_format")}})};
}

void infer_scan(Infer& s) {
  s.rank(1, 0);
  s.out(0, s.in(0));
}

Out scan(const char* op, const Out& x, Grad& g, bool reverse) {
  return node(op, {x, g.in(1)}, {{"exclusive", g.attr<bool>("exclusive")}, {"reverse", reverse}});
}

Outs cumsum_grad(Grad& g) { return {scan("Cumsum", g.dy, g, !g.attr<bool>("reverse")), {}}; }

Outs cumprod_grad(Grad& g) {
  // d prod_j / d x_i = prod_j / x_i for the j that have passed i. As in TensorFlow, a gradient at x = 0 is 0.
  Out x = g.in(0), y = g.out();
  if (kComplex.has(x.dtype())) {
    x = node("Conj", {x});
    y = node("Conj", {y});
  }
  Out sums = scan("Cumsum", y * g.dy, g, !g.attr<bool>("reverse"));
  return {node("DivNoNan", {sums, x}), {}};
}

void infer_reverse_sequence(Infer& s) {
  PartialShape in = s.in(0), lengths = s.rank(1, 1);
  int64_t seq = s.attr<int64_t>("seq_dim"), batch = s.attr<int64_t>("batch_dim");
  if (!in.known_rank()) return;
  s.require(batch >= 0 && batch < in.rank(), "batch_dim must be < input rank: ", batch, " vs. ", in.rank());
  s.require(seq >= 0 && seq < in.rank(), "seq_dim must be < input rank: ", seq, " vs. ", in.rank());
  s.require(seq != batch, "batch_dim == seq_dim == ", seq);
  in.set(int(batch), s.merge(in[int(batch)], lengths[0]));
  s.out(0, in);
}

void infer_unique(Infer& s) {
  PartialShape x = s.rank(0, 1);
  s.out(0, PartialShape::unknown(1));
  s.out(1, x);
  if (s.outputs() > 2) s.out(2, PartialShape::unknown(1));
}

}  // namespace

void register_rearrange(OpRegistry& r) {
  constexpr DTypeSet kReversible = kNumeric | kBool | kString;
  r.add("ReverseV2(tensor: T, axis: Tidx) -> output: T", kReversible)
      .types("Tidx", kIndex, DType::int32)
      .api("reverse")
      .doc("Reverses the order along each of the axes.")
      .infer(infer_reverse)
      .grad([](Grad& g) { return Outs{node("ReverseV2", {g.dy, g.in(1)}), {}}; });
  r.add("ReverseSequence(input: T, seq_lengths: Tlen; seq_dim: int, batch_dim: int = 0) -> output: T")
      .types("Tlen", kIndex, DType::int64)
      .doc("Reverses the first seq_lengths[b] entries along seq_dim, for each b of batch_dim.")
      .infer(infer_reverse_sequence)
      .grad([](Grad& g) {
        return Outs{node("ReverseSequence", {g.dy, g.in(1)},
                         {{"seq_dim", g.attr<int64_t>("seq_dim")}, {"batch_dim", g.attr<int64_t>("batch_dim")}}),
                    {}};
      });
  r.add("Roll(input: T, shift: Tshift, axis: Taxis) -> output: T")
      .types("Tshift", kIndex)
      .types("Taxis", kIndex)
      .api("roll, manip.roll")
      .doc("Shifts elements along axes; what leaves at one end comes back at the other.")
      .infer(infer_roll)
      .grad([](Grad& g) { return Outs{node("Roll", {g.dy, -g.in(1), g.in(2)}), {}, {}}; });
  r.add("SpaceToDepth(input: T; block_size: int, data_format: string {NHWC|NCHW} = 'NHWC') -> output: T")
      .doc("Moves blocks of pixels into the channels.")
      .infer(infer_space_to_depth)
      .grad(block_grad);
  r.add("DepthToSpace(input: T; block_size: int, data_format: string {NHWC|NCHW} = 'NHWC') -> output: T")
      .doc("Spreads channels over blocks of pixels.")
      .infer(infer_depth_to_space)
      .grad(block_grad);
  r.add("Cumsum(x: T, axis: Tidx; exclusive: bool = false, reverse: bool = false) -> out: T", kNumeric)
      .types("Tidx", kIndex, DType::int32)
      .doc("Running sums along an axis: of all up to each element, or (exclusive) of all before it.")
      .infer(infer_scan)
      .grad(cumsum_grad);
  r.add("Cumprod(x: T, axis: Tidx; exclusive: bool = false, reverse: bool = false) -> out: T", kNumeric)
      .types("Tidx", kIndex, DType::int32)
      .doc("Running products along an axis.")
      .infer(infer_scan)
      .grad(cumprod_grad);

  constexpr DTypeSet kComparable = kNumeric | kBool | kString;
  r.add("Unique(x: T; out_idx: type = int32) -> y: T, idx: out_idx", kComparable)
      .types("out_idx", kIndex, DType::int32)
      .doc("The distinct elements of a vector in order of first appearance, and for each element which one it is.")
      .infer(infer_unique);
  r.add("UniqueWithCounts(x: T; out_idx: type = int32) -> y: T, idx: out_idx, count: out_idx", kComparable)
      .types("out_idx", kIndex, DType::int32)
      .doc("Unique, and how often each element appears.")
      .infer(infer_unique);
  r.add("ListDiff(x: T, y: T; out_idx: type = int32) -> out: T, idx: out_idx", kComparable)
      .types("out_idx", kIndex, DType::int32)
      .doc("The elements of x that are not in y, in order, and where they stand in x.")
      .infer([](Infer& s) {
        s.rank(0, 1);
        s.rank(1, 1);
        s.out(0, PartialShape::unknown(1));
        s.out(1, PartialShape::unknown(1));
      })
      .no_grad();
}

}  // namespace thalweg::ops
