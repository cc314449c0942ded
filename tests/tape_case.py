"""Helpers of the tests of tapes and forward accumulators."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import thalweg as tf

X = tf.constant(3.0)
A = tf.constant([1.0, 2.0, 3.0])
Unary = Callable[[Any], Any]


def derivative(f: Unary, wrap: Callable[[Unary], Unary] = lambda g: g) -> Unary:
    def g(x: Any) -> Any:
        with tf.GradientTape() as t:
            t.watch(x)
            y = f(x)
        return t.gradient(y, x)

    return wrap(g)


def plain(f: Unary) -> Unary:
    return f


def jvp(f: Unary, x: Any, dx: Any) -> Any:
    with tf.autodiff.ForwardAccumulator(x, dx) as acc:
        y = f(x)
    return acc.jvp(y)


# With their first three derivatives at 3.
FUNCTIONS: dict[str, tuple[Unary, list[float]]] = {}
s, c = math.sin(3), math.cos(3)
FUNCTIONS["power"] = (lambda x: x**4, [108, 108, 72])
FUNCTIONS["product"] = (
    lambda x: tf.sin(x) * x**4,
    [
        81 * c + 108 * s,
        -81 * s + 216 * c + 108 * s,
        -81 * c - 324 * s + 324 * c + 72 * s,
    ],
)
e = math.exp(-3)
FUNCTIONS["exp"] = (
    lambda x: tf.exp(-x) / x,
    [-e / 3 - e / 9, e / 3 + 2 * e / 9 + 2 * e / 27, -e / 3 - 3 * e / 9 - 6 * e / 27 - 6 * e / 81],
)
FUNCTIONS["sums"] = (
    lambda x: tf.reduce_sum(tf.stack([x * x, tf.sin(x), x]) * x),
    [27 + s + 3 * c + 6, 18 + 2 * c - 3 * s + 2, 6 - 3 * s - 3 * c],
)
