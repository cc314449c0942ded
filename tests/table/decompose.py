"""Factors of matrices and what they solve. Decompositions that are not unique: test_linalg.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_case import Case, Op

from table.linear import adjoint, draw


def regular(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    """Matrices that are far from singular."""
    return (draw(rng, shape, t) + 2 * np.eye(shape[-1])).astype(t)


SQUARES = [(3, 3), (1, 1), (0, 0), (2, 5, 5), (2, 1, 4, 4), (0, 3, 3)]


def square_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [Case([regular(rng, s, t)]) for s in SQUARES]


def inverse_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case([regular(rng, s, t)], {"adjoint": flag}) for s in SQUARES for flag in (False, True)
    ]


def inverse(x: np.ndarray, adjoint: bool) -> np.ndarray:
    y = np.linalg.inv(x)
    return np.conj(np.swapaxes(y, -1, -2)) if adjoint else y


def positive_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    out = []
    for s in SQUARES:
        x = regular(rng, s, t)
        out.append(Case([(x @ adjoint(x) + np.eye(s[-1])).astype(t)]))
    return out


def solve_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    shapes = [((3, 3), (3, 2)), ((1, 1), (1, 1)), ((2, 4, 4), (2, 4, 1)), ((3, 3), (3, 0))]
    return [
        Case([regular(rng, a, t), draw(rng, b, t)], {"adjoint": flag})
        for a, b in shapes
        for flag in (False, True)
    ]


def solve(a: np.ndarray, b: np.ndarray, adjoint: bool) -> np.ndarray:
    return np.linalg.solve(np.conj(np.swapaxes(a, -1, -2)) if adjoint else a, b)


def triangular_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    shapes = [
        ((3, 3), (3, 2)),
        ((2, 4, 4), (2, 4, 1)),
        ((4, 4), (3, 4, 2)),
        ((2, 1, 3, 3), (5, 3, 2)),
    ]
    return [
        Case([regular(rng, a, t), draw(rng, b, t)], {"lower": lower, "adjoint": flag})
        for a, b in shapes
        for lower in (True, False)
        for flag in (False, True)
    ]


def triangular_solve(a: np.ndarray, b: np.ndarray, lower: bool, adjoint: bool) -> np.ndarray:
    half = np.tril(a) if lower else np.triu(a)
    half = np.conj(np.swapaxes(half, -1, -2)) if adjoint else half
    return np.linalg.inv(half) @ b


# Errors grow with the condition number, which is up to some tens here.
ROWS = [
    # The gradient is symmetric; only one triangle is read.
    Op("Cholesky", ref=np.linalg.cholesky, cases=positive_cases, grad=(), tol=50),
    Op("MatrixInverse", ref=inverse, cases=inverse_cases, tol=50),
    Op("MatrixDeterminant", ref=np.linalg.det, cases=square_cases, tol=100),
    Op(
        "LogMatrixDeterminant",
        ref=lambda x: tuple(np.linalg.slogdet(x)),
        cases=square_cases,
        tol=50,
        complex_grad=False,  # the sign turns with a complex matrix; it has no gradient
    ),
    Op("MatrixSolve", ref=solve, cases=solve_cases, tol=50),
    Op("MatrixTriangularSolve", ref=triangular_solve, cases=triangular_cases, tol=50),
]
ROWS += [Op(name, tested_by="test_linalg.py") for name in ("Qr", "SelfAdjointEigV2", "Svd")]
