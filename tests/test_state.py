"""Variables and the ops that change them in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

raw = tf.raw_ops


@pytest.fixture
def sess() -> Iterator[Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def variable(sess: Any, value: Any, op: str = "VariableV2") -> Any:
    """A variable made of the raw op, initialised."""
    value = np.asarray(value)
    ref = getattr(raw, op)(shape=value.shape, dtype=tf.as_dtype(value.dtype))
    sess.run(raw.Assign(ref=ref, value=value))
    return ref


@pytest.mark.parametrize("op", ["VariableV2", "Variable"])
def test_a_variable_is_uninitialised_until_assigned(sess: Any, op: str) -> None:
    ref = getattr(raw, op)(shape=[2], dtype=tf.float32, name="v")
    ready = raw.IsVariableInitialized(ref=ref)
    assert ref.dtype.name == "float32_ref"
    assert not sess.run(ready)
    with pytest.raises(
        tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value v"
    ):
        sess.run(ref)
    sess.run(raw.Assign(ref=ref, value=[1.0, 2.0]))
    assert sess.run(ready)
    np.testing.assert_array_equal(sess.run(ref), [1, 2])


def test_assign_may_change_the_shape_only_when_told(sess: Any) -> None:
    ref = variable(sess, np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="must be equal"):
        raw.Assign(ref=ref, value=[1.0, 2.0, 3.0])
    fed = tf.placeholder(tf.float32)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="Assign requires shapes of both tensors to match"
    ):
        sess.run(raw.Assign(ref=ref, value=fed), {fed: np.zeros((2, 2))})


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "int32", "int64", "uint8", "complex64", "float16"]
)
def test_assign_add_and_sub(sess: Any, dtype: str) -> None:
    ref = variable(sess, np.array([5, 6, 7], dtype))
    by = np.array([1, 2, 3], dtype)
    np.testing.assert_array_equal(
        sess.run(raw.AssignAdd(ref=ref, value=by)), np.array([6, 8, 10], dtype)
    )
    np.testing.assert_array_equal(
        sess.run(raw.AssignSub(ref=ref, value=by, use_locking=True)), np.array([5, 6, 7], dtype)
    )
    np.testing.assert_array_equal(sess.run(ref), np.array([5, 6, 7], dtype))


def test_a_variable_of_unknown_shape_takes_any(sess: Any) -> None:
    ref = raw.VariableV2(shape=None, dtype=tf.float32)
    for value in ([1.0, 2.0, 3.0], [[4.0]]):
        assert sess.run(raw.Assign(ref=ref, value=value, validate_shape=False)).tolist() == value
        assert sess.run(ref * 2.0).tolist() == (2 * np.array(value)).tolist()


def test_a_declared_shape_holds(sess: Any) -> None:
    """TensorFlow reads such a variable; here plans are laid out for the shape declared, and say so."""
    ref = variable(sess, np.zeros(2, np.float32))
    sess.run(raw.Assign(ref=ref, value=[1.0, 2.0, 3.0], validate_shape=False).op)
    for y in (ref, ref * 2.0):
        with pytest.raises(
            tf.errors.UnimplementedError, match=r"declared with shape .*2.* of shape .*3"
        ):
            sess.run(y)


def test_what_was_fetched_does_not_change_later(sess: Any) -> None:
    ref = variable(sess, np.zeros(3, np.float32))
    before = sess.run(ref)
    sess.run(raw.AssignAdd(ref=ref, value=np.ones(3, np.float32)))
    assert before.tolist() == [0, 0, 0]
    fed = np.ones(3, np.float32)
    sess.run(raw.Assign(ref=ref, value=tf.constant(fed)))
    fed[:] = 9
    assert sess.run(ref).tolist() == [1, 1, 1]


SCATTER = {
    "ScatterUpdate": None,
    "ScatterAdd": np.add,
    "ScatterSub": np.subtract,
    "ScatterMul": np.multiply,
    "ScatterDiv": np.divide,
    "ScatterMin": np.minimum,
    "ScatterMax": np.maximum,
}


@pytest.mark.parametrize("op", SCATTER)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_scatter(sess: Any, op: str, dtype: str, index: str) -> None:
    start = np.array([[8, 16], [32, 64], [4, 2]], dtype)
    at = np.array(
        [2, 0, 2] if op != "ScatterUpdate" else [2, 0], index
    )  # whose update stays last is open
    updates = np.array([[2, 4], [4, 2], [2, 8]], dtype)[: len(at)]
    want = start.copy()
    if SCATTER[op] is None:
        want[at] = updates
    else:
        for i, row in zip(at, updates):
            out = SCATTER[op](want[i], row)
            want[i] = np.trunc(out).astype(dtype)
    if op == "ScatterDiv" and dtype.startswith("float"):
        want = start / np.array([[4, 2], [1, 1], [4, 32]], dtype)
    ref = variable(sess, start)
    np.testing.assert_array_equal(
        sess.run(getattr(raw, op)(ref=ref, indices=at, updates=updates)), want
    )
    np.testing.assert_array_equal(sess.run(ref), want)


@pytest.mark.parametrize("op", SCATTER)
def test_one_update_for_every_index(sess: Any, op: str) -> None:
    ref = variable(sess, np.array([8.0, 8.0, 8.0], np.float32))
    want = {
        "ScatterUpdate": 2,
        "ScatterAdd": 10,
        "ScatterSub": 6,
        "ScatterMul": 16,
        "ScatterDiv": 4,
    }.get(op)
    want = {"ScatterMin": 2, "ScatterMax": 8}.get(op, want)
    out = sess.run(getattr(raw, op)(ref=ref, indices=[0, 2], updates=np.float32(2)))
    assert out.tolist() == [want, 8, want]


@pytest.mark.parametrize("op", SCATTER)
def test_an_index_out_of_range_is_named_and_nothing_changes(sess: Any, op: str) -> None:
    ref = variable(sess, np.zeros(3, np.float32))
    at = tf.placeholder(tf.int32, [2])
    y = getattr(raw, op)(ref=ref, indices=at, updates=np.ones(2, np.float32))
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"indices\[1\] = 3 is not in \[0, 3\)"
    ):
        sess.run(y, {at: [0, 3]})


ND = {"ScatterNdUpdate": None, "ScatterNdAdd": np.add, "ScatterNdSub": np.subtract}


@pytest.mark.parametrize("op", ND)
@pytest.mark.parametrize("points", [[[0, 1], [2, 0]], [[1], [2]]], ids=["elements", "rows"])
def test_scatter_nd(sess: Any, op: str, points: list[list[int]]) -> None:
    start = np.arange(6, dtype=np.float32).reshape(3, 2)
    where = np.array(points)
    updates = np.full((2, *start.shape[where.shape[1] :]), 10, np.float32)
    want = start.copy()
    for i, u in zip(where, updates):
        want[tuple(i)] = u if ND[op] is None else ND[op](want[tuple(i)], u)
    ref = variable(sess, start)
    np.testing.assert_array_equal(
        sess.run(getattr(raw, op)(ref=ref, indices=where, updates=updates)), want
    )
    np.testing.assert_array_equal(sess.run(ref), want)


@pytest.mark.parametrize("op", ND)
def test_a_point_outside_is_refused(sess: Any, op: str) -> None:
    ref = variable(sess, np.zeros((3, 2), np.float32))
    at = tf.placeholder(tf.int32, [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[0, 2\] does not index into"):
        sess.run(
            getattr(raw, op)(ref=ref, indices=at, updates=np.ones(1, np.float32)), {at: [[0, 2]]}
        )


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_count_up_to(sess: Any, dtype: str) -> None:
    ref = variable(sess, np.array(0, dtype))
    count = raw.CountUpTo(ref=ref, limit=2)
    assert [int(sess.run(count)) for _ in range(2)] == [0, 1]
    with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 2"):
        sess.run(count)
    assert sess.run(ref) == 2


def test_variables_of_two_sessions_are_apart() -> None:
    with tf.Graph().as_default():
        v = tf.Variable(1.0)
        with tf.Session() as a, tf.Session() as b:
            a.run(v.initializer)
            b.run(v.initializer)
            a.run(tf.assign_add(v, 1.0))
            assert (a.run(v), b.run(v)) == (2.0, 1.0)
