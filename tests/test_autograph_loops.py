"""Loops that AutoGraph makes operations of. Values are compared with the same function run by
Python in eager mode.
"""

from __future__ import annotations

import numpy as np
import pytest
from autograph_case import check, plain

import thalweg as tf

pytest.importorskip("malt")


def while_loop(x):
    n = 0
    while x > 1:
        x = x // 2 if x % 2 == 0 else 3 * x + 1
        n += 1
    return n, x


def for_range(x):
    s = 0
    for i in tf.range(x):
        s += i * i
    return s


def for_python_range(x):
    s = x * 0
    for i in range(3):
        s += i * x
    return s


def range_of_tensor(x):
    s = 0
    for i in range(x):
        s += i
    for i in range(1, x, 2):
        s += 100 * i
    return s


def range_backwards(x):
    digits = 0
    for i in tf.range(x, 0, -2):
        digits = digits * 10 + i
    return digits


def range_with_step_of_tensor(x):
    s = 0
    for i in tf.range(0, 20, x + 1):
        s = s * 3 + i
    return s


def float_range(x):
    s = 0.0
    for i in tf.range(0.0, tf.cast(x, tf.float32), 0.5):
        s += i
    return s


def for_break(x):
    s = 0
    for i in tf.range(10):
        if i > x:
            break
        s += i
    return s


def for_continue(x):
    s = 0
    for i in tf.range(x + 1):
        if i % 2 == 0:
            continue
        s += i
        if i == 5:
            continue
        s += 100
    return s


def while_break_continue(x):
    i, s = x * 0, 0
    while i < 20:
        i += 1
        if i % 3 == 0:
            continue
        if s > 4 * x:
            break
        s += i
    return i, s


def nested_loops(x):
    s = 0
    for i in tf.range(x):
        for j in tf.range(i):
            if j == 2:
                continue
            if i * j > 12:
                break
            s += i * j
    return s


def loop_in_python_loop(x):
    s = 0
    for k in [1, 2]:
        for i in tf.range(x):
            s += k * i
    return s


def branch_in_loop(x):
    odd, even = 0, 0
    for i in tf.range(x):
        if i % 2 == 1:
            odd += i
        else:
            even += i
    return odd, even


def return_in_loop(x):
    for i in tf.range(8):
        if i * i > x:
            return i
    return -1


def return_in_while(x):
    while x < 20:
        x += 3
        if x == 14:
            return x * 1000
    return x


def return_in_nested_loops(x):
    for i in tf.range(5):
        for j in tf.range(5):
            if i * j == x:
                return i * 10 + j
    return -x


def several_variables(x):
    a, b = 0, 1
    while a < x:
        a, b = b, a + b
    return a, b


def structures_in_loop(x):
    state = {"n": 0, "pair": (x, [x * 2])}
    for i in tf.range(x):
        state = {"n": state["n"] + i, "pair": (state["pair"][1][0], [state["pair"][0]])}
    return state


def tensor_array(x):
    ta = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    for i in tf.range(x + 1):
        ta = ta.write(i, i * i)
    return ta.stack()


def objects_attribute(x):
    class Counter:
        pass

    c = Counter()
    c.n = 0
    for i in tf.range(x):
        c.n += i
    return c.n


def lists_of_tensors(x):
    items = [x, x + 1, x * 2]
    s = 0
    for item in items:
        if item > 3:
            s += item
    return s


def list_append_in_python_loop(x):
    items = []
    for i in range(3):
        if x > i:
            y = x * i
        else:
            y = x - i
        items.append(y)
    return tf.stack(items)


def loop_without_iterations_keeps(x):
    s = 7
    for i in tf.range(0, x):
        s = s + i
    return s


@pytest.mark.parametrize(
    "f",
    [
        for_range,
        for_python_range,
        range_of_tensor,
        range_backwards,
        range_with_step_of_tensor,
        float_range,
        for_break,
        for_continue,
        while_break_continue,
        nested_loops,
        loop_in_python_loop,
        branch_in_loop,
        return_in_loop,
        return_in_while,
        return_in_nested_loops,
        several_variables,
        structures_in_loop,
        tensor_array,
        objects_attribute,
        lists_of_tensors,
        list_append_in_python_loop,
        loop_without_iterations_keeps,
    ],
)
def test_loops(f):
    check(f, *[(v,) for v in (0, 1, 2, 3, 5, 6, 9, 12)])


def test_while():
    check(while_loop, (1,), (6,), (27,))


def rows(x):
    s = tf.zeros([3])
    for row in x:
        s = s * 2 + row
    return s


def rows_of_rows(x):
    s = 0.0
    for row in x:
        for item in row:
            if item > 4.0:
                break
            s += item
    return s


def enumerated(x):
    s = tf.zeros([3])
    for i, row in enumerate(x):
        s += row * tf.cast(i, tf.float32)
    for i, row in enumerate(x, 5):
        s += row * tf.cast(i, tf.float32)
    return s


def zipped(x):
    s = 0.0
    for row, other, n in zip(x, tf.reverse(x, [0]), tf.range(10)):
        s += tf.reduce_sum(row * other) * tf.cast(n + 1, tf.float32)
    return s


def zipped_with_python(x):
    s = tf.zeros([3])
    for row, k in zip(x, [1.0, 10.0, 100.0]):
        s += k * row
    return s


def lengths(x):
    return len(x), float(x[0, 0]), int(x[0, 1] + 0.5)


@pytest.mark.parametrize("f", [rows, rows_of_rows, enumerated, zipped, zipped_with_python])
def test_over_tensors(f):
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    np.testing.assert_array_equal(plain(tf.function(f)(tf.constant(x))), plain(f(tf.constant(x))))


