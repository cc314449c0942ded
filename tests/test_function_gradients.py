"""Gradients of functions and inside of functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from function_case import values

import thalweg as tf


@tf.function
def cubed(x):
    return x * x * x


def test_tape_around_a_call():
    x = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y = cubed(x)
        z = cubed(y)
    assert tape.gradient(y, x).numpy() == 12
    assert tape.gradient(z, y).numpy() == 3 * 64
    assert tape.gradient(z, x).numpy() == 9 * 2.0**8


def test_higher_orders():
    x = tf.constant(2.0)
    with tf.GradientTape() as third:
        third.watch(x)
        with tf.GradientTape() as second:
            second.watch(x)
            with tf.GradientTape() as first:
                first.watch(x)
                y = cubed(x) * x
            dy = first.gradient(y, x)
        d2y = second.gradient(dy, x)
    assert dy.numpy() == 4 * 8
    assert d2y.numpy() == 12 * 4
    assert third.gradient(d2y, x).numpy() == 24 * 2


def by_while(x):
    return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))[1]


def by_cond_in_while(x):
    def body(i, y):
        return i + 1, tf.cond(y > 0.0, lambda: y * x, lambda: y)

    return tf.while_loop(lambda i, y: i < 3, body, (0, x))[1]


def by_map(x):
    return tf.reduce_prod(tf.map_fn(lambda v: v * x, tf.ones([4])))


@pytest.mark.parametrize("f", [by_while, by_cond_in_while, by_map])
def test_second_derivatives_through_loops(f):
    traced = tf.function(f)
    x = tf.constant(1.5)
    with tf.GradientTape() as second:
        second.watch(x)
        with tf.GradientTape() as first:
            first.watch(x)
            y = traced(x)
        dy = first.gradient(y, x)
    d2y = second.gradient(dy, x)
    np.testing.assert_allclose([y, dy, d2y], [1.5**4, 4 * 1.5**3, 12 * 1.5**2], rtol=1e-5)

    @tf.function
    def inside(x):
        dy = tf.gradients(f(x), x)[0]
        d2y = tf.gradients(dy, x)[0]
        return d2y, tf.gradients(d2y, x)[0]

    np.testing.assert_allclose(inside(x), [12 * 1.5**2, 24 * 1.5], rtol=1e-5)


def test_third_derivatives_through_loops_are_never_wrong():
    traced = tf.function(by_while)
    x = tf.constant(1.5)
    with tf.GradientTape() as third:
        third.watch(x)
        with tf.GradientTape() as second:
            second.watch(x)
            with tf.GradientTape() as first:
                first.watch(x)
                y = traced(x)
            dy = first.gradient(y, x)
        d2y = second.gradient(dy, x)
    assert d2y.numpy() == pytest.approx(12 * 1.5**2)
    with pytest.raises(
        LookupError, match="do not give derivatives of this order through its loops"
    ):
        third.gradient(d2y, x)


def test_gradients_of_captured_variables():
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    b = tf.Variable([0.5, 0.5])
    fixed = tf.Variable(2.0, trainable=False)

    @tf.function
    def layer(x):
        return fixed * tf.matmul(x, w) + b

    x = tf.constant([[1.0, -1.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    y = 2 * np.array([[1.0, -1.0]]) @ [[1.0, 2.0], [3.0, 4.0]] + 0.5
    dw, db, df = tape.gradient(loss, [w, b, fixed])
    np.testing.assert_allclose(dw, [[1.0], [-1.0]] @ (2 * y) * 2)
    np.testing.assert_allclose(db, 2 * y[0])
    assert df is None


def test_tape_inside():
    v = tf.Variable(3.0)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = (v - x) ** 2
        grad = tape.gradient(loss, v)
        v.assign_sub(0.25 * grad)
        return loss, grad

    assert values(step(tf.constant(1.0))) == (4, 4)
    assert v.numpy() == 2


def test_tf_gradients_inside():
    @tf.function
    def f(x, y):
        a = cubed(x) * y
        return tf.gradients(a, [x, y])

    assert values(f(tf.constant(2.0), tf.constant(5.0))) == [60, 8]


def test_gradient_of_a_nested_call():
    @tf.function
    def outer(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = cubed(x)
        return tape.gradient(y, x) * cubed(x)

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = outer(x)
    assert y.numpy() == 3 * 32
    assert tape.gradient(y, x).numpy() == 15 * 16


def test_no_gradient():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(tf.stop_gradient)(x)
    assert tape.gradient(y, x) is None


def test_a_training_step_in_a_function_gives_the_bits_of_the_eager_one() -> None:
    rng = np.random.default_rng(0)
    x, y = (tf.constant(rng.uniform(-1, 1, s).astype(np.float32)) for s in ((50, 200), (50, 100)))

    def trained(wrap: Any) -> np.ndarray:
        w = tf.Variable(start)
        optimizer = tf.compat.v1.train.AdamOptimizer(0.01)

        def step(x: Any, y: Any) -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum((tf.matmul(x, w) - y) ** 2)
            optimizer.apply_gradients([(tape.gradient(loss, w), w)])

        wrapped = wrap(step)
        for _ in range(3):
            wrapped(x, y)
        return w.numpy()

    start = rng.uniform(-1, 1, (200, 100)).astype(np.float32)
    np.testing.assert_array_equal(trained(tf.function), trained(lambda f: f))
