"""Any diagonals of matrices, packed as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_case import Case, Op

# Rows, columns, lowest and highest diagonal.
RANGES = [(3, 5, 0, 0), (4, 4, -1, 1), (3, 5, -2, 3), (5, 3, -4, 0), (2, 3, 1, 2), (4, 2, -1, -1)]
ALIGN = ["RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"]


def fill(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    return rng.integers(0, 2 if t.kind == "b" else 100, shape).astype(t)


def k_of(low: int, high: int) -> np.ndarray:
    return np.array(low if low == high else [low, high], np.int32)


def packed_shape(rows: int, cols: int, low: int, high: int) -> tuple[int, ...]:
    longest = max(len(np.diagonal(np.zeros((rows, cols)), d)) for d in range(low, high + 1))
    return (longest,) if low == high else (high - low + 1, longest)


def at_right(d: int, align: str) -> bool:
    above, below = align.split("_")
    return (d < 0 or above == "RIGHT") and (d > 0 or below == "RIGHT")


def part(x: np.ndarray, k: np.ndarray, padding: np.ndarray, align: str) -> np.ndarray:
    low, high = np.ravel(k)[0], np.ravel(k)[-1]
    shape = packed_shape(*x.shape[-2:], low, high)
    out = np.full((*x.shape[:-2], high - low + 1, shape[-1]), padding, x.dtype)
    for i, d in enumerate(range(high, low - 1, -1)):
        values = np.diagonal(x, d, -2, -1)
        n = values.shape[-1]
        where = slice(shape[-1] - n, None) if at_right(d, align) else slice(0, n)
        out[..., i, where] = values
    return out.reshape(*x.shape[:-2], *shape)


def set_part(x: np.ndarray, packed: np.ndarray, k: np.ndarray, align: str) -> np.ndarray:
    low, high = np.ravel(k)[0], np.ravel(k)[-1]
    out = x.copy()
    rows = packed.reshape(*x.shape[:-2], high - low + 1, packed.shape[-1])
    for i, d in enumerate(range(high, low - 1, -1)):
        n = np.diagonal(x, d, -2, -1).shape[-1]
        values = rows[..., i, -n:] if at_right(d, align) else rows[..., i, :n]
        for j in range(n):
            out[..., j - min(d, 0), j + max(d, 0)] = values[..., j]
    return out


def diag(
    packed: np.ndarray,
    k: np.ndarray,
    rows: np.ndarray,
    cols: np.ndarray,
    padding: np.ndarray,
    align: str,
) -> np.ndarray:
    low, high = np.ravel(k)[0], np.ravel(k)[-1]
    batch = packed.shape[: -1 if low == high else -2]
    least = packed.shape[-1] - min(high, 0), packed.shape[-1] + max(low, 0)
    if rows == cols == -1:
        m = n = max(least)
    else:
        m, n = (least[0] if rows < 0 else rows), (least[1] if cols < 0 else cols)
    return set_part(np.full((*batch, m, n), padding, packed.dtype), packed, k, align)


def part_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case([fill(rng, (*b, m, n), t), k_of(low, high), fill(rng, (), t)], {"align": align})
        for b in [(), (2,)]
        for m, n, low, high in RANGES
        for align in ALIGN
    ]


def set_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case(
            [
                fill(rng, (*b, m, n), t),
                fill(rng, (*b, *packed_shape(m, n, low, high)), t),
                k_of(low, high),
            ],
            {"align": align},
        )
        for b in [(), (2,)]
        for m, n, low, high in RANGES
        for align in ALIGN
    ]


def diag_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    cases = [
        ((3,), 0, 0, -1, -1),
        ((2, 3), 1, 1, -1, -1),
        ((3,), -2, -2, -1, 4),
        ((3, 4), -1, 1, -1, -1),
        ((2, 3, 4), -2, 0, 6, -1),
        ((2, 3), 2, 3, 3, 5),
    ]
    return [
        Case(
            [
                fill(rng, shape, t),
                k_of(low, high),
                np.array(m, np.int32),
                np.array(n, np.int32),
                fill(rng, (), t),
            ],
            {"align": align},
        )
        for shape, low, high, m, n in cases
        for align in ALIGN
    ]


ROWS = [
    Op("MatrixDiagV3", diag, cases=diag_cases, grad=(0,)),
    Op("MatrixDiagPartV3", part, cases=part_cases, grad=(0,)),
    Op("MatrixSetDiagV3", set_part, cases=set_cases, grad=(0, 1)),
]
