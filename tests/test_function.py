"""`tf.function`: arguments and traces, variables, nested calls, gradients, lifetimes."""

from __future__ import annotations

import collections
import copy
import gc
import resource
import sys
import threading
import traceback
import weakref

import numpy as np
import pytest

import thalweg as tf


def values(result):
    return tf.nest.map_structure(lambda t: t if t is None else t.numpy().tolist(), result)


# --- arguments


@tf.function
def many(a, b=2, *args, c, d=4, **others):
    return a + b + c + d + sum(args) + sum(others.values())


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


# --- input signatures


def test_input_signature():
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32)])
    def f(x, n):
        traces.append(x.shape)
        return tf.reduce_sum(x) * tf.cast(n, tf.float32)

    assert f([1.0, 2.0], 3).numpy() == 9
    assert f(np.ones(3, np.float32), tf.constant(2)).numpy() == 6
    assert f(n=2, x=tf.constant([4.0])).numpy() == 8
    assert [s.as_list() for s in traces] == [[None]]
    assert len(f.pretty_printed_concrete_signatures().split("\n\n")) == 1
    for bad in (tf.constant([[1.0]]), tf.constant([1])):
        with pytest.raises(
            TypeError, match=r"failed due to `Can not cast TensorSpec\(.* to TensorS"
        ):
            f(bad, 1)
    with pytest.raises(TypeError, match="missing a required argument: 'n'"):
        f(tf.constant([1.0]))
    with pytest.raises(TypeError, match="too many positional arguments"):
        f([1.0], 2, 3)
    assert f.get_concrete_function()(tf.constant([1.0]), tf.constant(2)).numpy() == 2


def test_input_signature_of_structures():
    spec = tf.TensorSpec([None], tf.int32)

    @tf.function(input_signature=[{"a": spec, "b": [spec, spec]}])
    def f(d):
        return tf.reduce_sum(d["a"]), d["b"][0][0] + d["b"][1][-1]

    assert values(f({"a": [1, 2], "b": [[3], np.array([4, 5], np.int32)]})) == (3, 8)


def test_input_signatures_that_do_not_fit_the_function():
    number = tf.TensorSpec([], tf.int32)
    with pytest.raises(TypeError, match="input_signature contains 1 extra type constraints"):
        tf.function(lambda x: x, input_signature=[number, number])
    with pytest.raises(TypeError, match="keyword-only parameter `y` must have a default value"):
        tf.function(lambda x, *, y: x, input_signature=[number])
    with pytest.raises(TypeError, match="either a tuple or a list"):
        tf.function(lambda x: x, input_signature=number)
    with pytest.raises(TypeError, match=r"must be `tf\.TensorSpec`s"):
        tf.function(lambda x: x, input_signature=[3])


def test_reduce_retracing():
    shapes = []

    @tf.function(reduce_retracing=True)
    def f(x):
        shapes.append(None if x.shape.rank is None else x.shape.as_list())
        return x * 2

    for n in (1, 2, 3, 4, 1):
        assert f(tf.ones([n, 3])).shape == [n, 3]
    assert shapes == [[1, 3], [None, 3]]
    for shape in ([5], [], [1, 1, 1], [7, 3]):
        assert f(tf.ones(shape)).shape == shape
    assert shapes == [[1, 3], [None, 3], None]


def test_what_graphs_take_and_give_as_text():
    weight = tf.Variable(2.0)
    offset = tf.constant([1.0, 2.0])

    @tf.function
    def f(a, b=None, *, c=3):
        return {"o": a * weight + offset, "n": None}, [a]

    @tf.function
    def rest(*args, **kwargs):
        return args[0]

    vector = "TensorSpec(shape=(2,), dtype=tf.float32, name=None)"
    graph = f.get_concrete_function(tf.TensorSpec([2]), c=(1, {"k": tf.TensorSpec([], tf.int32)}))
    takes = "TensorSpec(shape=(), dtype=tf.int32, name=None)"
    c = f"Tuple[Literal[1], Dict[['k', {takes}]]]"
    gives = f"Tuple[Dict[['o', {vector}], ['n', Literal[None]]], List[{vector}]]"
    short = f"(a: {vector}, b: Literal[None], *, c: {c}) -> {gives}"
    assert graph.pretty_printed_signature(verbose=False) == short
    assert repr(graph).startswith(f"<ConcreteFunction {short} at 0")
    assert graph.pretty_printed_signature().splitlines() == [
        "Input Parameters:",
        f"  a (POSITIONAL_OR_KEYWORD): {vector}",
        "  b (POSITIONAL_OR_KEYWORD): Literal[None]",
        f"  c (KEYWORD_ONLY): {c}",
        "Output Type:",
        f"  {gives}",
        "Captures:",
        f"  {id(weight)}: TensorSpec(shape=(), dtype=tf.resource, name=None)",
        f"  {id(offset)}: {vector}",
    ]
    graph = rest.get_concrete_function(tf.TensorSpec([2], name="q"), "x", k=1)
    named = vector.replace("None)", "'q')")
    short = f"(args_0: {named}, args_1: Literal['x'], /, *, k: Literal[1]) -> {vector}"
    assert graph.pretty_printed_signature(False) == short
    f(offset)
    assert f.pretty_printed_concrete_signatures().count("Input Parameters:") == 2


