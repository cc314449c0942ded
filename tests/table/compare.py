"""Comparisons, logic, selection and casts."""

from __future__ import annotations

import numpy as np
from op_case import BINARY_SHAPES, FLOATS, Case, Op, numpy_dtype, round_to_bfloat16


def b(name: str, ref: object, **more: object) -> Op:
    return Op(name, ref, BINARY_SHAPES, **more)  # type: ignore[arg-type]


def cast_ref(x: np.ndarray, DstT: str, Truncate: bool = False) -> np.ndarray:
    if x.dtype.kind == "c" and DstT != "bool" and not DstT.startswith("complex"):
        x = x.real
    return round_to_bfloat16(x) if DstT == "bfloat16" else x.astype(numpy_dtype(DstT))


def bitcast(x: np.ndarray, type: str) -> np.ndarray:
    t = np.dtype(type)
    y = x.view(t)
    if t.itemsize > x.itemsize:
        return y[..., 0]
    return y if t.itemsize == x.itemsize else y.reshape(*x.shape, -1)


CAST_TYPES = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    *FLOATS,
    "complex64",
    "complex128",
]

ROWS = [
    b("Less", np.less),
    b("LessEqual", np.less_equal),
    b("Greater", np.greater),
    b("GreaterEqual", np.greater_equal),
    b("Equal", np.equal),
    b("NotEqual", np.not_equal),
    Op(
        "ApproximateEqual",
        lambda x, y, tolerance=1e-5: np.abs(x - y) < np.asarray(tolerance).astype(x.dtype),
        cases=lambda rng, t: (
            [
                Case(
                    [np.arange(5).astype(t), (np.arange(5) + np.array([0, 1, 0, 2, 0])).astype(t)],
                    {"tolerance": v},
                )
                for v in (0.5, 1.5)
            ]
            + [
                Case([np.zeros((0, 3), t), np.zeros((0, 3), t)]),
            ]
        ),
    ),
    b("LogicalAnd", np.logical_and, dtypes=["bool"]),
    b("LogicalOr", np.logical_or, dtypes=["bool"]),
    Op(
        "SelectV2",
        np.where,
        cases=lambda rng, t: [
            Case(
                [
                    rng.integers(0, 2, c).astype(bool),
                    rng.integers(0, 5, x).astype(t),
                    rng.integers(0, 5, y).astype(t),
                ]
            )
            for c, x, y in [
                ((17,), (17,), (17,)),
                ((3, 1), (5,), ()),
                ((), (4,), (4,)),
                ((0,), (0,), (1,)),
                ((2, 1, 3), (3,), (4, 1)),
            ]
        ],
    ),
    Op(
        "Select",
        lambda c, x, y: np.where(c.reshape(c.shape + (1,) * (x.ndim - c.ndim)), x, y),
        cases=lambda rng, t: [
            Case(
                [
                    rng.integers(0, 2, c).astype(bool),
                    rng.integers(0, 5, x).astype(t),
                    rng.integers(0, 5, x).astype(t),
                ]
            )
            for c, x in [((17,), (17,)), ((3,), (3, 5)), ((), (4, 2)), ((0,), (0, 2))]
        ],
    ),
    Op(
        "Cast",
        cast_ref,
        cases=lambda rng, t: [
            Case(
                [
                    (rng.uniform(0, 100, s) if t.kind == "u" else rng.uniform(-100, 100, s)).astype(
                        t
                    )
                ],
                {"DstT": d},
            )
            for d in CAST_TYPES
            if not (np.dtype(t).kind != "u" and d.startswith("uint"))
            for s in [(67,), (0,), ()]
        ],
        dtypes=CAST_TYPES,
        type_attr="SrcT",
        wide_ref=False,
        grad_attrs=lambda attrs: (
            attrs["DstT"] in ("float64", "complex128")
        ),  # differences drown in other types' roundings
        second_order=False,
    ),
    Op(
        "Bitcast",
        bitcast,
        cases=lambda rng, t: (
            [
                Case([rng.standard_normal((3, 4)).astype(t)], {"type": d})
                for d in ("uint8", "int32", "int64")
                if np.dtype(d).itemsize <= t.itemsize
            ]
            + [Case([rng.standard_normal((3, 8 // t.itemsize)).astype(t)], {"type": "int64"})]
        ),
        dtypes=["float32", "float64"],
        wide_ref=False,
    ),
]
