// Any diagonals of matrices, packed as rows: contract, shapes, gradients. diagonal.cpp has the main ones.
#include "thalweg/ops/diagonals.h"

#include "thalweg/graph/grad.h"
#include "thalweg/ops/array.h"

namespace thalweg::ops {
namespace {

struct Range {
  int64_t lower, upper;
};
/// The diagonals that input i names, one or two numbers; nothing if they are not known.
std::optional<Range> range(Infer& s, int i) {
  s.rank_at_most(i, 1);
  auto k = s.values(i);
  if (!k) return {};
  s.require(k->size() == 1 || k->size() == 2, "diag_index must be a scalar or a vector with one or two elements, got ",
            k->size());
  if (k->front() == kUnknownValue || k->back() == kUnknownValue) return {};
  s.require(k->front() <= k->back(), "lower_diag_index must not be larger than upper_diag_index: ", k->front(), " > ",
            k->back());
  return Range{k->front(), k->back()};
}

/// The packed diagonals of matrices.
PartialShape packed(Infer& s, const PartialShape& in, int index) {
  auto k = range(s, index);
  if (!k || !in.known_rank()) return {};
  PartialShape out = Infer::slice(in, 0, in.rank() - 2);
  if (k->lower != k->upper) out.push_back(k->upper - k->lower + 1);
  int64_t rows = in[-2], cols = in[-1];
  bool known = rows >= 0 && cols >= 0;
  out.push_back(known ? Diagonals(rows, cols, k->lower, k->upper, s.attr<std::string>("align")).longest() : kUnknown);
  return out;
}

void infer_part(Infer& s) {
  PartialShape in = s.rank_at_least(0, 2);
  s.rank(2, 0);
  s.out(0, packed(s, in, 1));
}

void infer_set(Infer& s) {
  PartialShape in = s.rank_at_least(0, 2), want = packed(s, in, 2);
  if (want.known_rank() && s.in(1).known_rank()) s.merge(want, s.in(1));
  s.out(0, in);
}

void infer_diag(Infer& s) {
  PartialShape diagonal = s.rank_at_least(0, 1);
  s.rank(2, 0);
  s.rank(3, 0);
  s.rank(4, 0);
  auto k = range(s, 1);
  if (!k || !diagonal.known_rank()) return;
  bool several = k->lower != k->upper;
  if (several) {
    diagonal = s.rank_at_least(0, 2);
    s.require(diagonal[-2] < 0 || diagonal[-2] == k->upper - k->lower + 1,
              "The number of diagonals provided in the input does not match the lower_diag_index and upper_diag_index "
              "range: ",
              diagonal[-2], " for ", k->lower, " to ", k->upper);
  }
  PartialShape out = Infer::slice(diagonal, 0, diagonal.rank() - (several ? 2 : 1));
  auto rows = s.scalar(2), cols = s.scalar(3);
  auto known = [](const std::optional<int64_t>& n) { return n && *n != kUnknownValue; };
  if (known(rows) && known(cols) && diagonal[-1] >= 0) {
    auto [m, n] = matrix_sides(diagonal[-1], k->lower, k->upper, *rows, *cols);
    out.push_back(m);
    out.push_back(n);
  } else {
    out.push_back(known(rows) && *rows >= 0 ? *rows : kUnknown);
    out.push_back(known(cols) && *cols >= 0 ? *cols : kUnknown);
  }
  s.out(0, out);
}

Attrs align(Grad& g) { return {{"align", g.attr<std::string>("align")}}; }

/// The packed diagonals of x, and zeros beside the shorter ones.
Out part(Grad& g, const Out& x, const Out& k) {
  return node("MatrixDiagPartV3", {x, k, scalar(0, x.dtype())}, align(g));
}

}  // namespace

void register_diagonals(OpRegistry& r) {
  r.add(
       "MatrixDiagV3(diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T;"
       " align: string{LEFT_RIGHT|RIGHT_LEFT|LEFT_LEFT|RIGHT_RIGHT} = 'RIGHT_LEFT') -> output: T")
      .doc("Matrices with the given diagonals, k or k[0] to k[1], and padding_value elsewhere.")
      .infer(infer_diag)
      .grad([](Grad& g) { return Outs{part(g, g.dy, g.in(1)), {}, {}, {}, {}}; });
  r.add(
       "MatrixDiagPartV3(input: T, k: int32, padding_value: T;"
       " align: string{LEFT_RIGHT|RIGHT_LEFT|LEFT_LEFT|RIGHT_RIGHT} = 'RIGHT_LEFT') -> diagonal: T")
      .doc(
          "Diagonals k or k[0] to k[1] of matrices; several are rows, the uppermost first, filled up with"
          " padding_value to the length of the longest.")
      .infer(infer_part)
      .grad([](Grad& g) {
        return Outs{node("MatrixSetDiagV3", {zeros_like(g.in(0)), g.dy, g.in(1)}, align(g)), {}, {}};
      });
  r.add(
       "MatrixSetDiagV3(input: T, diagonal: T, k: int32;"
       " align: string{LEFT_RIGHT|RIGHT_LEFT|LEFT_LEFT|RIGHT_RIGHT} = 'RIGHT_LEFT') -> output: T")
      .doc("Matrices with diagonals k or k[0] to k[1] replaced.")
      .infer(infer_set)
      .grad([](Grad& g) {
        Out dx = node("MatrixSetDiagV3", {g.dy, zeros_like(g.in(1)), g.in(2)}, align(g));
        return Outs{dx, part(g, g.dy, g.in(2)), {}};
      });
}

}  // namespace thalweg::ops
