"""What is refused, with which exception and which words: while a graph is built, fed, fetched and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg import _core

raw = tf.raw_ops


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def z(*shape: int) -> Any:
    return tf.zeros(shape)


def finalized() -> None:
    graph = tf.Graph()
    graph.finalize()
    with graph.as_default():
        tf.constant(1)


def two_graphs() -> None:
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    tf.add(other, tf.constant(1.0))


Row = tuple[Callable[[], Any], type[Exception], str]

BUILDING: list[Row] = [
    (
        lambda: tf.matmul(z(2, 3), z(4, 5)),
        ValueError,
        "Dimensions must be equal, but are 3 and 4 for '{{node MatMul}} = MatMul",
    ),
    (lambda: tf.add(z(2), z(3)), ValueError, "Dimensions must be equal, but are 2 and 3 for"),
    (lambda: tf.matmul(z(2), z(2, 2)), ValueError, "Shape must be rank 2 but is rank 1"),
    (
        lambda: tf.add(z(2), tf.zeros([2], tf.int32)),
        TypeError,
        "has type int32 that does not match type float32 of argument 'x'.",
    ),
    (
        lambda: tf.reshape(z(2, 3), [4]),
        ValueError,
        "Cannot reshape a tensor with 6 elements to shape [4] (4 elements)",
    ),
    (
        lambda: tf.concat([z(2, 3), z(3, 4)], 0),
        ValueError,
        "Dimension 0 in both shapes must be equal, but are 3 and 4",
    ),
    (lambda: tf.add_n([]), ValueError, "Inputs must be an iterable of at least one Tensor"),
    (
        lambda: tf.constant([1, 2, 3], shape=[2]),
        ValueError,
        "Too many elements provided. Takes at most 2, but got 3.",
    ),
    (lambda: tf.constant("a", tf.float32), TypeError, "Expected float32, but got a of type 'str'."),
    (
        lambda: tf.nn.relu(tf.constant("s")),
        TypeError,
        "has DataType string not in list of allowed values",
    ),
    (two_graphs, ValueError, "must be from the same graph as"),
    (finalized, RuntimeError, "Graph is finalized and cannot be modified."),
    (
        lambda: bool(z(1)),
        TypeError,
        "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed",
    ),
    (
        lambda: list(tf.placeholder(tf.float32)),
        TypeError,
        "Iterating over a symbolic `tf.Tensor` is not allowed",
    ),
    (lambda: tf.constant(1.0, name="!bad"), ValueError, "'!bad' is not a valid node name"),
    (lambda: tf.name_scope("a b").__enter__(), ValueError, "'a b' is not a valid root scope name"),
    (
        lambda: tf.get_default_graph().get_tensor_by_name("x"),
        ValueError,
        "The name 'x' looks like an (invalid) Operation name, not a Tensor.",
    ),
    (
        lambda: tf.get_default_graph().get_operation_by_name("nope"),
        KeyError,
        "'nope' refers to an Operation not in the graph",
    ),
    (
        lambda: [tf.get_variable("v", [2]) for _ in range(2)],
        ValueError,
        "Variable v already exists, disallowed.",
    ),
]

POOL = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1]}
ATTRIBUTES: list[Row] = [
    (
        lambda: raw.MaxPool(input=z(1, 2, 2, 1), padding="BOTH", **POOL),
        ValueError,
        "Attr 'padding' of 'MaxPool' Op passed string 'BOTH'",
    ),
    (
        lambda: raw.MaxPool(input=z(1, 2, 2, 1), **POOL),
        TypeError,
        "missing 1 required keyword-only argument: 'padding'",
    ),
    (
        lambda: raw.MatMul(a=z(2, 2), b=z(2, 2), transpose_a="yes"),
        TypeError,
        "Expected bool for argument 'transpose_a' not 'yes'.",
    ),
    (
        lambda: raw.MatMul(a=z(2, 2), b=z(2, 2), bogus=1),
        TypeError,
        "unexpected keyword argument 'bogus'",
    ),
    (lambda: raw.Cast(x=z(1), DstT="floaty"), TypeError, "floaty"),
    (lambda: raw.AddN(inputs=z(1)), TypeError, "Expected list for 'inputs' argument to 'AddN' Op"),
]

DEVICES: list[Row] = [
    (
        lambda: _core.parse_device("/job:a/bogus:1"),
        ValueError,
        "Unknown attribute 'bogus' is encountered while parsing the device spec",
    ),
    (
        lambda: tf.device("/gpu:x").__enter__(),
        ValueError,
        "while parsing the device spec: '/gpu:x'",
    ),
]


def import_node(op: str, *inputs: str) -> None:
    graph_def = tf.GraphDef()
    node = graph_def.node.add()
    node.name, node.op = "n", op
    node.input.extend(inputs)
    tf.import_graph_def(graph_def)


GRAPH_DEFS: list[Row] = [
    (lambda: import_node("NoSuchOp"), LookupError, "Op type not registered 'NoSuchOp'"),
    (lambda: import_node("Identity", "zz"), ValueError, "Unknown input node 'zz'"),
    (
        lambda: _core.Graph().import_graph_def(b"\xff\xff\xff", "", {}),
        tf.errors.DataLossError,
        "GraphDef: truncated varint at byte 0",
    ),
]


@pytest.mark.parametrize(("build", "error", "text"), BUILDING + ATTRIBUTES + DEVICES + GRAPH_DEFS)
def test_refused_while_building(
    build: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as info:
        build()
    assert text in str(info.value)


def test_a_refused_node_leaves_no_trace() -> None:
    a, b = z(2, 3), z(4, 5)
    graph = tf.get_default_graph()
    before = [op.name for op in graph.get_operations()]
    with pytest.raises(ValueError, match="Dimensions must be equal"):
        tf.matmul(a, b)
    assert [op.name for op in graph.get_operations()] == before


def test_no_bytes_crash_the_graph_reader() -> None:
    """Every prefix and 400 single-byte changes of a graph are read or refused with an error of ours."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    tf.nn.relu(tf.matmul(x, tf.constant(np.ones((3, 2), np.float32))), name="y")
    data = tf.get_default_graph().as_graph_def().SerializeToString()
    rng = np.random.default_rng(0)
    inputs = [data[:n] for n in range(len(data))]
    for _ in range(400):
        changed = bytearray(data)
        changed[rng.integers(len(data))] = rng.integers(256)
        inputs.append(bytes(changed))
    refused = 0
    for bad in inputs:
        try:
            _core.Graph().import_graph_def(bad, "", {})
        except (tf.errors.OpError, ValueError, TypeError, LookupError):
            refused += 1
    assert refused > len(inputs) // 2


