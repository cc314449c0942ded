"""Gradients of choices and loops, to the second order: by differences, and against programs without control flow.

Ops If, Case and While.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf


@pytest.fixture
def sess() -> Iterator[Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def numeric(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """Central differences of a function of a float64 array."""
    g = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        g[i] = (f(up) - f(down)) / (2 * h)
    return g


def check_gradient(sess: Any, build: Callable[[Any], Any], x: Any, second: bool = True) -> None:
    """d build(x) / dx against central differences; then the same of the gradient's weighted sum."""
    x = np.asarray(x, np.float64)
    p = tf.placeholder(tf.float64, x.shape)
    y = tf.reduce_sum(build(p))
    (dx,) = tf.gradients(y, p)

    def value(t: Any) -> Callable[[np.ndarray], float]:
        return lambda v: float(sess.run(t, {p: v}))

    np.testing.assert_allclose(sess.run(dx, {p: x}), numeric(value(y), x), rtol=1e-5, atol=1e-7)
    if not second:
        return
    weights = np.linspace(0.5, 1.5, x.size).reshape(x.shape)
    z = tf.reduce_sum(dx * weights)
    (ddx,) = tf.gradients(z, p)
    got = np.zeros_like(x) if ddx is None else sess.run(ddx, {p: x})
    np.testing.assert_allclose(got, numeric(value(z), x), rtol=1e-4, atol=1e-6)


def test_gradient_of_cond(sess: Any) -> None:
    for flag in (True, False):
        check_gradient(
            sess,
            lambda x, flag=flag: tf.cond(
                tf.constant(flag), lambda: tf.sin(x) * x, lambda: tf.exp(x) * 3
            ),
            [0.3, -0.7],
        )


def test_gradient_of_a_branch_that_does_not_look(sess: Any) -> None:
    p = tf.placeholder(tf.bool, [])
    x, y = tf.placeholder(tf.float64, [2]), tf.placeholder(tf.float64, [None])
    z = tf.cond(p, lambda: tf.reduce_sum(x * x), lambda: tf.reduce_sum(y))
    dx, dy = tf.gradients(z, [x, y])
    feeds = {x: [1, 2], y: [1, 2, 3]}
    assert [g.tolist() for g in sess.run([dx, dy], {p: True, **feeds})] == [[2, 4], [0, 0, 0]]
    assert [g.tolist() for g in sess.run([dx, dy], {p: False, **feeds})] == [[0, 0], [1, 1, 1]]
    assert tf.gradients(z, p) == [None]


def test_gradient_of_switch_case(sess: Any) -> None:
    for i in range(3):
        check_gradient(
            sess,
            lambda x, i=i: tf.switch_case(
                tf.constant(i), [lambda: x * x, lambda: tf.tanh(x), lambda: tf.exp(-x)]
            ),
            [0.5, -1.0],
        )


def test_gradient_of_a_loop(sess: Any) -> None:
    check_gradient(
        sess,
        lambda x: tf.while_loop(
            lambda i, y: i < 4, lambda i, y: (i + 1, tf.sin(y) * x + y * y), [tf.constant(0), x]
        )[1],
        [0.3, 0.4],
    )


def test_gradient_of_a_loop_that_does_not_run(sess: Any) -> None:
    x = tf.placeholder(tf.float64, [2])
    _, y = tf.while_loop(lambda i, y: i < 0, lambda i, y: (i + 1, y * x), [tf.constant(0), x * 3])
    assert sess.run(tf.gradients(y, x), {x: [1, 2]})[0].tolist() == [3, 3]


def test_gradient_of_a_loop_equals_that_of_the_unrolled_program(sess: Any) -> None:
    rng = np.random.default_rng(3)
    w, x = tf.constant(rng.normal(size=(4, 4))), tf.constant(rng.normal(size=(2, 4)))

    def step(h: Any) -> Any:
        return tf.tanh(tf.matmul(h, w) + x)

    _, looped = tf.while_loop(
        lambda i, h: i < 6, lambda i, h: (i + 1, step(h)), [tf.constant(0), x]
    )
    unrolled = x
    for _ in range(6):
        unrolled = step(unrolled)
    pairs = []
    for y in (looped, unrolled):
        first = tf.gradients(tf.reduce_sum(y * y), [w, x])
        second = tf.gradients(tf.reduce_sum(first[0] ** 2), [w, x])
        pairs.append(sess.run([y, first, second]))
    for a, b in zip(*[[p[0], *p[1], *p[2]] for p in pairs]):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_gradient_of_a_loop_with_several_variables(sess: Any) -> None:
    def build(x: Any) -> Any:
        def body(i: Any, a: Any, b: Any) -> Any:
            return i + 1, a * b + x, tf.sin(a)

        _, a, b = tf.while_loop(lambda i, a, b: i < 5, body, [tf.constant(0), x, x * 2])
        return a + 3 * b

    check_gradient(sess, build, [0.2, -0.4])


