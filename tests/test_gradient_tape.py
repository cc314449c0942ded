"""Tapes: what they follow, what can be asked of them, threads."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from tape_case import A, X, derivative

import thalweg as tf

# --- what a tape follows


def test_a_watched_tensor() -> None:
    with tf.GradientTape() as t:
        t.watch(X)
        y = X * X
    assert float(t.gradient(y, X)) == 6


def test_what_is_not_watched_has_no_gradient() -> None:
    with tf.GradientTape() as t:
        y = X * X
    assert t.gradient(y, X) is None


def test_a_source_that_is_the_target() -> None:
    for watch in (True, False):
        with tf.GradientTape() as t:
            if watch:
                t.watch(X)
        assert float(t.gradient(X, X)) == 1
        v = tf.Variable(2.0)
        with tf.GradientTape() as t:
            pass
        assert float(t.gradient(v, v)) == 1


def test_variables_are_watched_when_read() -> None:
    v, w, frozen = tf.Variable(2.0), tf.Variable(3.0), tf.Variable(4.0, trainable=False)
    with tf.GradientTape(persistent=True) as t:
        y = v.value() * v.read_value() * w * frozen * tf.convert_to_tensor(w)
    assert [float(g) for g in t.gradient(y, [v, w])] == [144, 96]
    assert t.gradient(y, frozen) is None
    assert [x is y for x, y in zip(t.watched_variables(), [v, w], strict=True)] == [True, True]
    t.reset()
    assert t.watched_variables() == ()


def test_watching_by_hand() -> None:
    v = tf.Variable(2.0)
    with tf.GradientTape(watch_accessed_variables=False) as t:
        y = v * v
    assert t.gradient(y, v) is None
    with tf.GradientTape(watch_accessed_variables=False) as t:
        t.watch([X, {"v": v}])
        y = v * v * X
    assert [float(g) for g in t.gradient(y, [v, X])] == [12, 4]
    (seen,) = t.watched_variables()
    assert seen is v


def test_watching_what_has_no_derivatives(caplog: pytest.LogCaptureFixture) -> None:
    i = tf.constant(3)
    with tf.GradientTape() as t:
        t.watch(i)
        y = tf.cast(i, tf.float32) * 2.0
    assert t.gradient(y, i) is None
    for wrong in (3.0, "abc", None, np.ones(2)):
        with tf.GradientTape() as t, pytest.raises(ValueError, match=r"not tf\.Tensor or tf\.Vari"):
            t.watch(wrong)


def test_values_before_and_after_an_assignment() -> None:
    v = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as t:
        y = v * v
        v.assign(5.0)
        z = v * v
    assert (float(t.gradient(y, v)), float(t.gradient(z, v))) == (4, 10)


# --- what is asked for


def test_structures() -> None:
    with tf.GradientTape(persistent=True) as t:
        t.watch(X)
        y = X * X
        z = y * y
    assert float(t.gradient(z, X)) == 108
    assert float(t.gradient(z, y)) == 18
    assert [float(g) for g in t.gradient([y, z], [X, y])] == [114, 19]
    found = t.gradient({"a": y, "b": [z]}, {"k": X, "l": (y, [X])})
    assert float(found["k"]) == 114
    assert float(found["l"][0]) == 19
    assert isinstance(found["l"], tuple)


def test_output_gradients() -> None:
    for seed in (tf.constant([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])):
        with tf.GradientTape() as t:
            t.watch(A)
            y = A * A
        found = t.gradient([y], A, output_gradients=[seed])
        np.testing.assert_array_equal(found, [2, 8, 18])
    with tf.GradientTape() as t:
        t.watch(A)
        y, z = A * 2.0, A * A
    found = t.gradient([y, z], A, output_gradients=[None, tf.constant([1.0, 2.0, 3.0])])
    np.testing.assert_array_equal(found, [4, 10, 20])
    for wrong in (tf.ones([2]), tf.ones([3], tf.float64)):
        with tf.GradientTape() as t:
            t.watch(A)
            y = A * 2.0
        with pytest.raises((ValueError, TypeError)):
            t.gradient(y, A, output_gradients=wrong)


def test_unconnected_gradients() -> None:
    w = tf.Variable([[1.0, 2.0]])
    with tf.GradientTape(persistent=True) as t:
        t.watch(X)
        y = X * 2.0
    assert t.gradient(y, [w, X])[0] is None
    for zero in ("zero", tf.UnconnectedGradients.ZERO):
        found = t.gradient(y, [w, X], unconnected_gradients=zero)
        np.testing.assert_array_equal(found[0], [[0, 0]])
        assert float(found[1]) == 2
    with pytest.raises(ValueError, match="Unknown value for unconnected_gradients: 'nonsense'"):
        t.gradient(y, X, unconnected_gradients="nonsense")


@pytest.mark.parametrize(
    ("target", "source", "words"),
    [
        (None, X, "Argument `target` should be a list or nested structure"),
        (3.0, X, "a target has to be a tensor or a variable, got 3.0"),
        (X, None, "a source has to be a tensor or a variable, got None"),
        (X, 3.0, "a source has to be a tensor or a variable, got 3.0"),
    ],
)
def test_what_cannot_be_asked(target: Any, source: Any, words: str) -> None:
    with tf.GradientTape() as t:
        t.watch(X)
    with pytest.raises(TypeError, match=words):
        t.gradient(target, source)


def test_targets_and_paths_without_derivatives() -> None:
    with tf.GradientTape(persistent=True) as t:
        t.watch(A)
        whole = tf.cast(A, tf.int32)
        stopped = tf.stop_gradient(A) * A
        floor = tf.floor(A) * A
        _, q, _ = tf.split(A, 3)
        second = [x * x for x in tf.unstack(A)][1]
    assert t.gradient(whole, A) is None
    np.testing.assert_array_equal(t.gradient(stopped, A), [1, 2, 3])
    np.testing.assert_array_equal(t.gradient(floor, A), [1, 2, 3])
    np.testing.assert_array_equal(t.gradient(q, A), [0, 1, 0])
    np.testing.assert_array_equal(t.gradient(second, A), [0, 4, 0])


def test_complex_gradients_are_conjugates() -> None:
    c = tf.constant(1 + 2j)
    with tf.GradientTape() as t:
        t.watch(c)
        y = c * c
    assert complex(t.gradient(y, c)) == 2 - 4j


# --- recording


def test_once_only() -> None:
    with tf.GradientTape() as t:
        t.watch(X)
        y = X * X
    t.gradient(y, X)
    for again in (t.gradient, t.jacobian):
        with pytest.raises(RuntimeError, match="can only be used to compute one set of gradients"):
            again(y, X)
    with pytest.raises(RuntimeError, match="can only be used to compute one set of gradients"):
        tf.GradientTape().gradient(X, X)


def test_stop_recording_and_reset() -> None:
    with tf.GradientTape() as t:
        t.watch(X)
        with t.stop_recording():
            y = X * X
        z = X * y
    assert float(t.gradient(z, X)) == 9
    with tf.GradientTape() as t:
        t.watch(X)
        y = X * X
        t.reset()
        t.watch(X)
        z = X * y
    assert float(t.gradient(z, X)) == 9
    with pytest.raises(RuntimeError, match="not recording"), tf.GradientTape().stop_recording():
        pass


def test_entering() -> None:
    with tf.GradientTape() as t, pytest.raises(ValueError, match="Tape is still recording"):
        t.__enter__()
    t = tf.GradientTape()
    with t:
        t.watch(X)
        y = X * X
    unseen = X * 1.0
    with t:
        z = y * X * unseen
    assert float(t.gradient(z, X)) == 81


def test_gradients_inside_of_the_block() -> None:
    with tf.GradientTape(persistent=True) as t:
        t.watch(X)
        y = X * X
        g = t.gradient(y, X)
        z = g * X
    assert float(t.gradient(z, X)) == 12
    with tf.GradientTape() as t:
        t.watch(X)
        y = X * X
        g = t.gradient(y, X)
    assert float(g) == 6


def test_errors_leave_nothing_recording() -> None:
    with suppress(ZeroDivisionError), tf.GradientTape() as t:
        t.watch(X)
        raise ZeroDivisionError
    y = X * X
    assert t.gradient(y, X) is None


def test_a_tape_that_is_left_where_it_is_hidden() -> None:
    """The body of a custom gradient is hidden from tapes, which may come and go meanwhile."""

    def work() -> None:
        t = tf.GradientTape(persistent=True)
        later = tf.GradientTape()

        @tf.custom_gradient
        def f(x: Any) -> Any:
            t.__exit__()
            later.__enter__()
            return x * x, lambda dy: dy

        with t:
            t.watch(X)
            later.watch(X)
            y = X * X
            f(X)
            z = X * X
        later.__exit__()
        assert float(t.gradient(y, X)) == 6
        assert t.gradient(z, X) is None
        assert float(later.gradient(z, X)) == 6

    work()
    gc.collect()
    assert float(derivative(lambda x: x * x)(X)) == 6


def test_a_tape_that_changes_while_it_is_asked() -> None:
    with tf.GradientTape(persistent=True) as t:
        t.watch(A)

        @tf.custom_gradient
        def watches(x: Any) -> Any:
            def grad(dy: Any) -> Any:
                for _ in range(50):
                    t.watch(tf.constant(1.0) * x)
                t.watch(X)
                return dy * tf.sin(x)

            return x * 2.0, grad

        y = watches(tf.sin(A))
        dy, nothing = t.gradient(y, [A, X])
        np.testing.assert_allclose(dy, np.sin(np.sin(A)) * np.cos(A), rtol=1e-6)
        assert nothing is None

        @tf.custom_gradient
        def resets(x: Any) -> Any:
            return x * 2.0, lambda dy: [t.reset(), dy][1]

        y = resets(tf.sin(A))
        with pytest.raises(tf.errors.FailedPreconditionError, match="the tape was reset"):
            t.gradient(y, A)
        t.watch(X)
        y = X * X
    assert float(t.gradient(y, X)) == 6


# --- threads


def test_every_thread_has_its_tapes() -> None:
    found: dict[int, list[float]] = {}
    start = threading.Barrier(4)
    v = tf.Variable(2.0)

    def work(k: int) -> None:
        x = tf.constant(float(k))
        start.wait()
        results = []
        for _ in range(200):
            with tf.GradientTape() as t:
                t.watch(x)
                y = x * x * v
            results.append(float(t.gradient(y, x)))
        found[k] = results

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    with tf.GradientTape() as outside:
        outside.watch(X)
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        y = X * X
    assert found == {k: [4.0 * k] * 200 for k in range(4)}
    assert float(outside.gradient(y, X)) == 6
    assert outside.watched_variables() == ()


def on_a_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_what_records_is_stopped_where_it_started() -> None:
    with tf.GradientTape() as t, tf.autodiff.ForwardAccumulator(X, tf.constant(1.0)) as acc:
        t.watch(X)

        def leave() -> None:
            for follower in (t, acc):
                with pytest.raises(tf.errors.FailedPreconditionError, match="on another"):
                    follower.__exit__()

        on_a_thread(leave)
        y = X * X
    assert float(acc.jvp(y)) == 6


def test_tapes_that_die_on_another_thread() -> None:
    """The thread on which they were entered goes on."""
    entered, dropped = threading.Event(), threading.Event()
    tapes: list[Any] = []
    found: list[float] = []

    def work() -> None:
        tapes.extend([tf.GradientTape(), tf.autodiff.ForwardAccumulator(X, tf.constant(1.0))])
        for t in tapes:
            t.__enter__()
        entered.set()
        dropped.wait()
        for _ in range(3):
            found.append(float(derivative(lambda x: x * x)(X)))

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    tapes.clear()
    gc.collect()
    _ = [tf.GradientTape(persistent=True) for _ in range(100)]
    dropped.set()
    thread.join()
    assert found == [6, 6, 6]
