"""Models that go on training after tf.saved_model loads them."""

import numpy as np
import pytest
from saved_model_case import again, model, with_function

import thalweg as tf


def test_training_a_loaded_model(tmp_path):
    class Linear(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(tf.zeros([3, 1]))
            self.b = tf.Variable(0.0)
            self.frozen = tf.Variable(1.0, trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def __call__(self, x):
            return (tf.matmul(x, self.w) + self.b) * self.frozen

    m = again(tmp_path, Linear())
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    y = x @ np.array([[1], [-2], [3]], np.float32) + 0.5

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((m(x) - y) ** 2)
        for v, g in zip(m.trainable_variables, tape.gradient(loss, m.trainable_variables)):
            v.assign_sub(0.1 * g)
        return loss

    for _ in range(200):
        step()
    np.testing.assert_allclose(m.w.numpy().ravel(), [1, -2, 3], atol=1e-3)
    np.testing.assert_allclose(m.b.numpy(), 0.5, atol=1e-3)
    assert m.frozen.numpy() == 1.0


def test_gradients_equal_those_before(tmp_path):
    def gradients(m):
        x = tf.constant([[1.0, 2.0], [3.0, -1.0]])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(m(x)["y"] ** 2)
        return [g.numpy() for g in tape.gradient(y, [x, m.scale, m.layer.kernel])]

    m = model()
    loaded = again(tmp_path, m)
    for a, b in zip(gradients(m), gradients(loaded), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_step_that_was_saved(tmp_path):
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((x * m.w - y) ** 2)
        m.w.assign_sub(0.1 * tape.gradient(loss, m.w))
        return loss

    m = with_function(step, w=tf.Variable(0.0))
    m.f.get_concrete_function(tf.TensorSpec([]), tf.TensorSpec([]))
    m = again(tmp_path, m)
    w = 0.0
    for _ in range(3):
        assert m.f(1.0, 2.0).numpy() == pytest.approx((w - 2) ** 2)
        w -= 0.1 * 2 * (w - 2)
    assert m.w.numpy() == pytest.approx(w)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda v1: v1.AdamOptimizer(0.1),
        lambda v1: v1.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        lambda v1: v1.AdagradOptimizer(0.1),
        lambda v1: v1.RMSPropOptimizer(0.1),
        lambda v1: v1.FtrlOptimizer(0.1),
        lambda v1: v1.AdadeltaOptimizer(0.1),
        lambda v1: v1.GradientDescentOptimizer(0.1),
    ],
    ids=["adam", "momentum", "adagrad", "rmsprop", "ftrl", "adadelta", "sgd"],
)
def test_optimizers_inside_of_functions(tmp_path, optimizer):
    chosen = optimizer(tf.compat.v1.train)

    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((m.w * x) ** 2)
        chosen.apply_gradients([(tape.gradient(loss, m.w), m.w)])
        return loss

    m = with_function(step, w=tf.Variable([1.0, 2.0]))
    m.f(tf.ones([2]))
    m.slots = list(chosen.variables())
    loaded = again(tmp_path, m)
    before = m.w.numpy()
    for _ in range(3):
        np.testing.assert_array_equal(m.f(tf.ones([2])).numpy(), loaded.f(tf.ones([2])).numpy())
    np.testing.assert_array_equal(m.w.numpy(), loaded.w.numpy())
    assert (loaded.w.numpy() < before).all()


def test_a_loaded_model_is_saved_again(tmp_path):
    m = again(tmp_path / "a", model(), signatures=None)
    m.scale.assign([10.0, 10.0])
    outer = tf.Module()
    outer.inner = m
    outer.f = tf.function(lambda x: m(x)["y"] + m.items[0])
    outer.f(tf.ones([1, 2]))
    outer = again(tmp_path / "b", outer)
    np.testing.assert_allclose(outer.f(tf.ones([1, 2])).numpy(), [[48.0, 69.0]])
    np.testing.assert_allclose(outer.inner(tf.ones([1, 2]))["y"].numpy(), [[45.0, 66.0]])
    outer.inner.scale.assign([0.0, 0.0])
    np.testing.assert_allclose(outer.f(tf.ones([1, 2])).numpy(), [[8.0, 9.0]])
