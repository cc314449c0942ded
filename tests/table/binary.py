"""Elementwise ops of two arguments, with broadcasting, and of three."""

from __future__ import annotations

import numpy as np
from op_case import BINARY_SHAPES, COMPLEX, INTS, UNARY_SHAPES, Case, Op
from scipy import special


def b(name: str, ref: object, domain: tuple[float, float] = (-3, 3), **more: object) -> Op:
    return Op(name, ref, BINARY_SHAPES, domain, **more)  # type: ignore[arg-type]


def is_int(x: np.ndarray) -> bool:
    return x.dtype.kind in "iu"


def truncated(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.trunc(x / y).astype(x.dtype) if is_int(x) else np.trunc(x / y)


def div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return truncated(x, y) if is_int(x) else x / y


def div_no_nan(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(y == 0, 0, x / np.where(y == 0, 1, y))


def where_zero(x: np.ndarray, value: np.ndarray) -> np.ndarray:
    return np.where(x == 0, 0, value)


def igamma_slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The derivative of gammainc by a: the integral of (log t - digamma(a)) over the density, with
    t = x exp(-v), by Gauss's rule on 64 pieces of v.
    """
    nodes, weights = np.polynomial.legendre.leggauss(24)
    ends = np.linspace(0, 1, 65) ** 2  # denser where the density is
    half = np.diff(ends) / 2
    a, x = np.broadcast_arrays(a, x)
    v = ((ends[:-1] + half)[:, None] + half[:, None] * nodes).reshape(-1) * 45
    share = (half[:, None] * weights).reshape(-1) * 45
    b, y, v = a[..., None], x[..., None], v / a[..., None]
    inside = (np.log(y) - v - special.digamma(b)) * np.exp(-b * v - y * np.exp(-v))
    return (inside * share).sum(-1) / a * np.exp(a * np.log(x) - special.gammaln(a))


def gamma_slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How a gamma number x moves with a where its probability stays."""
    return -igamma_slope(a, x) / np.exp((a - 1) * np.log(x) - x - special.gammaln(a))


POSITIVE = (0.3, 3.0)
ROWS = [
    b("Add", np.add),
    b("AddV2", np.add),
    b("Sub", np.subtract),
    b("Mul", np.multiply),
    b("Div", div, (1, 5)),
    b("RealDiv", np.divide, (0.5, 3.0)),
    b("FloorDiv", lambda x, y: np.floor_divide(x, y), (1, 7), special=False, grad=()),
    b("TruncateDiv", truncated, (1, 7)),
    b("FloorMod", np.mod, (1, 7), special=False, grad=()),
    b("Mod", np.fmod, (1, 7), special=False),
    b("TruncateMod", np.fmod, (1, 7), special=False),
    b("Pow", np.power, POSITIVE, special=False),
    b("Maximum", np.maximum),
    b("Minimum", np.minimum),
    # |x - y|^2 is not holomorphic; TensorFlow's gradient 2 dy (x - y) is right for real dy only.
    b("SquaredDifference", lambda x, y: np.conj(x - y) * (x - y), complex_grad=False),
    b("Xdivy", lambda x, y: where_zero(x, x / y), POSITIVE),
    b("Xlogy", lambda x, y: where_zero(x, x * np.log(y)), POSITIVE),
    b("Xlog1py", lambda x, y: where_zero(x, x * np.log1p(y)), POSITIVE),
    b("DivNoNan", div_no_nan, (0.5, 3.0)),
    b("MulNoNan", lambda x, y: np.where(y == 0, 0, x * y)),
    b("Atan2", np.arctan2, POSITIVE),
    b(
        "NextAfter", np.nextafter, special=False
    ),  # a step is far below the tolerance: only its direction at 0 and its specials are seen here
    b("Zeta", special.zeta, (1.5, 4.0), special=False, grad=(1,), tol=40, second_order=False),
    Op(
        "Polygamma",
        special.polygamma,
        cases=lambda rng, t: [
            Case([rng.integers(1, 4, s).astype(t), rng.uniform(0.5, 4, s).astype(t)])
            for s in [(17,), (3, 5), (0,), ()]
        ],
        grad=(1,),
        tol=40,  # a factorial times Zeta, itself a sum
        second_order=False,
    ),
    b("Igamma", special.gammainc, (0.5, 4.0), special=False, tol=40, second_order=False),
    b(
        "Igammac",
        special.gammaincc,
        (0.5, 4.0),
        special=False,
        tol=40,
        second_order=False,
    ),
    # Sums of terms of both signs, over a density.
    b("IgammaGradA", igamma_slope, (0.5, 4.0), special=False, tol=100),
    b("RandomGammaGrad", gamma_slope, (0.5, 4.0), special=False, tol=100),
    b("BitwiseAnd", np.bitwise_and, (0, 50)),
    b("BitwiseOr", np.bitwise_or, (0, 50)),
    b("BitwiseXor", np.bitwise_xor, (0, 50)),
    b("LeftShift", np.left_shift, (0, 6)),
    b("RightShift", np.right_shift, (0, 6)),
    Op(
        "Complex",
        lambda re, im, **_: re + 1j * im,
        cases=lambda rng, t: [
            Case(
                [rng.standard_normal(s).astype(t) for s in pair],
                {"Tout": "complex64" if t == "float32" else "complex128"},
            )
            for pair in BINARY_SHAPES
        ],
        dtypes=["float32", "float64"],
    ),
    Op(
        "AddN",
        lambda *xs: sum(xs[1:], xs[0]),
        cases=lambda rng, t: [
            Case(
                [
                    (rng.integers(-3, 4, s) if t.kind in "iu" else rng.standard_normal(s)).astype(t)
                    for _ in range(n)
                ]
            )
            for n in (1, 2, 5)
            for s in [(17,), (3, 5), (0, 2), ()]
        ],
    ),
    Op(
        "ClipByValue",
        lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi),
        cases=lambda rng, t: [
            Case(
                [
                    np.asarray(rng.uniform(0, 9, s)).astype(t),
                    np.asarray(3).astype(t),
                    np.asarray(6).astype(t),
                ]
            )
            for s in [(17,), (3, 5), (0, 2), ()]
        ],
        dtypes=["float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8"],
        second_order=False,
    ),
]


def gradient_op(
    name: str,
    derivative: object,
    domain: tuple[float, float] = (-3, 3),
    swapped: bool = False,
    **more: object,
) -> Op:
    """SigmoidGrad(y, dy) and its kin; `swapped` where the incoming gradient comes first."""

    def ref(p: np.ndarray, q: np.ndarray, **attrs: object) -> np.ndarray:
        dy, saved = (p, q) if swapped else (q, p)
        return dy * derivative(saved, **attrs)  # type: ignore[operator]

    shapes = [(s[0], s[0]) for s in UNARY_SHAPES]
    return Op(name, ref, shapes, domain, **more)  # type: ignore[arg-type]


ROWS += [
    gradient_op("SigmoidGrad", lambda y: y * (1 - y), tol=2),  # cancels near 1
    gradient_op("TanhGrad", lambda y: 1 - y * y, tol=8),  # cancels near 1
    gradient_op(
        "ReluGrad", lambda x: (x > 0).astype(x.dtype), swapped=True, kinks=(0.0,), special=False
    ),
    gradient_op(
        "Relu6Grad",
        lambda x: ((x > 0) & (x < 6)).astype(x.dtype),
        (-3, 9),
        swapped=True,
        kinks=(0.0, 6.0),
        special=False,
    ),
    gradient_op(
        "EluGrad", lambda y: np.where(y > 0, 1, y + 1), swapped=True, kinks=(0.0,), special=False
    ),
    gradient_op(
        "SeluGrad",
        lambda y: np.where(y > 0, 1.0507009873554805, y + 1.0507009873554805 * 1.6732632423543772),
        swapped=True,
        kinks=(0.0,),
        special=False,
    ),
    gradient_op("SoftplusGrad", lambda x: 1 / (1 + np.exp(-x)), swapped=True, special=False),
    gradient_op(
        "SoftsignGrad",
        lambda x: 1 / (1 + np.abs(x)) ** 2,
        swapped=True,
        special=False,
        kinks=(0.0,),
    ),
    gradient_op(
        "LeakyReluGrad",
        lambda x, alpha=0.2: np.where(x > 0, 1, np.float32(alpha)),
        swapped=True,
        kinks=(0.0,),
        special=False,
        attrs=[{}, {"alpha": 0.5}],
    ),
    # The derivative is conjugated here, and not in SigmoidGrad and TanhGrad, as in TensorFlow.
    gradient_op("SqrtGrad", lambda y: 0.5 / np.conj(y), (0.3, 3), special=False),
    gradient_op("RsqrtGrad", lambda y: -0.5 * np.conj(y) ** 3, (0.3, 3), special=False),
    gradient_op("ReciprocalGrad", lambda y: -(np.conj(y) ** 2), (0.3, 3), special=False),
    gradient_op("InvGrad", lambda y: -(np.conj(y) ** 2), (0.3, 3), special=False),
]
_ = (INTS, COMPLEX)
