"""Slices, gathers and scatters."""

from __future__ import annotations

from typing import Any

import numpy as np
from op_case import Case, Op

from table.array import blank, fill, over, r

I32, I64 = np.int32, np.int64


def strided(x: np.ndarray, begin: Any, end: Any, strides: Any, **masks: int) -> np.ndarray:
    """TensorFlow's masks, turned into NumPy's indexing."""

    def bit(name: str, i: int) -> bool:
        return bool(masks.get(name, 0) >> i & 1)

    index: list[Any] = []
    for i, (b, e, s) in enumerate(zip(begin, end, strides)):
        if bit("ellipsis_mask", i):
            index.append(Ellipsis)
        elif bit("new_axis_mask", i):
            index.append(np.newaxis)
        elif bit("shrink_axis_mask", i):
            index.append(int(b))
        else:
            index.append(
                slice(
                    None if bit("begin_mask", i) else int(b),
                    None if bit("end_mask", i) else int(e),
                    int(s),
                )
            )
    return x[tuple(index)]


SLICES: list[tuple[tuple[int, ...], list[list[int]], dict[str, int]]] = [
    ((7,), [[1], [5], [2]], {}),
    ((7,), [[-1], [-6], [-2]], {}),
    ((4, 5), [[1, 0], [3, 5], [1, 2]], {"begin_mask": 2, "end_mask": 1}),
    ((4, 5), [[2, 1], [3, 4], [1, 1]], {"shrink_axis_mask": 1}),
    ((2, 3, 4), [[0, 1], [0, 3], [1, 1]], {"ellipsis_mask": 1}),
    ((2, 3), [[0, 1], [0, 2], [1, 1]], {"new_axis_mask": 1}),
    ((3, 4), [[3], [1], [1]], {}),
    ((3, 4), [[2, 3], [-9, -9], [-1, -1]], {"end_mask": 3}),
]


def strided_grad(
    shape: np.ndarray, begin: Any, end: Any, strides: Any, dy: np.ndarray, **masks: int
) -> np.ndarray:
    out = blank(shape, dy.dtype)
    where = strided(np.arange(out.size).reshape(shape), begin, end, strides, **masks)
    out.reshape(-1)[where.ravel()] = dy.ravel()
    return out


def slice_grad_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case(
            [
                np.array(s, I32),
                *[np.array(v, I32) for v in bes],
                fill(rng, strided(np.zeros(s), *bes, **m).shape, t),
            ],
            m,
        )
        for s, bes, m in SLICES
    ]


def slice_ref(x: np.ndarray, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    return x[tuple(slice(int(b), None if n < 0 else int(b + n)) for b, n in zip(begin, size))]


def gather(x: np.ndarray, i: np.ndarray, axis: Any, batch_dims: int = 0) -> np.ndarray:
    a = int(axis)
    a = a + x.ndim if a < 0 else a
    if batch_dims == 0:
        return np.take(x, i, a)
    return np.stack([gather(row, k, a - 1, batch_dims - 1) for row, k in zip(x, i)])


GATHERS = [
    ((5,), [3, 0, 3], 0, {}),
    ((4, 3), [[1, 2], [0, 0]], 1, {}),
    ((4, 3), 2, -2, {}),
    ((4, 3), [], 0, {}),
    ((2, 3, 4), [[0, 3], [2, 2]], 2, {"batch_dims": 1}),
    ((2, 3), [[0, 2, 1], [1, 1, 1]], 1, {"batch_dims": 1}),
]


def gather_nd(x: np.ndarray, i: np.ndarray) -> np.ndarray:
    return (
        x[tuple(np.moveaxis(i, -1, 0))]
        if i.shape[-1]
        else np.broadcast_to(x, i.shape[:-1] + x.shape)
    )


POINTS = [
    ((5,), [[3], [0]]),
    ((4, 3), [[1, 2], [0, 0]]),
    ((4, 3), [[1], [3]]),
    ((2, 3, 4), [[[0, 1]], [[1, 2]]]),
]


def scatter_into(base: np.ndarray, i: np.ndarray, v: np.ndarray, ufunc: Any) -> np.ndarray:
    out = base.copy()
    where = tuple(np.moveaxis(i, -1, 0))
    if ufunc is None:
        out[where] = v
    else:
        ufunc.at(out, where, v)
    return out


def scatter_cases(base: str) -> Any:
    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        out = []
        for shape, points in POINTS:
            i = np.array(points, I32)
            updates = fill(rng, i.shape[:-1] + shape[i.shape[-1] :], t)
            out.append(
                Case(
                    [i, updates, np.array(shape, I32)]
                    if base == "shape"
                    else [fill(rng, shape, t), i, updates]
                )
            )
        return out

    return cases


def one_hot(i: np.ndarray, depth: Any, on: Any, off: Any, axis: int = -1) -> np.ndarray:
    hot = i[..., None] == np.arange(int(depth))
    return np.moveaxis(np.where(hot, on, off), -1, axis)


def segment(ufunc: Any, start: Any) -> Any:
    def ref(x: np.ndarray, ids: np.ndarray, n: Any) -> np.ndarray:
        out = np.full((int(n), *x.shape[ids.ndim :]), start(x.dtype), x.dtype)
        flat, rows = ids.ravel(), x.reshape(-1, *x.shape[ids.ndim :])
        for k, row in zip(flat, rows):
            if k >= 0:
                out[k] = ufunc(out[k], row)
        return out

    return ref


def lowest(t: np.dtype[Any]) -> Any:
    return np.iinfo(t).min if t.kind in "iu" else np.finfo(t).min


def highest(t: np.dtype[Any]) -> Any:
    return np.iinfo(t).max if t.kind in "iu" else np.finfo(t).max


def segment_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case([fill(rng, s, t), np.array(i, I32), np.array(n, I32)])
        for s, i, n in [
            ((5,), [0, 2, 0, -1, 1], 3),
            ((4, 3), [1, 1, 0, 3], 5),
            ((2, 2, 3), [[0, 1], [1, 0]], 2),
            ((0, 3), [], 2),
        ]
    ]