def test_graphs_of_python_values_refuse_others():
    @tf.function
    def power(a, b):
        return a**b

    square = power.get_concrete_function(a=tf.TensorSpec(None, tf.float32), b=2)
    assert float(square(tf.constant(10.0))) == 100
    assert float(square(tf.constant(10.0), b=2)) == 100
    with pytest.raises(TypeError, match=r"Can not cast 3 to Literal\[2\]"):
        square(tf.constant(10.0), b=3)
    with pytest.raises(TypeError, match="missing required arguments: a"):
        square()


def test_signatures_cast_arrays_and_check_specs():
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def f(x):
        return x + 1

    assert values(f(np.array([1, 2]))) == [2, 3]
    assert values(f(np.array([1, 2], np.int8))) == [2, 3]
    assert f.get_concrete_function(tf.TensorSpec([2], tf.int32)) is f.get_concrete_function()
    for spec in (tf.TensorSpec([2], tf.float32), tf.TensorSpec([2, 2], tf.int32)):
        with pytest.raises(TypeError, match="Can not cast TensorSpec"):
            f.get_concrete_function(spec)


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


# --- concrete functions


def test_concrete_function():
    concrete = many.get_concrete_function(tf.TensorSpec([], tf.int32), c=3)
    assert concrete(tf.constant(5)).numpy() == 14
    assert concrete(a=tf.constant(6)).numpy() == 15
    assert [t.name for t in concrete.inputs] == ["a:0"]
    assert concrete.structured_outputs.dtype == tf.int32
    assert concrete.structured_input_signature[0][0].name == "a"
    assert concrete.graph.as_graph_def().node
    with pytest.raises(TypeError, match="missing required arguments: a"):
        concrete()
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="expected to be a int32 tensor but is a float32"
    ):
        concrete(tf.constant(5.0))


def test_concrete_function_of_unknown_shapes():
    f = tf.function(lambda x: (tf.shape(x), x + 1))
    concrete = f.get_concrete_function(tf.TensorSpec([None, 2], tf.float32))
    shape, y = concrete(tf.ones([3, 2]))
    assert shape.numpy().tolist() == [3, 2]
    assert y.shape == [3, 2]
    with pytest.raises(TypeError, match="shape"):
        concrete(tf.ones([3, 1]))


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


# --- variables and captured tensors


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


# --- nested calls


def test_nested_calls():
    v = tf.Variable(2.0)

    @tf.function
    def inner(x):
        v.assign_add(1.0)
        return x * v

    @tf.function
    def outer(x):
        return inner(x) + inner(x), inner(tf.stack([x, x]))

    assert values(outer(tf.constant(1.0))) == (3 + 4, [5, 5])
    assert v.numpy() == 5


def test_nested_calls_share_traces(caplog):
    traces = []

    @tf.function
    def inner(x):
        traces.append(x.shape.as_list())
        return x + 1

    @tf.function
    def outer(x):
        y = inner(x)
        if tf.reduce_sum(y) > 0:
            y = inner(y)
        for _ in tf.range(2):
            y = inner(y)
        return y

    with caplog.at_level("WARNING", logger="thalweg"):
        assert outer(tf.constant(1)).numpy() == 5
        assert tf.function(lambda x: inner(x) * 2)(tf.constant(1)).numpy() == 4
        assert inner(tf.constant(1)).numpy() == 2
        assert values(outer(tf.constant([1, 1]))) == [5, 5]
    assert traces == [[], [2]]
    assert inner.experimental_get_tracing_count() == 2
    assert "retracing" not in caplog.text


