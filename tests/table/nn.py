"""Convolutions, pooling, softmax and losses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from op_case import Case, Op

from table.linear import draw

Pads = list[tuple[int, int]]


def padding_of(
    sizes: Any, window: Any, strides: Any, dilations: Any, padding: str, explicit: Any = None
) -> Pads:
    """Before and after, for each spatial axis."""
    out = []
    for i, (n, k, s, d) in enumerate(zip(sizes, window, strides, dilations)):
        reach = (k - 1) * d + 1
        total = max((-(-n // s) - 1) * s + reach - n, 0) if padding == "SAME" else 0
        out.append(
            tuple(explicit[i]) if padding == "EXPLICIT" else (total // 2, total - total // 2)
        )
    return out


def patches(x: np.ndarray, k: Any, s: Any, d: Any, pads: Pads, fill: float = 0.0) -> np.ndarray:
    """NHWC windows: [n, oh, ow, kh, kw, c]."""
    xp = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    size = [(xp.shape[i + 1] - (k[i] - 1) * d[i] - 1) // s[i] + 1 for i in (0, 1)]
    out = np.empty((x.shape[0], *size, *k, x.shape[3]), x.dtype)
    for i, j in itertools.product(range(k[0]), range(k[1])):
        y, z = i * d[0], j * d[1]
        out[:, :, :, i, j] = xp[:, y : y + s[0] * size[0] : s[0], z : z + s[1] * size[1] : s[1]][
            :, : size[0], : size[1]
        ]
    return out


def unpatch(p: np.ndarray, shape: Any, s: Any, d: Any, pads: Pads) -> np.ndarray:
    """The adjoint of patches()."""
    n, oh, ow, kh, kw, c = p.shape
    out = np.zeros((n, shape[1] + sum(pads[0]) + s[0], shape[2] + sum(pads[1]) + s[1], c), p.dtype)
    for i, j in itertools.product(range(kh), range(kw)):
        y, z = i * d[0], j * d[1]
        out[:, y : y + s[0] * oh : s[0], z : z + s[1] * ow : s[1]][:, :oh, :ow] += p[:, :, :, i, j]
    return out[:, pads[0][0] : pads[0][0] + shape[1], pads[1][0] : pads[1][0] + shape[2]]


def nhwc(x: np.ndarray, fmt: str) -> np.ndarray:
    return np.moveaxis(x, 1, 3) if fmt == "NCHW" else x


def back(x: np.ndarray, fmt: str) -> np.ndarray:
    return np.moveaxis(x, 3, 1) if fmt == "NCHW" else x


def spatial(v: Any, fmt: str) -> Any:
    return v[2:4] if fmt == "NCHW" else v[1:3]


class Geometry:
    def __init__(self, attrs: dict[str, Any]) -> None:
        self.fmt = attrs.get("data_format", "NHWC")
        self.s = spatial(attrs["strides"], self.fmt)
        self.d = spatial(attrs.get("dilations", [1, 1, 1, 1]), self.fmt)
        e = attrs.get("explicit_paddings") or []
        pairs = list(zip(e[::2], e[1::2]))
        self.explicit = spatial(pairs, self.fmt) if pairs else None
        self.padding = attrs["padding"]

    def pads(self, sizes: Any, k: Any) -> Pads:
        return padding_of(sizes, k, self.s, self.d, self.padding, self.explicit)


def conv(x: np.ndarray, w: np.ndarray, **attrs: Any) -> np.ndarray:
    g = Geometry(attrs)
    x = nhwc(x, g.fmt)
    return back(
        np.tensordot(patches(x, w.shape[:2], g.s, g.d, g.pads(x.shape[1:3], w.shape[:2])), w, 3),
        g.fmt,
    )


def conv_input(sizes: np.ndarray, w: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    g = Geometry(attrs)
    shape = [sizes[i] for i in (0, 2, 3, 1)] if g.fmt == "NCHW" else list(sizes)
    p = np.tensordot(nhwc(dy, g.fmt), w, (3, 3))
    return back(unpatch(p, shape, g.s, g.d, g.pads(shape[1:3], w.shape[:2])), g.fmt)


def conv_filter(x: np.ndarray, sizes: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    g = Geometry(attrs)
    x, k = nhwc(x, g.fmt), [int(v) for v in sizes[:2]]
    return np.tensordot(
        patches(x, k, g.s, g.d, g.pads(x.shape[1:3], k)), nhwc(dy, g.fmt), ([0, 1, 2], [0, 1, 2])
    )


def depthwise(x: np.ndarray, w: np.ndarray, **attrs: Any) -> np.ndarray:
    g = Geometry(attrs)
    x = nhwc(x, g.fmt)
    p = patches(x, w.shape[:2], g.s, g.d, g.pads(x.shape[1:3], w.shape[:2]))
    y = np.einsum("nyxijc,ijcm->nyxcm", p, w)
    return back(y.reshape(*y.shape[:3], y.shape[3] * y.shape[4]), g.fmt)


def depthwise_input(sizes: np.ndarray, w: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    g = Geometry(attrs)
    shape = [sizes[i] for i in (0, 2, 3, 1)] if g.fmt == "NCHW" else list(sizes)
    d = nhwc(dy, g.fmt)
    d = d.reshape(*d.shape[:3], w.shape[2], w.shape[3])
    return back(
        unpatch(
            np.einsum("nyxcm,ijcm->nyxijc", d, w), shape, g.s, g.d, g.pads(shape[1:3], w.shape[:2])
        ),
        g.fmt,
    )


def depthwise_filter(x: np.ndarray, sizes: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    g = Geometry(attrs)
    x, k, d = nhwc(x, g.fmt), [int(v) for v in sizes[:2]], nhwc(dy, g.fmt)
    d = d.reshape(*d.shape[:3], int(sizes[2]), int(sizes[3]))
    return np.einsum("nyxijc,nyxcm->ijcm", patches(x, k, g.s, g.d, g.pads(x.shape[1:3], k)), d)


# height, width, channels, kernel, outputs, stride, dilation, padding
CONVS = [
    (9, 8, 4, (3, 3), 6, 1, 1, "SAME"),
    (9, 8, 1, (5, 5), 3, 1, 1, "SAME"),
    (9, 8, 3, (6, 6), 17, 2, 1, "SAME"),
    (9, 8, 2, (2, 3), 4, 3, 1, "VALID"),
    (9, 10, 3, (3, 3), 2, 1, 2, "SAME"),
    (9, 10, 3, (3, 2), 2, 1, 3, "VALID"),
    (7, 7, 2, (1, 1), 3, 2, 1, "VALID"),
    (8, 7, 2, (3, 3), 33, 2, 1, [(1, 2), (0, 1)]),
    (3, 40, 5, (3, 4), 7, 1, 1, "SAME"),  # more pixels in a row than lanes
    (5, 33, 4, (4, 4), 12, 2, 1, "SAME"),
    (7, 14, 8, (4, 4), 10, 2, 1, "SAME"),
    (6, 11, 6, (1, 1), 24, 1, 1, "SAME"),
    (28, 30, 2, (3, 8), 5, 1, 1, "SAME"),  # filter rows fill a vector, an image is summed in bands
    (4, 5, 16, (2, 2), 1, 3, 1, "SAME"),  # windows that leave elements out
]


def conv_attrs(stride: int, dilation: int, padding: Any, fmt: str) -> dict[str, Any]:
    def four(v: int) -> list[int]:
        return [1, 1, v, v] if fmt == "NCHW" else [1, v, v, 1]

    attrs = {"strides": four(stride), "dilations": four(dilation), "data_format": fmt}
    if isinstance(padding, str):
        return {**attrs, "padding": padding}
    (a, b), (c, d) = padding
    flat = [0, 0, 0, 0, a, b, c, d] if fmt == "NCHW" else [0, 0, a, b, c, d, 0, 0]
    return {**attrs, "padding": "EXPLICIT", "explicit_paddings": flat}


def conv_cases(kind: str, is_depthwise: bool = False) -> Any:
    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        out = []
        for (h, w, c, k, o, s, d, pad), fmt in itertools.product(CONVS, ("NHWC", "NCHW")):
            if is_depthwise and (s > 1 and d > 1):
                continue
            # 19: more images than a batch has pieces, and no multiple of them.
            for n in (2, 0, 19) if (h, c, fmt) == (9, 4, "NHWC") else (2,):
                attrs = conv_attrs(s, d, pad, fmt)
                x = back(draw(rng, (n, h, w, c), t), fmt)
                if n == 19 and t == np.float32:  # each must reach its own sums only
                    x[0, 2, 3, 0], x[1, 4, 7, 1] = np.inf, np.nan
                f = draw(rng, (*k, c, 2 if is_depthwise else o), t)
                with np.errstate(invalid="ignore"):
                    y = (depthwise if is_depthwise else conv)(
                        x.astype(np.float64), f.astype(np.float64), **attrs
                    )
                dy = draw(rng, y.shape, t)
                out.append(
                    {
                        "forward": Case([x, f], attrs),
                        "input": Case([np.array(x.shape, np.int32), f, dy], attrs),
                        "filter": Case([x, np.array(f.shape, np.int32), dy], attrs),
                    }[kind]
                )
        return out

    return cases


# height, width, channels, window, stride, padding
POOLS = [
    (9, 8, 3, 2, 2, "SAME"),
    (9, 8, 3, 3, 2, "VALID"),
    (5, 6, 3, 3, 1, "SAME"),
    (4, 4, 3, 1, 3, "SAME"),
    (6, 8, 35, 2, 2, "VALID"),
    (7, 7, 17, 3, 2, "SAME"),
]


def pool_attrs(k: int, s: int, padding: str, fmt: str) -> dict[str, Any]:
    four = (lambda v: [1, 1, v, v]) if fmt == "NCHW" else (lambda v: [1, v, v, 1])
    return {"ksize": four(k), "strides": four(s), "padding": padding, "data_format": fmt}


def pool_windows(
    x: np.ndarray, fill: float, ksize: Any, strides: Any, padding: str, data_format: str
) -> tuple[np.ndarray, Pads]:
    x, k, s = nhwc(x, data_format), spatial(ksize, data_format), spatial(strides, data_format)
    pads = padding_of(x.shape[1:3], k, s, (1, 1), padding)
    return patches(x, k, s, (1, 1), pads, fill), pads


def max_pool(x: np.ndarray, **attrs: Any) -> np.ndarray:
    low = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    return back(pool_windows(x, low, **attrs)[0].max((3, 4)), attrs["data_format"])


def first_max(x: np.ndarray, **attrs: Any) -> tuple[np.ndarray, Pads]:
    """One-hot windows: ties go to the first maximum in row-major order."""
    p, pads = pool_windows(x.astype(np.float64), -np.inf, **attrs)
    n, oh, ow, kh, kw, c = p.shape
    flat = p.reshape(n, oh, ow, kh * kw, c)
    sel = np.zeros_like(flat)
    np.put_along_axis(sel, flat.argmax(3)[:, :, :, None], 1.0, 3)
    return sel.reshape(p.shape), pads


def max_pool_grad(x: np.ndarray, y: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    fmt = attrs["data_format"]
    sel, pads = first_max(x, **attrs)
    d = nhwc(dy, fmt)[:, :, :, None, None]
    return back(
        unpatch(sel * d, nhwc(x, fmt).shape, spatial(attrs["strides"], fmt), (1, 1), pads), fmt
    )


def max_pool_grad_grad(x: np.ndarray, y: np.ndarray, g: np.ndarray, **attrs: Any) -> np.ndarray:
    sel, _ = first_max(x, **attrs)
    p, _ = pool_windows(g.astype(np.float64), 0.0, **attrs)
    return back((sel * p).sum((3, 4)), attrs["data_format"])


def avg_pool(x: np.ndarray, **attrs: Any) -> np.ndarray:
    total = pool_windows(x, 0.0, **attrs)[0].sum((3, 4))
    count = pool_windows(np.ones_like(x), 0.0, **attrs)[0].sum((3, 4))
    return back(total / count, attrs["data_format"])


def avg_pool_grad(shape: np.ndarray, dy: np.ndarray, **attrs: Any) -> np.ndarray:
    fmt = attrs["data_format"]
    ones, pads = pool_windows(np.ones([int(v) for v in shape]), 0.0, **attrs)
    share = ones / ones.sum((3, 4), keepdims=True) * nhwc(dy, fmt)[:, :, :, None, None]
    full = [int(shape[i]) for i in ((0, 2, 3, 1) if fmt == "NCHW" else (0, 1, 2, 3))]
    return back(unpatch(share, full, spatial(attrs["strides"], fmt), (1, 1), pads), fmt)


def pool_cases(kind: str) -> Any:
    def cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
        out = []
        for (h, w, c, k, s, pad), fmt in itertools.product(POOLS, ("NHWC", "NCHW")):
            attrs = pool_attrs(k, s, pad, fmt)
            values = rng.permutation(2 * h * w * c).reshape(2, h, w, c)
            if t.itemsize < 8:  # ties; float64 has none, for differences to make sense
                values %= 100
            x = back((values if t.kind in "iu" else values / 50 - 1).astype(t), fmt)
            if t == np.float32:
                x[0, 1, 2, 0] = x[1, 2, 2, 2] = np.nan
            y = max_pool(x, **attrs)
            dy = draw(rng, y.shape, t)
            out.append(
                {
                    "forward": Case([x], attrs),
                    "v2": Case(
                        [
                            x,
                            np.array(attrs["ksize"], np.int32),
                            np.array(attrs["strides"], np.int32),
                        ],
                        {"padding": pad, "data_format": fmt},
                    ),
                    "max_grad": Case([x, y, dy], attrs),
                    "max_grad_grad": Case([x, y, draw(rng, x.shape, t)], attrs),
                    "avg_grad": Case([np.array(x.shape, np.int32), dy], attrs),
                }[kind]
            )
        return out

    return cases


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True, initial=-np.inf))
    return e / e.sum(-1, keepdims=True)


def log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(-1, keepdims=True, initial=-np.inf)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def rows(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case([(3 * draw(rng, s, t)).astype(t)])
        for s in [(3, 5), (0, 4), (7, 1), (2, 3, 17), (9,), (5, 129)]
    ]


def xent(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return -(y * log_softmax(z)).sum(-1), softmax(z) - y


def sparse_xent(z: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return xent(z, np.eye(z.shape[-1])[labels])


def distributions(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    return softmax(rng.standard_normal(shape)).astype(t)


def in_top_k(p: np.ndarray, t: np.ndarray, k: Any) -> np.ndarray:
    return np.array([(row > row[i]).sum() < int(k) for row, i in zip(p, t)], bool)


def top_k(x: np.ndarray, k: Any, sorted: bool = True, **_: Any) -> tuple[np.ndarray, np.ndarray]:
    i = np.argsort(-x.astype(np.float64), -1, kind="stable")[..., : int(k)]
    return np.take_along_axis(x, i, -1), i.astype(np.int32)


def some_ties(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    """Equal values among them, except in float64, where differences have to make sense."""
    order = rng.permutation(int(np.prod(shape))).reshape(shape)
    return (order if t.itemsize == 8 else order % 4).astype(t)


PREDICTIONS = [
    (np.float32([[0.1, 0.5, 0.4], [0.9, 0.05, 0.05]]), [1, 2]),
    (np.zeros((0, 3), np.float32), []),
]

ROWS = [
    Op("Conv2D", conv, cases=conv_cases("forward"), tol=20),  # sums of up to 216 products
    Op("Conv2DBackpropInput", conv_input, cases=conv_cases("input"), tol=20),
    Op("Conv2DBackpropFilter", conv_filter, cases=conv_cases("filter"), tol=40),
    Op("DepthwiseConv2dNative", depthwise, cases=conv_cases("forward", True), tol=10),
    Op(
        "DepthwiseConv2dNativeBackpropInput",
        depthwise_input,
        cases=conv_cases("input", True),
        tol=10,
    ),
    Op(
        "DepthwiseConv2dNativeBackpropFilter",
        depthwise_filter,
        cases=conv_cases("filter", True),
        tol=40,
    ),
    Op("MaxPool", max_pool, cases=pool_cases("forward"), wide_ref=False),
    Op(
        "MaxPoolV2",
        lambda x, k, s, **a: max_pool(x, ksize=list(k), strides=list(s), **a),
        cases=pool_cases("v2"),
        wide_ref=False,
        constants=(1, 2),
    ),
    Op("MaxPoolGrad", max_pool_grad, cases=pool_cases("max_grad"), grad=(2,), tol=4),
    Op("MaxPoolGradGrad", max_pool_grad_grad, cases=pool_cases("max_grad_grad"), grad=(2,), tol=4),
    Op("AvgPool", avg_pool, cases=pool_cases("forward"), tol=4),
    Op("AvgPoolGrad", avg_pool_grad, cases=pool_cases("avg_grad"), tol=4),
    Op("Softmax", softmax, cases=rows, tol=4),
    Op("LogSoftmax", log_softmax, cases=rows, tol=4),
    Op(
        "SoftmaxCrossEntropyWithLogits",
        xent,
        cases=lambda rng, t: [
            Case([(3 * draw(rng, s, t)).astype(t), distributions(rng, s, t)])
            for s in [(3, 5), (7, 10), (2, 129)]
        ],
        grad=(0,),
        tol=8,
    ),
    Op(
        "SparseSoftmaxCrossEntropyWithLogits",
        sparse_xent,
        cases=lambda rng, t: [
            Case([(3 * draw(rng, s, t)).astype(t), rng.integers(0, s[1], s[0]).astype(i)])
            for s, i in [((3, 5), np.int32), ((7, 10), np.int64), ((2, 129), np.int64)]
        ],
        grad=(0,),
        tol=8,
    ),
    Op(
        "InTopK",
        in_top_k,
        cases=lambda rng, t: [
            Case([p, np.array(i, t)], {"k": k}) for p, i in PREDICTIONS for k in (1, 2)
        ],
        dtypes=["int32", "int64"],
    ),
    Op(
        "InTopKV2",
        in_top_k,
        cases=lambda rng, t: [
            Case([p, np.array(i, t), np.array(k, t)]) for p, i in PREDICTIONS for k in (1, 2)
        ],
        dtypes=["int32", "int64"],
    ),
    Op(
        "TopK",
        top_k,
        cases=lambda rng, t: [
            Case([some_ties(rng, s, t)], {"k": 2}) for s in [(5,), (3, 7), (0, 4)]
        ],
        wide_ref=False,
    ),
    Op(
        "TopKV2",
        top_k,
        cases=lambda rng, t: [
            Case([some_ties(rng, s, t), np.array(k, np.int32)])
            for s, k in [((5,), 5), ((3, 7), 2), ((2, 3), 0)]
        ],
        wide_ref=False,
    ),
]
