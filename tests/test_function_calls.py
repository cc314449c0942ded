"""A `tf.function` that is called from a graph: from another function or in graph mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tf
from thalweg.profiler import Profile


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


# --- in the place of the call


def both_ways(build: Callable[[], Any], runs: int = 3) -> list[list[Any]]:
    """What a graph gives with calls put in place, and with every function run by its own plan."""
    found = []
    with tf.Graph().as_default():
        tf.compat.v1.set_random_seed(7)
        fetches = build()
        for level in (0, -1):
            config = tf.compat.v1.ConfigProto()
            config.graph_options.optimizer_options.opt_level = level
            with tf.compat.v1.Session(config=config) as session:
                found.append([session.run(fetches) for _ in range(runs)])
                with Profile(session) as profile:
                    session.run(fetches)
                calls = [s for s in profile.steps if s.op.endswith("PartitionedCall")]
                assert bool(calls) == (level == -1)
    return found


def assert_equal(found: list[list[Any]]) -> None:
    for a, b in zip(*found, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_calls_are_seen_through() -> None:
    def build() -> list[Any]:
        x = tf.constant(np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6))
        inner = tf.function(lambda a, b: (tf.tanh(a) @ b, tf.reduce_sum(a), a))
        outer = tf.function(
            lambda a: [*inner(a, tf.transpose(a)), *inner(a + 1.0, tf.ones([6, 2]))]
        )
        return list(outer(x))

    assert_equal(both_ways(build))


def test_random_streams_are_the_same() -> None:
    def build() -> list[Any]:
        noise = tf.function(lambda x: tf.random.uniform([3], seed=5) + x)
        twice = tf.function(lambda x: (noise(x), noise(x), tf.random.normal([2], seed=3)))
        return [*twice(tf.constant(0.0)), noise(tf.constant(0.0)), *twice(tf.constant(0.0))]

    found = both_ways(build)
    assert_equal(found)
    for again in zip(*found[0], strict=True):  # every stream goes on from run to run
        assert len({x.tobytes() for x in again}) == 3


def test_what_is_called_only_for_its_effect_runs() -> None:
    v, seen = tf.Variable(1.0), tf.Variable(0.0)
    double = tf.function(lambda: v.assign(v * 2.0))
    nested = tf.function(lambda: double())

    @tf.function
    def note() -> tf.Tensor:
        nested()
        seen.assign(v)
        double()
        return v + seen

    assert float(note()) == 4.0 + 2.0
    assert float(seen) == 2.0
    assert float(v) == 4.0


def test_reads_and_changes_keep_their_order_across_calls() -> None:
    v = tf.Variable([1.0, 2.0])
    read = tf.function(lambda: v * 1.0)
    add = tf.function(lambda x: v.assign_add(x))
    through = tf.function(lambda x: x + read())

    @tf.function
    def program(x: tf.Tensor) -> list[tf.Tensor]:
        before = read()
        v.assign(x)
        between = through(before)
        add(between)
        after = read()
        v.assign([0.0, 0.0])
        return [before, between, after, read()]

    before, between, after, last = (t.numpy().tolist() for t in program(tf.constant([5.0, 6.0])))
    assert before == [1, 2]
    assert between == [6, 8]
    assert after == [11, 14]
    assert last == [0, 0]
    assert v.numpy().tolist() == [0, 0]


def test_an_assertion_in_a_called_function_fails_at_its_line() -> None:
    @tf.function
    def checked(x: tf.Tensor) -> tf.Tensor:
        tf.debugging.assert_positive(x, "must be positive")
        return tf.sqrt(x)

    outer = tf.function(lambda x: checked(x) + 1.0)
    assert float(outer(tf.constant(4.0))) == 3.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be positive"):
        outer(tf.constant(-4.0))


def test_gradients_do_not_compute_a_called_function_again() -> None:
    """The way back of a call calls it again; in the place of the call both are one."""
    count = tf.Variable(0)

    @tf.function
    def model(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        count.assign_add(1)
        return tf.reduce_sum(tf.tanh(tf.matmul(x, w)) ** 2)

    def step(x: tf.Tensor, w: tf.Tensor, f: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(w)
            y = f(x, w)
        return y, tape.gradient(y, w)

    rng = np.random.default_rng(0)
    x, w = (tf.constant(rng.standard_normal(s).astype(np.float32)) for s in [(5, 4), (4, 3)])
    called = tf.function(lambda x, w: step(x, w, model))(x, w)
    assert int(count) == 1
    plain = tf.function(lambda x, w: step(x, w, model.python_function))(x, w)
    for a, b in zip(called, plain, strict=True):
        np.testing.assert_array_equal(a, b)

    with tf.Graph().as_default():
        xs, ws = tf.constant(x.numpy()), tf.compat.v1.placeholder(tf.float32, [4, 3])
        pure = tf.function(lambda x, w: tf.reduce_sum(tf.tanh(tf.matmul(x, w)) ** 2))
        fetches = [pure(xs, ws)]
        fetches += tf.gradients(fetches[0], ws)
        with tf.compat.v1.Session() as session, Profile(session) as profile:
            session.run(fetches, {ws: w.numpy()})
        products = [s for s in profile.steps if "MatMul" in s.op]
        assert len(products) == 2  # x @ w and the gradient of w


def test_a_variable_that_a_called_function_alone_knows() -> None:
    class Counter(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n: Any = None

        @tf.function
        def __call__(self) -> tf.Tensor:
            if self.n is None:
                self.n = tf.Variable(0)
            return self.n.assign_add(1)

    counter = Counter()
    twice = tf.function(lambda: (counter(), counter()))
    assert [int(n) for n in twice()] == [1, 2]
    assert [int(n) for n in twice()] == [3, 4]


def test_calls_inside_of_branches_and_loops() -> None:
    square = tf.function(lambda x: x * x)

    @tf.function
    def program(x: tf.Tensor, n: tf.Tensor) -> tf.Tensor:
        y = tf.cond(x > 0.0, lambda: square(x), lambda: -square(x))
        return tf.while_loop(lambda i, t: i < n, lambda i, t: (i + 1, square(t)), [0, y])[1]

    assert float(program(tf.constant(-2.0), tf.constant(1))) == 16.0
    assert float(program(tf.constant(2.0), tf.constant(2))) == 256.0
