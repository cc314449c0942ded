"""Shapes, copies and rearrangements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from op_case import Case, Op

from table.linear import draw

I32, I64 = np.int32, np.int64


def fill(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    """Any kind of value, strings included."""
    if t.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if t.kind == "O":
        return np.array([b"s%d" % i for i in range(int(np.prod(shape)))], object).reshape(shape)
    return draw(rng, shape, t)


def over(*variants: tuple[Any, ...]) -> Callable[[np.random.Generator, np.dtype[Any]], list[Case]]:
    """Cases from (shape, [index arrays], attrs)."""

    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        return [
            Case(
                [fill(rng, v[0], t), *[np.array(i, v[3] if len(v) > 3 else I32) for i in v[1]]],
                dict(v[2]) if len(v) > 2 else {},
            )
            for v in variants
        ]

    return cases


def several(
    axis_input: int | None, *variants: tuple[Any, ...]
) -> Callable[[np.random.Generator, np.dtype[Any]], list[Case]]:
    """Cases from (list of shapes, axis, attrs): tensors of one type, with an axis input before (0) or after (-1) them."""

    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        out = []
        for shapes, axis, attrs in variants:
            xs = [fill(rng, s, t) for s in shapes]
            a = [] if axis_input is None else [np.array(axis, I32)]
            out.append(Case(a + xs if axis_input == 0 else xs + a, attrs))
        return out

    return cases


def set_diag(x: np.ndarray, d: np.ndarray) -> np.ndarray:
    x = x.copy()
    i = np.arange(d.shape[-1])
    x[..., i, i] = d
    return x


def band(x: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    i, j = np.indices(x.shape[-2:])
    keep = ((lower < 0) | (i - j <= lower)) & ((upper < 0) | (j - i <= upper))
    return np.where(keep, x, blank(x.shape, x.dtype))


def matrix_diag(d: np.ndarray) -> np.ndarray:
    return set_diag(blank((*d.shape, d.shape[-1]), d.dtype), d)


def diag(d: np.ndarray) -> np.ndarray:
    return np.diag(d.ravel()).reshape(d.shape * 2)


def diag_part(x: np.ndarray) -> np.ndarray:
    half = x.shape[: x.ndim // 2]
    n = int(np.prod(half))
    return np.diag(x.reshape(n, n)).reshape(half)


def cumulative(fn: Any) -> Callable[..., np.ndarray]:
    def ref(
        x: np.ndarray, axis: np.ndarray, exclusive: bool = False, reverse: bool = False
    ) -> np.ndarray:
        a = int(axis)
        y = np.flip(x, a) if reverse else x
        out = fn(y, axis=a).astype(x.dtype)
        if exclusive and x.shape[a]:
            first = np.full_like(np.take(out, [0], a), 0 if fn is np.cumsum else 1)
            out = np.concatenate([first, np.delete(out, -1, a)], a)
        return np.flip(out, a) if reverse else out

    return ref


CUMULATIVE = over(
    *[
        (s, [a], {"exclusive": e, "reverse": r})
        for s, a in [((7,), 0), ((3, 5), 1), ((3, 5), -2), ((0, 2), 1)]
        for e in (False, True)
        for r in (False, True)
    ]
)


def broadcast_gradient_args(s0: np.ndarray, s1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = max(len(s0), len(s1))
    a, b = [1] * (n - len(s0)) + list(s0), [1] * (n - len(s1)) + list(s1)
    return (
        np.array([i for i in range(n) if a[i] == 1], s0.dtype),
        np.array([i for i in range(n) if b[i] == 1], s0.dtype),
    )


def depth_to_space(x: np.ndarray, block_size: int, data_format: str = "NHWC") -> np.ndarray:
    if data_format == "NCHW":
        return np.moveaxis(depth_to_space(np.moveaxis(x, 1, 3), block_size), 3, 1)
    n, h, w, c = x.shape
    b = block_size
    return (
        x.reshape(n, h, w, b, b, c // b // b)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(n, h * b, w * b, c // b // b)
    )


def space_to_depth(x: np.ndarray, block_size: int, data_format: str = "NHWC") -> np.ndarray:
    if data_format == "NCHW":
        return np.moveaxis(space_to_depth(np.moveaxis(x, 1, 3), block_size), 3, 1)
    n, h, w, c = x.shape
    b = block_size
    return (
        x.reshape(n, h // b, b, w // b, b, c)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(n, h // b, w // b, b * b * c)
    )


def pad(x: np.ndarray, p: np.ndarray, value: Any = None) -> np.ndarray:
    if value is None:
        value = b"" if x.dtype == object else 0
    return np.pad(x, p, constant_values=np.asarray(value).item() if x.dtype != object else value)


def mirror(x: np.ndarray, p: np.ndarray, mode: str) -> np.ndarray:
    return np.pad(x, p, mode=mode.lower())


def mirror_grad(dy: np.ndarray, p: np.ndarray, mode: str) -> np.ndarray:
    """The adjoint: every padded position adds to where it was copied from."""
    shape = [n - int(a) - int(b) for n, (a, b) in zip(dy.shape, p)]
    source = np.pad(np.arange(int(np.prod(shape))).reshape(shape), p, mode=mode.lower())
    out = np.zeros(int(np.prod(shape)), dy.dtype)
    np.add.at(out, source.ravel(), dy.ravel())
    return out.reshape(shape)


PADS = [((5,), [[[1, 2]]]), ((3, 4), [[[0, 1], [2, 0]]]), ((2, 3, 4), [[[0, 0], [1, 1], [2, 1]]])]


def unique(x: np.ndarray, out_idx: str = "int32") -> tuple[np.ndarray, np.ndarray]:
    order: list[Any] = []
    index = []
    for v in x.tolist():
        if v not in order:
            order.append(v)
        index.append(order.index(v))
    return np.array(order, x.dtype), np.array(index, out_idx)


def list_diff(
    x: np.ndarray, y: np.ndarray, out_idx: str = "int32"
) -> tuple[np.ndarray, np.ndarray]:
    keep = [i for i, v in enumerate(x.tolist()) if v not in y.tolist()]
    return x[keep], np.array(keep, out_idx)


def squeeze(x: np.ndarray, axis: list[int] | tuple[int, ...] = ()) -> np.ndarray:
    return np.squeeze(x, tuple(axis) if axis else None)


def r(name: str, ref: Any, cases: Any, **more: Any) -> Op:
    """An op that moves values of any type, strings included."""
    return Op(name, ref, cases=cases, wide_ref=False, **{"strings": True, **more})


def blank(shape: Any, t: np.dtype[Any]) -> np.ndarray:
    """Zeros, or empty strings."""
    return np.full(tuple(int(n) for n in np.atleast_1d(shape)), b"" if t.kind == "O" else 0, t)


def first_seen(x: np.ndarray, out_idx: str = "int32") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, index = unique(x)
    return (
        values,
        index.astype(out_idx),
        np.array([(index == i).sum() for i in range(len(values))], out_idx),
    )


def reverse_sequence(
    x: np.ndarray, lengths: np.ndarray, seq_dim: int, batch_dim: int = 0
) -> np.ndarray:
    y = np.moveaxis(x, (batch_dim, seq_dim), (0, 1)).copy()
    for row, n in zip(y, lengths):
        row[:n] = row[:n][::-1].copy()
    return np.moveaxis(y, (0, 1), (batch_dim, seq_dim))


def tile_grad(dy: np.ndarray, m: np.ndarray) -> np.ndarray:
    split = dy.reshape([v for n, k in zip(dy.shape, m) for v in (int(k), n // int(k))])
    return split.sum(tuple(range(0, 2 * dy.ndim, 2))).astype(dy.dtype)


def repeats(rng: np.random.Generator, n: int, t: np.dtype[Any]) -> np.ndarray:
    return fill(rng, (5,), t)[rng.integers(0, 5, n)]


PERMS = [
    ((3, 5), [1, 0]),
    ((2, 3, 4, 5), [0, 3, 1, 2]),
    ((2, 3, 4, 5), [0, 2, 3, 1]),
    ((4, 3, 2), [2, 1, 0]),
    ((), []),
    ((0, 3), [1, 0]),
    ((2, 17, 33), [0, 2, 1]),
    ((2, 1, 3, 1, 2), [4, 2, 0, 1, 3]),
]

ROWS = [
    r(
        "Reshape",
        lambda x, s: x.reshape(s),
        over(
            ((3, 4), [[2, 6]]),
            ((3, 4), [[-1]]),
            ((0, 3), [[0, 5]]),
            ((), [[1, 1]]),
            ((6,), [[2, -1]], {}, I64),
        ),
        type_attr="T",
        dtypes=None,
    ),
    r(
        "Squeeze",
        squeeze,
        over(
            ((1, 3, 1), []),
            ((1, 3, 1), [], {"axis": [0]}),
            ((1, 3, 1), [], {"axis": [-1]}),
        ),
    ),
    r(
        "ExpandDims",
        lambda x, d: np.expand_dims(x, int(d)),
        over(((3, 4), [0]), ((3, 4), [-1]), ((), [0]), ((0, 2), [1], {}, I64)),
    ),
    r(
        "EnsureShape",
        lambda x, shape: x,
        over(((3, 4), [], {"shape": [3, None]}), ((0,), [], {"shape": None})),
    ),
    r("Transpose", lambda x, p: np.transpose(x, p), over(*[(s, [p]) for s, p in PERMS])),
    r(
        "ConjugateTranspose",
        lambda x, p: np.conj(np.transpose(x, p)) if x.dtype.kind == "c" else np.transpose(x, p),
        over(*[(s, [p]) for s, p in PERMS]),
    ),
    r(
        "InvertPermutation",
        np.argsort,
        lambda rng, t: [Case([rng.permutation(n).astype(t)]) for n in (5, 1, 0)],
    ),
    r(
        "Shape",
        lambda x, out_type="int32": np.array(x.shape, out_type),
        over(((3, 4), []), ((), []), ((0, 2), [], {"out_type": "int64"})),
    ),
    r(
        "ShapeN",
        lambda *xs, out_type="int32": tuple(np.array(x.shape, out_type) for x in xs),
        several(None, ([(3, 4), (), (0,)], None, {"out_type": "int64"})),
    ),
    r(
        "Size",
        lambda x, out_type="int32": np.array(x.size, out_type),
        over(((3, 4), []), ((), []), ((0, 2), [], {"out_type": "int64"})),
    ),
    r("Rank", lambda x: np.array(x.ndim, I32), over(((3, 4), []), ((), []))),
    r(
        "Fill",
        lambda d, v: np.full(d, v, v.dtype),
        lambda rng, t: [
            Case([np.array(s, i), fill(rng, (), t)])
            for s in [(3, 4), (0, 2), ()]
            for i in (I32, I64)
        ],
    ),
    r(
        "Range",
        lambda a, b, c: np.arange(a, b, c),
        lambda rng, t: [
            Case([np.array(v, t) for v in abc])
            for abc in [(0, 5, 1), (1, 8, 3), (3, 3, 1), *([] if t.kind == "u" else [(5, 0, -2)])]
        ],
        type_attr="Tidx",
    ),
    Op(
        "LinSpace",
        lambda a, b, n: np.linspace(a, b, int(n)),
        cases=lambda rng, t: [
            Case([np.array(-1, t), np.array(3, t), np.array(n, I32)]) for n in (1, 2, 7)
        ],
        tol=2,
        second_order=False,
    ),
    r(
        "BroadcastTo",
        lambda x, s: np.broadcast_to(x, s),
        over(((3, 1), [[2, 3, 4]]), ((), [[2]]), ((5,), [[0, 5]]), ((4,), [[4]], {}, I64)),
    ),
    r(
        "BroadcastArgs",
        lambda a, b: np.array(np.broadcast_shapes(tuple(a), tuple(b)), a.dtype),
        lambda rng, t: [
            Case([np.array(a, t), np.array(b, t)])
            for a, b in [([3, 1], [4]), ([], [2, 3]), ([1], [0])]
        ],
    ),
    r(
        "BroadcastGradientArgs",
        broadcast_gradient_args,
        lambda rng, t: [
            Case([np.array(a, t), np.array(b, t)]) for a, b in [([3, 1], [4]), ([2, 1, 5], [3, 1])]
        ],
    ),
    r(
        "ReverseV2",
        lambda x, a: np.flip(x, tuple(a)),
        over(((7,), [[0]]), ((3, 5), [[-1]]), ((3, 5), [[0, 1]]), ((2, 3), [[]], {}, I64)),
    ),
    r(
        "Roll",
        lambda x, s, a: np.roll(x, tuple(np.atleast_1d(s)), tuple(np.atleast_1d(a))),
        over(((7,), [2, 0]), ((3, 5), [[1, -2], [0, 1]])),
    ),
    r("Diag", diag, over(((4,), []), ((2, 3), []))),
    r("DiagPart", diag_part, over(((4, 4), []), ((2, 3, 2, 3), []))),
    r("MatrixDiag", matrix_diag, over(((4,), []), ((2, 3), []))),
    r(
        "MatrixDiagPart",
        lambda x: np.diagonal(x, axis1=-2, axis2=-1),
        over(((4, 4), []), ((2, 3, 5), [])),
    ),
    r(
        "MatrixSetDiag",
        set_diag,
        lambda rng, t: [
            Case([fill(rng, (*s, m, n), t), fill(rng, (*s, min(m, n)), t)])
            for s, m, n in [((), 3, 3), ((2,), 3, 5), ((2,), 5, 3)]
        ],
    ),
    r(
        "MatrixBandPart",
        band,
        over(((4, 4), [1, 0]), ((2, 3, 5), [-1, 1]), ((3, 3), [0, -1], {}, I64)),
    ),
    r(
        "DepthToSpace",
        depth_to_space,
        over(
            ((2, 2, 3, 8), [], {"block_size": 2}),
            ((1, 9, 2, 2), [], {"block_size": 3, "data_format": "NCHW"}),
        ),
    ),
    r(
        "SpaceToDepth",
        space_to_depth,
        over(
            ((2, 4, 6, 2), [], {"block_size": 2}),
            ((1, 2, 3, 6), [], {"block_size": 3, "data_format": "NCHW"}),
        ),
    ),
    Op("Cumsum", cumulative(np.cumsum), cases=CUMULATIVE, tol=4),
    Op("Cumprod", cumulative(np.cumprod), cases=CUMULATIVE, tol=4, second_order=False),
    r("Unique", unique, lambda rng, t: [Case([repeats(rng, n, t)]) for n in (9, 0)]),
    r(
        "UniqueWithCounts",
        first_seen,
        lambda rng, t: [
            Case([repeats(rng, n, t)], {"out_idx": d})
            for n, d in [(9, "int32"), (7, "int64"), (0, "int32")]
        ],
    ),
    r(
        "ReverseSequence",
        reverse_sequence,
        lambda rng, t: [
            Case([fill(rng, s, t), np.array(n, i)], {"seq_dim": q, "batch_dim": b})
            for s, n, q, b, i in [
                ((3, 5), [0, 2, 5], 1, 0, I32),
                ((4, 2, 3), [1, 4], 0, 1, I64),
                ((0, 3), [], 1, 0, I64),
            ]
        ],
    ),
    r(
        "TileGrad",
        tile_grad,
        over(((6,), [[2]]), ((4, 6), [[2, 3]]), ((2, 3), [[1, 1]])),
        tol=4,
        strings=False,
    ),
    r(
        "ListDiff",
        list_diff,
        lambda rng, t: [
            Case([x := repeats(rng, 8, t), x[:2]]),
            Case([fill(rng, (0,), t), fill(rng, (2,), t)]),
        ],
    ),
    # Joining and splitting.
    r(
        "ConcatV2",
        lambda *a: np.concatenate(a[:-1], int(a[-1])),
        several(
            -1,
            ([(2, 3), (4, 3)], 0, {}),
            ([(2, 3), (2, 1), (2, 0)], -1, {}),
            ([(5,)], 0, {}),
            ([(2, 3, 4), (2, 5, 4)], 1, {}),
        ),
    ),
    r(
        "Concat",
        lambda *a: np.concatenate(a[1:], int(a[0])),
        several(0, ([(2, 3), (4, 3)], 0, {}), ([(2, 3), (2, 1)], 1, {})),
    ),
    r(
        "ConcatOffset",
        lambda axis, *shapes: tuple(
            np.array(
                [
                    sum(int(s[int(axis)]) for s in shapes[:i]) if d == int(axis) else 0
                    for d in range(len(shapes[0]))
                ],
                I32,
            )
            for i in range(len(shapes))
        ),
        lambda rng, t: [
            Case([np.array(1, I32), np.array([2, 3, 5], I32), np.array([2, 7, 5], I32)])
        ],
        dtypes=["int32"],
        type_attr="shape_type",
    ),
    r(
        "Split",
        lambda a, x, num_split: tuple(np.split(x, num_split, int(a))),
        lambda rng, t: [
            Case([np.array(a, I32), fill(rng, s, t)], {"num_split": n})
            for a, s, n in [(0, (6, 2), 3), (1, (2, 6), 2), (-1, (2, 3, 4), 4), (0, (0, 2), 2)]
        ],
    ),
    r(
        "SplitV",
        lambda x, sizes, a, num_split: tuple(
            np.split(
                x,
                np.cumsum(np.where(sizes < 0, x.shape[int(a)] - sizes.sum() - 1, sizes))[:-1],
                int(a),
            )
        ),
        lambda rng, t: [
            Case([fill(rng, s, t), np.array(n, i), np.array(a, I32)], {"num_split": len(n)})
            for s, n, a, i in [
                ((7,), [1, 4, 2], 0, I32),
                ((2, 5), [2, -1], 1, I64),
                ((2, 3), [0, 3], -1, I32),
            ]
        ],
    ),
    r(
        "Pack",
        lambda *xs, axis=0: np.stack(xs, axis),
        several(
            None,
            ([(2, 3)] * 3, None, {}),
            ([(2, 3)] * 2, None, {"axis": -1}),
            ([()] * 4, None, {}),
            ([(0,)] * 2, None, {"axis": 1}),
        ),
    ),
    r(
        "Unpack",
        lambda x, num, axis=0: tuple(np.moveaxis(x, axis, 0)),
        over(
            ((3, 4), [], {"num": 3}), ((3, 4), [], {"num": 4, "axis": -1}), ((2, 0), [], {"num": 2})
        ),
    ),
    r(
        "Tile",
        lambda x, m: np.tile(x, m),
        over(
            ((3,), [[2]]),
            ((2, 3), [[2, 1]]),
            ((2, 3), [[0, 2]]),
            ((), [[]], {}, I64),
            ((1, 2, 1), [[3, 2, 2]]),
        ),
    ),
    r("Pad", pad, over(*PADS, ((3,), [[[0, 0]]], {}, I64))),
    # The value padded with has no gradient, as in TensorFlow.
    r(
        "PadV2",
        pad,
        lambda rng, t: [
            Case([fill(rng, s, t), np.array(p[0], I32), fill(rng, (), t)]) for s, p in PADS
        ],
        grad=(0,),
    ),
    r(
        "MirrorPad",
        mirror,
        over(*[(s, p, {"mode": m}) for s, p in PADS for m in ("REFLECT", "SYMMETRIC")]),
    ),
    Op(
        "MirrorPadGrad",
        mirror_grad,
        cases=over(
            *[
                (s, p, {"mode": m})
                for s, p in [((7,), [[[1, 2]]]), ((5, 6), [[[0, 1], [2, 0]]])]
                for m in ("REFLECT", "SYMMETRIC")
            ]
        ),
        tol=4,
    ),
]
