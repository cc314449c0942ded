"""Ops whose purpose is an effect, an order or a value from outside the graph."""

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


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.arange(6).reshape(2, 3),
        np.array([b"a", b""], object),
        np.zeros((0, 2)),
        np.array(True),
        np.complex64(1 + 2j),
    ],
    ids=lambda v: f"{v.dtype}{v.shape}",
)
def test_a_const_is_its_value(sess: Any, value: Any) -> None:
    """Op Const."""
    c = tf.constant(value)
    assert c.op.type == "Const"
    np.testing.assert_array_equal(sess.run(c), value)
    assert c.shape == value.shape


@pytest.mark.parametrize("op", ["Placeholder", "PlaceholderV2"])
def test_a_placeholder_must_be_fed(sess: Any, op: str) -> None:
    x = getattr(raw, op)(dtype=tf.float32, shape=[None, 2], name="x")
    assert sess.run(x * 2.0, {x: [[1, 2]]}).tolist() == [[2, 4]]
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="You must feed a value for placeholder tensor 'x' with dtype float",
    ):
        sess.run(x * 2.0)
    with pytest.raises(ValueError, match=r"Cannot feed value of shape \(3,\) for Tensor"):
        sess.run(x, {x: [1, 2, 3]})


def test_a_placeholder_with_default(sess: Any) -> None:
    x = raw.PlaceholderWithDefault(input=[1.0, 2.0], shape=[None])
    assert x.shape.as_list() == [None]
    assert sess.run(x + 1.0).tolist() == [2, 3]
    assert sess.run(x + 1.0, {x: [5.0]}).tolist() == [6]


def test_no_op_waits_for_its_controls(sess: Any) -> None:
    v = tf.Variable(0)
    sess.run(v.initializer)
    with tf.control_dependencies([tf.assign_add(v, 1), tf.assign_add(v, 10)]):
        done = raw.NoOp()
    assert sess.run(done) is None
    assert sess.run(v) == 11


def test_print_shows_its_data_and_passes_its_input(sess: Any, capfd: Any) -> None:
    y = raw.Print(
        input=[1.0, 2.0],
        data=[np.arange(5, dtype=np.int32), np.float32(0.5)],
        message="seen: ",
        first_n=2,
    )
    for _ in range(3):
        assert sess.run(y).tolist() == [1, 2]
    assert capfd.readouterr().err == "seen: [0 1 2...][0.5]\n" * 2


def test_print_v2_writes_a_line(sess: Any, capfd: Any) -> None:
    sess.run(raw.PrintV2(input="a line"))
    sess.run(raw.PrintV2(input="no end", end="", output_stream="stdout"))
    seen = capfd.readouterr()
    assert seen.err == "a line\n"
    assert seen.out == "no end"


def test_assert_stops_the_run_and_shows_its_data(sess: Any) -> None:
    ok = tf.placeholder(tf.bool, [])
    check = raw.Assert(condition=ok, data=["why", np.array([4, 5], np.int32)])
    sess.run(check, {ok: True})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"assertion failed: \[why\] \[4 5\]"):
        sess.run(check, {ok: False})
    with tf.control_dependencies([check]):
        y = tf.constant(1.0) + 1.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
        sess.run(y, {ok: False})


def test_a_timestamp_moves_on(sess: Any) -> None:
    now = raw.Timestamp()
    first = sess.run(now)
    assert first > 1.6e9
    assert sess.run(now) >= first


@pytest.mark.parametrize("stateful", [True, False])
def test_py_func(sess: Any, stateful: bool) -> None:
    calls: list[int] = []

    def f(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        calls.append(1)
        return x + y, np.array([b"s"] * len(x), object)

    a, b = tf.py_func(f, [tf.constant([1.0, 2.0]), 3.0], [tf.float32, tf.string], stateful=stateful)
    assert a.op.type == ("PyFunc" if stateful else "PyFuncStateless")
    total, texts = sess.run([a, b])
    assert total.tolist() == [4, 5]
    assert texts.tolist() == [b"s", b"s"]
    assert len(calls) == 1


def test_a_py_func_must_keep_its_types(sess: Any) -> None:
    y = tf.py_func(lambda: np.int64(1), [], tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="int64"):
        sess.run(y)


def test_prevent_gradient_says_why() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [])
        y = raw.PreventGradient(input=x, message="not here")
        with pytest.raises(LookupError, match="not here"):
            tf.gradients(y, x)


@pytest.mark.parametrize("op", ["CheckNumerics", "CheckNumericsV2"])
@pytest.mark.parametrize(("bad", "text"), [(np.nan, "NaN"), (np.inf, "Inf"), (-np.inf, "Inf")])
def test_check_numerics(sess: Any, op: str, bad: float, text: str) -> None:
    x = tf.placeholder(tf.float32, [None])
    y = getattr(raw, op)(tensor=x, message="the loss")
    assert sess.run(y, {x: [1.0]}).tolist() == [1]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"the loss : Tensor had .*{text}"):
        sess.run(y, {x: [1.0] * 70 + [bad]})
