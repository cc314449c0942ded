"""What functions use and change outside of themselves: variables, captured tensors, random streams."""

from __future__ import annotations

import collections

import pytest
from function_case import values

import thalweg as tf


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function], ids=["eager", "function"])
def test_print_shows_tensors_in_structures(tmp_path, wrap):
    pair = collections.namedtuple("Pair", "x y")
    v = tf.Variable([3.0])
    path = tmp_path / "printed"

    def printed(*values, **options):
        wrap(lambda: tf.print(*values, output_stream=f"file://{path}", **options))()
        text = path.read_text()
        path.unlink()
        return text

    c = tf.constant([1.0, 2.0])
    assert printed([c, 1, "a"], {"b": 1, "a": c}) == "[[1 2], 1, 'a'] {'a': [1 2], 'b': 1}\n"
    assert printed((c,), pair(c, "q"), [[v]], sep="|") == "([1 2],)|Pair(x=[1 2], y='q')|[[[3]]]\n"
    assert printed("{}", c, {}, [tf.constant("w")]) == '{} [1 2] {} ["w"]\n'
    assert printed(tf.constant("alone"), end="") == "alone"
    assert printed(tf.constant("two"), 1) == '"two" 1\n'
    assert printed([tf.range(9)], summarize=1) == "[[0 ... 8]]\n"
    assert printed(tf.TensorShape([1, None]), tf.int32) == "TensorShape([1, None]) tf.int32\n"
    slices = tf.IndexedSlices(c, tf.constant([4, 5]))
    assert printed(slices) == "IndexedSlices(values=[1 2], indices=[4 5])\n"


def test_changes_of_variables_are_waited_for():
    v = tf.Variable(1.0)

    @tf.function
    def f(x):
        with tf.control_dependencies([v.assign(x)]):
            y = tf.identity(v)
        assert tf.group(v.assign_add(1.0), [v]).type == "NoOp"
        return y, tf.tuple([v.read_value()], control_inputs=[v.assign_add(1.0)])[0]

    assert values(f(tf.constant(5.0))) == (5, 6)
    assert float(v) == 7


def test_a_new_seed_starts_streams_anew():
    draw = tf.function(lambda: tf.random.uniform([2]))
    own_seed = tf.function(lambda: tf.random.normal([2], seed=3))
    dropped = tf.function(lambda x: tf.nn.dropout(x, 0.5))

    @tf.function
    def nested(n):
        s = draw()
        if n > 0:
            s += tf.random.uniform([2])
        for _ in tf.range(n):
            s += tf.random.normal([2])
        return s

    def drawn(seed):
        tf.random.set_seed(seed)
        calls = (draw, own_seed, lambda: dropped(tf.ones([64])), lambda: nested(tf.constant(2)))
        return [call().numpy().tolist() for call in calls * 2]

    first = drawn(7)
    assert drawn(7) == first
    assert drawn(7) == first
    assert first[:4] != first[4:]
    concrete = nested.get_concrete_function(tf.TensorSpec([], tf.int32))
    tf.random.set_seed(7)
    once = concrete(tf.constant(1)).numpy().tolist()
    tf.random.set_seed(7)
    assert concrete(tf.constant(1)).numpy().tolist() == once


def test_captures():
    a = tf.constant([1.0, 2.0])
    v = tf.Variable([10.0, 20.0])

    @tf.function
    def f(x):
        return x * a + v

    assert f(2.0).numpy().tolist() == [12, 24]
    v.assign([0.0, 1.0])
    assert f(2.0).numpy().tolist() == [2, 5]
    assert f.get_concrete_function(2.0).variables == (v,)


def test_variables_are_made_on_the_first_call_only():
    made = []

    @tf.function
    def f(x):
        if not made:
            made.append(tf.Variable(3.0))
        return made[0].assign_add(x)

    assert [f(tf.constant(1.0)).numpy() for _ in range(3)] == [4, 5, 6]
    assert f(2.0).numpy() == 8
    assert len(made) == 1

    @tf.function
    def g(x):
        return tf.Variable(x)

    with pytest.raises(ValueError, match=r"only supports singleton tf\.Variables"):
        g(tf.constant(1.0))


def test_a_failed_first_trace_does_not_count():
    made = []

    @tf.function
    def f(x):
        if x.dtype != tf.float32:
            raise TypeError("floats only")
        if not made:
            made.append(tf.Variable(1.0))
        return made[0] * x

    with pytest.raises(TypeError, match="floats only"):
        f(tf.constant(1))
    assert f(tf.constant(3.0)).numpy() == 3


def test_variables_as_arguments():
    v, w = tf.Variable(1), tf.Variable(5)

    @tf.function
    def f(x):
        x.assign_add(1)
        return x * 10

    assert f(v).numpy() == 20
    assert f(w).numpy() == 60
    assert f(v).numpy() == 30
    assert (v.numpy(), w.numpy()) == (3, 6)


def test_effects_keep_the_order_of_the_program():
    v = tf.Variable(1.0)

    @tf.function
    def f():
        before = v.read_value()
        v.assign(before * 2)
        between = v + 0.0
        v.assign_add(1.0)
        return before, between, v.read_value()

    assert values(f()) == (1, 2, 3)
    assert values(f()) == (3, 6, 7)


def test_effects_without_results_happen():
    v = tf.Variable(0)

    @tf.function
    def f():
        v.assign_add(1)

    g = tf.function(lambda: f())
    for _ in range(3):
        g()
    assert v.numpy() == 3
