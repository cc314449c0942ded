"""Choices and loops in graphs: values, shapes, variables, gradients and errors.

Ops If, StatelessIf, Case, StatelessCase, While, StatelessWhile, PartitionedCall and
StatefulPartitionedCall.
"""

from __future__ import annotations

import re
import threading
import time
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


# --- cond


def test_cond_runs_one_branch(sess: Any) -> None:
    p, x = tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [])
    y = tf.cond(p, lambda: x * 2, lambda: x + 1)
    assert y.name == "cond/Identity:0" and y.shape == []
    assert sess.run(y, {p: True, x: 3}) == 6
    assert sess.run(y, {p: False, x: 3}) == 4
    assert tf.get_default_graph().get_operation_by_name("cond").type == "StatelessIf"
    z = tf.cond(p, lambda: tf.constant(1), lambda: tf.constant(2), name="choice")
    assert z.name == "choice/Identity:0"


@pytest.mark.parametrize("value, taken", [(0, False), (2, True), (0.0, False), ("", False), ("a", True)])
def test_cond_of_other_types(sess: Any, value: Any, taken: bool) -> None:
    y = tf.cond(tf.constant(value), lambda: tf.constant(1), lambda: tf.constant(0))
    assert sess.run(y) == taken


def test_cond_results_keep_their_structure(sess: Any) -> None:
    p = tf.placeholder(tf.bool, [])
    x = tf.constant(1.0)
    both = tf.cond(p, lambda: {"a": [x, x + 1], "b": (None, x)}, lambda: {"a": [x, x], "b": (None, -x)})
    assert sess.run(both["a"], {p: True}) == [1, 2]
    assert both["b"][0] is None
    assert sess.run(both["b"][1], {p: False}) == -1
    assert tf.cond(p, lambda: None, lambda: None) is None
    assert isinstance(tf.cond(p, lambda: [x], lambda: [x]), list)


def test_cond_merges_shapes(sess: Any) -> None:
    p = tf.placeholder(tf.bool, [])
    y = tf.cond(p, lambda: tf.zeros([2, 3]), lambda: tf.zeros([4, 3]))
    assert y.shape.as_list() == [None, 3]
    assert sess.run(y, {p: False}).shape == (4, 3)
    z = tf.cond(p, lambda: tf.zeros([2]), lambda: tf.zeros([4, 3]))
    assert z.shape.ndims is None
    # What follows is laid out by what comes, not by what was declared.
    assert sess.run(tf.reduce_sum(z + 1), {p: False}) == 12
    assert sess.run(tf.reduce_sum(z + 1), {p: True}) == 2


def test_cond_nests_and_reaches_through(sess: Any) -> None:
    p, q = tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, [])
    x = tf.placeholder(tf.float32, [2])

    def outer() -> Any:
        y = x * 10
        return tf.cond(q, lambda: y + x, lambda: y - x)

    y = tf.cond(p, outer, lambda: x)
    got = [sess.run(y, {p: a, q: b, x: [1, 2]}).tolist() for a in (True, False) for b in (True, False)]
    assert got == [[11, 22], [9, 18], [1, 2], [1, 2]]


def test_cond_of_operations_runs_them(sess: Any) -> None:
    p = tf.placeholder(tf.bool, [])
    v = tf.Variable(1.0)
    step = tf.cond(p, lambda: v.assign_add(10.0).op, lambda: tf.no_op())
    sess.run(tf.global_variables_initializer())
    sess.run(step, {p: False})
    assert sess.run(v) == 1
    sess.run(step, {p: True})
    assert sess.run(v) == 11


def test_cond_reads_come_before_its_writes(sess: Any) -> None:
    """A node whose branch assigns is a writer as an assignment is."""
    v = tf.Variable(1.0)
    p = tf.placeholder(tf.bool, [])
    step = tf.cond(p, lambda: v.assign(v * 2), lambda: v.read_value())
    before = v * 100
    sess.run(tf.global_variables_initializer())
    for want in (100, 200, 400):
        assert sess.run([step, before], {p: True})[1] == want
    assert sess.run(v) == 8


