"""Tapes and forward accumulators, eagerly, in functions and mixed."""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import thalweg as tf

X = tf.constant(3.0)
A = tf.constant([1.0, 2.0, 3.0])
Unary = Callable[[Any], Any]


def derivative(f: Unary, wrap: Callable[[Unary], Unary] = lambda g: g) -> Unary:
    def g(x: Any) -> Any:
        with tf.GradientTape() as t:
            t.watch(x)
            y = f(x)
        return t.gradient(y, x)

    return wrap(g)


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


# --- higher orders: expected is the third derivative of sin(x) x^4, and so on

FUNCTIONS: dict[str, tuple[Unary, list[float]]] = {}
s, c = math.sin(3), math.cos(3)
FUNCTIONS["power"] = (lambda x: x**4, [108, 108, 72])
FUNCTIONS["product"] = (
    lambda x: tf.sin(x) * x**4,
    [
        81 * c + 108 * s,
        -81 * s + 216 * c + 108 * s,
        -81 * c - 324 * s + 324 * c + 72 * s,
    ],
)
FUNCTIONS["exp"] = (lambda x: tf.exp(-x) / x, [])
e = math.exp(-3)
FUNCTIONS["exp"] = (
    lambda x: tf.exp(-x) / x,
    [-e / 3 - e / 9, e / 3 + 2 * e / 9 + 2 * e / 27, -e / 3 - 3 * e / 9 - 6 * e / 27 - 6 * e / 81],
)
FUNCTIONS["sums"] = (
    lambda x: tf.reduce_sum(tf.stack([x * x, tf.sin(x), x]) * x),
    [27 + s + 3 * c + 6, 18 + 2 * c - 3 * s + 2, 6 - 3 * s - 3 * c],
)


def plain(f: Unary) -> Unary:
    return f


@pytest.mark.parametrize("wraps", range(8), ids=lambda n: f"{n:03b}")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_higher_orders_eagerly_in_functions_and_mixed(name: str, wraps: int) -> None:
    f, want = FUNCTIONS[name]
    how = [tf.function if wraps >> k & 1 else plain for k in range(3)]
    x = tf.constant(3.0, tf.float64)
    g = how[0](f)
    for order, expected in enumerate(want):
        g = derivative(g, how[order] if order else plain)
        assert float(g(x)) == pytest.approx(expected, rel=1e-9), order + 1


def test_tapes_outside_of_functions_that_have_tapes() -> None:
    v = tf.Variable(2.0, dtype=tf.float64)

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape() as t:
            t.watch(x)
            y = x**3 * v**2
        return t.gradient(y, [x, v])

    x = tf.constant(3.0, tf.float64)
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        by_x, by_v = f(x)
    assert (float(by_x), float(by_v)) == (108, 108)
    assert [float(g) for g in t.gradient(by_x, [x, v])] == [72, 108]
    assert [float(g) for g in t.gradient(by_v, [x, v])] == [108, 54]


def test_intermediate_values_of_functions_have_derivatives() -> None:
    """What a function keeps for its derivative depends on its arguments: up to the third order."""

    @tf.function
    def f(x: Any, w: Any) -> Any:
        return tf.reduce_sum(tf.tanh(tf.tanh(x * w) @ w))

    rng = np.random.default_rng(0)
    x = tf.constant(rng.standard_normal((2, 2)))
    w = tf.constant(rng.standard_normal((2, 2)))

    def third(call: Callable[[Any, Any], Any]) -> Any:
        with tf.GradientTape() as t3:
            t3.watch(w)
            with tf.GradientTape() as t2:
                t2.watch([x, w])
                with tf.GradientTape() as t1:
                    t1.watch(x)
                    y = call(x, w)
                g = t1.gradient(y, x)
            h = t2.gradient(g, [x, w])
        return t3.gradient(h, w)

    np.testing.assert_allclose(third(f), third(f.python_function), rtol=1e-10)


