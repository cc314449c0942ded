"""AutoGraph: Python's control flow over tensors in traced functions. Values are compared with the
same function run by Python in eager mode.
"""

from __future__ import annotations

import numpy as np
import pytest
from autograph_case import check, if_else

import thalweg as tf

pytest.importorskip("malt")


def if_only(x):
    y = x
    if x > 2:
        y = y * y
    return y + 1


def elif_chain(x):
    if x > 10:
        r = 3
    elif x > 5:
        r = 2
    elif x > 0:
        r = 1
    else:
        r = 0
    return r


def nested_ifs(x):
    a, b = x, x + 1
    if x > 0:
        if x > 5:
            a = b * 2
        else:
            b = a - 3
    else:
        a = b
    return a, b


def returns_in_branches(x):
    if x > 3:
        return x + 100
    elif x < 0:
        return x - 100
    return x


def returns_structures(x):
    if x > 0:
        return {"a": x, "b": [x + 1, (x, 2)]}
    else:
        return {"a": -x, "b": [x - 1, (x, 3)]}


def conditional_expression(x):
    return x * 2 if x > 0 else (x - 1 if x < -3 else x + 1)


def boolean_operators(x):
    a = x > 0 and x < 5
    b = x < 0 or x > 7
    c = not (a or b)
    return a, b, c, x > 0 and x < 9 and x != 4


def lazy_operators(x):
    v = tf.constant([1, 2, 3])
    return x >= 0 and x < 3 and v[x] > 1


def comparison_chain(x):
    return 0 < x < 5, 0 < x <= 3 < 4


def side_conditions(x):
    total = x * 0
    flag = True  # Python's: decided while tracing
    if flag and x > 1:
        total += x
    if not flag:
        total += 1000
    return total


def python_numbers(x):
    n, s = 0, 0.5
    if x > 1:
        n, s = 3, 1.5
    return n, s


def attribute_of_object(x):
    class Holder:
        pass

    h = Holder()
    h.value = x
    if x > 0:
        h.value = h.value * 3
    else:
        h.value = h.value - 1
    return h.value


def item_of_dict(x):
    d = {"a": x, "b": x + 1}
    if x > 1:
        d["a"] = d["b"] * 2
    return d


def array_result(x):
    if x > 0:
        y = tf.ones([2, 3]) * tf.cast(x, tf.float32)
    else:
        y = tf.zeros([2, 3])
    return y


@pytest.mark.parametrize(
    "f",
    [
        if_else,
        if_only,
        elif_chain,
        nested_ifs,
        returns_in_branches,
        returns_structures,
        conditional_expression,
        boolean_operators,
        lazy_operators,
        comparison_chain,
        side_conditions,
        python_numbers,
        attribute_of_object,
        item_of_dict,
        array_result,
    ],
)
def test_choices(f):
    check(f, *[(v,) for v in (-7, -1, 0, 1, 2, 3, 4, 5, 6, 8, 11)])


def test_branches_of_different_shapes():
    @tf.function
    def f(x):
        if x > 0:
            y = tf.ones([2])
        else:
            y = tf.ones([3])
        assert y.shape.as_list() == [None]
        return y

    assert f(tf.constant(1)).shape == [2]
    assert f(tf.constant(0)).shape == [3]


def test_only_the_chosen_branch_runs():
    v = tf.Variable(0)
    w = tf.Variable(0)

    @tf.function
    def f(x):
        if x > 0:
            v.assign_add(1)
        else:
            w.assign_add(10)

    for x in (1, 1, -1):
        f(tf.constant(x))
    assert (v.numpy(), w.numpy()) == (2, 10)


def test_python_conditions_are_decided_while_tracing():
    @tf.function
    def f(x, double):
        if double:
            return x * 2
        return x

    graph = f.get_concrete_function(tf.TensorSpec([], tf.int32), True).graph
    assert not [op for op in graph.get_operations() if "If" in op.type]
    assert f(tf.constant(3), True).numpy() == 6
    assert f(tf.constant(3), False).numpy() == 3


def test_variable_as_condition():
    on = tf.Variable(True)

    @tf.function
    def f(x):
        if on:
            return x
        return -x

    assert f(tf.constant(2)).numpy() == 2
    on.assign(False)
    assert f(tf.constant(2)).numpy() == -2


def test_early_return_of_nothing():
    v = tf.Variable(0)

    @tf.function
    def f(x):
        if x < 0:
            v.assign(-1)
            return
        v.assign_add(x)

    assert f(tf.constant(2)) is None
    assert v.numpy() == 2
    f(tf.constant(-5))
    assert v.numpy() == -1


# --- gradients


def test_gradients_through_converted_loops():
    @tf.function
    def power(x, n):
        y = tf.ones_like(x)
        for i in tf.range(n):
            if i % 2 == 0:
                y = y * x
            else:
                y = y * x * 0.5
        return y

    for n in range(5):
        x = tf.constant(3.0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = power(x, tf.constant(n))
        scale = 0.5 ** (n // 2)
        assert y.numpy() == pytest.approx(scale * 3.0**n)
        dy = tape.gradient(y, x)
        got = 0.0 if dy is None else dy.numpy()
        assert got == pytest.approx(scale * n * 3.0 ** max(n - 1, 0), rel=1e-6)


def test_gradients_of_rows():
    @tf.function
    def f(x):
        s = 0.0
        for row in x:
            s += s * row[0] + tf.reduce_prod(row)
        return s

    x = tf.constant([[1.0, 2.0], [3.0, 4.0], [0.5, 2.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, want = f(x), f.python_function(x)
    np.testing.assert_allclose(y, want)
    np.testing.assert_allclose(tape.gradient(y, x), tape.gradient(want, x), rtol=1e-6)


def test_tape_inside_a_loop():
    w = tf.Variable(1.0)

    @tf.function
    def train(steps):
        loss = 0.0
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                loss = (w - 3.0) ** 2
            w.assign_sub(0.25 * tape.gradient(loss, w))
        return loss

    want = 1.0
    for _ in range(4):
        loss = (want - 3.0) ** 2
        want -= 0.25 * 2 * (want - 3.0)
    assert train(tf.constant(4)).numpy() == pytest.approx(loss)
    assert w.numpy() == pytest.approx(want)


def test_gradient_of_a_loop_inside():
    @tf.function
    def f(x, n):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x
            while n > 0:
                y = y * x
                n -= 1
        return tape.gradient(y, x)

    assert f(tf.constant(2.0), tf.constant(3)).numpy() == pytest.approx(4 * 2.0**3)