def test_what_is_made_in_a_branch_and_has_an_effect_runs(sess: Any, capfd: Any) -> None:
    p = tf.placeholder(tf.bool, [])

    def talk() -> Any:
        tf.print("taken")
        return tf.constant(1)

    y = tf.cond(p, talk, lambda: tf.constant(2))
    sess.run(y, {p: True})
    sess.run(y, {p: False})
    assert capfd.readouterr().err.count("taken") == 1


def test_outer_control_dependencies_reach_in(sess: Any) -> None:
    v = tf.Variable(1.0)
    add = v.assign_add(1.0)

    def branch() -> Any:
        with tf.control_dependencies([add]):
            return tf.identity(3.0)

    y = tf.cond(tf.placeholder_with_default(True, []), branch, lambda: tf.constant(0.0))
    sess.run(tf.global_variables_initializer())
    assert sess.run(y) == 3
    assert sess.run(v) == 2


COND_ERRORS: list[tuple[Callable[[Any, Any], Any], type[Exception], str]] = [
    (lambda p, x: tf.cond(True, lambda: x, lambda: x), TypeError, "pred must not be a Python bool"),
    (lambda p, x: tf.cond(p, 3, lambda: x), TypeError, "'true_fn' must be callable"),
    (lambda p, x: tf.cond(p, lambda: x, 3), TypeError, "'false_fn' must be callable"),
    (lambda p, x: tf.cond(p, lambda: x), TypeError, "'false_fn' argument required"),
    (
        lambda p, x: tf.cond(p, lambda: x, lambda: tf.constant(1)),
        TypeError,
        "true_fn and false_fn arguments to tf.cond must have the same number, type, and overall structure",
    ),
    (lambda p, x: tf.cond(p, lambda: [x], lambda: (x, x)), TypeError, "overall structure of return values"),
    (lambda p, x: tf.cond(p, lambda: None, lambda: x), TypeError, "overall structure of return values"),
]


@pytest.mark.parametrize("build, error, text", COND_ERRORS, ids=[text[:30] for _, _, text in COND_ERRORS])
def test_cond_errors(sess: Any, build: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        build(tf.placeholder(tf.bool, []), tf.constant(1.0))


def test_a_tensor_of_a_branch_is_out_of_scope_outside(sess: Any) -> None:
    kept = []
    p = tf.placeholder(tf.bool, [])
    tf.cond(p, lambda: kept.append(tf.constant(1.0) * 2) or kept[0], lambda: tf.constant(1.0))
    with pytest.raises(ValueError, match="same graph|out of scope"):
        tf.cond(p, lambda: kept[0] + 1, lambda: tf.constant(1.0))


# --- case and switch_case


def test_case_takes_the_first_that_holds(sess: Any) -> None:
    x = tf.placeholder(tf.int32, [])
    y = tf.case(
        [(x < 0, lambda: tf.constant(-1)), (x < 10, lambda: tf.constant(1))],
        default=lambda: tf.constant(2),
    )
    assert [sess.run(y, {x: v}) for v in (-5, 5, 50)] == [-1, 1, 2]


def test_case_without_default_and_exclusive(sess: Any) -> None:
    x = tf.placeholder(tf.int32, [])
    pairs = [(x > 0, lambda: tf.constant(1)), (x > 5, lambda: tf.constant(2))]
    y = tf.case(pairs, default=lambda: tf.constant(0), exclusive=True)
    assert sess.run(y, {x: 3}) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="exclusive=True"):
        sess.run(y, {x: 7})
    z = tf.case(pairs)
    with pytest.raises(tf.errors.InvalidArgumentError, match="None of the conditions"):
        sess.run(z, {x: -1})
    with pytest.raises(TypeError, match="pred must be a Tensor"):
        tf.case([(1, lambda: tf.constant(1))])