def test_what_a_tape_in_a_function_does_not_follow() -> None:
    v = tf.Variable(2.0)

    @tf.function
    def f(x: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False, persistent=True) as t:
            a = x * 2.0
            t.watch(a)
            b = a * a * v
        return [
            t.gradient(b, x, unconnected_gradients="zero"),
            t.gradient(b, v, unconnected_gradients="zero"),
            t.gradient(b, a),
        ]

    assert [float(g) for g in f(X)] == [0, 0, 24]

    @tf.function
    def unwatched(x: Any) -> Any:
        with tf.GradientTape() as t:
            y = x * x
        assert t.gradient(y, x) is None
        return y

    unwatched(X)


# --- jacobians


def test_jacobian() -> None:
    with tf.GradientTape() as t:
        t.watch(A)
        y = A * A
    np.testing.assert_array_equal(t.jacobian(y, A), np.diag([2.0, 4, 6]))
    v = tf.Variable(1.0)
    with tf.GradientTape(persistent=True) as t:
        t.watch(A)
        y = A * A
    found = t.jacobian(y, [A, v])
    assert found[1] is None
    np.testing.assert_array_equal(t.jacobian(y, [v], unconnected_gradients="zero")[0], [0, 0, 0])


def by_differences(f: Unary, x: np.ndarray) -> np.ndarray:
    columns = []
    for i in range(x.size):
        d = np.zeros(x.size)
        d[i] = 1e-6
        up, down = (f(tf.constant(x + k * d.reshape(x.shape))).numpy() for k in (1, -1))
        columns.append((up - down) / 2e-6)
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_jacobians_against_differences(wrap: Any) -> None:
    w = tf.constant(np.random.default_rng(1).standard_normal((3, 2)))
    x = np.random.default_rng(2).standard_normal((4, 3))

    def f(x: Any) -> Any:
        return tf.tanh(x @ w) * tf.reduce_sum(x, 1, keepdims=True)

    @wrap
    def jacobians(x: Any) -> Any:
        with tf.GradientTape(persistent=True) as t:
            t.watch(x)
            y = f(x)
        return t.jacobian(y, x), t.batch_jacobian(y, x)

    whole, rows = jacobians(tf.constant(x))
    want = by_differences(f, x)
    assert whole.shape == [4, 2, 4, 3]
    assert rows.shape == [4, 2, 3]
    np.testing.assert_allclose(whole, want, atol=1e-8)
    np.testing.assert_allclose(rows, np.einsum("bibj->bij", want), atol=1e-8)


def test_hessian_by_jacobian() -> None:
    with tf.GradientTape() as outer:
        outer.watch(A)
        with tf.GradientTape() as inner:
            inner.watch(A)
            y = tf.reduce_prod(A)
        g = inner.gradient(y, A)
    np.testing.assert_allclose(outer.jacobian(g, A), [[0, 3, 2], [3, 0, 1], [2, 1, 0]])


def test_what_is_no_batch() -> None:
    for x, y, words in (
        (A, A, "must have rank at least 2"),
        (tf.ones([2, 3]), tf.ones([3, 2]), "Need first dimension of target shape"),
    ):
        with tf.GradientTape() as t:
            t.watch(x)
        with pytest.raises(ValueError, match=words):
            t.batch_jacobian(y, x)


# --- gradients that functions bring


