"""tf.gradients: what it returns, where it stops, and gradients that users supply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def run(fetches: Any, feed: Any = None) -> Any:
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feed)


def test_unconnected_is_none() -> None:
    x, y = tf.constant(1.0), tf.constant(2.0)
    assert tf.gradients(x * 2.0, [x, y])[1] is None
    assert tf.gradients(tf.stop_gradient(x), x) == [None]
    assert tf.gradients(tf.cast(tf.cast(x, tf.int32), tf.float32), x) == [None]


def test_a_gradient_with_respect_to_itself_is_one() -> None:
    x = tf.constant([1.0, 2.0])
    assert run(tf.gradients(x, x)[0]).tolist() == [1, 1]


def test_several_ys_add_up_and_grad_ys_weigh_them() -> None:
    x = tf.constant(3.0)
    a, b = x * x, 5.0 * x
    assert run(tf.gradients([a, b], x)) == [11.0]
    assert run(tf.gradients([a, b], x, grad_ys=[10.0, None])) == [65.0]
    assert run(tf.gradients([a, b], x, grad_ys=[tf.constant(2.0), tf.constant(0.0)])) == [12.0]


def test_paths_that_meet_add_up() -> None:
    x = tf.constant([1.0, 2.0, 3.0])
    y = x * x + tf.sin(x) * x + x
    want = 2 * np.arange(1, 4) + np.sin([1, 2, 3]) + np.cos([1, 2, 3]) * [1, 2, 3] + 1
    np.testing.assert_allclose(run(tf.gradients(y, x)[0]), want, rtol=1e-6)


def test_stop_gradients_cut_a_path() -> None:
    a = tf.constant(0.0)
    b = 2.0 * a
    assert run(tf.gradients(a + b, [a, b])) == [3.0, 1.0]
    assert run(tf.gradients(a + b, [a, b], stop_gradients=[a, b])) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3,), ()),
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((4, 1, 3), (2, 1)),
        ((0, 3), (1, 3)),
        ((1,), (5,)),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_broadcasting_is_undone(left: tuple[int, ...], right: tuple[int, ...], known: bool) -> None:
    a = tf.placeholder(tf.float64, left if known else None)
    b = tf.placeholder(tf.float64, right if known else None)
    x, y = (
        np.random.default_rng(0).standard_normal(left),
        np.random.default_rng(1).standard_normal(right),
    )
    ga, gb = run(tf.gradients(a * b, [a, b]), {a: x, b: y})
    full = np.ones(np.broadcast_shapes(left, right))
    assert (ga.shape, gb.shape) == (left, right)

    def undo(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        g = g.sum(tuple(range(g.ndim - len(shape))))
        return g.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True) if shape else g

    np.testing.assert_allclose(ga, undo(full * y, left), rtol=1e-12)
    np.testing.assert_allclose(gb, undo(full * x, right), rtol=1e-12)


def test_third_order() -> None:
    x = tf.constant(2.0, tf.float64)
    y = x**4.0
    for want in (32.0, 48.0, 48.0, 24.0):
        (y,) = tf.gradients(y, x)
        assert run(y) == pytest.approx(want)


def test_hessians_and_gradients_of_variables() -> None:
    v = tf.Variable([1.0, 2.0])
    y = tf.reduce_sum(v * v * v)
    assert run(tf.gradients(y, v)[0]).tolist() == [3, 12]
    np.testing.assert_allclose(run(tf.hessians(y, v)[0]), [[6, 0], [0, 12]])


def test_custom_gradient() -> None:
    @tf.custom_gradient
    def softplus(x: Any) -> Any:
        e = tf.exp(x)
        return tf.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))

    x = tf.constant([0.0, 100.0])
    assert run(tf.gradients(softplus(x), x)[0]).tolist() == [
        0.5,
        1.0,
    ]  # the plain formula gives NaN at 100


def test_gradient_override_map() -> None:
    @tf.RegisterGradient("TestsTriple")
    def triple(op: Any, dy: Any) -> Any:
        return 3.0 * dy

    x = tf.constant(2.0)
    with tf.get_default_graph().gradient_override_map({"Square": "TestsTriple"}):
        y = tf.square(x)
    z = tf.square(x)
    assert run(tf.gradients(y, x)) == [3.0]
    assert run(tf.gradients(z, x)) == [4.0]


def test_an_override_nobody_registered_is_a_lookup_error() -> None:
    x = tf.constant(2.0)
    with tf.get_default_graph().gradient_override_map({"Square": "NobodyRegisteredThis"}):
        y = tf.square(x)
    with pytest.raises(LookupError, match="NobodyRegisteredThis"):
        tf.gradients(y, x)


def test_gather_gives_slices_and_they_become_a_tensor() -> None:
    v = tf.Variable(np.zeros((4, 2), np.float32))
    y = tf.reduce_sum(tf.gather(v, [1, 1, 3]) * [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    (g,) = tf.gradients(y, v)
    assert run(tf.convert_to_tensor(g)).tolist() == [[0, 0], [4, 6], [0, 0], [5, 6]]


def test_of_integers_there_is_no_gradient() -> None:
    x = tf.constant([1, 2])
    assert tf.gradients(x * x, x) == [None]
