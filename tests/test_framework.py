"""The Python front-end: shapes, dtypes, constants, names, scopes, ops by name, messages."""

from __future__ import annotations

import contextlib
import gc
import weakref

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.client import config
from thalweg.framework import dtypes, graph_pb
from thalweg.framework.apply import apply_op
from thalweg.framework.convert import constant_value, convert_to_tensor
from thalweg.framework.graph import Graph
from thalweg.framework.shapes import Dimension, TensorShape


@pytest.fixture(autouse=True)
def fresh_graph():
    with Graph().as_default() as graph:
        yield graph


# --- dtypes and shapes


@pytest.mark.parametrize("name", ["float16", "float64", "int8", "uint64", "bool", "complex64"])
def test_dtype_is_known_by_all_its_names(name):
    t = dtypes.as_dtype(name)
    assert t is dtypes.as_dtype(t.as_numpy_dtype) is dtypes.as_dtype(np.dtype(t.as_numpy_dtype))
    assert t is dtypes.as_dtype(t.as_datatype_enum) is t._as_ref.base_dtype
    assert t == name
    assert t != "string"
    assert t is not None
    assert (repr(t), str(t._as_ref)) == (f"tf.{name}", f"<dtype: '{name}_ref'>")
    assert t.size == np.dtype(t.as_numpy_dtype).itemsize


def test_dtype_limits():
    assert (dtypes.int8.min, dtypes.int8.max, dtypes.uint8.limits) == (-128, 127, (0, 255))
    assert dtypes.int8.limits == (0, 127)
    assert (dtypes.string.size, dtypes.string.as_numpy_dtype) == (0, object)
    assert dtypes.bfloat16.max == 3.3895313892515355e38
    with pytest.raises(TypeError, match="Cannot find minimum"):
        _ = dtypes.string.min
    with pytest.raises(TypeError, match="to a TensorFlow DType"):
        dtypes.as_dtype("float33")


def test_unknown_dimensions_are_neither_equal_nor_unequal():
    unknown = Dimension(None)
    assert (unknown == 3, unknown != 3, unknown < 3, unknown + 1 == 2) == (None,) * 4
    assert (Dimension(7) // 2 == 3, 3 - Dimension(1) == 2, [0] * Dimension(2)) == (
        True,
        True,
        [0, 0],
    )
    with pytest.raises(TypeError, match="please use // instead"):
        Dimension(4) / 2


def test_shapes_merge_and_print():
    a = TensorShape([None, 3])
    assert repr(a) == "TensorShape([Dimension(None), Dimension(3)])"
    assert [str(TensorShape(s)) for s in (None, [], [2], [None, 3])] == [
        "<unknown>",
        "()",
        "(2,)",
        "(?, 3)",
    ]
    assert a.merge_with([5, None]).as_list() == [5, 3]
    assert a.concatenate([4]).as_list() == [None, 3, 4]
    assert a.__radd__([1]).as_list() == [1, None, 3]
    assert TensorShape(None)[1:3].as_list() == [None, None]
    assert not TensorShape(None)
    with pytest.raises(ValueError, match=r"Shapes \(2, 3\) and \(2, 4\) are not compatible"):
        TensorShape([2, 3]).merge_with([2, 4])


# --- constants and conversion


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (1, "int32", []),
        (2**40, "int64", []),
        (1.5, "float32", []),
        (np.float64(1.5), "float64", []),
        ([np.float64(1.5)], "float32", [1]),
        ([], "float32", [0]),
        ([[1, 2.5]], "float32", [1, 2]),
        ("a", "string", []),
        ([True], "bool", [1]),
        (1j, "complex128", []),
        (range(3), "int32", [3]),
    ],
)
def test_constants_infer_their_type(value, dtype, shape):
    t = tf.constant(value)
    assert (t.dtype.name, t.shape.as_list()) == (dtype, shape)


@pytest.mark.parametrize(
    ("value", "options", "error", "text"),
    [
        (1.5, {"dtype": "int32"}, TypeError, "Expected int32, but got 1.5 of type 'float'."),
        (None, {}, ValueError, "None values not supported."),
        ([1, "a"], {}, TypeError, "Failed to convert elements"),
        (
            [1, 2, 3],
            {"shape": [2]},
            ValueError,
            "Too many elements provided. Takes at most 2, but got 3.",
        ),
        (
            [1],
            {"shape": [2], "verify_shape": True},
            TypeError,
            "Expected Tensor's shape: (2,), but got (1,).",
        ),
    ],
)
def test_constants_refuse(value, options, error, text):
    with pytest.raises(error) as e:
        tf.constant(value, **options)
    assert text in str(e.value)