@tf.custom_gradient
def scaled(x: Any, factor: float = 2.0) -> Any:
    return x * factor, lambda dy: dy * factor * 10.0


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_custom_gradients(wrap: Any) -> None:
    assert float(derivative(wrap(lambda x: scaled(x)))(X)) == 20
    assert float(derivative(wrap(lambda x: scaled(x, factor=3.0)))(X)) == 30
    assert float(wrap(lambda x: scaled(x))(X)) == 6
    inside = wrap(derivative(scaled))
    assert float(inside(X)) == 20


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_custom_gradients_of_structures(wrap: Any) -> None:
    @tf.custom_gradient
    def f(d: Any, l: Any) -> Any:
        value = {"sum": d["a"] + l[0], "product": d["b"] * l[0]}
        return value, lambda s, p: ({"a": s * 1.0, "b": s * 2.0}, [p * 3.0])

    def run(x: Any, y: Any) -> Any:
        with tf.GradientTape() as t:
            t.watch([x, y])
            z = f({"a": x, "b": y}, [x])
        return z["sum"], t.gradient(z, [x, y])

    total, found = wrap(run)(X, tf.constant(5.0))
    assert float(total) == 6
    # Gradients of dictionaries go by sorted keys: what arrives first is that of the product.
    assert [float(g) for g in found] == [4, 2]


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_custom_gradients_with_variables(wrap: Any) -> None:
    v = tf.Variable(2.0)

    @tf.custom_gradient
    def f(x: Any) -> Any:
        def grad(dy: Any, variables: Any = None) -> Any:
            assert variables[0] is v
            return dy * 10.0, [dy * 20.0]

        return x * v, grad

    def inside(x: Any) -> Any:
        with tf.GradientTape() as t:
            t.watch(x)
            y = f(x)
        return t.gradient(y, [x, v])

    assert [float(g) for g in wrap(inside)(X)] == [10, 20]
    outside = wrap(f)
    with tf.GradientTape() as t:
        t.watch(X)
        y = outside(X)
    assert [float(g) for g in t.gradient(y, [X, v])] == [10, 20]

    @tf.custom_gradient
    def takes_none(x: Any) -> Any:
        return x * v, lambda dy: dy

    with pytest.raises(TypeError, match="must accept keyword argument 'variables'"):
        wrap(takes_none)(X)


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_custom_gradients_of_higher_orders(wrap: Any) -> None:
    @tf.custom_gradient
    def cube(x: Any) -> Any:
        return x * x * x, lambda dy: dy * 3.0 * x * x

    assert float(derivative(derivative(wrap(cube)))(X)) == 18
    assert float(wrap(derivative(derivative(cube)))(X)) == 18


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_custom_gradients_use_what_they_computed(wrap: Any) -> None:
    @tf.custom_gradient
    def softplus(x: Any) -> Any:
        e = tf.exp(x)
        return tf.math.log(1.0 + e), lambda dy: dy * (1.0 - 1.0 / (1.0 + e))

    x = float(X)
    s = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(derivative(wrap(softplus))(X), s, rtol=1e-5)
    np.testing.assert_allclose(derivative(derivative(wrap(softplus)))(X), s * (1 - s), rtol=1e-4)
    third = derivative(derivative(derivative(wrap(softplus))))
    np.testing.assert_allclose(third(X), s * (1 - s) * (1 - 2 * s), rtol=1e-4)
    np.testing.assert_allclose(wrap(derivative(derivative(softplus)))(X), s * (1 - s), rtol=1e-4)


def test_custom_gradients_of_arguments_that_nobody_follows() -> None:
    @tf.custom_gradient
    def weigh(x: Any) -> Any:
        return x * w, lambda dy: dy * 1000.0

    with tf.GradientTape() as t:
        t.watch(X)
        w = X * 2.0
        y = weigh(tf.constant(5.0, X.dtype))
    assert float(t.gradient(y, X)) == 10
    with tf.GradientTape() as t:
        t.watch(X)
        w = X * 2.0
        y = weigh(X)
    assert float(t.gradient(y, X)) == 1000


def test_custom_gradients_that_are_wrong() -> None:
    @tf.custom_gradient
    def two(x: Any) -> Any:
        return x * 1.0, lambda dy: (dy, dy)

    with pytest.raises(ValueError, match="expected to return 1 gradients, but returned 2"):
        derivative(two)(X)

    @tf.custom_gradient
    def none(x: Any) -> Any:
        return x * 1.0, lambda dy: None

    assert derivative(none)(X) is None


