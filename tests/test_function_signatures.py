"""Input signatures of `tf.function`, relaxed shapes, and concrete functions."""

from __future__ import annotations

import numpy as np
import pytest
from function_case import many, values

import thalweg as tf


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
