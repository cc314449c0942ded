"""Names: of ops, scopes and variables, and how tensors, ops and shapes print."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import thalweg.compat.v1 as tf


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def test_names_are_made_unique() -> None:
    assert [tf.constant(1.0, name="a").name for _ in range(3)] == ["a:0", "a_1:0", "a_2:0"]
    assert tf.constant(1.0).op.name == "Const"
    assert (
        tf.constant(1.0, name="A").op.name == "A_3"
    )  # names differ by more than case, as in TensorFlow


def test_a_name_that_looks_made_is_kept_free() -> None:
    tf.constant(1.0, name="a_1")
    assert [tf.constant(1.0, name="a").op.name for _ in range(2)] == ["a", "a_2"]


def test_scopes_nest_and_are_made_unique() -> None:
    with tf.name_scope("outer") as outer:
        assert outer == "outer/"
        first = tf.constant(1.0, name="x")
        with tf.name_scope("inner"):
            second = tf.constant(1.0, name="x")
    with tf.name_scope("outer"):
        third = tf.constant(1.0, name="x")
    with tf.name_scope(outer):
        fourth = tf.constant(1.0, name="x")
        with tf.name_scope(None):
            fifth = tf.constant(1.0, name="x")
    names = [t.op.name for t in (first, second, third, fourth, fifth)]
    assert names == ["outer/x", "outer/inner/x", "outer_1/x", "outer/x_1", "x"]


def test_variable_scopes_name_variables_and_ops_apart() -> None:
    with tf.variable_scope("layer"):
        w = tf.get_variable("w", [2])
        y = tf.identity(w, name="y")
    with tf.variable_scope("layer", reuse=True):
        again = tf.get_variable("w", [2])
        other = tf.identity(w, name="y")
    assert again is w
    assert w.name == "layer/w:0"
    assert (y.op.name, other.op.name) == ("layer/y", "layer_1/y")


def test_operators_take_their_ops_names() -> None:
    a, b = tf.constant([1.0]), tf.constant([2.0])
    assert [t.op.name for t in (a + b, a - b, a * b, a / b, -a, abs(a), a > b)] == [
        "add",
        "sub",
        "mul",
        "truediv",
        "Neg",
        "Abs",
        "Greater",
    ]


def test_repr_and_str() -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    assert repr(x) == "<tf.Tensor 'x:0' shape=(?, 3) dtype=float32>"
    assert str(x) == 'Tensor("x:0", shape=(?, 3), dtype=float32)'
    assert str(tf.placeholder(tf.int32, name="y")) == 'Tensor("y:0", dtype=int32)'
    assert repr(x.op) == "<tf.Operation 'x' type=Placeholder>"
    v = tf.Variable([1.0, 2.0], name="v")
    assert repr(v) == "<tf.Variable 'v:0' shape=(2,) dtype=float32_ref>"
    assert repr(tf.float32) == "tf.float32"
    assert str(x.shape) == "(?, 3)"


def test_lookup_by_name() -> None:
    x = tf.constant(1.0, name="s/x")
    graph = tf.get_default_graph()
    assert graph.get_tensor_by_name("s/x:0") is x
    assert graph.get_operation_by_name("s/x") is x.op
    assert graph.as_graph_element("s/x:0") is x
    assert graph.unique_name("s/x") == "s/x_1"


def test_outputs_of_one_op_are_numbered() -> None:
    parts = tf.split(tf.zeros([4]), 2, name="cut")
    assert [p.name for p in parts] == ["cut:0", "cut:1"]
    assert [p.value_index for p in parts] == [0, 1]


def test_gradients_live_in_their_scope() -> None:
    x = tf.constant(1.0, name="x")
    g = tf.gradients(x * x, x)[0]
    again = tf.gradients(x * x, x)[0]
    assert g.op.name.startswith("gradients/")
    assert again.op.name.startswith("gradients_1/")