def test_custom_gradients_of_arguments_passed_on() -> None:
    @tf.custom_gradient
    def reversed_(x: Any) -> Any:
        return x, lambda dy: -dy

    assert float(derivative(reversed_)(X)) == -1
    assert reversed_(X) is not None


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_gradients_pass_through(wrap: Any) -> None:
    v = tf.Variable(3.0)
    through = tf.grad_pass_through(lambda x: tf.round(x) * v)
    with tf.GradientTape() as t:
        t.watch(X)
        y = wrap(through)(X * 1.3)
    dx, dv = t.gradient(y, [X, v])
    assert (float(y), dv) == (12, None)
    np.testing.assert_allclose(dx, 1.3, rtol=1e-6)


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_recompute_grad(wrap: Any) -> None:
    v = tf.Variable(2.0, dtype=tf.float64)
    calls: list[int] = []

    def f(x: Any) -> Any:
        calls.append(1)
        return tf.sin(x) * v * x

    def run(g: Any) -> Any:
        @wrap
        def both(x: Any) -> Any:
            with tf.GradientTape() as t:
                t.watch(x)
                y = g(x)
            return y, t.gradient(y, [x, v])

        return both(tf.constant(3.0, tf.float64))

    value, found = run(f)
    once = len(calls)
    again, recomputed = run(tf.recompute_grad(f))
    assert len(calls) == once + 2
    assert float(value) == float(again)
    np.testing.assert_allclose(recomputed, found)
    second = derivative(derivative(tf.recompute_grad(f)))(tf.constant(3.0, tf.float64))
    assert float(second) == pytest.approx(2 * (2 * c - 3 * s))


# --- forward


def jvp(f: Unary, x: Any, dx: Any) -> Any:
    with tf.autodiff.ForwardAccumulator(x, dx) as acc:
        y = f(x)
    return acc.jvp(y)


def test_forward() -> None:
    v = tf.Variable(2.0)
    with tf.autodiff.ForwardAccumulator([X, v], [tf.constant(1.0), tf.constant(2.0)]) as acc:
        y = X * v
        z = tf.cast(y, tf.int32)
    assert float(acc.jvp(y)) == 8
    assert (float(acc.jvp(X)), float(acc.jvp(v))) == (1, 2)
    assert acc.jvp({"y": y, "a": A})["a"] is None
    assert acc.jvp(z) is None
    np.testing.assert_array_equal(acc.jvp(A, unconnected_gradients="zero"), [0, 0, 0])
    unseen = X * v
    assert acc.jvp(unseen) is None


@pytest.mark.parametrize(
    "f",
    [
        tf.tanh,
        lambda x: tf.exp(x) / (x * x + 1.0),
        lambda x: x @ tf.transpose(x),
        lambda x: tf.nn.softmax(x) * tf.stop_gradient(x),
        lambda x: tf.reduce_max(x, 0) + tf.concat([x, x * x], 0)[2],
        lambda x: tf.linalg.inv(x @ tf.transpose(x)),
        lambda x: tf.gather(x, [1, 0, 1]) * tf.reduce_sum(x),
        lambda x: tf.add_n(tf.unstack(x)),
        lambda x: tf.sort(tf.reshape(x, [-1])) if False else tf.cumsum(x) ** 2,
    ],
)
@pytest.mark.parametrize("how", ["eager", "called", "inside"])
def test_forward_against_backward(f: Unary, how: str) -> None:
    rng = np.random.default_rng(3)
    x, dx = (tf.constant(rng.standard_normal((2, 3))) for _ in range(2))
    with tf.GradientTape() as t:
        t.watch(x)
        y = f(x)
    jacobian = t.jacobian(y, x).numpy()
    want = np.tensordot(jacobian, dx.numpy(), 2)
    g = tf.function(f) if how == "called" else f
    run = (
        tf.function(lambda x, dx: jvp(g, x, dx)) if how == "inside" else lambda x, dx: jvp(g, x, dx)
    )
    np.testing.assert_allclose(run(x, dx), want, rtol=1e-9, atol=1e-12)


