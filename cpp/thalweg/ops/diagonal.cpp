// Diagonals and bands of matrices, which are the last two dimensions of a tensor; Diag and DiagPart take whole tensors.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/array.h"

namespace thalweg::ops {
namespace {

void infer_diag(Infer& s) {
  const PartialShape& in = s.rank_at_least(0, 1);
  s.require(!in.known_rank() || 2 * in.rank() <= kMaxRank, "Diag: the result would have ", 2 * in.rank(),
            " dimensions; shapes have at most ", kMaxRank);
  s.out(0, Infer::concat(in, in));
}

void infer_diag_part(Infer& s) {
  const PartialShape& in = s.in(0);
  if (!in.known_rank()) return;
  s.require(in.rank() % 2 == 0 && in.rank() > 0, "Input must have even and non-zero rank, input rank is ", in.rank());
  int half = in.rank() / 2;
  PartialShape out = PartialShape::unknown(half);
  for (int i = 0; i < half; ++i) out.set(i, s.merge(in[i], in[i + half]));
  s.out(0, out);
}

void infer_matrix_diag(Infer& s) {
  PartialShape in = s.rank_at_least(0, 1);
  if (!in.known_rank()) return;
  in.push_back(in[-1]);
  s.out(0, in);
}

/// The shape of the main diagonals of matrices.
PartialShape diagonals(const PartialShape& in) {
  if (!in.known_rank()) return {};
  int64_t rows = in[-2], cols = in[-1];
  int64_t n = rows == 0 || cols == 0 ? 0 : rows < 0 || cols < 0 ? kUnknown : std::min(rows, cols);
  return Infer::concat(Infer::slice(in, 0, in.rank() - 2), PartialShape{n});
}

void infer_set_diag(Infer& s) {
  const PartialShape &in = s.rank_at_least(0, 2), &diagonal = s.rank_at_least(1, 1);
  PartialShape want = diagonals(in);
  if (want.known_rank() && diagonal.known_rank()) {
    s.require(want.rank() == diagonal.rank(), "Dimensions must be equal, but are ", want.rank(), " and ",
              diagonal.rank());
    for (int i = 0; i < want.rank(); ++i) s.merge(want[i], diagonal[i]);
  }
  s.out(0, in);
}

Outs part_grad(Grad& g) {
  Out x = g.in(0);
  const PartialShape& shape = x.shape();
  if (shape.known_rank() && shape[-1] >= 0 && shape[-1] == shape[-2]) return {node("MatrixDiag", {g.dy})};
  return {node("MatrixSetDiag", {zeros_like(x), g.dy})};
}

void infer_band_part(Infer& s) {
  s.rank(1, 0);
  s.rank(2, 0);
  s.out(0, s.rank_at_least(0, 2));
}

}  // namespace

void register_diagonal(OpRegistry& r) {
  constexpr DTypeSet kDiagonal = kInexact | kIndex;
  r.add("Diag(diagonal: T) -> output: T", kDiagonal)
      .api("linalg.tensor_diag, diag")
      .doc("A tensor of twice the rank with the input on its diagonal and zeros elsewhere.")
      .infer(infer_diag)
      .grad([](Grad& g) { return Outs{node("DiagPart", {g.dy})}; });
  r.add("DiagPart(input: T) -> diagonal: T", kDiagonal)
      .api("linalg.tensor_diag_part, diag_part")
      .doc("The diagonal of a tensor of shape D + D.")
      .infer(infer_diag_part)
      .grad([](Grad& g) { return Outs{node("Diag", {g.dy})}; });
  r.add("MatrixDiag(diagonal: T) -> output: T")
      .doc("Square matrices with the given main diagonals and zeros elsewhere.")
      .infer(infer_matrix_diag)
      .grad([](Grad& g) { return Outs{node("MatrixDiagPart", {g.dy})}; });
  r.add("MatrixDiagPart(input: T) -> diagonal: T")
      .doc("The main diagonals of matrices.")
      .infer([](Infer& s) { s.out(0, diagonals(s.rank_at_least(0, 2))); })
      .grad(part_grad);
  r.add("MatrixSetDiag(input: T, diagonal: T) -> output: T")
      .doc("Matrices with their main diagonals replaced.")
      .infer(infer_set_diag)
      .grad([](Grad& g) {
        return Outs{node("MatrixSetDiag", {g.dy, zeros_like(g.in(1))}), node("MatrixDiagPart", {g.dy})};
      });
  r.add("MatrixBandPart(input: T, num_lower: Tindex, num_upper: Tindex) -> band: T")
      .types("Tindex", kIndex, DType::int64)
      .api("linalg.band_part, matrix_band_part")
      .doc("Keeps num_lower diagonals below the main one and num_upper above it; a negative number keeps all.")
      .infer(infer_band_part)
      .grad([](Grad& g) { return Outs{node("MatrixBandPart", {g.dy, g.in(1), g.in(2)}), {}, {}}; });
}

}  // namespace thalweg::ops