def test_nested_calls_that_use_what_is_around_them_are_traced_for_it():
    traces = []
    held = []

    @tf.function
    def inner(x):
        traces.append(x)
        return x + held[-1]

    @tf.function
    def outer(x, factor):
        held.append(x * factor)
        return inner(x), inner(x)

    assert values(outer(tf.constant(1), 2)) == (3, 3)
    assert values(outer(tf.constant(1), 3)) == (4, 4)
    assert len(traces) == 2


def test_nested_calls_with_signatures_and_relaxed_shapes_share_traces():
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def signed(x):
        traces.append("signed")
        return x * 2

    @tf.function(reduce_retracing=True)
    def relaxed(x):
        traces.append(x.shape.as_list())
        return x * 3

    @tf.function
    def outer(x):
        return signed(x), relaxed(x)

    for n in (1, 2, 3):
        got, other = outer(tf.ones([n]))
        assert values((got, other)) == ([2.0] * n, [3.0] * n)
        assert values((signed(tf.ones([n])), relaxed(tf.ones([n])))) == ([2.0] * n, [3.0] * n)
    assert traces == ["signed", [1], [None]]


def test_a_shared_trace_does_not_keep_the_function_it_was_made_in():
    inner = tf.function(lambda x: x + 1)

    def made():
        @tf.function
        def outer(x):
            return inner(x)

        concrete = outer.get_concrete_function(tf.constant(1))
        assert concrete(tf.constant(1)).numpy() == 2
        return weakref.ref(concrete.graph)

    graph = made()
    gc.collect()
    assert graph() is None
    assert inner(tf.constant(2)).numpy() == 3
    assert inner.experimental_get_tracing_count() == 1


def test_function_as_an_argument():
    @tf.function
    def apply(f, x):
        return f(x) + 1

    double = tf.function(lambda x: x * 2)
    assert apply(double, tf.constant(3)).numpy() == 7
    assert apply(lambda x: x, tf.constant(3)).numpy() == 4
    concrete = double.get_concrete_function(tf.TensorSpec([], tf.int32))
    assert apply(concrete, tf.constant(5)).numpy() == 11


def test_run_functions_eagerly():
    seen = []

    @tf.function
    def f(x):
        seen.append(x)
        return x + 1

    tf.config.run_functions_eagerly(True)
    try:
        f(tf.constant(1))
        f(tf.constant(1))
    finally:
        tf.config.run_functions_eagerly(False)
    assert [t.numpy() for t in seen] == [1, 1]
    assert not tf.config.functions_run_eagerly()


def test_recursion_of_a_python_number():
    @tf.function
    def factorial(n):
        if n <= 1:
            return tf.constant(1)
        return n * factorial(n - 1)

    assert factorial(5).numpy() == 120


# --- gradients


@tf.function
def cubed(x):
    return x * x * x


def test_tape_around_a_call():
    x = tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        y = cubed(x)
        z = cubed(y)
    assert tape.gradient(y, x).numpy() == 12
    assert tape.gradient(z, y).numpy() == 3 * 64
    assert tape.gradient(z, x).numpy() == 9 * 2.0**8


def test_higher_orders():
    x = tf.constant(2.0)
    with tf.GradientTape() as third:
        third.watch(x)
        with tf.GradientTape() as second:
            second.watch(x)
            with tf.GradientTape() as first:
                first.watch(x)
                y = cubed(x) * x
            dy = first.gradient(y, x)
        d2y = second.gradient(dy, x)
    assert dy.numpy() == 4 * 8
    assert d2y.numpy() == 12 * 4
    assert third.gradient(d2y, x).numpy() == 24 * 2


def by_while(x):
    return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))[1]


def by_cond_in_while(x):
    def body(i, y):
        return i + 1, tf.cond(y > 0.0, lambda: y * x, lambda: y)

    return tf.while_loop(lambda i, y: i < 3, body, (0, x))[1]


def by_map(x):
    return tf.reduce_prod(tf.map_fn(lambda v: v * x, tf.ones([4])))