@pytest.mark.parametrize("f", [rows, rows_of_rows])
def test_over_tensors_of_unknown_size(f):
    traced = tf.function(f, input_signature=[tf.TensorSpec([None, 3], tf.float32)])
    for n in (0, 1, 4):
        x = np.arange(3 * n, dtype=np.float32).reshape(n, 3)
        np.testing.assert_array_equal(plain(traced(x)), plain(f(tf.constant(x))))
    assert traced.experimental_get_tracing_count() == 1


def test_over_a_tensor_of_unknown_rank():
    def f(x):
        s = 0.0
        for row in x:
            s = 2.0 * s + tf.reduce_sum(row)
        return s

    traced = tf.function(f, input_signature=[tf.TensorSpec(None, tf.float32)])
    for shape in ([3], [3, 2], [0, 4]):
        assert traced(tf.ones(shape)).numpy() == np.float32(f(tf.ones(shape)))
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        traced(1.0)


def test_over_strings():
    @tf.function
    def f(words):
        text = tf.constant("")
        for word in words:
            if word != "b":
                text = text + word
        return text

    assert f(tf.constant(["a", "b", "c"])).numpy() == b"ac"


def test_what_a_loop_defines_may_have_any_shape():
    @tf.function
    def f(n):
        for i in tf.range(n):
            y = {"numbers": tf.range(i), "pair": (tf.cast(i, tf.float32), tf.constant("s"))}
        return y

    y = f(tf.constant(4))
    assert y["numbers"].numpy().tolist() == [0, 1, 2]
    assert y["pair"][0].numpy() == 3
    assert y["pair"][1].numpy() == b"s"


def test_loops_in_graphs_of_sessions():
    @tf.function
    def f(x):
        s = 0
        for i in tf.range(x):
            s += i
        return s if s > 5 else -s

    with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        x = tf.compat.v1.placeholder(tf.int32, [])
        y = f(x)
        assert [sess.run(y, {x: n}) for n in (3, 6)] == [-3, 15]


def test_len():
    f = tf.function(lambda x: len(x), input_signature=[tf.TensorSpec([None], tf.float32)])
    assert f(np.zeros(7, np.float32)).numpy() == 7
    known = tf.function(lengths)(tf.ones([4, 2]) * 2.7)
    assert [v.numpy() for v in known] == [4, np.float32(2.7), 3]
    with pytest.raises(ValueError, match="len requires a non-scalar tensor"):
        tf.function(lambda x: len(x))(tf.constant(1.0))
    with pytest.raises(ValueError, match="len requires a non-scalar tensor"):
        tf.function(rows)(tf.constant(1.0))


def test_sorted():
    f = tf.function(lambda x: (sorted(x), sorted(x, reverse=True), sorted([3, 1])))
    up, down, python = f(tf.constant([2, 9, 4]))
    assert up.numpy().tolist() == [2, 4, 9]
    assert down.numpy().tolist() == [9, 4, 2]
    assert [v.numpy() for v in python] == [1, 3]


def test_range_makes_no_tensor_of_all_numbers():
    @tf.function
    def f(n):
        s = tf.constant(0, tf.int64)
        for i in tf.range(n):
            if i > 3:
                break
            s += i
        return s

    assert f(tf.constant(10**15, tf.int64)).numpy() == 6


def test_while_over_variables():
    v = tf.Variable(0)

    @tf.function
    def f():
        while v < 10:
            v.assign_add(3)

    f()
    assert v.numpy() == 12

    @tf.function
    def g():
        for i in tf.range(3):
            v.assign_sub(i)
        return v.read_value()

    assert g().numpy() == 9


def test_loop_options():
    @tf.function
    def growing(n):
        v = tf.constant([0])
        for i in tf.range(n):
            tf.autograph.experimental.set_loop_options(
                shape_invariants=[(v, tf.TensorShape([None]))]
            )
            v = tf.concat([v, [i]], 0)
        return v

    assert growing(tf.constant(4)).numpy().tolist() == [0, 0, 1, 2, 3]

    @tf.function
    def limited(n):
        i = 0
        while i < n:
            tf.autograph.experimental.set_loop_options(maximum_iterations=3, parallel_iterations=1)
            i += 1
        return i

    assert limited(tf.constant(10)).numpy() == 3

    @tf.function
    def endless(n):
        while tf.constant(True):
            n += 1
            if n > 5:
                break
        return n

    assert endless(tf.constant(1)).numpy() == 6

    @tf.function
    def alone(n):
        i = n
        for _ in tf.range(5):
            tf.autograph.experimental.set_loop_options(maximum_iterations=2)
        return i

    assert alone(tf.constant(1)).numpy() == 1


def test_undefined_before_the_loop():
    @tf.function
    def f(n):
        for i in tf.range(n):
            last = i * 2
        return last

    assert f(tf.constant(3)).numpy() == 4
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="loop must iterate at least once to initialize last"
    ):
        f(tf.constant(0))


def test_target_after_the_loop():
    @tf.function
    def f(n):
        for i in tf.range(n):  # noqa: B007
            pass
        return i

    assert f(tf.constant(4)).numpy() == 3


def test_none_before_the_loop():
    @tf.function
    def f(n):
        best = None
        for i in tf.range(n):
            best = i
        return best

    assert f(tf.constant(3)).numpy() == 2


def test_reaching_no_return():
    @tf.function  # noqa: RET503
    def f(n):
        for i in tf.range(5):
            if i == n:
                return i

    assert f(tf.constant(3)).numpy() == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="no return statement was reached"):
        f(tf.constant(9))
