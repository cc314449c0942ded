"""Elementwise ops of one argument."""

from __future__ import annotations

import math

import numpy as np
from op_case import COMPLEX, FLOATS, INTS, UNARY_SHAPES, Case, Op
from scipy import special

erf, erfc, lgamma = (
    np.vectorize(math.erf, [float]),
    np.vectorize(math.erfc, [float]),
    np.vectorize(
        lambda x: (
            math.lgamma(x)
            if np.isfinite(x) and not (x <= 0 and x == np.floor(x))
            else (np.inf if not np.isnan(x) else x)
        ),
        [float],
    ),
)


def digamma(x: np.ndarray) -> np.ndarray:
    """Recurrence up to 20, then the asymptotic series."""
    x = np.asarray(x, np.float64)
    shift = np.zeros_like(x)
    y = x.copy()
    for _ in range(20):
        small = y < 20
        shift -= np.where(small, 1 / y, 0)
        y = np.where(small, y + 1, y)
    i = 1 / (y * y)
    return shift + np.log(y) - 0.5 / y - i * (1 / 12 - i * (1 / 120 - i * (1 / 252 - i / 240)))


def erfinv(y: np.ndarray) -> np.ndarray:
    """Newton's method on math.erf."""
    y = np.asarray(y, np.float64)
    x = np.zeros_like(y)
    for _ in range(60):
        x = x - (erf(x) - y) * np.sqrt(np.pi) / 2 * np.exp(x * x)
    return x


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.where(np.real(x) >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))


def sign(x: np.ndarray) -> np.ndarray:
    if np.iscomplexobj(x):
        return np.where(x == 0, 0, x / np.where(x == 0, 1, np.abs(x)))
    return np.sign(x)


def reciprocal(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind in "iu":
        return np.where(x == 0, 0, np.fix(1 / np.where(x == 0, 1, x))).astype(x.dtype)
    return 1 / x


def u(name: str, ref: object, domain: tuple[float, float] = (-3, 3), **more: object) -> Op:
    return Op(name, ref, UNARY_SHAPES, domain, **more)  # type: ignore[arg-type]


POSITIVE = (0.1, 4.0)
ROWS = [
    u("Abs", np.abs, kinks=(0.0,)),
    u("Neg", np.negative),
    u("Sign", sign, kinks=(0.0,)),
    u("Square", np.square),
    u("Sqrt", np.sqrt, POSITIVE),
    u("Rsqrt", lambda x: 1 / np.sqrt(x), POSITIVE),
    u("Reciprocal", reciprocal, (0.5, 3.0)),
    u("Inv", reciprocal, (0.5, 3.0)),
    u("Exp", np.exp),
    u("Expm1", np.expm1),
    u("Log", np.log, POSITIVE),
    u("Log1p", np.log1p, (-0.9, 3.0)),
    u("Sin", np.sin),
    u("Cos", np.cos),
    u("Tan", np.tan, (-1.4, 1.4)),
    u("Asin", np.arcsin, (-0.95, 0.95)),
    u("Acos", np.arccos, (-0.95, 0.95)),
    u("Atan", np.arctan, (-0.95, 3.0)),
    u("Sinh", np.sinh),
    u("Cosh", np.cosh),
    u("Tanh", np.tanh, (-1.5, 1.5)),
    u("Asinh", np.arcsinh, (-0.9, 3.0)),
    u("Acosh", np.arccosh, (1.2, 4.0)),
    u("Atanh", np.arctanh, (-0.9, 0.9)),
    u("Sigmoid", sigmoid),
    u("Softplus", lambda x: np.logaddexp(0, x)),
    u("Softsign", lambda x: x / (1 + np.abs(x)), special=False),  # inf / inf
    u("Relu", lambda x: np.maximum(x, 0), kinks=(0.0,)),
    u("Relu6", lambda x: np.clip(x, 0, 6), (-3, 9), kinks=(0.0, 6.0)),
    u("Elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), kinks=(0.0,)),
    u(
        "Selu",
        lambda x: (
            1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))
        ),
        kinks=(0.0,),
        tol=2,  # two more roundings: the products with scale and alpha
    ),
    u(
        "LeakyRelu",
        lambda x, alpha=0.2: np.where(x > 0, x, np.float32(alpha) * x),
        kinks=(0.0,),
        attrs=[{}, {"alpha": 0.5}],
    ),
    u("Erf", erf),
    u("Erfc", erfc),
    u("Erfinv", erfinv, (-0.9, 0.9), special=False, tol=4),  # a rational approximation, 4 ULP
    u("Lgamma", lgamma, (0.5, 5.0), tol=4, second_order=False),  # near its zeros at 1 and 2
    u("Digamma", digamma, (0.5, 5.0), tol=8, special=False),  # near its zero at 1.46
    u("Ndtri", special.ndtri, (0.05, 0.95), special=False, tol=8),  # a rational approximation
    u("BesselI0e", special.i0e, tol=4, second_order=False),  # a Chebyshev series
    u("BesselI1e", special.i1e, tol=4, second_order=False, kinks=(0.0,)),
    u("PopulationCount", lambda x: np.bitwise_count(x.view(f"u{x.itemsize}")), (-100, 100)),
    u("Floor", np.floor, grad=()),
    u("Ceil", np.ceil, grad=()),
    u("Round", np.round, grad=()),
    u("Rint", np.rint, grad=()),
    u("IsNan", np.isnan),
    u("IsInf", np.isinf),
    u("IsFinite", np.isfinite),
    u("LogicalNot", np.logical_not, dtypes=["bool"]),
    u("Invert", np.invert),
    u("Conj", np.conj, dtypes=COMPLEX),
    u("ZerosLike", np.zeros_like, special=False),
    u("OnesLike", np.ones_like, special=False),
]

PARTS = {"Real": np.real, "Imag": np.imag, "ComplexAbs": np.abs, "Angle": np.angle}
for _name, _fn in PARTS.items():
    for _d in ["x"]:
        ROWS.append(
            Op(
                _name,
                lambda x, fn=_fn, **_: fn(x),
                cases=lambda rng, t: [
                    Case(
                        [(rng.uniform(0.2, 2, s) + 1j * rng.uniform(0.2, 2, s)).astype(t)],
                        {"Tout": np.dtype(t.char.lower()).name},
                    )
                    for s in [(17,), (3, 5), (0,), ()]
                ],
                dtypes=COMPLEX,
                second_order=False,
            )
        )
_ = (FLOATS, INTS)
