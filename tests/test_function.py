"""`tf.function`: arguments and results, methods, errors."""

from __future__ import annotations

import collections
import copy
import gc
import traceback
import weakref

import numpy as np
import pytest
from function_case import many, values

import thalweg as tf

# --- arguments and results


def test_kinds_of_parameters():
    assert many(tf.constant(1), c=3).numpy() == 10
    assert many(1, 2, 3, 4, c=5, e=6).numpy() == 25
    assert many(c=tf.constant(1), a=2, d=0).numpy() == 5
    assert many(1, c=1, z=tf.constant(5), y=tf.constant(7)).numpy() == 20


@pytest.mark.parametrize(
    ("args", "kwargs", "what"),
    [
        ((1,), {}, "missing a required argument: 'c'"),
        ((), {}, "missing a required argument: 'a'"),
        ((1,), {"c": 1, "a": 2}, "multiple values for argument 'a'"),
    ],
)
def test_arguments_that_do_not_fit(args, kwargs, what):
    with pytest.raises(TypeError, match=f"Binding inputs to tf.function failed due to `{what}`"):
        many(*args, **kwargs)


def test_one_trace_for_every_form_of_arguments():
    traces = []

    @tf.function
    def f(x, option=None):
        traces.append((getattr(x, "dtype", type(x)), option))
        return tf.constant(0)

    for x in (tf.constant(1), tf.constant(2), np.int32(3), np.array(4, np.int32)):
        f(x)
    assert len(traces) == 1
    f(tf.constant(1.0))
    f(np.float32(2))
    f(tf.constant([1]))
    f(tf.constant([1, 2]))
    f(np.zeros(2, np.int32))
    assert len(traces) == 4
    for x in (1, 2, 1, 1.0, True, "a", b"a", None, (1,), [1], {"a": 1}, {"b": 1}):
        f(x)
        f(x)
    assert len(traces) == 4 + 11
    f(tf.constant(1), "on")
    f(tf.constant(1), option="on")
    f(tf.constant(7), option="off")
    assert traces[-2:] == [(tf.int32, "on"), (tf.int32, "off")]
    assert f.experimental_get_tracing_count() == len(traces)


def test_objects_are_told_apart_by_identity():
    class Plain:
        value = 3

    @tf.function
    def f(o):
        return tf.constant(o.value)

    first, second = Plain(), Plain()
    second.value = 4
    assert f(first).numpy() == 3
    assert f(second).numpy() == 4
    assert f(first).numpy() == 3
    assert f.experimental_get_tracing_count() == 2


def test_python_side_effects_happen_while_tracing():
    seen = []

    @tf.function
    def f(x):
        seen.append(x)
        return x + 1

    for i in range(3):
        assert f(tf.constant(i)).numpy() == i + 1
    assert len(seen) == 1
    assert not hasattr(seen[0], "numpy")


def test_structures_in_and_out():
    @tf.function
    def f(d, items):
        return {"o": d["a"] + items[0], "p": [items[1], (d["b"], None, 7)]}, ()

    result = f({"a": 1, "b": tf.constant(2)}, [tf.constant(3), 4])
    assert values(result) == ({"o": 4, "p": [4, (2, None, 7)]}, ())
    assert tf.function(lambda: None)() is None


def test_results_that_are_no_tensors():
    @tf.function
    def f():
        return 1, 2.5, True, "a", np.ones(2)

    one, two, true, text, ones = f()
    assert [t.dtype for t in (one, two, true, text, ones)] == [
        tf.int32,
        tf.float32,
        tf.bool,
        tf.string,
        tf.float64,
    ]
    with pytest.raises(
        TypeError, match=r"must return zero or more Tensors.*found return value of type object"
    ):
        tf.function(lambda: object())()


def test_containers_must_not_be_changed():
    @tf.function
    def f(x, items, table):
        items.append(x)
        return x

    with pytest.raises(ValueError, match=r"should not modify its Python input.*modified: items"):
        f(tf.constant(1), [], {})

    @tf.function
    def g(x, table):
        table["a"] = table["a"] + x
        return table

    with pytest.raises(ValueError, match=r"should not modify its Python input.*modified: table"):
        g(tf.constant(1), {"a": 1})

    @tf.function
    def h(x, table):
        table = dict(table)
        table["a"] = table["a"] + x
        return table

    assert values(h(tf.constant(1), {"a": 1})) == {"a": 2}


def test_lambdas_builtins_and_partials():
    import functools

    assert tf.function(lambda x: x * 2)(tf.constant(2)).numpy() == 4
    add = functools.partial(lambda x, y, z=0: x + y * z, 5, z=2)
    assert tf.function(add)(tf.constant(3)).numpy() == 11
    assert tf.function(tf.nn.relu)(tf.constant([-1.0, 2.0])).numpy().tolist() == [0, 2]


