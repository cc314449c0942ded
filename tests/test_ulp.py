"""The functions of cpp/thalweg/num/vec_math.h stay within the bounds its table states."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

HEADER = pathlib.Path(__file__).parents[1] / "cpp/thalweg/num/vec_math.h"
BOUNDS = {
    name: {"float32": float(single), "float64": float(double)}
    for name, single, double in re.findall(
        r"^//   (\w+) +([\d.]+) +([\d.]+)$", HEADER.read_text(), re.M
    )
}


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def small_erf(x: np.ndarray) -> np.ndarray:
    """erf for |x| <= 1: the series of positive terms, 2 / sqrt(pi) exp(-x^2) sum x (2 x^2)^n / (2 n + 1)!!."""
    term = x
    total = term
    for n in range(1, 40):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(np.asarray(np.arccos(x.dtype.type(-1)))) * np.exp(-x * x) * total


def large_erfc(x: np.ndarray) -> np.ndarray:
    """erfc for x >= 1: the continued fraction, from its 300th level up."""
    below = x
    for n in range(300, 0, -1):
        below = x + n / (2 * below)
    return np.exp(-x * x) / (np.sqrt(np.arccos(x.dtype.type(-1))) * below)


def erf(x: np.ndarray) -> np.ndarray:
    large = 1 - large_erfc(np.clip(np.abs(x), 1, 20))
    return np.where(np.abs(x) > 1, np.copysign(large, x), small_erf(np.clip(x, -1, 1)))


def erfc(x: np.ndarray) -> np.ndarray:
    large = large_erfc(np.clip(np.abs(x), 1, 60))
    return np.where(
        np.abs(x) > 1, np.where(x < 0, 2 - large, large), 1 - small_erf(np.clip(x, -1, 1))
    )


# Name -> the op, the reference in a wider type, where most of the samples lie.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[float, float]]] = {
    "exp": (tf.exp, np.exp, (-110, 95)),
    "expm1": (tf.math.expm1, np.expm1, (-20, 20)),
    "log": (tf.log, np.log, (0, 10)),
    "log1p": (tf.log1p, np.log1p, (-1, 3)),
    "tanh": (tf.tanh, np.tanh, (-10, 10)),
    "logistic": (tf.sigmoid, sigmoid, (-110, 20)),
    "sin": (tf.sin, np.sin, (-300, 300)),
    "cos": (tf.cos, np.cos, (-300, 300)),
    "tan": (tf.tan, np.tan, (-300, 300)),
    "erf": (tf.erf, erf, (-5, 5)),
    "erfc": (tf.erfc, erfc, (-5, 11)),
    "sqrt": (tf.sqrt, np.sqrt, (0, 10)),
    "rsqrt": (tf.rsqrt, lambda x: 1 / np.sqrt(x), (0, 10)),
}
SLOW_REFERENCE = ("erf", "erfc")
WIDER = {"float32": np.float64, "float64": np.longdouble}


def samples(dtype: str, low: float, high: float) -> np.ndarray:
    """Every kind of number: bit patterns from the whole range, the interesting interval, what lies about 0 and 1."""
    rng = np.random.default_rng(7)
    words = np.dtype(dtype).str.replace("f", "u")
    limits = np.iinfo(words)
    return np.concatenate(
        [
            rng.integers(0, limits.max, 60_000, words, endpoint=True).view(dtype),
            rng.uniform(low, high, 100_000).astype(dtype),
            rng.uniform(-1, 1, 20_000).astype(dtype),
            (1 + rng.uniform(-1e-3, 1e-3, 20_000)).astype(dtype),
            np.array(
                [0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(dtype).tiny, np.finfo(dtype).max],
                dtype,
            ),
            np.array([np.finfo(dtype).smallest_subnormal, -np.finfo(dtype).smallest_subnormal]),
        ]
    )


def ulps(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """|y - exact| in units of the last place that y's type has at `exact`."""
    rounded = exact.astype(y.dtype)
    same = (np.isnan(y) & np.isnan(rounded)) | (y == rounded)
    info = np.finfo(y.dtype)
    with np.errstate(all="ignore"):
        exponent = np.frexp(np.where(np.isfinite(exact), exact, 1))[1] - info.nmant - 1
        unit = np.ldexp(exact.dtype.type(1), np.maximum(exponent, info.minexp - info.nmant))
        error = np.abs(y.astype(exact.dtype) - exact) / unit
    error = np.where(np.isfinite(error), error, np.inf)
    # An infinity is one place from the largest number; all else that is not finite has to be met.
    largest = np.abs(exact) > info.max
    error = np.where(largest & (np.abs(y) == info.max), 1, error)
    return np.where(same, np.where(largest | np.isnan(exact), 0, np.minimum(error, 0.5)), error)


def check(name: str, dtype: str, y: np.ndarray, exact: np.ndarray, *x: np.ndarray) -> None:
    error = ulps(y, exact)
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS[name][dtype], (
        f"{name} of {[a[worst] for a in x]} is {y[worst]}, {error[worst]:.3g} ULP from {exact[worst]}"
    )
    zero = (y == 0) & (exact == 0)
    assert np.array_equal(np.signbit(y[zero]), np.signbit(exact[zero]))


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_bound(name: str, dtype: str) -> None:
    function, reference, (low, high) = FUNCTIONS[name]
    x = samples(dtype, low, high)[:: 4 if name in SLOW_REFERENCE else 1]
    with tf.Session() as sess:
        y = sess.run(function(tf.constant(x)))
    with np.errstate(all="ignore"):
        check(name, dtype, y, np.asarray(reference(x.astype(WIDER[dtype]))), x)


@pytest.mark.parametrize("dtype", WIDER)
def test_bound_of_pow(dtype: str) -> None:
    rng = np.random.default_rng(8)
    a, b = samples(dtype, 0, 10), rng.permutation(samples(dtype, -30, 30))
    with tf.Session() as sess:
        y = sess.run(tf.pow(tf.constant(a), tf.constant(b)))
    with np.errstate(all="ignore"):
        exact = np.power(a.astype(WIDER[dtype]), b.astype(WIDER[dtype]))
        check("pow", dtype, y, exact, a, b)


@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_value_does_not_depend_on_its_place(name: str, dtype: str) -> None:
    function, _, (low, high) = FUNCTIONS[name]
    x = np.random.default_rng(9).uniform(low, high, 41).astype(dtype)
    with tf.Session() as sess:
        feed = tf.placeholder(dtype)
        y = function(feed)
        whole = sess.run(y, {feed: x})
        for begin, end in ((0, 1), (3, 5), (1, 18), (7, 41)):
            assert sess.run(y, {feed: x[begin:end]}).tobytes() == whole[begin:end].tobytes()
        x[20] = np.nan
        assert sess.run(y, {feed: x})[:20].tobytes() == whole[:20].tobytes()


def test_the_table_names_every_function() -> None:
    assert set(BOUNDS) == {*FUNCTIONS, "pow"}
