"""Gradients written in Python: registered, overriding, custom, second; functions as nodes."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.framework.graph import Graph


@pytest.fixture(autouse=True)
def sess():
    with Graph().as_default(), tf.Session() as session:
        yield session


def test_registered_gradient_by_override(sess):
    @tf.RegisterGradient("TestTriple")
    def triple(op, dy):
        return 3.0 * dy

    x = tf.constant([1.0, 2.0])
    with tf.get_default_graph().gradient_override_map({"Identity": "TestTriple"}):
        y = tf.identity(x)
    assert sess.run(tf.gradients(y, x)[0]).tolist() == [3, 3]
    with pytest.raises(KeyError, match="TestTriple"):
        tf.RegisterGradient("TestTriple")(triple)
    with tf.get_default_graph().gradient_override_map({"Identity": "TestMissing"}):
        z = tf.identity(x)
    with pytest.raises(LookupError, match="no entry for: TestMissing"):
        tf.gradients(z, x)


def test_custom_gradient_with_several_values(sess):
    @tf.custom_gradient
    def both(a, b):
        return (a * b, a + b), lambda dp, ds: (dp * 10.0, ds * 100.0)

    a, b = tf.constant(2.0), tf.constant(3.0)
    product, total = both(a, b)
    assert sess.run([product, total]) == [6, 5]
    assert sess.run(tf.gradients(product + 2.0 * total, [a, b])) == [10, 200]


def test_custom_gradient_counts_its_gradients():
    @tf.custom_gradient
    def wrong(a):
        return tf.identity(a), lambda dy: (dy, dy)

    a = tf.constant(1.0)
    with pytest.raises(ValueError, match="expected to return 1 gradients, but returned 2"):
        tf.gradients(wrong(a), a)


def test_unconnected_gradients(sess):
    x, y = tf.constant([1.0]), tf.constant([2.0])
    assert tf.gradients(y, x) == [None]
    assert sess.run(tf.gradients(y, x, unconnected_gradients="zero")[0]).tolist() == [0]
    with pytest.raises(TypeError, match="must set grad_ys"):
        tf.gradients(tf.constant(1j), x)


def test_hessian_of_a_quadratic(sess):
    m = np.float32([[2, 1, 0], [0, 3, 1], [1, 0, 4]])
    x = tf.placeholder(tf.float32, [3])
    y = tf.reduce_sum(x * tf.squeeze(tf.matmul(m, x[:, None]), 1))
    assert np.allclose(sess.run(tf.hessians(y, x)[0], {x: [1, 2, 3]}), m + m.T)


def test_py_func_converts_and_reports(sess):
    x = tf.placeholder(tf.float32, [])
    n, s = tf.py_func(lambda v, t: (v + 1, t.upper()), [x, "ab"], [tf.float32, tf.string])
    assert sess.run([n, s], {x: 1}) == [2, b"AB"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="returned 2 values, expects to see 1"):
        sess.run(tf.py_func(lambda: (1.0, 2.0), [], [tf.float32]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="boom"):
        sess.run(tf.py_func(lambda: int("boom"), [], tf.int64))