@pytest.mark.parametrize("f", [by_while, by_cond_in_while, by_map])
def test_second_derivatives_through_loops(f):
    traced = tf.function(f)
    x = tf.constant(1.5)
    with tf.GradientTape() as second:
        second.watch(x)
        with tf.GradientTape() as first:
            first.watch(x)
            y = traced(x)
        dy = first.gradient(y, x)
    d2y = second.gradient(dy, x)
    np.testing.assert_allclose([y, dy, d2y], [1.5**4, 4 * 1.5**3, 12 * 1.5**2], rtol=1e-5)

    @tf.function
    def inside(x):
        dy = tf.gradients(f(x), x)[0]
        d2y = tf.gradients(dy, x)[0]
        return d2y, tf.gradients(d2y, x)[0]

    np.testing.assert_allclose(inside(x), [12 * 1.5**2, 24 * 1.5], rtol=1e-5)


def test_third_derivatives_through_loops_are_never_wrong():
    traced = tf.function(by_while)
    x = tf.constant(1.5)
    with tf.GradientTape() as third:
        third.watch(x)
        with tf.GradientTape() as second:
            second.watch(x)
            with tf.GradientTape() as first:
                first.watch(x)
                y = traced(x)
            dy = first.gradient(y, x)
        d2y = second.gradient(dy, x)
    assert d2y.numpy() == pytest.approx(12 * 1.5**2)
    with pytest.raises(
        LookupError, match="do not give derivatives of this order through its loops"
    ):
        third.gradient(d2y, x)


def test_gradients_of_captured_variables():
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    b = tf.Variable([0.5, 0.5])
    fixed = tf.Variable(2.0, trainable=False)

    @tf.function
    def layer(x):
        return fixed * tf.matmul(x, w) + b

    x = tf.constant([[1.0, -1.0]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x) ** 2)
    y = 2 * np.array([[1.0, -1.0]]) @ [[1.0, 2.0], [3.0, 4.0]] + 0.5
    dw, db, df = tape.gradient(loss, [w, b, fixed])
    np.testing.assert_allclose(dw, [[1.0], [-1.0]] @ (2 * y) * 2)
    np.testing.assert_allclose(db, 2 * y[0])
    assert df is None


def test_tape_inside():
    v = tf.Variable(3.0)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = (v - x) ** 2
        grad = tape.gradient(loss, v)
        v.assign_sub(0.25 * grad)
        return loss, grad

    assert values(step(tf.constant(1.0))) == (4, 4)
    assert v.numpy() == 2


def test_tf_gradients_inside():
    @tf.function
    def f(x, y):
        a = cubed(x) * y
        return tf.gradients(a, [x, y])

    assert values(f(tf.constant(2.0), tf.constant(5.0))) == [60, 8]


def test_gradient_of_a_nested_call():
    @tf.function
    def outer(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = cubed(x)
        return tape.gradient(y, x) * cubed(x)

    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = outer(x)
    assert y.numpy() == 3 * 32
    assert tape.gradient(y, x).numpy() == 15 * 16


def test_no_gradient():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.function(tf.stop_gradient)(x)
    assert tape.gradient(y, x) is None


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


# --- lifetimes and threads


def test_functions_are_freed():
    v = tf.Variable(1.0)

    def make():
        @tf.function
        def f(x):
            if x > 0:
                return x * v
            return x

        f(tf.constant(2.0))
        with tf.GradientTape() as tape:
            y = f(tf.constant(3.0))
        tape.gradient(y, v)
        return f

    f = make()
    refs = [weakref.ref(f), weakref.ref(f.get_concrete_function(tf.constant(1.0)).graph)]
    del f
    gc.collect()
    assert [r() for r in refs] == [None, None]


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.slow
def test_ten_thousand_functions_in_flat_memory():
    x = tf.constant(2.0)

    def one(n):
        @tf.function
        def plain(y):
            return y * n

        @tf.function
        def converted(y):
            if y > n:
                y = y * n
            return y

        return plain(x), converted(x) if n % 10 == 0 else None

    for n in range(2000):
        one(n)
    gc.collect()
    before = peak()
    for n in range(8000):
        one(n)
    gc.collect()
    assert peak() - before < 20


def test_graphs_of_one_function_are_bounded():
    @tf.function
    def f(n):
        return tf.constant(n)

    for n in range(400):
        assert f(n).numpy() == n
    assert len(f.pretty_printed_concrete_signatures().split("\n\n")) <= 256
    assert f(0).numpy() == 0


def test_threads():
    results = []

    @tf.function
    def f(x, k):
        if x > 0:
            x = x * k
        return x + k

    def work(k):
        for _ in range(20):
            for n in range(1, 5):
                results.append(f(tf.ones([]) * n, k).numpy() == n * k + k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(results) == 320
    assert all(results)
    assert f.experimental_get_tracing_count() == 4