def test_attributes_of_the_function_stay():
    @tf.function
    def documented(x):
        """Says something."""
        return x

    assert documented.__name__ == "documented"
    assert documented.__doc__ == "Says something."
    assert documented.python_function(3) == 3
    assert tf.function(documented).python_function is documented.python_function


def test_mappings_keep_their_type():
    @tf.function
    def f(x):
        counts = collections.defaultdict(list)
        counts["b"] = [x]
        return collections.OrderedDict(z=x, b=(x + 1, {"k": x + 2})), counts

    ordered, counts = f(tf.constant(1))
    assert type(ordered) is collections.OrderedDict
    assert list(ordered) == ["z", "b"]
    assert values(ordered) == {"z": 1, "b": (2, {"k": 3})}
    assert type(counts) is collections.defaultdict
    assert values(counts["b"]) == [1]
    assert counts["new"] == []


def test_what_is_no_function():
    with pytest.raises(TypeError, match="5 is not a callable object"):
        tf.function(5)


def test_tensors_of_functions_compare_by_element_and_have_no_hash():
    found = []

    @tf.function
    def f(x):
        for use in (lambda: hash(x), lambda: {x: 1}, lambda: {x}):
            with pytest.raises(TypeError, match="Tensor is unhashable"):
                use()
        found.append({x.ref(): 1}[x.ref()])
        return x == x, x != x, x in [x]

    equal, unequal, inside = f(tf.constant([1.0, np.nan]))
    assert found == [1]
    assert bool(inside)
    assert values((equal, unequal)) == ([True, False], [False, True])


# --- tracing


def test_inside_function():
    assert not tf.inside_function()
    assert bool(tf.function(lambda: tf.inside_function())())
    with tf.Graph().as_default():
        assert not tf.inside_function()


def test_retracing_is_warned_of(caplog):
    @tf.function
    def wasteful(x, step):
        return x + step

    with caplog.at_level("WARNING", logger="thalweg"):
        for step in range(4):
            wasteful(tf.constant(1), step)
        assert "retracing" not in caplog.text
        for step in range(4, 8):
            wasteful(tf.constant(1), step)
    assert "wasteful triggered tf.function retracing" in caplog.text
    assert "argument step keeps changing" in caplog.text


# --- methods


class Scaler:
    def __init__(self, factor):
        self.factor = factor
        self.traces = 0

    @tf.function
    def __call__(self, x):
        self.traces += 1
        return x * self.factor

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def total(self, x):
        return tf.reduce_sum(x) * self.factor


def test_methods():
    two, three = Scaler(2), Scaler(3)
    for _ in range(2):
        assert two(tf.constant(5)).numpy() == 10
        assert three(tf.constant(5)).numpy() == 15
    assert (two.traces, three.traces) == (1, 1)
    assert two.total([1.0, 2.0]).numpy() == 6
    assert three.total(np.ones(3, np.float32)).numpy() == 9


def test_objects_are_freed_with_their_methods():
    scaler = Scaler(2)
    scaler(tf.constant(1))
    scaler.total([1.0])
    ref = weakref.ref(scaler)
    del scaler
    gc.collect()
    assert ref() is None


def test_copies():
    scaler = Scaler(2)
    scaler.total([1.0])
    other = copy.deepcopy(scaler)
    other.factor = 10
    assert other.total([1.0]).numpy() == 10
    assert scaler.total([1.0]).numpy() == 2
    assert copy.copy(many)(1, c=1).numpy() == 8


# --- errors


def test_failing_op_names_the_line_that_made_it():
    @tf.function
    def f(x):
        y = x + 1.0
        return tf.linalg.inv(y)

    line = f.python_function.__code__.co_firstlineno + 3
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        f(tf.fill([2, 2], -1.0))
    assert f"{__file__}:{line}" in str(caught.value)


def test_errors_while_tracing_come_from_the_users_line():
    def f(x):
        return tf.matmul(x, x)

    with pytest.raises(ValueError) as caught:
        tf.function(f)(tf.constant(1.0))
    mine = [t for t in traceback.extract_tb(caught.tb) if t.filename == __file__]
    assert mine[-1].lineno == f.__code__.co_firstlineno + 1


def test_tensors_that_leave_the_function():
    leaked = []

    @tf.function
    def f(x):
        leaked.append(x * 2)
        return x

    f(tf.constant(1))
    with pytest.raises((TypeError, ValueError), match="out of scope"):
        tf.function(lambda y: y + leaked[0])(tf.constant(1))


@pytest.mark.parametrize(
    "option",
    ["experimental_implements", "experimental_attributes", "experimental_follow_type_hints"],
)
def test_options_that_are_refused(option):
    with pytest.raises(NotImplementedError, match=option):
        tf.function(lambda x: x, **{option: "something"})