def test_switch_case(sess: Any) -> None:
    i, x = tf.placeholder(tf.int32, []), tf.constant(2.0)
    y = tf.switch_case(i, [lambda: x, lambda: x * 10, lambda: x * 100])
    assert [sess.run(y, {i: v}) for v in (0, 1, 2, 3, -1)] == [2, 20, 200, 200, 200]
    z = tf.switch_case(i, {1: lambda: x, 0: lambda: -x}, default=lambda: x * 0)
    assert [sess.run(z, {i: v}) for v in (0, 1, 2)] == [-2, 2, 0]
    assert tf.get_default_graph().get_operation_by_name("switch_case/indexed_case").type == "StatelessCase"
    with pytest.raises(ValueError, match="contiguous range"):
        tf.switch_case(i, {0: lambda: x, 5: lambda: x})
    with pytest.raises(TypeError, match="'branch_index' must be an integer Tensor"):
        tf.switch_case(x, [lambda: x])


# --- while_loop


def test_while_loop_counts(sess: Any) -> None:
    n = tf.placeholder(tf.int32, [])
    i, total = tf.while_loop(
        lambda i, s: i < n, lambda i, s: (i + 1, s + i), [tf.constant(0), tf.constant(0)]
    )
    assert i.name == "while/Identity_2:0"
    for count in (0, 1, 10, 1000):
        assert sess.run([i, total], {n: count}) == [count, count * (count - 1) // 2]


def test_one_variable_comes_back_alone(sess: Any) -> None:
    def loop(**options: Any) -> Any:
        return tf.while_loop(lambda i: i < 3, lambda i: i + 1, [tf.constant(0)], **options)

    assert sess.run(loop()) == 3
    assert sess.run(loop(return_same_structure=True)) == [3]
    assert sess.run(loop(maximum_iterations=2)) == 2
    assert sess.run(loop(maximum_iterations=tf.constant(0))) == 0


def test_variables_of_any_structure(sess: Any) -> None:
    start = {"i": tf.constant(0), "x": (tf.constant(1.0), [tf.constant("a")])}

    def body(s: Any) -> Any:
        return [{"i": s["i"] + 1, "x": (s["x"][0] * 2, [s["x"][1][0] + "b"])}]

    (end,) = tf.while_loop(lambda s: s["i"] < 3, body, [start], return_same_structure=True)
    assert sess.run(end) == {"i": 3, "x": (8.0, [b"abbb"])}


def test_shapes_that_grow(sess: Any) -> None:
    x0 = tf.constant([1.0])
    _, x = tf.while_loop(
        lambda i, x: i < 5,
        lambda i, x: (i + 1, tf.concat([x, x], 0)),
        [tf.constant(0), x0],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )
    assert x.shape.as_list() == [None]
    assert sess.run(x).shape == (32,)
    with pytest.raises(ValueError, match="shape_invariants"):
        tf.while_loop(
            lambda i, x: i < 5, lambda i, x: (i + 1, tf.concat([x, x], 0)), [tf.constant(0), x0]
        )
    with pytest.raises(ValueError, match="is not compatible with the initial shape"):
        tf.while_loop(
            lambda i, x: i < 5,
            lambda i, x: (i + 1, x),
            [tf.constant(0), x0],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([3])],
        )


def test_fed_shapes(sess: Any) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    _, y = tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, y + tf.reduce_sum(x)), [tf.constant(0), x]
    )
    z = y * 2
    for rows in (1, 4, 0, 2):
        v = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
        np.testing.assert_allclose(sess.run(z, {x: v}), (v + 3 * v.sum()) * 2)


def test_loops_nest(sess: Any) -> None:
    n = tf.placeholder(tf.int32, [])

    def outer(i: Any, total: Any) -> Any:
        _, inner = tf.while_loop(
            lambda j, s: j < i, lambda j, s: (j + 1, s + i * j), [tf.constant(0), total]
        )
        return i + 1, inner

    _, total = tf.while_loop(lambda i, s: i < n, outer, [tf.constant(0), tf.constant(0)])
    want = sum(i * j for i in range(7) for j in range(i))
    assert sess.run(total, {n: 7}) == want


