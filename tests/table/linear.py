"""Matrix products and biases."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_case import Case, Op


def draw(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    if t.kind in "iu":
        return rng.integers(0, 4, shape).astype(t)
    x = rng.uniform(-1, 1, shape)
    return np.asarray(x + 1j * rng.uniform(-1, 1, shape) if t.kind == "c" else x).astype(t)


SIZES = [
    (3, 4, 5),
    (1, 1, 1),
    (0, 4, 5),
    (3, 0, 5),
    (17, 33, 10),
    (15, 65, 33),
    (2, 3, 1),
    (1, 130, 129),
    (5, 1, 12),
    (40, 70, 10),  # few columns
    (40, 70, 3),
    (40, 70, 1),
    (1, 70, 40),
    (9, 300, 11),
    (100, 17, 70),
    (29, 600, 47),  # a sum of several runs
]


def matmul_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    out = []
    for m, k, n in SIZES:
        for ta in (False, True):
            for tb in (False, True):
                a, b = (
                    draw(rng, (k, m) if ta else (m, k), t),
                    draw(rng, (n, k) if tb else (k, n), t),
                )
                out.append(Case([a, b], {"transpose_a": ta, "transpose_b": tb}))
    return out


def matmul(a: np.ndarray, b: np.ndarray, transpose_a: bool, transpose_b: bool) -> np.ndarray:
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


def adjoint(x: np.ndarray) -> np.ndarray:
    return np.conj(np.swapaxes(x, -1, -2))


def batch_cases(broadcast: bool) -> Any:
    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        shapes = [((2,), (2,)), ((2, 3), (2, 3)), ((0,), (0,)), ((), ())]
        if broadcast:
            shapes += [((2, 1), (3,)), ((), (4,)), ((3,), ())]
        return [
            Case(
                [
                    draw(rng, x + ((4, 3) if ax else (3, 4)), t),
                    draw(rng, y + ((5, 4) if ay else (4, 5)), t),
                ],
                {"adj_x": ax, "adj_y": ay},
            )
            for x, y in shapes
            for ax in (False, True)
            for ay in (False, True)
        ]

    return cases


def batch(x: np.ndarray, y: np.ndarray, adj_x: bool, adj_y: bool) -> np.ndarray:
    return (adjoint(x) if adj_x else x) @ (adjoint(y) if adj_y else y)


def bias(x: np.ndarray, b: np.ndarray, data_format: str = "NHWC") -> np.ndarray:
    if data_format == "NCHW":
        b = b.reshape((1, -1) + (1,) * (x.ndim - 2))
    return x + b


def bias_cases(formats: bool) -> Any:
    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        out = [
            Case([draw(rng, s, t), draw(rng, s[-1:], t)])
            for s in [(3, 5), (2, 3, 4, 17), (0, 3), (1, 1)]
        ]
        if formats:
            out += [
                Case([draw(rng, s, t), draw(rng, s[1:2], t)], {"data_format": "NCHW"})
                for s in [(2, 3, 4, 5), (2, 3), (2, 5, 7)]
            ]
        return out

    return cases


def bias_grad(dy: np.ndarray, data_format: str = "NHWC") -> np.ndarray:
    axes = tuple(i for i in range(dy.ndim) if i != (1 if data_format == "NCHW" else dy.ndim - 1))
    return dy.sum(axes).astype(dy.dtype)


ROWS = [
    Op("MatMul", matmul, cases=matmul_cases, tol=60),  # sums of up to 600 products
    Op("BatchMatMul", batch, cases=batch_cases(False), tol=4),
    Op("BatchMatMulV2", batch, cases=batch_cases(True), tol=4),
    Op("BiasAdd", bias, cases=bias_cases(True)),
    Op("BiasAddV1", bias, cases=bias_cases(False)),
    Op(
        "BiasAddGrad",
        bias_grad,
        cases=lambda rng, t: [
            Case([draw(rng, s, t)], {"data_format": f})
            for s in [(3, 5), (2, 3, 4, 17), (0, 3)]
            for f in ("NHWC", "NCHW")
        ],
        tol=8,
    ),
    Op(
        "L2Loss",
        lambda t: (t * t).sum() / 2,
        cases=lambda rng, t: [Case([draw(rng, s, t)]) for s in [(17,), (3, 5), (0,), ()]],
        tol=8,
    ),
]
