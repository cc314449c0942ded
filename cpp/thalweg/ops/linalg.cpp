// Decompositions and solutions of linear systems over batches of matrices: contract, shapes, gradients.
#include "thalweg/graph/grad.h"
#include "thalweg/ops/families.h"

namespace thalweg::ops {
namespace {

constexpr DTypeSet kMatrix = kInexact - DTypeSet{DType::bfloat16};

// --- shapes ------------------------------------------------------------------------------------

/// A batch of square matrices at input i, both sides merged.
PartialShape square(Infer& s, int i) {
  PartialShape x = s.rank_at_least(i, 2);
  if (!x.known_rank()) return x;
  int64_t n = s.merge(x[-1], x[-2]);
  x.set(-1, n);
  x.set(-2, n);
  return x;
}

PartialShape batch_of(const PartialShape& x) { return Infer::slice(x, 0, x.known_rank() ? x.rank() - 2 : 0); }
PartialShape with(const PartialShape& batch, const PartialShape& last) {
  return batch.known_rank() ? Infer::concat(batch, last) : PartialShape();
}
int64_t least(int64_t a, int64_t b) { return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? kUnknown : std::min(a, b); }

void infer_square(Infer& s) { s.out(0, square(s, 0)); }

void infer_determinant(Infer& s) {
  PartialShape batch = batch_of(square(s, 0));
  if (!s.in(0).known_rank()) batch = PartialShape();
  for (int i = 0; i < s.outputs(); ++i) s.out(i, batch);
}

void infer_solve(Infer& s, bool broadcast) {
  PartialShape a = square(s, 0), b = s.rank_at_least(1, 2);
  if (!a.known_rank() || !b.known_rank()) return;
  int64_t rows = s.merge(a[-1], b[-2]);
  PartialShape batch = broadcast ? s.broadcast(batch_of(a), batch_of(b)) : s.merge(batch_of(a), batch_of(b));
  s.out(0, with(batch, {rows, b[-1]}));
}

void infer_qr(Infer& s) {
  const PartialShape& x = s.rank_at_least(0, 2);
  if (!x.known_rank()) return;
  int64_t m = x[-2], n = x[-1], inner = s.attr<bool>("full_matrices") ? m : least(m, n);
  s.out(0, with(batch_of(x), {m, inner}));
  s.out(1, with(batch_of(x), {inner, n}));
}

void infer_svd(Infer& s) {
  const PartialShape& x = s.rank_at_least(0, 2);
  if (!x.known_rank()) return;
  int64_t m = x[-2], n = x[-1], p = least(m, n);
  bool full = s.attr<bool>("full_matrices");
  s.out(0, with(batch_of(x), {p}));
  if (s.attr<bool>("compute_uv")) {
    s.out(1, with(batch_of(x), {m, full ? m : p}));
    s.out(2, with(batch_of(x), {n, full ? n : p}));
  } else {
    s.out(1, {0});
    s.out(2, {0});
  }
}

void infer_eigh(Infer& s) {
  PartialShape x = square(s, 0);
  if (!x.known_rank()) return;
  s.out(0, with(batch_of(x), {x[-1]}));
  s.out(1, s.attr<bool>("compute_v") ? x : PartialShape{0});
}

// --- what gradients are written with -------------------------------------------------------------

Out product(const Out& a, const Out& b, bool adj_a = false, bool adj_b = false) {
  return node("BatchMatMulV2", {a, b}, {{"adj_x", adj_a}, {"adj_y", adj_b}});
}

/// The conjugate of the matrices, transposed.
Out adjoint(const Out& x) {
  if (x.shape().known_rank()) {
    std::vector<int64_t> perm;
    int rank = x.shape().rank();
    for (int i = 0; i < rank - 2; ++i) perm.push_back(i);
    perm.push_back(rank - 1);
    perm.push_back(rank - 2);
    return node("ConjugateTranspose", {x, ints(perm)});
  }
  Out rank = node("Rank", {x}), last = rank - int_scalar(1), before = rank - int_scalar(2);
  Out batch = node("Range", {int_scalar(0), before, int_scalar(1)});
  Outs parts{batch, node("Pack", {last, before}), int_scalar(0)};
  return node("ConjugateTranspose", {x, node("ConcatV2", parts)});
}

Out band(const Out& x, int64_t lower, int64_t upper) {
  return node("MatrixBandPart", {x, int_scalar(lower, DType::int64), int_scalar(upper, DType::int64)});
}
Out diag(const Out& x) { return node("MatrixDiag", {x}); }
Out diag_part(const Out& x) { return node("MatrixDiagPart", {x}); }
Out halve_diag(const Out& x) { return node("MatrixSetDiag", {x, diag_part(x) * 0.5}); }
Out column(const Out& v) { return node("ExpandDims", {v, int_scalar(-1)}); }
Out row(const Out& v) { return node("ExpandDims", {v, int_scalar(-2)}); }
Out triangular_solve(const Out& a, const Out& b, bool lower, bool adjoint) {
  return node("MatrixTriangularSolve", {a, b}, {{"lower", lower}, {"adjoint", adjoint}});
}
DType real_of(DType t) { return t == DType::complex64 ? DType::float32 : DType::float64; }
/// What arrives at an output that is real even where its type is complex.
Out real_part(const Out& x) {
  return kComplex.has(x.dtype()) ? cast(node("Real", {x}, {{"Tout", real_of(x.dtype())}}), x.dtype()) : x;
}
/// A matrix's worth of factors: numbers become [..., 1, 1].
Out per_matrix(const Out& v) { return column(column(v)); }
/// 1 / x off the diagonal, 0 on it, where x has nothing but zeros on its diagonal.
Out inverse_off_diagonal(const Out& x) {
  Out ones = ones_like(diag_part(x));
  Out safe = node("MatrixSetDiag", {x, ones});
  return node("MatrixSetDiag", {node("Reciprocal", {safe}), zeros_like(ones)});
}

Outs grad_inverse(Grad& g) {
  Out y = g.out();
  bool adj = g.attr<bool>("adjoint");
  // With adjoint, y is the inverse of x^H, and dx is the adjoint of what it would be for x^H.
  Out middle = product(g.dy, y, false, true);
  Out dx = -product(y, middle, true);
  return {adj ? adjoint(dx) : dx};
}

Out inverse_adjoint(const Out& x) { return node("MatrixInverse", {x}, {{"adjoint", true}}); }

Outs grad_determinant(Grad& g) {
  Out det = g.out();
  if (kComplex.has(det.dtype())) det = node("Conj", {det});
  return {per_matrix(g.dy * det) * inverse_adjoint(g.in(0))};
}

/// The sign is constant almost everywhere.
Outs grad_log_determinant(Grad& g) { return {per_matrix(real_part(g.dys(1))) * inverse_adjoint(g.in(0))}; }

Outs grad_cholesky(Grad& g) {
  Scope scope(g.dy.graph());
  Out l = g.out();
  // Murray, "Differentiation of the Cholesky decomposition" (2016): L^-H Phi(L^H dL) L^-1, made symmetric.
  Out phi = halve_diag(band(product(l, g.dy, true), -1, 0));
  Out left = triangular_solve(l, phi, true, true);                   // L^-H Phi
  Out dx = adjoint(triangular_solve(l, adjoint(left), true, true));  // ... L^-1
  return {(dx + adjoint(dx)) * 0.5};
}

Outs grad_solve(Grad& g) {
  bool adj = g.attr<bool>("adjoint");
  Out a = g.in(0), y = g.out();
  Out db = node("MatrixSolve", {a, g.dy}, {{"adjoint", !adj}});
  Out da = adj ? -product(y, db, false, true) : -product(db, y, false, true);
  return {da, db};
}

Outs grad_triangular_solve(Grad& g) {
  Scope scope(g.dy.graph());
  bool adj = g.attr<bool>("adjoint"), lower = g.attr<bool>("lower");
  auto [a, b] = g.inputs<2>();
  Out y = g.out();
  Out db = triangular_solve(a, g.dy, lower, !adj);
  Out da = adj ? -product(y, db, false, true) : -product(db, y, false, true);
  da = lower ? band(da, -1, 0) : band(da, 0, -1);
  return {unbroadcast(da, a), unbroadcast(db, b)};
}

Outs grad_qr(Grad& g) {
  const PartialShape& x = g.in(0).shape();
  bool known = x.known_rank() && x[-1] >= 0 && x[-2] >= 0;
  if (!known || x[-2] < x[-1] || (g.attr<bool>("full_matrices") && x[-2] != x[-1]))
    TW_FAIL(Unimplemented,
            "Qr: the gradient needs matrices of known size with at least as many rows as columns, "
            "and without full_matrices unless they are square; got ",
            x);
  Scope scope(g.dy.graph());
  Out q = g.out(0), r = g.out(1), dq = g.dys(0), dr = g.dys(1);
  // x r^-H, by a triangular solution.
  auto divide = [&](const Out& y) { return adjoint(triangular_solve(r, adjoint(y), false, false)); };
  Out qdq = product(q, dq, true), rdr = product(r, dr, false, true);
  Out tril = band((qdq - adjoint(qdq)) + (rdr - adjoint(rdr)), -1, 0);
  Out dx = product(q, dr + divide(tril)) + divide(dq - product(q, qdq));
  if (kComplex.has(q.dtype())) {
    // The diagonal of r is real by convention; what arrives at its imaginary part turns the columns of q.
    Out d = diag_part(rdr - adjoint(qdq));
    dx = dx + divide(product(q, diag(node("Conj", {d - real_part(d)}))));
  }
  return {dx};
}

Outs grad_eigh(Grad& g) {
  Scope scope(g.dy.graph());
  bool have_v = g.attr<bool>("compute_v");
  Out whole = have_v ? g.out(0) : node("SelfAdjointEigV2", {g.in(0)}, {{"compute_v", true}});
  Out e = whole, v = whole.output(1);
  Out inner = diag(cast(g.dys(0), v.dtype()));
  if (have_v && g.has_dy(1)) inner = inner + inverse_off_diagonal(row(e) - column(e)) * product(v, g.dys(1), true);
  Out dx = product(v, product(inner, v, false, true));
  // Only the lower triangle is read.
  return {halve_diag(band(dx + adjoint(dx), -1, 0))};
}

Outs grad_svd(Grad& g) {
  const PartialShape& x = g.in(0).shape();
  bool have_uv = g.attr<bool>("compute_uv"), uv = have_uv && (g.has_dy(1) || g.has_dy(2));
  if (uv && kComplex.has(g.in(0).dtype()))
    TW_FAIL(Unimplemented, "Svd: the gradient through u and v is not supported for complex matrices");
  bool square = x.known_rank() && x[-1] >= 0 && x[-1] == x[-2];
  if (have_uv && g.attr<bool>("full_matrices") && !square)
    TW_FAIL(Unimplemented, "Svd: the gradient with full_matrices needs square matrices of known size, got ", x);
  Scope scope(g.dy.graph());
  Out whole = have_uv ? g.out(0) : node("Svd", {g.in(0)}, {{"compute_uv", true}, {"full_matrices", false}});
  Out s = whole, u = whole.output(1), v = whole.output(2);
  Out ds = diag(real_part(g.dys(0)));
  if (!uv) return {product(u, product(ds, v, false, true))};
  // Townsend, "Differentiating the singular value decomposition" (2016).
  Out du = g.dys(1), dv = g.dys(2), squares = s * s;
  Out f = inverse_off_diagonal(row(squares) - column(squares));
  Out udu = product(u, du, true), vdv = product(v, dv, true);
  Out inner = f * (udu - adjoint(udu)) * row(s) + column(s) * (f * (vdv - adjoint(vdv))) + ds;
  Out inverse = node("Reciprocal", {s});
  Out dx = product(u, product(inner, v, false, true));
  dx = dx + product((du - product(u, udu)) * row(inverse), v, false, true);
  dx = dx + product(u * row(inverse), dv - product(v, vdv), false, true);
  return {dx};
}

}  // namespace

void register_linalg(OpRegistry& r) {
  r.add("Cholesky(input: T) -> output: T", kMatrix)
      .api("linalg.cholesky")
      .doc("The lower triangular L with L L^H = input; only the lower triangle of the input is read.")
      .infer(infer_square)
      .grad(grad_cholesky);
  r.add("MatrixInverse(input: T; adjoint: bool = false) -> output: T", kMatrix)
      .api("linalg.inv")
      .doc("The inverses of square matrices, or of their adjoints.")
      .infer(infer_square)
      .grad(grad_inverse);
  r.add("MatrixDeterminant(input: T) -> output: T", kMatrix)
      .api("linalg.det")
      .doc("The determinants of square matrices.")
      .infer(infer_determinant)
      .grad(grad_determinant);
  r.add("LogMatrixDeterminant(input: T) -> sign: T, log_abs_determinant: T", kMatrix)
      .api("linalg.slogdet")
      .doc("The sign (of magnitude 1) and the logarithm of the magnitude of determinants.")
      .infer(infer_determinant)
      .grad(grad_log_determinant);
  r.add("MatrixSolve(matrix: T, rhs: T; adjoint: bool = false) -> output: T", kMatrix)
      .api("linalg.solve")
      .doc("The x with matrix x = rhs, or with the adjoint of the matrix.")
      .infer([](Infer& s) { infer_solve(s, false); })
      .grad(grad_solve);
  r.add("MatrixTriangularSolve(matrix: T, rhs: T; lower: bool = true, adjoint: bool = false) -> output: T", kMatrix)
      .doc("The x with matrix x = rhs for a triangular matrix; the other triangle is not read.")
      .infer([](Infer& s) { infer_solve(s, true); })
      .grad(grad_triangular_solve);
  r.add("Qr(input: T; full_matrices: bool = false) -> q: T, r: T", kMatrix)
      .api("linalg.qr")
      .doc("q with orthonormal columns and upper triangular r, whose product is the input.")
      .infer(infer_qr)
      .grad(grad_qr);
  r.add("SelfAdjointEigV2(input: T; compute_v: bool = true) -> e: T, v: T", kMatrix)
      .doc("Eigenvalues in ascending order and eigenvectors, as columns, of matrices that equal their adjoint.")
      .infer(infer_eigh)
      .grad(grad_eigh);
  r.add("Svd(input: T; compute_uv: bool = true, full_matrices: bool = false) -> s: T, u: T, v: T", kMatrix)
      .doc("Singular values, largest first, and the u and v with input = u diag(s) v^H.")
      .infer(infer_svd)
      .grad(grad_svd);
}

}  // namespace thalweg::ops
