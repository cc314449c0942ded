"""`tf.linalg`: functions over the raw decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import creation, indexing, math, reduce
from thalweg.ops.cast import cast
from thalweg.ops.transpose import matrix_transpose

# --- decompositions ----------------------------------------------------------------------------


def triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Tensor:
    """The x with matrix x = rhs for a triangular matrix; the other triangle is not read."""
    with op_scope(name, "triangular_solve", [matrix, rhs]):
        return raw_ops.MatrixTriangularSolve(matrix, rhs, lower=lower, adjoint=adjoint)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """The x with A x = rhs, where `chol` is the Cholesky factor of A."""
    with op_scope(name, "cholesky_solve", [chol, rhs]):
        y = raw_ops.MatrixTriangularSolve(chol, rhs, adjoint=False, lower=True)
        return raw_ops.MatrixTriangularSolve(chol, y, adjoint=True, lower=True)


def eigh(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors (columns) of matrices that equal their adjoint."""
    found = raw_ops.SelfAdjointEigV2(tensor, compute_v=True, name=name)
    return found[0], found[1]


def eigvalsh(tensor: Any, name: str | None = None) -> Tensor:
    """Eigenvalues, ascending, of matrices that equal their adjoint."""
    return raw_ops.SelfAdjointEigV2(tensor, compute_v=False, name=name)[0]


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Singular values s, largest first, or (s, u, v) with tensor = u diag(s) v^H."""
    found = raw_ops.Svd(tensor, compute_uv=compute_uv, full_matrices=full_matrices, name=name)
    return (found[0], found[1], found[2]) if compute_uv else found[0]


def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """log(det) of matrices that are positive definite and equal their adjoint."""
    with op_scope(name, "logdet", [matrix]):
        roots = raw_ops.MatrixDiagPart(raw_ops.Cholesky(matrix))
        roots = (
            raw_ops.Real(roots, Tout=roots.dtype.real_dtype) if roots.dtype.is_complex else roots
        )
        return raw_ops.Mul(
            constant(2, roots.dtype.base_dtype), raw_ops.Sum(raw_ops.Log(roots), [-1])
        )


def lstsq(
    matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None
) -> Tensor:
    """The x that makes |matrix x - rhs|^2 + l2_regularizer |x|^2 least; the least such x.

    `fast` solves the normal equations, which square the condition number; without it the pseudo-
    inverse does it.
    """
    with op_scope(name, "matrix_solve_ls", [matrix, rhs]):
        a, b = convert_to_tensor(matrix), convert_to_tensor(rhs)
        if not fast:
            if not isinstance(l2_regularizer, (int, float)) or l2_regularizer != 0:
                raise NotImplementedError("lstsq: l2_regularizer must be 0 where fast is False")
            return math.matmul(pinv(a), b)
        rows, cols = a.shape.as_list()[-2:]
        if rows is None or cols is None:
            raise ValueError("lstsq: the sizes of the matrices must be known")
        tall = rows >= cols
        gram = math.matmul(a, a, adjoint_a=tall, adjoint_b=not tall)
        n = min(rows, cols)
        penalty = cast(convert_to_tensor(l2_regularizer), a.dtype.base_dtype)
        gram = raw_ops.AddV2(gram, raw_ops.Mul(penalty, creation.eye(n, dtype=a.dtype.base_dtype)))
        chol = raw_ops.Cholesky(gram)
        if tall:
            return cholesky_solve(chol, math.matmul(a, b, adjoint_a=True))
        return math.matmul(a, cholesky_solve(chol, b), adjoint_a=True)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Tensor:
    """The pseudo-inverse; singular values up to rcond times the largest count as zero.

    `rcond` defaults to 10 max(rows, columns) eps.
    """
    with op_scope(name, "pinv"):
        a = convert_to_tensor(a, name="a")
        if not a.dtype.is_floating:
            raise TypeError("Input `a` must have `float`-like `dtype`.")
        dtype = a.dtype.base_dtype
        if rcond is None:
            rows, cols = a.shape.as_list()[-2:]
            if rows is None or cols is None:
                raise ValueError("pinv: the sizes of the matrices must be known without rcond")
            rcond = 10.0 * max(rows, cols) * np.finfo(dtype.as_numpy_dtype).eps
        s, u, v = svd(a)
        limit = raw_ops.Mul(convert_to_tensor(rcond, dtype=dtype), raw_ops.Max(s, [-1]))
        kept = raw_ops.Greater(s, raw_ops.ExpandDims(limit, -1))
        inverse = indexing.where_v2(
            kept, raw_ops.Reciprocal(indexing.where_v2(kept, s, 1.0)), constant(0, dtype)
        )
        return math.matmul(raw_ops.Mul(v, raw_ops.ExpandDims(inverse, -2)), u, adjoint_b=True)


def matrix_rank(
    a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None
) -> Tensor:
    """How many singular values exceed `tol`: max(rows, columns) eps times the largest."""
    with op_scope(name, "matrix_rank"):
        a = convert_to_tensor(a, name="a")
        s = svd(a, compute_uv=False)
        if tol is None:
            rows, cols = a.shape.as_list()[-2:]
            if rows is None or cols is None:
                raise ValueError("matrix_rank: the sizes of the matrices must be known without tol")
            dtype = s.dtype.base_dtype
            eps = np.finfo(dtype.as_numpy_dtype).eps * max(rows, cols)
            tol = raw_ops.Mul(constant(eps, dtype), raw_ops.Max(s, [-1], keep_dims=True))
        return raw_ops.Sum(cast(raw_ops.Greater(s, tol), dtypes.int32), [-1])


# --- products ----------------------------------------------------------------------------------


def adjoint(matrix: Any, name: str | None = None) -> Tensor:
    """The conjugate of the matrices, transposed."""
    with op_scope(name, "adjoint", [matrix]):
        return matrix_transpose(convert_to_tensor(matrix, name="matrix"), conjugate=True)


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """Cross products of vectors of three, the last dimension."""
    with op_scope(name, "cross", [a, b]):
        a, b = convert_to_tensor(a, name="a"), convert_to_tensor(b, name="b")
        for x in (a, b):
            if x.shape.ndims is not None and x.shape.as_list()[-1:] not in ([3], [None]):
                raise ValueError(f"Dimension must be 3 but is {x.shape[-1]}: cross of {x.shape}")
        x, y = ([raw_ops.Roll(v, [-k], [-1]) for k in (1, 2)] for v in (a, b))
        return raw_ops.Sub(raw_ops.Mul(x[0], y[1]), raw_ops.Mul(x[1], y[0]))


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """(tensor / norm, norm), the norm over `axis` with its dimensions kept."""
    with op_scope(name, "normalize", [tensor]):
        tensor = convert_to_tensor(tensor)
        size = reduce.norm(tensor, ord, axis, keepdims=True)
        size = cast(size, tensor.dtype.base_dtype)
        return raw_ops.RealDiv(tensor, size), size


# --- diagonals ---------------------------------------------------------------------------------


_ALIGNMENTS = ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT")


def _is_main(k: Any, align: str) -> bool:
    return _is(k, 0) and align in _ALIGNMENTS  # the op refuses others


def _is(value: Any, number: int) -> bool:
    return not isinstance(value, Tensor) and isinstance(value, (int, float)) and value == number


def diag(
    diagonal: Any,
    name: str = "diag",
    k: Any = 0,
    num_rows: Any = -1,
    num_cols: Any = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Matrices with the given diagonals.

    Args:
        diagonal: the diagonals k of the matrices, [..., n]; where k is a range, those from the
            uppermost down as rows, [..., diagonals, n], n being the length of the longest.
        k: 0 is the main diagonal, 1 the one above it; or (lowest, highest).
        num_rows, num_cols: of the matrices; -1 is what fits, for both together a square.
        padding_value: for all other elements.
        align: at which end of their rows shorter diagonals lie, above and below the main one.
    """
    if _is_main(k, align) and _is(num_rows, -1) and _is(num_cols, -1) and _is(padding_value, 0):
        return raw_ops.MatrixDiag(diagonal, name=name)
    with op_scope(name, "diag", [diagonal, k]) as scope:
        diagonal = convert_to_tensor(diagonal, name="diagonal")
        padding = convert_to_tensor(padding_value, dtype=diagonal.dtype.base_dtype)
        return raw_ops.MatrixDiagV3(
            diagonal, k, num_rows, num_cols, padding, align=align, name=scope
        )


def diag_part(
    input: Any,
    name: str = "diag_part",
    k: Any = 0,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Tensor:
    """Diagonals of matrices [..., m, n].

    Args:
        k: 0 is the main diagonal, 1 the one above it; or (lowest, highest), which gives them from
            the uppermost down as rows of the length of the longest.
        padding_value: fills the rows of shorter diagonals.
        align: at which end of their rows shorter diagonals lie, above and below the main one.
    """
    if _is_main(k, align) and _is(padding_value, 0):
        return raw_ops.MatrixDiagPart(input, name=name)
    with op_scope(name, "diag_part", [input, k]) as scope:
        matrices = convert_to_tensor(input, name="input")
        padding = convert_to_tensor(padding_value, dtype=matrices.dtype.base_dtype)
        return raw_ops.MatrixDiagPartV3(matrices, k, padding, align=align, name=scope)


def set_diag(
    input: Any, diagonal: Any, name: str = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT"
) -> Tensor:
    """Matrices with diagonals replaced; `diagonal`, `k` and `align` are as in `diag`."""
    if _is_main(k, align):
        return raw_ops.MatrixSetDiag(input, diagonal, name=name)
    return raw_ops.MatrixSetDiagV3(input, diagonal, k, align=align, name=name)