def sorted_segment(ufunc: Any, mean: bool = False, empty: int = 0) -> Any:
    """Segments that nothing falls into hold `empty`."""

    def ref(x: np.ndarray, ids: np.ndarray) -> np.ndarray:
        out = np.full((int(ids[-1]) + 1 if len(ids) else 0, *x.shape[1:]), empty, x.dtype)
        for k in set(ids.tolist()):
            rows = x[ids == k]
            out[k] = rows.sum(0) / len(rows) if mean else ufunc.reduce(rows, 0)
        return out

    return ref


def sorted_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case([fill(rng, s, t), np.array(i, k)])
        for s, i, k in [
            ((5,), [0, 0, 2, 2, 2], I32),
            ((4, 3), [0, 1, 1, 3], I64),
            ((0, 3), [], I32),
            ((3, 2, 2), [1, 1, 4], I32),
        ]
    ]


ROWS = [
    r(
        "Slice",
        slice_ref,
        over(
            ((7,), [[1], [4]]),
            ((4, 5), [[1, 0], [-1, 3]]),
            ((2, 3, 4), [[0, 1, 2], [2, 1, 2]], {}, I64),
            ((3,), [[3], [0]]),
        ),
    ),
    r(
        "StridedSlice",
        strided,
        over(*[(s, bes, m) for s, bes, m in SLICES], ((7,), [[1], [5], [2]], {}, I64)),
    ),
    r("StridedSliceGrad", strided_grad, slice_grad_cases, grad=(4,)),
    r(
        "Gather",
        lambda x, i: np.take(x, i, 0),
        over(*[(s, [i]) for s, i, a, m in GATHERS if a == 0]),
        type_attr="Tparams",
    ),
    r(
        "GatherV2",
        gather,
        over(*[(s, [i, a], m) for s, i, a, m in GATHERS], ((5, 2), [[1, 4], 0], {}, I64)),
        type_attr="Tparams",
    ),
    r("GatherNd", gather_nd, over(*[(s, [p]) for s, p in POINTS]), type_attr="Tparams"),
    r(
        "ScatterNd",
        lambda i, v, s: scatter_into(blank(s, v.dtype), i, v, np.add),
        scatter_cases("shape"),
    ),
    r("TensorScatterUpdate", lambda x, i, v: scatter_into(x, i, v, None), scatter_cases("tensor")),
    r("TensorScatterAdd", lambda x, i, v: scatter_into(x, i, v, np.add), scatter_cases("tensor")),
    r(
        "TensorScatterSub",
        lambda x, i, v: scatter_into(x, i, v, np.subtract),
        scatter_cases("tensor"),
        strings=False,
    ),
    r(
        "TensorScatterMax",
        lambda x, i, v: scatter_into(x, i, v, np.maximum),
        scatter_cases("tensor"),
        strings=False,
    ),
    r(
        "TensorScatterMin",
        lambda x, i, v: scatter_into(x, i, v, np.minimum),
        scatter_cases("tensor"),
        strings=False,
    ),
    r(
        "OneHot",
        one_hot,
        lambda rng, t: [
            Case(
                [np.array(i, k), np.array(4, I32), fill(rng, (), t), fill(rng, (), t)], {"axis": a}
            )
            for i, a, k in [
                ([0, 3, 9, -1], -1, I32),
                ([[1, 2]], 0, I64),
                (2, -1, np.uint8),
                ([[1], [2]], 1, I64),
                ([], -1, I32),
            ]
        ],
        second_order=False,
    ),
    r(
        "Where",
        lambda x: np.argwhere(x).astype(I64),
        over(((7,), []), ((3, 4), []), ((0, 2), []), ((2, 3, 2), [])),
    ),
    Op("UnsortedSegmentSum", segment(np.add, lambda t: 0), cases=segment_cases, tol=4),
    Op(
        "UnsortedSegmentProd",
        segment(np.multiply, lambda t: 1),
        cases=segment_cases,
        tol=4,
        grad=(),
    ),
    Op(
        "UnsortedSegmentMax",
        segment(np.maximum, lowest),
        cases=segment_cases,
        wide_ref=False,
        grad=(),
    ),
    Op(
        "UnsortedSegmentMin",
        segment(np.minimum, highest),
        cases=segment_cases,
        wide_ref=False,
        grad=(),
    ),
    Op("SegmentSum", sorted_segment(np.add), cases=sorted_cases, tol=4),
    Op("SegmentMean", sorted_segment(None, mean=True), cases=sorted_cases, tol=4),
    Op("SegmentProd", sorted_segment(np.multiply, empty=1), cases=sorted_cases, tol=4),
    Op("SegmentMax", sorted_segment(np.maximum), cases=sorted_cases, wide_ref=False),
    Op("SegmentMin", sorted_segment(np.minimum), cases=sorted_cases, wide_ref=False),
]