def test_forward_of_variables() -> None:
    v = tf.Variable(3.0)
    with tf.autodiff.ForwardAccumulator(v, tf.constant(2.0)) as acc:
        y = v * v
        v.assign(4.0)
        z = v * v
    assert (float(acc.jvp(y)), float(acc.jvp(z)), float(acc.jvp(v))) == (12, 16, 2)

    @tf.function
    def f() -> Any:
        return v * v * v

    with tf.autodiff.ForwardAccumulator(v, tf.constant(1.0)) as acc:
        y = f()
    assert float(acc.jvp(y)) == 48


def test_forward_over_forward_over_backward() -> None:
    def cube(x: Any) -> Any:
        return x**3

    one = tf.constant(1.0)
    with tf.autodiff.ForwardAccumulator(X, one) as outer:
        with tf.autodiff.ForwardAccumulator(X, one) as inner:
            y = cube(X)
        d = inner.jvp(y)
    assert [float(v) for v in (d, outer.jvp(y), outer.jvp(d))] == [27, 27, 18]
    two = tf.constant(2.0)
    assert float(jvp(derivative(cube), X, two)) == 36
    assert float(derivative(lambda x: jvp(cube, x, two))(X)) == 36
    for wrap in (plain, tf.function):
        hvp = wrap(lambda x: jvp(derivative(lambda x: tf.sin(x) * x**4), x, tf.ones_like(x)))
        assert float(hvp(tf.constant(3.0, tf.float64))) == pytest.approx(
            FUNCTIONS["product"][1][1], rel=1e-9
        )
        third = derivative(hvp)
        assert float(third(tf.constant(3.0, tf.float64))) == pytest.approx(
            FUNCTIONS["product"][1][2], rel=1e-9
        )


def test_forward_follows_custom_gradients() -> None:
    assert float(jvp(scaled, X, tf.constant(2.0))) == 40