def feed(**value: Any) -> Callable[[Any], Any]:
    def run(sess: Any) -> Any:
        x = tf.placeholder(tf.float32, [2, 3], name="x")
        return sess.run(x, {x: value["x"]})

    return run


def after(build: Callable[[Any], Any], value: Any, dtype: Any = tf.float32) -> Callable[[Any], Any]:
    """Feeds what shape inference cannot see."""

    def run(sess: Any) -> Any:
        x = tf.placeholder(dtype, name="x")
        return sess.run(build(x), {x: value})

    return run


Invalid = tf.errors.InvalidArgumentError
RUNNING: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (
        feed(x=[1, 2]),
        ValueError,
        "Cannot feed value of shape (2,) for Tensor x:0, which has shape (2, 3)",
    ),
    (feed(x=[["a"] * 3] * 2), ValueError, "could not convert string to float"),
    (
        lambda s: s.run(z(1), {z(1): tf.constant(1.0)}),
        TypeError,
        "The value of a feed cannot be a tf.Tensor object.",
    ),
    (lambda s: s.run(z(1), {"nope:0": 1}), TypeError, "Cannot interpret feed_dict key as Tensor"),
    (
        lambda s: s.run(None if z(1) is not None else 0),
        TypeError,
        'Argument `fetch` = None has invalid type "NoneType"',
    ),
    (
        lambda s: s.run(3 if z(1) is not None else 0),
        TypeError,
        'Argument `fetch` = 3 has invalid type "int"',
    ),
    (
        lambda s: s.run("nope:0" if z(1) is not None else 0),
        ValueError,
        "Argument `fetch` = nope:0 cannot be interpreted as a Tensor.",
    ),
    (
        lambda s: s.run(tf.placeholder(tf.float32, name="x") + 1.0),
        Invalid,
        "You must feed a value for placeholder tensor 'x' with dtype float",
    ),
    (
        after(lambda i: tf.gather(z(3), i), [5], tf.int32),
        Invalid,
        "indices[0] = 5 is not in [0, 3)",
    ),
    (after(lambda x: tf.matmul(x, z(4, 5)), np.zeros((2, 3))), Invalid, "but are 3 and 4"),
    (after(lambda x: x + z(3), np.zeros(2)), Invalid, "Incompatible shapes: [2] vs. [3]"),
    (
        after(lambda x: tf.reshape(x, [4]), np.zeros(3)),
        Invalid,
        "Input to reshape is a tensor with 3 values, but the requested shape has 4",
    ),
    (
        after(lambda i: tf.floordiv(tf.constant([1]), i), [0], tf.int32),
        Invalid,
        "Integer division by zero",
    ),
]


@pytest.mark.parametrize(("run", "error", "text"), RUNNING)
def test_refused_while_running(
    run: Callable[[Any], Any], error: type[Exception], text: str
) -> None:
    with tf.Session() as sess, pytest.raises(error) as info:
        run(sess)
    assert text in str(info.value)


def test_a_session_works_on_after_an_error() -> None:
    x = tf.placeholder(tf.int32, [1])
    y = tf.gather(tf.constant([1, 2, 3]), x)
    with tf.Session() as sess:
        for _ in range(3):
            with pytest.raises(Invalid):
                sess.run(y, {x: [9]})
            assert sess.run(y, {x: [1]}) == [2]


def test_an_error_names_its_node_and_the_line_that_made_it() -> None:
    x = tf.placeholder(tf.int32, [1])
    y = tf.gather(tf.constant([1, 2, 3]), x, name="lookup")
    with tf.Session() as sess, pytest.raises(Invalid) as info:
        sess.run(y, {x: [9]})
    assert "Detected at node 'lookup'" in str(info.value)
    assert "test_errors.py:" in str(info.value)
    assert info.value.op is y.op
    assert info.value.error_code == tf.errors.INVALID_ARGUMENT


def test_a_closed_session_says_so() -> None:
    one = tf.constant(1.0)
    sess = tf.Session()
    sess.close()
    with pytest.raises(RuntimeError, match=r"Attempted to use a closed Session\."):
        sess.run(one)


def test_a_device_that_is_not_there_lists_those_that_are() -> None:
    with tf.device("/cpu:7"):
        y = tf.placeholder_with_default([1.0], [1]) * 2.0
    config = tf.ConfigProto(allow_soft_placement=False)
    with (
        tf.Session(config=config) as sess,
        pytest.raises(Invalid, match=r"available devices are .*CPU:0"),
    ):
        sess.run(y)