def test_gradient_of_growing_shapes(sess: Any) -> None:
    def build(x: Any) -> Any:
        return tf.while_loop(
            lambda i, y: i < 3,
            lambda i, y: (i + 1, tf.concat([y * y, tf.sin(y)], 0)),
            [tf.constant(0), x],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
        )[1]

    check_gradient(sess, build, [0.3, 0.8])


def test_gradient_of_nested_loops(sess: Any) -> None:
    def build(x: Any) -> Any:
        def outer(i: Any, y: Any) -> Any:
            _, z = tf.while_loop(
                lambda j, z: j <= i, lambda j, z: (j + 1, z * x + tf.sin(z)), [tf.constant(0), y]
            )
            return i + 1, z

        return tf.while_loop(lambda i, y: i < 3, outer, [tf.constant(0), x])[1]

    check_gradient(sess, build, [0.4, 0.7])


def test_gradient_of_a_branch_in_a_loop(sess: Any) -> None:
    def build(x: Any) -> Any:
        def body(i: Any, y: Any) -> Any:
            return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: y * x, lambda: tf.sin(y) + y)

        return tf.while_loop(lambda i, y: i < 5, body, [tf.constant(0), x])[1]

    check_gradient(sess, build, [0.4, 1.3])


def test_gradient_of_a_loop_in_a_branch(sess: Any) -> None:
    def build(x: Any) -> Any:
        def loop() -> Any:
            return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * y * x), [0, x])[1]

        return tf.cond(tf.reduce_sum(x) > 0, loop, lambda: x)

    check_gradient(sess, build, [0.4, 1.1])
    check_gradient(sess, build, [-0.4, -1.1])


def test_random_numbers_of_the_way_there_are_those_of_the_way_back(sess: Any) -> None:
    x = tf.constant(2.0)

    def body(i: Any, y: Any, product: Any) -> Any:
        r = tf.random.uniform([], 1, 2)
        return i + 1, y * r, product * r

    _, y, product = tf.while_loop(lambda i, *_: i < 4, body, [tf.constant(0), x, tf.constant(1.0)])
    dx = tf.gradients(y, x)[0]
    for _ in range(3):
        got, want = sess.run([dx, product])
        np.testing.assert_allclose(got, want, rtol=1e-5)
    p = tf.placeholder(tf.bool, [])

    def branch() -> Any:
        r = tf.random.uniform([], 1, 2)
        return x * r, r

    z, r = tf.cond(p, branch, lambda: (x * 5, tf.constant(5.0)))
    dz = tf.gradients(z, x)[0]
    for flag in (True, False, True):
        got, want = sess.run([dz, r], {p: flag})
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_several_gradients_of_one_loop(sess: Any) -> None:
    x, w = tf.constant([0.5, 0.2]), tf.constant([1.5, 0.5])
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * y + w), [tf.constant(0), x])
    a = tf.gradients(tf.reduce_sum(y), x)[0]
    b = tf.gradients(tf.reduce_sum(y * 2), [x, w])
    got = sess.run([y, a, b])
    np.testing.assert_allclose(2 * got[1], got[2][0], rtol=1e-6)


def test_a_plan_made_before_the_gradient_still_runs(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), [tf.constant(0), x])
    assert sess.run(y, {x: 2}) == 16
    dx = tf.gradients(y, x)[0]
    assert sess.run([y, dx], {x: 2}) == [16, 32]
    assert sess.run(y, {x: 3}) == 81


def test_back_prop_can_be_turned_off(sess: Any) -> None:
    x = tf.constant(2.0)
    _, y = tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, y * x), [tf.constant(0), x], back_prop=False
    )
    assert tf.gradients(y, x) == [None]


def test_custom_gradients_inside(sess: Any) -> None:
    @tf.custom_gradient
    def clipped(x: Any) -> Any:
        return x * x, lambda dy: dy * x * 100

    x = tf.constant(3.0)
    y = tf.cond(tf.placeholder_with_default(True, []), lambda: clipped(x), lambda: x)
    assert sess.run(tf.gradients(y, x)) == [300]
    _, z = tf.while_loop(lambda i, z: i < 2, lambda i, z: (i + 1, clipped(z)), [tf.constant(0), x])
    assert sess.run(tf.gradients(z, x)) == [300 * 900]


def test_a_model_with_a_loop_learns(sess: Any) -> None:
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(32, 4)), tf.float32)
    h = x
    for _ in range(3):
        h = tf.tanh(tf.matmul(h, tf.constant(rng.normal(size=(4, 4)), tf.float32)) * 0.7)
    target = h
    w = tf.Variable(tf.constant(np.eye(4) * 0.5, tf.float32))
    b = tf.Variable(tf.zeros([4]))

    def step(i: Any, h: Any) -> Any:
        return i + 1, tf.cond(i > 0, lambda: tf.tanh(tf.matmul(h, w) + b), lambda: h)

    _, h = tf.while_loop(lambda i, h: i < 4, step, [tf.constant(0), x])
    loss = tf.reduce_mean((h - target) ** 2)
    train = tf.train.AdamOptimizer(0.05).minimize(loss)
    sess.run(tf.global_variables_initializer())
    first = sess.run(loss)
    for _ in range(60):
        sess.run(train)
    assert sess.run(loss) < first / 2
    assert sess.run([loss, train])[0] < first / 2


