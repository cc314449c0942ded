"""Jacobians and Hessians by tapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tape_case import A, Unary, plain

import thalweg as tf


def test_jacobian() -> None:
    with tf.GradientTape() as t:
        t.watch(A)
        y = A * A
    np.testing.assert_array_equal(t.jacobian(y, A), np.diag([2.0, 4, 6]))
    v = tf.Variable(1.0)
    with tf.GradientTape(persistent=True) as t:
        t.watch(A)
        y = A * A
    found = t.jacobian(y, [A, v])
    assert found[1] is None
    np.testing.assert_array_equal(t.jacobian(y, [v], unconnected_gradients="zero")[0], [0, 0, 0])


def by_differences(f: Unary, x: np.ndarray) -> np.ndarray:
    columns = []
    for i in range(x.size):
        d = np.zeros(x.size)
        d[i] = 1e-6
        up, down = (f(tf.constant(x + k * d.reshape(x.shape))).numpy() for k in (1, -1))
        columns.append((up - down) / 2e-6)
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_jacobians_against_differences(wrap: Any) -> None:
    w = tf.constant(np.random.default_rng(1).standard_normal((3, 2)))
    x = np.random.default_rng(2).standard_normal((4, 3))

    def f(x: Any) -> Any:
        return tf.tanh(x @ w) * tf.reduce_sum(x, 1, keepdims=True)

    @wrap
    def jacobians(x: Any) -> Any:
        with tf.GradientTape(persistent=True) as t:
            t.watch(x)
            y = f(x)
        return t.jacobian(y, x), t.batch_jacobian(y, x)

    whole, rows = jacobians(tf.constant(x))
    want = by_differences(f, x)
    assert whole.shape == [4, 2, 4, 3]
    assert rows.shape == [4, 2, 3]
    np.testing.assert_allclose(whole, want, atol=1e-8)
    np.testing.assert_allclose(rows, np.einsum("bibj->bij", want), atol=1e-8)


def test_hessian_by_jacobian() -> None:
    with tf.GradientTape() as outer:
        outer.watch(A)
        with tf.GradientTape() as inner:
            inner.watch(A)
            y = tf.reduce_prod(A)
        g = inner.gradient(y, A)
    np.testing.assert_allclose(outer.jacobian(g, A), [[0, 3, 2], [3, 0, 1], [2, 1, 0]])


def test_what_is_no_batch() -> None:
    for x, y, words in (
        (A, A, "must have rank at least 2"),
        (tf.ones([2, 3]), tf.ones([3, 2]), "Need first dimension of target shape"),
    ):
        with tf.GradientTape() as t:
            t.watch(x)
        with pytest.raises(ValueError, match=words):
            t.batch_jacobian(y, x)
