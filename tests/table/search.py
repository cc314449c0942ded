"""Places in sorted rows, and counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_case import Case, Op


def bound_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    out = []
    for rows, n, m in ((1, 5, 7), (3, 4, 2), (2, 0, 3), (2, 3, 0), (4, 100, 33)):
        ordered = np.sort(rng.integers(0, 20, (rows, n)), -1).astype(t)
        values = rng.integers(0, 22, (rows, m)).astype(t)
        for kind in (3, 9):  # int32, int64
            out.append(Case([ordered, values], {"out_type": kind}))
    return out


def bound(side: str) -> Any:
    def ref(rows: np.ndarray, values: np.ndarray, out_type: int) -> np.ndarray:
        places = [np.searchsorted(r, v, side) for r, v in zip(rows, values)]
        return np.array(places, np.int32 if out_type == 3 else np.int64).reshape(values.shape)

    return ref


def histogram_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    limits = np.array([0, 16], t)
    out = []
    for shape in ((50,), (3, 4), (0,)):
        values = rng.integers(-5, 25, shape).astype(t)
        if t.kind == "f":
            values = values + np.array(0.5, t)
        out.append(Case([values, limits, np.array(8, np.int32)], {}))
    return out


def histogram(values: np.ndarray, limits: np.ndarray, bins: np.ndarray) -> np.ndarray:
    width = (limits[1] - limits[0]) / int(bins)
    at = np.floor((np.clip(values, *limits) - limits[0]) / width).astype(int)
    return np.bincount(np.minimum(at, bins - 1).ravel(), minlength=int(bins)).astype(np.int32)


def count_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    out = []
    for n, size in ((20, 6), (5, 0), (0, 3)):
        numbers = rng.integers(0, 8, n).astype(np.int32)
        for weights in (np.zeros(0, t), rng.integers(0, 5, n).astype(t)):
            out.append(Case([numbers, np.array(size, np.int32), weights]))
    return out


def count(numbers: np.ndarray, size: np.ndarray, weights: np.ndarray) -> np.ndarray:
    out = np.zeros(int(size), weights.dtype)
    for i, n in enumerate(numbers):
        if n < size:
            out[n] += weights[i] if weights.size else 1
    return out


def dense_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    out = []
    for shape, size in (((20,), 6), ((3, 7), 9), ((2, 0), 3)):
        numbers = rng.integers(0, 8, shape)
        for kind in (np.int32, np.int64):
            plain = [numbers.astype(kind), np.array(size, kind)]
            none, some = np.zeros(0, t), rng.integers(0, 5, shape).astype(t)
            out.append(Case([*plain, none], {"binary_output": False}))
            out.append(Case([*plain, none], {"binary_output": True}))
            out.append(Case([*plain, some], {"binary_output": False}))
    return out


def dense(
    numbers: np.ndarray, size: np.ndarray, weights: np.ndarray, binary_output: bool
) -> np.ndarray:
    rows = numbers if numbers.ndim == 2 else numbers[None]
    heavy = (
        weights.reshape(rows.shape) if weights.size else np.broadcast_to(weights, (len(rows), 0))
    )
    out = np.array([count(r, size, w) for r, w in zip(rows, heavy)], weights.dtype)
    out = out.reshape(*numbers.shape[:-1], int(size))
    return (out > 0).astype(weights.dtype) if binary_output else out


ROWS = [
    Op("LowerBound", ref=bound("left"), cases=bound_cases),
    Op("UpperBound", ref=bound("right"), cases=bound_cases),
    Op("HistogramFixedWidth", ref=histogram, cases=histogram_cases),
    Op("Bincount", ref=count, cases=count_cases, wide_ref=False),
    Op("DenseBincount", ref=dense, cases=dense_cases, wide_ref=False),
]
