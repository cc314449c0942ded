"""Variables in functions, and those of graphs."""

from __future__ import annotations

from typing import Any

import pytest
from variable_case import V, holds, slices, vector

import thalweg as tf

# --- in functions


def test_functions_read_and_change_in_program_order() -> None:
    v = vector()

    @tf.function
    def f(delta: Any) -> Any:
        before = v.read_value()
        v.assign([4.0, 5.0, 6.0])
        between = v.read_value()
        v.assign_add(delta)
        v.scatter_sub(slices([1.0], [0]))
        return before, between, v.read_value(), v

    for got, want in zip(f([1.0, 1.0, 1.0]), (V, [4, 5, 6], [4, 6, 7], [4, 6, 7]), strict=True):
        assert isinstance(got, tf.Tensor)
        holds(got, want)
    holds(v, [4, 6, 7])


def test_changes_return_values_in_functions() -> None:
    v = tf.Variable(3.0)

    @tf.function
    def f() -> Any:
        return v.assign_add(1.0)

    first, second = f(), f()
    assert isinstance(first, tf.Tensor)
    assert (float(first), float(second), float(v)) == (4, 5, 5)


def test_functions_take_variables() -> None:
    @tf.function
    def f(v: Any, x: Any) -> Any:
        assert v.shape == []
        v.assign_add(x)
        return v * 2.0

    v, w = tf.Variable(3.0), tf.Variable(10.0)
    assert (float(f(v, 1.0)), float(f(w, 1.0)), float(v), float(w)) == (8, 22, 4, 11)


def test_what_functions_refuse() -> None:
    v = vector()

    @tf.function
    def reads() -> Any:
        return v.numpy()

    with pytest.raises(NotImplementedError, match=r"numpy.* only available when eager"):
        reads()

    @tf.function
    def makes() -> Any:
        return tf.Variable(1.0)

    with pytest.raises(ValueError, match="only supports singleton"):
        makes()

    @tf.function
    def wrong() -> Any:
        return v.assign_add(1.0)

    with pytest.raises(ValueError, match="shape"):
        wrong()
    holds(v, V)


def test_variables_are_made_on_the_first_call() -> None:
    class Model:
        v: Any = None

        @tf.function
        def __call__(self, x: Any) -> Any:
            if self.v is None:
                self.v = tf.Variable(2.0)
            return self.v.assign_add(x)

    m = Model()
    assert [float(m(tf.constant(1.0))) for _ in range(3)] == [3, 4, 5]
    assert float(m.v) == 5


def test_init_scope_leaves_the_function() -> None:
    made: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        if not made:
            with tf.init_scope():
                assert tf.executing_eagerly()
                made.append(tf.Variable(5.0))
        return made[0] + x

    assert float(f(tf.constant(1.0))) == 6
    assert float(made[0].assign(7.0)) == 7
    assert float(f(tf.constant(1.0))) == 8


def test_modules_collect_variables() -> None:
    class Layer(tf.Module):
        def __init__(self) -> None:
            super().__init__(name="l")
            with self.name_scope:
                self.w = tf.Variable([1.0], name="w")
            self.frozen = tf.Variable(0.0, trainable=False)
            self.parts = [tf.Variable(2.0)]

        @tf.function
        def __call__(self, x: Any) -> Any:
            return x * self.w + self.parts[0]

    layer = Layer()
    assert layer.w.name == "l/w:0"
    assert (len(layer.variables), len(layer.trainable_variables)) == (3, 2)
    assert len(layer.non_trainable_variables) == 1
    holds(layer(2.0), [4])
    layer.w.assign([5.0])
    holds(layer(2.0), [12])


# --- graphs


def test_in_plain_graphs_they_are_the_graphs_own() -> None:
    with tf.Graph().as_default() as g:
        v, w = tf.Variable(1.0, name="x"), tf.Variable(2.0, name="x")
        assert [v.name, w.name] == ["x:0", "x_1:0"]
        assert v.graph is g
        assert tf.compat.v1.global_variables() == [v, w]
        with tf.compat.v1.Session() as sess:
            sess.run(tf.compat.v1.global_variables_initializer())
            assert sess.run(v + w) == 3


def test_eager_variables_do_not_cross_into_graphs() -> None:
    v = vector()
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="belongs to eager mode"):
        v + 1
