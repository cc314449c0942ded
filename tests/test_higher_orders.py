"""Derivatives of higher orders by tapes, eagerly, in functions and mixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tape_case import FUNCTIONS, X, derivative, plain

import thalweg as tf


@pytest.mark.parametrize("wraps", range(8), ids=lambda n: f"{n:03b}")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_higher_orders_eagerly_in_functions_and_mixed(name: str, wraps: int) -> None:
    f, want = FUNCTIONS[name]
    how = [tf.function if wraps >> k & 1 else plain for k in range(3)]
    x = tf.constant(3.0, tf.float64)
    g = how[0](f)
    for order, expected in enumerate(want):
        g = derivative(g, how[order] if order else plain)
        assert float(g(x)) == pytest.approx(expected, rel=1e-9), order + 1


def test_tapes_outside_of_functions_that_have_tapes() -> None:
    v = tf.Variable(2.0, dtype=tf.float64)

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape() as t:
            t.watch(x)
            y = x**3 * v**2
        return t.gradient(y, [x, v])

    x = tf.constant(3.0, tf.float64)
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        by_x, by_v = f(x)
    assert (float(by_x), float(by_v)) == (108, 108)
    assert [float(g) for g in t.gradient(by_x, [x, v])] == [72, 108]
    assert [float(g) for g in t.gradient(by_v, [x, v])] == [108, 54]


def test_intermediate_values_of_functions_have_derivatives() -> None:
    """What a function keeps for its derivative depends on its arguments: up to the third order."""

    @tf.function
    def f(x: Any, w: Any) -> Any:
        return tf.reduce_sum(tf.tanh(tf.tanh(x * w) @ w))

    rng = np.random.default_rng(0)
    x = tf.constant(rng.standard_normal((2, 2)))
    w = tf.constant(rng.standard_normal((2, 2)))

    def third(call: Callable[[Any, Any], Any]) -> Any:
        with tf.GradientTape() as t3:
            t3.watch(w)
            with tf.GradientTape() as t2:
                t2.watch([x, w])
                with tf.GradientTape() as t1:
                    t1.watch(x)
                    y = call(x, w)
                g = t1.gradient(y, x)
            h = t2.gradient(g, [x, w])
        return t3.gradient(h, w)

    np.testing.assert_allclose(third(f), third(f.python_function), rtol=1e-10)


def test_what_a_tape_in_a_function_does_not_follow() -> None:
    v = tf.Variable(2.0)

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False, persistent=True) as t:
            a = x * 2.0
            t.watch(a)
            b = a * a * v
        return [
            t.gradient(b, x, unconnected_gradients="zero"),
            t.gradient(b, v, unconnected_gradients="zero"),
            t.gradient(b, a),
        ]

    assert [float(g) for g in f(X)] == [0, 0, 24]

    @tf.function
    def unwatched(x: Any) -> Any:
        with tf.GradientTape() as t:
            y = x * x
        assert t.gradient(y, x) is None
        return y

    unwatched(X)
