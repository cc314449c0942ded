"""Derivatives forward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tape_case import FUNCTIONS, A, Unary, X, derivative, jvp, plain

import thalweg as tf


def test_forward() -> None:
    v = tf.Variable(2.0)
    with tf.autodiff.ForwardAccumulator([X, v], [tf.constant(1.0), tf.constant(2.0)]) as acc:
        y = X * v
        z = tf.cast(y, tf.int32)
    assert float(acc.jvp(y)) == 8
    assert (float(acc.jvp(X)), float(acc.jvp(v))) == (1, 2)
    assert acc.jvp({"y": y, "a": A})["a"] is None
    assert acc.jvp(z) is None
    np.testing.assert_array_equal(acc.jvp(A, unconnected_gradients="zero"), [0, 0, 0])
    unseen = X * v
    assert acc.jvp(unseen) is None


@pytest.mark.parametrize(
    "f",
    [
        tf.tanh,
        lambda x: tf.exp(x) / (x * x + 1.0),
        lambda x: x @ tf.transpose(x),
        lambda x: tf.nn.softmax(x) * tf.stop_gradient(x),
        lambda x: tf.reduce_max(x, 0) + tf.concat([x, x * x], 0)[2],
        lambda x: tf.linalg.inv(x @ tf.transpose(x)),
        lambda x: tf.gather(x, [1, 0, 1]) * tf.reduce_sum(x),
        lambda x: tf.add_n(tf.unstack(x)),
        lambda x: tf.sort(tf.reshape(x, [-1])) if False else tf.cumsum(x) ** 2,
    ],
)
@pytest.mark.parametrize("how", ["eager", "called", "inside"])
def test_forward_against_backward(f: Unary, how: str) -> None:
    rng = np.random.default_rng(3)
    x, dx = (tf.constant(rng.standard_normal((2, 3))) for _ in range(2))
    with tf.GradientTape() as t:
        t.watch(x)
        y = f(x)
    jacobian = t.jacobian(y, x).numpy()
    want = np.tensordot(jacobian, dx.numpy(), 2)
    g = tf.function(f) if how == "called" else f
    run = (
        tf.function(lambda x, dx: jvp(g, x, dx)) if how == "inside" else lambda x, dx: jvp(g, x, dx)
    )
    np.testing.assert_allclose(run(x, dx), want, rtol=1e-9, atol=1e-12)


def test_forward_of_variables() -> None:
    v = tf.Variable(3.0)
    with tf.autodiff.ForwardAccumulator(v, tf.constant(2.0)) as acc:
        y = v * v
        v.assign(4.0)
        z = v * v
    assert (float(acc.jvp(y)), float(acc.jvp(z)), float(acc.jvp(v))) == (12, 16, 2)

    @tf.function
    def f() -> Any:
        return v * v * v

    with tf.autodiff.ForwardAccumulator(v, tf.constant(1.0)) as acc:
        y = f()
    assert float(acc.jvp(y)) == 48


def test_forward_over_forward_over_backward() -> None:
    def cube(x: Any) -> Any:
        return x**3

    one = tf.constant(1.0)
    with tf.autodiff.ForwardAccumulator(X, one) as outer:
        with tf.autodiff.ForwardAccumulator(X, one) as inner:
            y = cube(X)
        d = inner.jvp(y)
    assert [float(v) for v in (d, outer.jvp(y), outer.jvp(d))] == [27, 27, 18]
    two = tf.constant(2.0)
    assert float(jvp(derivative(cube), X, two)) == 36
    assert float(derivative(lambda x: jvp(cube, x, two))(X)) == 36
    for wrap in (plain, tf.function):
        hvp = wrap(lambda x: jvp(derivative(lambda x: tf.sin(x) * x**4), x, tf.ones_like(x)))
        assert float(hvp(tf.constant(3.0, tf.float64))) == pytest.approx(
            FUNCTIONS["product"][1][1], rel=1e-9
        )
        third = derivative(hvp)
        assert float(third(tf.constant(3.0, tf.float64))) == pytest.approx(
            FUNCTIONS["product"][1][2], rel=1e-9
        )


@pytest.mark.parametrize(
    ("primals", "tangents", "kind", "words"),
    [
        (X, tf.constant(1), ValueError, "requested dtype float32"),
        (X, tf.constant([1.0]), ValueError, "a tangent of shape"),
        ([X, X], [X, X], ValueError, "specified as a primal multiple times"),
        ([X], [X, X], ValueError, "structure"),
        (3.0, 1.0, TypeError, "a primal has to be a tensor or a variable"),
    ],
)
def test_what_cannot_go_forward(primals: Any, tangents: Any, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        tf.autodiff.ForwardAccumulator(primals, tangents)
    acc = tf.autodiff.ForwardAccumulator(X, X)
    with acc, pytest.raises(ValueError, match="Accumulator is already recording"):
        acc.__enter__()
