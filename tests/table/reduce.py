"""Reductions and arg-reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from op_case import Case, Op

AXES: list[tuple[tuple[int, ...], list[int]]] = [
    ((17,), [0]),
    ((3, 5), [0]),
    ((3, 5), [1]),
    ((3, 5), [-1, 0]),
    ((2, 3, 4, 5), [1, 3]),
    ((2, 3, 4, 5), [0, 2]),
    ((2, 3, 4, 5), []),
    ((0, 4), [0]),
    ((4, 0), [0]),
    ((), []),
    ((3, 129), [1]),
    ((129, 3), [0]),
]


def values(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    if t.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if t.kind in "iu":
        return rng.integers(1, 4, shape).astype(t)
    x = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
    return np.asarray(x + 1j * rng.uniform(0.5, 1, shape) if t.kind == "c" else x).astype(t)


def row(name: str, fn: Callable[..., Any], skip_empty: bool = False, **more: Any) -> Op:
    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        return [
            Case([values(rng, s, t), np.array(a, i)], {"keep_dims": k})
            for s, a in AXES
            for k, i in ((False, np.int32), (True, np.int64))
            if not (skip_empty and 0 in s)
        ]

    def ref(x: np.ndarray, axes: np.ndarray, keep_dims: bool) -> Any:
        return fn(x, axis=tuple(int(a) for a in axes), keepdims=keep_dims)

    return Op(name, ref, cases=cases, grad=more.pop("grad", (0,)), tol=8, **more)  # many additions


def integral(fn: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy widens small integers; TensorFlow keeps the type."""
    return lambda x, axis, keepdims: fn(x, axis=axis, keepdims=keepdims).astype(x.dtype)


def mean(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    if x.dtype.kind in "iu":
        n = max(int(np.prod([x.shape[a] for a in axis])), 1)
        total = x.astype(np.int64).sum(axis=axis, keepdims=keepdims)
        return np.fix(total / n).astype(x.dtype)
    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return x.mean(axis=axis, keepdims=keepdims)


def norm(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    return np.sqrt((np.abs(x) ** 2).sum(axis=axis, keepdims=keepdims)).astype(x.dtype)


def arg(fn: Callable[..., Any]) -> Callable[[np.random.Generator, np.dtype[Any]], list[Case]]:
    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        return [
            Case([values(rng, s, t), np.array(a, np.int32)], {"output_type": o})
            for s, a in [
                ((17,), 0),
                ((3, 5), 1),
                ((3, 5), -2),
                ((2, 3, 4), 1),
                ((0, 4), 1),
                ((3, 129), 1),
            ]
            for o in ("int32", "int64")
        ]

    return cases


ROWS = [
    row("Sum", integral(np.sum)),
    row("Mean", mean),
    row("Prod", integral(np.prod)),
    row("Max", np.max, skip_empty=True, second_order=False),
    row("Min", np.min, skip_empty=True, second_order=False),
    # Not holomorphic; TensorFlow's gradient dy x / y is right for real dy only.
    row("EuclideanNorm", norm, complex_grad=False),
    row("All", np.all, dtypes=["bool"], grad=()),
    row("Any", np.any, dtypes=["bool"], grad=()),
    Op(
        "ArgMax",
        lambda x, a, output_type: np.argmax(x, int(a)).astype(output_type),
        cases=arg(np.argmax),
    ),
    Op(
        "ArgMin",
        lambda x, a, output_type: np.argmin(x, int(a)).astype(output_type),
        cases=arg(np.argmin),
    ),
]