@pytest.mark.parametrize(
    ("primals", "tangents", "kind", "words"),
    [
        (X, tf.constant(1), ValueError, "requested dtype float32"),
        (X, tf.constant([1.0]), ValueError, "a tangent of shape"),
        ([X, X], [X, X], ValueError, "specified as a primal multiple times"),
        ([X], [X, X], ValueError, "structure"),
        (3.0, 1.0, TypeError, "a primal has to be a tensor or a variable"),
    ],
)
def test_what_cannot_go_forward(primals: Any, tangents: Any, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        tf.autodiff.ForwardAccumulator(primals, tangents)
    acc = tf.autodiff.ForwardAccumulator(X, X)
    with acc, pytest.raises(ValueError, match="Accumulator is already recording"):
        acc.__enter__()


# --- ops whose gradients are written in Python, or nowhere


@pytest.mark.parametrize("wrap", [plain, tf.function], ids=["eager", "function"])
def test_ops_without_gradients_fail_those_who_ask(wrap: Any) -> None:
    none = wrap(lambda x: tf.unique(x)[0] * x)
    with tf.GradientTape(persistent=True) as t:
        t.watch(A)
        y = none(A)
        z = A * 2.0
    np.testing.assert_array_equal(t.gradient(z, A), [2, 2, 2])
    with pytest.raises(LookupError, match="Unique"):
        t.gradient(y, A)
    with tf.autodiff.ForwardAccumulator(A, A) as acc:
        y = none(A)
        z = A * 2.0
    np.testing.assert_array_equal(acc.jvp(z), [2, 4, 6])
    with pytest.raises(LookupError, match="Unique"):
        acc.jvp(y)


def test_gradients_registered_in_python() -> None:
    """Of an op that has none: counted weights, by which the derivative is a read."""
    seen: list[Any] = []
    x, i = tf.constant([1.0, 2.0, 3.0]), tf.constant([2, 0, 2])

    def count(w: Any) -> Any:
        return tf.raw_ops.DenseBincount(input=i, size=3, weights=w) ** 2

    @tf.RegisterGradient("DenseBincount")
    def gradient(op: Any, dy: Any) -> Any:
        seen.append((op.type, op.get_attr("T"), op.get_attr("binary_output"), len(op.outputs)))
        return [None, None, tf.gather(dy, op.inputs[0])]

    for wrap in (plain, tf.function):
        found = derivative(wrap(count))(x)
        np.testing.assert_array_equal(found, [8, 4, 8])
        assert seen[-1] == ("DenseBincount", tf.float32, False, 1)
        with tf.GradientTape() as t:
            t.watch(x)
            y = derivative(wrap(count))(x)
        np.testing.assert_array_equal(t.jacobian(y, x), [[2, 0, 2], [0, 2, 0], [2, 0, 2]])
        np.testing.assert_array_equal(jvp(wrap(count), x, tf.ones([3])), [4, 0, 16])
    with pytest.raises(KeyError, match="Registering two gradient with name 'DenseBincount'"):
        tf.RegisterGradient("DenseBincount")(gradient)


# --- memory


# By step, how many of its arrays a chain of it keeps.
KEPT = {
    "x + 1.0": 0,
    "x * 0.5": 0,
    "tf.exp(x)": 1,  # the result
    "tf.tanh(x)": 1,
    "tf.sin(x)": 1,  # the argument
    "tf.exp(x + 1.0)": 1,
    "tf.tanh(tf.sin(x))": 1,  # the same tensor twice
    "tf.sin(tf.tanh(x))": 1,
    "tf.sin(x + 1.0) * 2.0": 1,
    "tf.sin(tf.exp(x))": 1,
    "tf.sin(tf.sin(x))": 2,
}
CHAIN = """
import sys
import thalweg as tf

def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096

for step in sys.argv[1:]:
    f = eval(f"lambda x: {step}")
    x = tf.zeros([2**20])
    with tf.GradientTape() as t:
        t.watch(x)
        y = f(f(x))
        before = resident()
        for _ in range(60):
            y = f(y)
        print((resident() - before) / 2**22 / 60)
    assert t.gradient(y, x) is not None
    del t, x, y
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_only_what_derivatives_need_is_kept() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CHAIN, *KEPT],
        check=True,
        capture_output=True,
        text=True,
        # What the C library frees it gives back at once; the allocator keeps a few blocks.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"},
    )
    found = [float(line) for line in run.stdout.split()]
    for (step, want), got in zip(KEPT.items(), found, strict=True):
        assert abs(got - want) < 0.4, f"a chain of {step} keeps {got} arrays a step"


def test_a_tape_frees_what_it_has_passed() -> None:
    gone: list[int] = []
    held: list[Any] = []

    @tf.custom_gradient
    def f(x: Any) -> Any:
        marker = np.ones(1)
        held.append(weakref.finalize(marker, lambda: gone.append(1)))

        def grad(dy: Any) -> Any:
            return dy * float(marker[0])

        return x * 1.0, grad

    with tf.GradientTape() as t:
        t.watch(X)
        y = f(f(X))
    gc.collect()
    assert gone == []
    t.gradient(y, X)
    gc.collect()
    assert gone == [1, 1]


def test_persistent_tapes_keep_until_they_go() -> None:
    x = tf.constant(np.ones(10))
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        y = x * x
    for _ in range(3):
        np.testing.assert_array_equal(t.gradient(y, x), np.full(10, 2.0))
    held = weakref.ref(t)
    del t
    gc.collect()
    assert held() is None


def test_derivatives_of_long_functions() -> None:
    """Each of n nodes was asked about in a view of all of them, made anew: 64 times the work for
    eight times the nodes.
    """

    def seconds(n: int) -> float:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = x * 1.001 + 0.5
            return x

        taken = []
        for _ in range(3):
            g = tf.function(f, autograph=False)
            g(A)
            started = time.process_time()
            derivative(g)(A)
            taken.append(time.process_time() - started)
        return min(taken)

    short = seconds(100)
    assert seconds(800) < 24 * short


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
