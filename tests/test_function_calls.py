"""A `tf.function` that is called from a graph: from another function or in graph mode."""

from __future__ import annotations

import thalweg as tf


def test_a_function_calls_another_more_than_once() -> None:
    inner = tf.function(lambda x: x * 3.0)
    outer = tf.function(lambda x: inner(x) + inner(x + 1.0))
    assert float(outer(tf.constant(1.0))) == 9.0
    assert float(outer(tf.constant(2.0))) == 15.0


def test_a_function_with_effects_calls_another_more_than_once() -> None:
    total = tf.Variable(0.0)
    inner = tf.function(lambda x: total.assign_add(x))

    @tf.function
    def outer(x: tf.Tensor) -> tf.Tensor:
        inner(x)
        return inner(x * 2.0)

    assert float(outer(tf.constant(1.0))) == 3.0
    assert float(outer(tf.constant(1.0))) == 6.0


def test_graph_mode_calls_a_function_more_than_once() -> None:
    function = tf.function(lambda x: x + 1.0)
    with tf.Graph().as_default():
        once = function(tf.constant(1.0))
        twice = function(once)
        with tf.compat.v1.Session() as session:
            assert session.run([once, twice]) == [2.0, 3.0]


def test_two_graphs_call_one_function() -> None:
    function = tf.function(lambda x: x + 1.0)
    for value in (1.0, 2.0):
        with tf.Graph().as_default():
            result = function(tf.constant(value))
            with tf.compat.v1.Session() as session:
                assert session.run(result) == value + 1.0