def test_lists_with_tensors_are_packed():
    t = convert_to_tensor([[tf.constant(1), 2], [3, 4]], name="m")
    assert [o.name for o in t.graph.get_operations()] == ["Const", "m/0/1", "m/0", "m/1", "m"]
    assert constant_value(t).tolist() == [[1, 2], [3, 4]]


def test_bfloat16_rounds_to_nearest_even():
    from thalweg.framework.values import bfloat16_bits

    bits = bfloat16_bits(np.float32([1, 1 + 2**-8, 1 + 3 * 2**-8, np.nan, np.inf]))
    assert bits.tolist() == [0x3F80, 0x3F80, 0x3F82, 0x7FC0, 0x7F80]


# --- graphs


def test_wrappers_are_unique_and_graphs_are_freed():
    graph = Graph()
    with graph.as_default():
        x = tf.constant(1.0, name="x")
    assert graph.get_tensor_by_name("x:0") is x
    assert graph.get_operations()[0] is x.op
    seen = weakref.ref(graph)
    del graph, x
    gc.collect()
    assert seen() is None


def test_control_inputs_leave_out_what_data_already_orders():
    a = tf.constant(1.0, name="a")
    with tf.control_dependencies([a]):
        b = tf.constant(2.0)
        c = b + 1.0  # fed by b, which waits for a
        with tf.control_dependencies(None):
            d = tf.constant(3.0)
    assert [t.op.control_inputs for t in (b, c, d)] == [[a.op], [], []]


def test_apply_op_checks_its_arguments():
    a = tf.zeros([2, 2])
    with pytest.raises(TypeError, match="Expected bool for argument 'transpose_a' not 'x'"):
        apply_op("MatMul", a=a, b=a, transpose_a="x")
    with pytest.raises(TypeError, match="unexpected keyword arguments: bogus"):
        apply_op("MatMul", a=a, b=a, bogus=1)
    with pytest.raises(TypeError, match="is missing its argument 'b'"):
        apply_op("MatMul", a=a)
    with pytest.raises(TypeError, match="Expected list for 'values' argument"):
        apply_op("ConcatV2", values=a, axis=0)
    with pytest.raises(ValueError, match="Op type not registered 'Nope'"):
        apply_op("Nope")


def test_nodes_know_where_they_were_made():
    assert tf.constant(1.0).op.site.rpartition(":")[0] == __file__


def test_indexing_matches_numpy():
    v = np.arange(60).reshape(3, 4, 5)
    t, i = tf.constant(v), tf.constant(1)
    index = np.s_[0, :, -1], np.s_[..., 1:3], np.s_[::-1, None, 2], np.s_[1:, 1::2], np.s_[-1:0]
    with tf.Session() as sess:
        for s in index:
            assert (sess.run(t[s]) == v[s]).all(), s
        assert (sess.run(t[i:, i]) == v[1:, 1]).all()
    with pytest.raises(TypeError, match="Only integers, slices"):
        t[1.0]


# --- graph definitions and messages


def test_graph_def_round_trip():
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    tf.multiply(x, 3.0, name="y")
    data = tf.get_default_graph().as_graph_def().SerializeToString()
    with Graph().as_default():
        y, op = tf.import_graph_def(
            graph_pb.GraphDef.FromString(data), return_elements=["y:0", "y"]
        )
        assert (y.name, y.op is op, y.shape.as_list()) == ("import/y:0", True, [None, 2])
        with tf.Session() as sess:
            assert sess.run(y, {"import/x:0": [[1, 2]]}).tolist() == [[3, 6]]


@pytest.mark.parametrize(
    "v", [1, [1.5, 2], "a", True, [1j], np.arange(6.0).reshape(2, 3), np.zeros((0, 3))]
)
def test_tensor_proto_round_trip(v):
    a = graph_pb.make_ndarray(
        graph_pb.TensorProto.FromString(graph_pb.make_tensor_proto(v).SerializeToString())
    )
    want = np.array(b"a", object) if isinstance(v, str) else np.asarray(v)
    assert a.shape == want.shape
    assert (a == want).all()


def test_messages_check_their_fields():
    c = config.ConfigProto(device_count={"CPU": 2})
    assert not c.HasField("gpu_options")
    assert c.gpu_options.allow_growth is False
    c.gpu_options.allow_growth = True
    assert c.HasField("gpu_options")
    assert config.ConfigProto.FromString(c.SerializeToString()) == c
    with pytest.raises(AttributeError, match='no "foo" field'):
        c.foo = 1
    with pytest.raises(TypeError):
        c.log_device_placement = "yes"
    for cut in range(1, len(c.SerializeToString())):
        with contextlib.suppress(ValueError):
            config.ConfigProto.FromString(c.SerializeToString()[:cut])
