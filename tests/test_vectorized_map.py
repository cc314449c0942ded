"""tf.vectorized_map: what TensorFlow gives, eagerly, in functions and in graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tf
import thalweg.compat.v1 as tf1

X = np.arange(6, dtype=np.float32).reshape(3, 2)


def in_graph(call: Callable[[], Any]) -> Any:
    with tf1.Graph().as_default(), tf1.Session() as sess:
        return sess.run(call())


MODES: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "eager": lambda call: call(),
    "function": lambda call: tf.function(call)(),
    "graph": in_graph,
}
modes = pytest.mark.parametrize("run", MODES.values(), ids=MODES.keys())


@modes
def test_rows(run: Any) -> None:
    got = run(lambda: tf.vectorized_map(lambda x: tf.reduce_sum(x) * x, X))
    np.testing.assert_array_equal(got, X.sum(1, keepdims=True) * X)


@modes
def test_structures(run: Any) -> None:
    def pair(row: Any) -> Any:
        return {"sum": row["a"] + row["b"][0], "both": [row["a"], 1.0, None]}

    y = np.arange(3, dtype=np.int32)
    got = run(
        lambda: tf.vectorized_map(
            lambda row: pair({"a": row["a"], "b": [tf.cast(row["b"][0], tf.float32)]}),
            {"a": X, "b": [y]},
        )["sum"]
    )
    np.testing.assert_array_equal(got, X + y[:, None])


def test_structures_of_results() -> None:
    for wrap in (lambda f: f, tf.function):
        got = wrap(lambda x: tf.vectorized_map(lambda r: (r, {"a": r + 1, "b": [1.0, None]}), x))(
            tf.range(3.0)
        )
        np.testing.assert_array_equal(got[0], [0, 1, 2])
        np.testing.assert_array_equal(got[1]["a"], [1, 2, 3])
        np.testing.assert_array_equal(got[1]["b"][0], [1, 1, 1])
        assert got[1]["b"][1] is None


@modes
def test_one_row_serves_all(run: Any) -> None:
    got = run(lambda: tf.vectorized_map(lambda t: t[0] * t[1], (X, X[:1] + 1)))
    np.testing.assert_array_equal(got, X * (X[:1] + 1))
    alone = run(lambda: tf.vectorized_map(lambda t: t[0] * t[1], (X[:1], X[1:2])))
    np.testing.assert_array_equal(alone, X[:1] * X[1:2])


@modes
def test_no_rows(run: Any) -> None:
    got = run(lambda: tf.vectorized_map(lambda x: (x + 1, tf.ones([4])), X[:0])[1])
    assert got.shape == (0, 4)


@pytest.mark.parametrize("rows", [(3, 3), (1, 3), (3, 1), (0, 1)])
def test_sizes_that_are_not_known(rows: tuple[int, int]) -> None:
    with tf1.Graph().as_default(), tf1.Session() as sess:
        x, y = (tf1.placeholder(tf.float32, [None, 2]) for _ in range(2))
        z = tf.vectorized_map(lambda t: t[0] + t[1], (x, y))
        assert z.shape.as_list() == [None, 2]
        a, b = X[: rows[0]], X[: rows[1]]
        np.testing.assert_array_equal(sess.run(z, {x: a, y: b}), a + b)
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(z, {x: X, y: X[:2]})


def test_gradients() -> None:
    x, w = tf.constant(X), tf.constant([2.0, 3.0])

    def loss(x: Any, w: Any) -> Any:
        return tf.reduce_sum(tf.vectorized_map(lambda r: tf.reduce_sum(r * r * w), x))

    for f in (loss, tf.function(loss)):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            y = f(x, w)
        by_x, by_w = tape.gradient(y, [x, w])
        np.testing.assert_allclose(by_x, 2 * X * [2, 3])
        np.testing.assert_allclose(by_w, (X * X).sum(0))


def test_variables_and_calls() -> None:
    """In a function fn is traced once; eagerly it is called for each row."""
    v = tf.Variable([1.0, 2.0])
    calls = []

    def f(row: Any) -> Any:
        calls.append(1)
        return row * v

    np.testing.assert_array_equal(tf.vectorized_map(f, X), X * [1, 2])
    assert len(calls) == 3
    mapped = tf.function(lambda x: tf.vectorized_map(f, x))
    v.assign([3.0, 4.0])
    for _ in range(2):
        np.testing.assert_array_equal(mapped(tf.constant(X)), X * [3, 4])
    assert len(calls) == 4


def test_random_numbers_differ_from_row_to_row() -> None:
    for run in (MODES["eager"], MODES["function"]):
        got = run(lambda: tf.vectorized_map(lambda x: x + tf.random.normal([]), tf.zeros([20])))
        assert len(set(got.numpy().tolist())) == 20


@pytest.mark.parametrize(
    ("elems", "error", "words"),
    [
        ((X, X[:2]), tf.errors.InvalidArgumentError, r"same number of rows, got \[2, 3\]"),
        (3.0, ValueError, "at least one dimension"),
        ((), ValueError, "no tensors"),
    ],
)
def test_refusals(elems: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        tf.vectorized_map(lambda x: x, elems)


def test_rows_of_different_shapes() -> None:
    for run in (MODES["eager"], MODES["function"]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            run(lambda: tf.vectorized_map(tf.range, tf.range(3)))