def test_variables_that_functions_read_have_gradients(sess: Any) -> None:
    v = tf.Variable(2.0)
    p = tf.placeholder(tf.bool, [])
    y = tf.cond(p, lambda: v.read_value() * 3, lambda: tf.constant(0.0))

    def body(i: Any, x: Any) -> Any:
        return i + 1, tf.cond(
            tf.equal(i, 1), lambda: x * v.read_value(), lambda: x + v.read_value()
        )

    _, z = tf.while_loop(lambda i, x: i < 3, body, [tf.constant(0), tf.constant(1.0)])
    dy, dz = tf.gradients(y, v)[0], tf.gradients(z, v)[0]
    ddz = tf.gradients(dz, v)[0]
    sess.run(tf.global_variables_initializer())
    assert sess.run([y, dy], {p: True}) == [6, 3]
    assert sess.run([y, dy], {p: False}) == [0, 0]
    assert sess.run([z, dz, ddz]) == [8, 6, 2]  # (1 + v) * v + v


def test_gradients_inside_of_functions(sess: Any) -> None:
    x = tf.constant(3.0)
    y = tf.cond(
        tf.placeholder_with_default(True, []), lambda: tf.gradients(x * x * x, x)[0], lambda: x
    )
    assert sess.run([y, tf.gradients(y, x)[0]]) == [27, 18]

    def newton(i: Any, t: Any) -> Any:
        f = t * t - 2
        return i + 1, t - f / tf.gradients(f, t)[0]

    _, root = tf.while_loop(lambda i, t: i < 6, newton, [tf.constant(0), tf.constant(1.0)])
    np.testing.assert_allclose(sess.run(root), np.sqrt(2), rtol=1e-6)


def test_gradients_share_what_they_keep(sess: Any) -> None:
    """A second gradient of a loop finds the history that the first one made it keep."""
    x = tf.constant([0.5, 0.2])
    _, y = tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, tf.sin(y) * y), [tf.constant(0), x]
    )
    z = tf.cond(
        tf.placeholder_with_default(True, []), lambda: tf.random.uniform([2]) * x, lambda: x
    )
    for value, op in ((y, "while"), (z, "cond")):
        node = tf.get_default_graph().get_operation_by_name(op)
        before = len(node.outputs)
        tf.gradients(value, x)
        once = len(node.outputs)
        tf.gradients(value * 2, x)
        assert (once - before, len(node.outputs) - once) == (1, 0)


def test_what_only_gradients_need_is_not_kept_without_them(sess: Any) -> None:
    """The history of the values is not read: nothing holds 1000 arrays of 80 kB."""
    from thalweg import _core

    x = tf.placeholder(tf.float64, [10000])
    _, y = tf.while_loop(
        lambda i, y: i < 1000, lambda i, y: (i + 1, tf.sin(y) * 0.5 + y), [tf.constant(0), x]
    )
    tf.gradients(y, x)
    feeds = {x: np.ones(10000)}
    sess.run(y, feeds)
    before = _core.cpu_allocations()
    sess.run(y, feeds)
    assert _core.cpu_allocations() - before < 20


def test_training_inside(sess: Any) -> None:
    v = tf.Variable([3.0, 2.0])

    def body(i: Any) -> Any:
        x = v.read_value()
        (g,) = tf.gradients(tf.reduce_sum(x * x), x)
        step = tf.train.GradientDescentOptimizer(0.1).apply_gradients([(g, v)])
        with tf.control_dependencies([step]):
            return i + 1

    loop = tf.while_loop(lambda i: i < 10, body, [tf.constant(0)])
    branch = tf.cond(
        tf.placeholder_with_default(True, []),
        lambda: tf.train.MomentumOptimizer(1.0, 0.9).minimize(tf.reduce_sum(v * [1.0, 2.0])),
        lambda: tf.no_op(),
    )
    adam = tf.cond(
        tf.placeholder_with_default(True, []),
        lambda: tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(v * v)),
        lambda: tf.no_op(),
    )
    names = ["Variable", "Variable/Momentum", "beta1_power", "beta2_power"]
    names += ["Variable/Adam", "Variable/Adam_1"]
    assert [x.op.name for x in tf.global_variables()] == names
    sess.run(tf.global_variables_initializer())
    sess.run(loop)
    want = np.array([3, 2]) * 0.8**10
    np.testing.assert_allclose(sess.run(v), want, rtol=1e-5)
    sess.run(branch)
    np.testing.assert_allclose(sess.run(v), want - [1, 2], rtol=1e-5)
    sess.run(adam)
    np.testing.assert_allclose(sess.run(v), want - [1, 2] + 0.1, rtol=1e-4)


def test_gradients_by_what_is_outside(sess: Any) -> None:
    """Asked for inside of a function."""
    a, b = tf.constant(2.0), tf.constant(3.0)
    p = tf.placeholder_with_default(True, [])
    y = tf.cond(p, lambda: tf.add_n(tf.gradients(b * b * a, [a, b])), lambda: a)
    assert sess.run(y) == 9 + 12
