"""Gradients of dense weights are made within the step that updates the weights: same values, no memory of their own,
all variables change or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.profiler import Profile

Optimizer = Callable[[], Any]
OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": lambda: tf.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.01),
    "adam": lambda: tf.train.AdamOptimizer(0.01),
}


def config(optimize: bool = True, threads: int = 0) -> Any:
    level = 0 if optimize else tf.OptimizerOptions.L0
    options = tf.GraphOptions(optimizer_options=tf.OptimizerOptions(opt_level=level))
    return tf.ConfigProto(intra_op_parallelism_threads=threads, graph_options=options)


class Layer:
    """A variable of `inputs` x `units` whose gradient is x^T dy for fed x and dy."""

    def __init__(
        self, inputs: int, units: int, batch: int, optimizer: str = "sgd", dtype: str = "float32"
    ) -> None:
        rng = np.random.default_rng(inputs + units)
        self.w = tf.Variable(rng.uniform(-1, 1, (inputs, units)).astype(dtype), name="w")
        self.x = tf.placeholder(dtype, [None, inputs])
        self.dy = tf.placeholder(dtype, [None, units])
        self.gradient = tf.matmul(self.x, self.dy, transpose_a=True)
        self.step = OPTIMIZERS[optimizer]().apply_gradients([(self.gradient, self.w)])
        self.feed = {
            self.x: rng.uniform(-1, 1, (batch, inputs)).astype(dtype),
            self.dy: rng.uniform(-1, 1, (batch, units)).astype(dtype),
        }

    def trained(self, steps: int = 3, **how: Any) -> np.ndarray:
        with tf.Session(config=config(**how)) as sess:
            sess.run(tf.global_variables_initializer())
            for _ in range(steps):
                sess.run(self.step, self.feed)
            return sess.run(self.w)

    def arena(self) -> int:
        with tf.Session() as sess:
            return int(sess.memory_plan(self.step, self.feed).arena_bytes)


# Tiles, their edges, a batch of several runs of the sum, columns that few lanes fill, a product in panels of columns.
SIZES = [
    (200, 100, 50),
    (37, 53, 5),
    (784, 128, 100),
    (1500, 700, 600),
    (300, 300, 1),
    (2000, 12, 7),
    (64, 3000, 30),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_same_bits_as_separate_steps(size: tuple[int, int, int], optimizer: str) -> None:
    layer = Layer(*size, optimizer)
    together, apart = layer.trained(), layer.trained(optimize=False)
    np.testing.assert_array_equal(together, apart)
    np.testing.assert_array_equal(together, layer.trained(threads=1))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_optimizer_and_type(optimizer: str, dtype: str) -> None:
    layer = Layer(90, 70, 20, optimizer, dtype)
    np.testing.assert_array_equal(layer.trained(), layer.trained(optimize=False))


def test_gradient_descent_by_hand() -> None:
    layer = Layer(200, 100, 50)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        before = sess.run(layer.w)
        sess.run(layer.step, layer.feed)
        after = sess.run(layer.w)
    x, dy = (layer.feed[t].astype(np.float64) for t in (layer.x, layer.dy))
    np.testing.assert_allclose(after, before - 0.1 * (x.T @ dy), rtol=1e-5, atol=1e-5)


def test_the_gradient_takes_no_memory() -> None:
    assert Layer(784, 128, 100).arena() < 784 * 128 * 4
    # A batch so large that its activations are more than the gradient: these are let go of as soon as it is made.
    assert Layer(50, 20, 1000).arena() >= 50 * 20 * 4


def test_the_profile_counts_the_product() -> None:
    layer = Layer(200, 100, 50)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with Profile(sess) as profile:
            sess.run(layer.step, layer.feed)
    steps = {s.op: s for s in profile.steps}
    assert "MatMul" not in steps
    assert "_WeightGradient" not in steps
    assert steps["ApplyGradientDescent"].flops == 2 * 200 * 100 * 50 + 2 * 200 * 100


def test_a_gradient_that_somebody_reads_is_given() -> None:
    layer = Layer(200, 100, 50)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        _, gradient = sess.run([layer.step, layer.gradient], layer.feed)
        np.testing.assert_allclose(
            gradient, layer.feed[layer.x].T @ layer.feed[layer.dy], rtol=1e-4, atol=1e-4
        )
        norm = tf.norm(layer.gradient)
        before = sess.run(layer.w)
        _, length = sess.run([layer.step, norm], layer.feed)
        np.testing.assert_allclose(length, np.linalg.norm(gradient), rtol=1e-4)
        np.testing.assert_allclose(sess.run(layer.w), before - 0.1 * gradient, rtol=1e-4, atol=1e-4)


def test_who_reads_the_weights_in_the_same_run_sees_the_old_ones() -> None:
    layer = Layer(200, 100, 50)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        first = sess.run(layer.w)
        seen, _ = sess.run([layer.w, layer.step], layer.feed)
        np.testing.assert_array_equal(seen, first)
        np.testing.assert_array_equal(first, seen)  # what was handed out stays as it was
        assert np.abs(sess.run(layer.w) - seen).max() > 0


def test_factors_of_a_matrix_are_updated_from_each_other_as_they_were() -> None:
    rng = np.random.default_rng(0)
    m, u0, v0 = (rng.normal(size=s).astype(np.float32) for s in ((40, 60), (40, 50), (50, 60)))
    u, v = tf.Variable(u0), tf.Variable(v0)
    loss = tf.reduce_sum(tf.square(tf.matmul(u, v) - m)) / 2
    step = tf.train.GradientDescentOptimizer(1e-3).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(step)
        new_u, new_v = sess.run([u, v])
    error = u0.astype(np.float64) @ v0 - m
    np.testing.assert_allclose(new_u, u0 - 1e-3 * error @ v0.T, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(new_v, v0 - 1e-3 * u0.T @ error, rtol=1e-4, atol=1e-4)


def test_all_or_nothing() -> None:
    layer = Layer(200, 100, 50)
    bias = tf.Variable(np.zeros(100, np.float32), name="bias")
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    step = optimizer.apply_gradients(
        [(layer.gradient, layer.w), (tf.reduce_sum(layer.dy, 0), bias)]
    )
    with tf.Session() as sess:
        sess.run(layer.w.initializer)
        before = sess.run(layer.w)
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value bias"):
            sess.run(step, layer.feed)
        np.testing.assert_array_equal(sess.run(layer.w), before)
        sess.run(bias.initializer)
        sess.run(step, layer.feed)
        np.testing.assert_allclose(
            sess.run(bias), -0.1 * layer.feed[layer.dy].sum(0), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(("rows", "units"), [((9, 50), 100), ((50, 50), 30)])
def test_operands_that_turn_out_not_to_fit(rows: tuple[int, int], units: int) -> None:
    """The graph is told shapes that the values do not have."""

    def claimed(shape: tuple[int, int], value: np.ndarray) -> Any:
        t = tf.py_func(lambda: value, [], tf.float32)
        t.set_shape(shape)
        return t

    w = tf.Variable(np.ones((200, 100), np.float32), name="w")
    x = claimed((50, 200), np.ones((rows[0], 200), np.float32))
    dy = claimed((50, 100), np.ones((rows[1], units), np.float32))
    gradient = tf.matmul(x, dy, transpose_a=True, name="product")
    step = tf.train.GradientDescentOptimizer(0.1).apply_gradients([(gradient, w)])
    with tf.Session() as sess:
        sess.run(w.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(step)
        assert (sess.run(w) == 1).all()