def test_a_loop_in_a_branch_in_a_loop(sess: Any) -> None:
    def body(i: Any, x: Any) -> Any:
        def odd() -> Any:
            return tf.while_loop(lambda j, y: j < 2, lambda j, y: (j + 1, y + i), [0, x])[1]

        return i + 1, tf.cond(tf.equal(i % 2, 1), odd, lambda: x * 2)

    _, x = tf.while_loop(lambda i, x: i < 5, body, [tf.constant(0), tf.constant(1)])
    want = 1
    for i in range(5):
        want = want + 2 * i if i % 2 else want * 2
    assert sess.run(x) == want


def test_an_input_that_only_passes_through_is_a_copy_of_its_own(sess: Any) -> None:
    """The result may not lie in memory that the run uses again."""
    x = tf.placeholder(tf.float32, [64])
    y = tf.tanh(x) * 2
    _, kept = tf.while_loop(lambda i, y: i < 0, lambda i, y: (i + 1, y), [tf.constant(0), y])
    z = kept
    for _ in range(4):
        z = tf.sin(z) + tf.reverse(z, [0])
    v = np.linspace(-1, 1, 64, dtype=np.float32)
    got = sess.run([kept, z], {x: v})
    np.testing.assert_allclose(got[0], np.tanh(v) * 2, rtol=1e-5)
    want = np.tanh(v) * 2
    for _ in range(4):
        want = np.sin(want) + want[::-1]
    np.testing.assert_allclose(got[1], want, rtol=1e-4, atol=1e-5)


def test_loops_read_and_write_variables(sess: Any) -> None:
    v = tf.Variable(1.0)

    def body(i: Any) -> Any:
        with tf.control_dependencies([v.assign(v.read_value() * 2)]):
            return i + 1

    loop = tf.while_loop(lambda i: i < 5, body, [tf.constant(0)])
    sess.run(tf.global_variables_initializer())
    assert sess.run([loop, v]) == [5, 1]
    assert sess.run(v) == 32


def test_random_numbers_differ_by_iteration(sess: Any) -> None:
    tf.set_random_seed(7)
    ta = tf.TensorArray(tf.float32, 6)
    _, ta = tf.while_loop(
        lambda i, t: i < 6, lambda i, t: (i + 1, t.write(i, tf.random.uniform([]))), [tf.constant(0), ta]
    )
    x = ta.stack()
    first = sess.run(x)
    assert len(set(first.tolist())) == 6
    with tf.Session() as other:
        np.testing.assert_array_equal(other.run(x), first)


def test_unread_variables_are_not_computed(sess: Any) -> None:
    """A variable that nothing read follows from may even fail."""
    i, bad = tf.while_loop(
        lambda i, x: i < 3,
        lambda i, x: (i + 1, x // (i - i)),
        [tf.constant(0), tf.constant(1)],
    )
    assert sess.run(i) == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="division by zero"):
        sess.run(bad)


def test_errors_inside_name_the_node_and_the_line(sess: Any) -> None:
    def body(i: Any, x: Any) -> Any:
        return i + 1, tf.check_numerics(tf.math.log(x), "minus", name="watch") - 1

    _, y = tf.while_loop(lambda i, x: i < 3, body, [tf.constant(0), tf.constant(1.5)])
    with pytest.raises(tf.errors.InvalidArgumentError) as info:
        sess.run(y)
    assert "minus" in str(info.value) and "watch" in str(info.value)
    assert "test_control_flow.py" in str(info.value)


