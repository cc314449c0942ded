"""Gradients that programs bring, for functions and for ops; ops that have none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tape_case import A, X, derivative, jvp, plain

import thalweg as tf

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
    assert float(second) == pytest.approx(2 * (2 * math.cos(3) - 3 * math.sin(3)))


def test_forward_follows_custom_gradients() -> None:
    assert float(jvp(scaled, X, tf.constant(2.0))) == 40


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
