"""Functions that call functions."""

from __future__ import annotations

import gc
import weakref

from function_case import values

import thalweg as tf


def test_nested_calls():
    v = tf.Variable(2.0)

    @tf.function
    def inner(x):
        v.assign_add(1.0)
        return x * v

    @tf.function
    def outer(x):
        return inner(x) + inner(x), inner(tf.stack([x, x]))

    assert values(outer(tf.constant(1.0))) == (3 + 4, [5, 5])
    assert v.numpy() == 5


def test_nested_calls_share_traces(caplog):
    traces = []

    @tf.function
    def inner(x):
        traces.append(x.shape.as_list())
        return x + 1

    @tf.function
    def outer(x):
        y = inner(x)
        if tf.reduce_sum(y) > 0:
            y = inner(y)
        for _ in tf.range(2):
            y = inner(y)
        return y

    with caplog.at_level("WARNING", logger="thalweg"):
        assert outer(tf.constant(1)).numpy() == 5
        assert tf.function(lambda x: inner(x) * 2)(tf.constant(1)).numpy() == 4
        assert inner(tf.constant(1)).numpy() == 2
        assert values(outer(tf.constant([1, 1]))) == [5, 5]
    assert traces == [[], [2]]
    assert inner.experimental_get_tracing_count() == 2
    assert "retracing" not in caplog.text


def test_nested_calls_that_use_what_is_around_them_are_traced_for_it():
    traces = []
    held = []

    @tf.function
    def inner(x):
        traces.append(x)
        return x + held[-1]

    @tf.function
    def outer(x, factor):
        held.append(x * factor)
        return inner(x), inner(x)

    assert values(outer(tf.constant(1), 2)) == (3, 3)
    assert values(outer(tf.constant(1), 3)) == (4, 4)
    assert len(traces) == 2


def test_nested_calls_with_signatures_and_relaxed_shapes_share_traces():
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def signed(x):
        traces.append("signed")
        return x * 2

    @tf.function(reduce_retracing=True)
    def relaxed(x):
        traces.append(x.shape.as_list())
        return x * 3

    @tf.function
    def outer(x):
        return signed(x), relaxed(x)

    for n in (1, 2, 3):
        got, other = outer(tf.ones([n]))
        assert values((got, other)) == ([2.0] * n, [3.0] * n)
        assert values((signed(tf.ones([n])), relaxed(tf.ones([n])))) == ([2.0] * n, [3.0] * n)
    assert traces == ["signed", [1], [None]]


def test_a_shared_trace_does_not_keep_the_function_it_was_made_in():
    inner = tf.function(lambda x: x + 1)

    def made():
        @tf.function
        def outer(x):
            return inner(x)

        concrete = outer.get_concrete_function(tf.constant(1))
        assert concrete(tf.constant(1)).numpy() == 2
        return weakref.ref(concrete.graph)

    graph = made()
    gc.collect()
    assert graph() is None
    assert inner(tf.constant(2)).numpy() == 3
    assert inner.experimental_get_tracing_count() == 1


def test_function_as_an_argument():
    @tf.function
    def apply(f, x):
        return f(x) + 1

    double = tf.function(lambda x: x * 2)
    assert apply(double, tf.constant(3)).numpy() == 7
    assert apply(lambda x: x, tf.constant(3)).numpy() == 4
    concrete = double.get_concrete_function(tf.TensorSpec([], tf.int32))
    assert apply(concrete, tf.constant(5)).numpy() == 11


def test_run_functions_eagerly():
    seen = []

    @tf.function
    def f(x):
        seen.append(x)
        return x + 1

    tf.config.run_functions_eagerly(True)
    try:
        f(tf.constant(1))
        f(tf.constant(1))
    finally:
        tf.config.run_functions_eagerly(False)
    assert [t.numpy() for t in seen] == [1, 1]
    assert not tf.config.functions_run_eagerly()


def test_recursion_of_a_python_number():
    @tf.function
    def factorial(n):
        if n <= 1:
            return tf.constant(1)
        return n * factorial(n - 1)

    assert factorial(5).numpy() == 120