WHILE_ERRORS: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda i: tf.while_loop(3, lambda i: i, [i]), TypeError, "'cond' must be callable"),
    (lambda i: tf.while_loop(lambda i: i < 3, 3, [i]), TypeError, "'body' must be callable"),
    (
        lambda i: tf.while_loop(lambda i: i < 3, lambda i: tf.cast(i, tf.float32), [i]),
        TypeError,
        "enters the loop with type <dtype: 'int32'> but has type <dtype: 'float32'> after 1 iteration",
    ),
    (lambda i: tf.while_loop(lambda i: i < 3, lambda i: (i, i), [i]), ValueError, "same nested structure"),
    (
        lambda i: tf.while_loop(lambda i: i < 3, lambda i: i, [i], parallel_iterations=0),
        TypeError,
        "'parallel_iterations' must be a positive integer",
    ),
    (
        lambda i: tf.while_loop(lambda i: i < 3, lambda i: tf.stack([i, i]), [i]),
        ValueError,
        "enters the loop with shape (), but has shape (2,) after one iteration",
    ),
]


@pytest.mark.parametrize("build, error, text", WHILE_ERRORS, ids=[t[:30] for _, _, t in WHILE_ERRORS])
def test_while_errors(sess: Any, build: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        build(tf.constant(0))


def test_an_endless_loop_ends_with_its_time(sess: Any) -> None:
    i = tf.while_loop(lambda i: i < 1, lambda i: i * 0, [tf.constant(0)])
    started = time.monotonic()
    with pytest.raises(tf.errors.DeadlineExceededError):
        sess.run(i, options=tf.RunOptions(timeout_in_ms=100))
    assert time.monotonic() - started < 5


def test_an_endless_loop_ends_with_its_session() -> None:
    with tf.Graph().as_default():
        i = tf.while_loop(lambda i: i < 1, lambda i: i * 0, [tf.constant(0)])
        session = tf.Session()
        timer = threading.Timer(0.2, session.close)
        timer.start()
        with pytest.raises(tf.errors.CancelledError):
            session.run(i)
        timer.join()


# --- gradients


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

    _, looped = tf.while_loop(lambda i, h: i < 6, lambda i, h: (i + 1, step(h)), [tf.constant(0), x])
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

    _, y, product = tf.while_loop(
        lambda i, *_: i < 4, body, [tf.constant(0), x, tf.constant(1.0)]
    )
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


def test_calls(sess: Any) -> None:
    """PartitionedCall and StatefulPartitionedCall, as graphs are built from outside."""
    from thalweg.framework.func_graph import FuncGraph

    x = tf.placeholder(tf.float64, [2])
    graph = tf.get_default_graph()
    f = FuncGraph("squares")
    with f.as_default():
        a = f.add_input(tf.float64, [2], "a")
        f.outputs = [a * a, tf.sin(a)]
    assert not f.define_in(graph)
    for op in (tf.raw_ops.PartitionedCall, tf.raw_ops.StatefulPartitionedCall):
        y, z = op([x], Tout=[tf.float64, tf.float64], f="squares")
        dx = tf.gradients(y * 3 + z, x)[0]
        got = sess.run([y, z, dx], {x: [1, 2]})
        np.testing.assert_allclose(got[0], [1, 4])
        np.testing.assert_allclose(got[1], np.sin([1, 2]))
        np.testing.assert_allclose(got[2], 6 * np.array([1, 2]) + np.cos([1, 2]))
    with pytest.raises((LookupError, ValueError, tf.errors.NotFoundError), match="nothing"):
        sess.run(tf.raw_ops.PartitionedCall([x], Tout=[tf.float64], f="nothing"), {x: [1, 2]})


def test_many_iterations_hold_no_memory(sess: Any) -> None:
    from thalweg import _core

    n = tf.placeholder(tf.int32, [])
    _, x = tf.while_loop(
        lambda i, x: i < n, lambda i, x: (i + 1, tf.tanh(x) + 1), [tf.constant(0), tf.zeros([100])]
    )
    sess.run(x, {n: 10})
    before = _core.cpu_allocations()
    sess.run(x, {n: 5000})
    assert _core.cpu_allocations() - before < 50
