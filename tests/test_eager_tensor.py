"""Tensors that have their value: what they are in Python."""

from __future__ import annotations

import copy
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from tensor_case import BOOLS, INTS, MATRIX, TEXT, TWO, VECTOR, Invalid, V, same

import thalweg as tf

# --- how they are made


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, tf.int32),
        (1.5, tf.float32),
        (True, tf.bool),
        (1j, tf.complex128),
        (2**40, tf.int64),
        ([1, 2**40], tf.int64),
        ([1, 2.5], tf.float32),
        ([1, True], tf.int32),
        ([], tf.float32),
        ([[]], tf.float32),
        (np.float64(1), tf.float64),
        (np.array([1, 2]), tf.int64),
        (np.int8(3), tf.int8),
        (range(3), tf.int32),
        ((1, 2), tf.int32),
        # Of numbers in a list the first decides, and NumPy's integers count as Python's.
        ([np.float64(1), 2.0], tf.float64),
        ([2.0, np.float64(1)], tf.float32),
        ([np.float16(1), 2.0], tf.float16),
        ([np.float64(2), np.float32(1)], tf.float64),
        ([np.array(1.0), 2.0], tf.float64),
        ([[3, 4], np.array([1.0, 2.0])], tf.float32),
        ([np.int64(1), 2], tf.int32),
        ([np.uint8(1), np.uint8(2)], tf.int32),
        ([np.uint64(1), 2], tf.int32),
        ([np.array([1, 2**40])], tf.int64),
        ([np.array([1, 2]), [3, 4]], tf.int32),
        ([np.bool_(True), False], tf.bool),
        ([1j, 2], tf.complex128),
    ],
)
def test_constants_have_the_type_of_their_values(value: Any, dtype: Any) -> None:
    same(tf.constant(value), np.array(value), dtype)


def test_constants_of_a_type_and_shape() -> None:
    same(tf.constant(True, tf.int32), 1, tf.int32)
    same(tf.constant(1, shape=[2, 3]), np.ones((2, 3)), tf.int32)
    same(tf.constant([1, 2, 3, 4], shape=[2, 2]), [[1, 2], [3, 4]], tf.int32)
    same(tf.constant(2.0, tf.float64, [2]), [2, 2], tf.float64)
    same(tf.constant(2**63, tf.uint64), np.uint64(2**63), tf.uint64)
    same(tf.constant(1e39, tf.float32), np.inf, tf.float32)
    same(tf.constant(np.inf), np.inf, tf.float32)
    same(tf.constant(np.array([1, 2], object), tf.int32), [1, 2], tf.int32)
    with pytest.raises(TypeError, match="unsupported shape"):
        tf.constant([1, 2, 3], shape=[2, 2])


@pytest.mark.parametrize(
    ("value", "dtype", "kind", "words"),
    [
        ([True, 1.5, "a"], None, ValueError, "mixed types"),
        ([1, "a"], None, ValueError, "mixed types"),
        ([True, 1], None, ValueError, "mixed types"),
        ([1, 2j], None, ValueError, "mixed types"),
        (2**63, None, ValueError, "out-of-range integer"),
        (1e39, None, ValueError, "out of range"),
        ([1.0, -1e39], None, ValueError, "out of range"),
        ([None, 1], None, ValueError, "unsupported type"),
        (np.array([1, 2], object), None, ValueError, "Unsupported object type int"),
        (np.array(["a", None], object), None, ValueError, "Unsupported object type NoneType"),
        (2**70, None, ValueError, "out-of-range integer"),
        (1.5, tf.int32, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        ("a", tf.int32, TypeError, "Cannot convert 'a' to EagerTensor of dtype int32"),
        (1, tf.string, TypeError, "Cannot convert 1 to EagerTensor of dtype string"),
        (1, tf.bool, TypeError, "Cannot convert 1 to EagerTensor of dtype bool"),
        (None, None, ValueError, "unsupported type"),
        ([None], None, ValueError, "unsupported type"),
        ({}, None, ValueError, "unsupported type"),
        ([[1, 2], [3]], None, ValueError, "non-rectangular"),
        (INTS, tf.float32, TypeError, "Expected tensor .* but got dtype tf.int32"),
    ],
)
def test_what_is_no_constant(value: Any, dtype: Any, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        tf.constant(value, dtype)


def test_conversion() -> None:
    assert tf.convert_to_tensor(VECTOR) is VECTOR
    with pytest.raises(ValueError, match="requested dtype float64 for Tensor with dtype float32"):
        tf.convert_to_tensor(VECTOR, tf.float64)
    same(tf.convert_to_tensor(1, dtype_hint=tf.float64), 1, tf.float64)
    same(tf.convert_to_tensor(3, dtype_hint=tf.uint8), 3, tf.uint8)
    same(tf.convert_to_tensor(3, dtype_hint=tf.float16), 3, tf.float16)
    same(tf.convert_to_tensor(1.5, dtype_hint=tf.int32), 1.5, tf.float32)
    same(tf.convert_to_tensor([1, VECTOR[1]]), [1, 2], tf.float32)
    same(tf.convert_to_tensor([[VECTOR[0], 1.0], [2, 3]]), [[1, 1], [2, 3]], tf.float32)
    same(tf.convert_to_tensor(VECTOR.shape), [3], tf.int32)


# --- text

REPR = [
    (VECTOR, "<tf.Tensor: shape=(3,), dtype=float32, numpy=array([1., 2., 3.], dtype=float32)>"),
    (TWO, "<tf.Tensor: shape=(), dtype=float32, numpy=2.0>"),
    (tf.constant(0.1), "<tf.Tensor: shape=(), dtype=float32, numpy=0.10000000149011612>"),
    (
        MATRIX,
        "<tf.Tensor: shape=(2, 2), dtype=float32, numpy=\narray([[1., 2.],\n       [3., 4.]], "
        "dtype=float32)>",
    ),
    (BOOLS, "<tf.Tensor: shape=(2,), dtype=bool, numpy=array([ True, False])>"),
    (tf.constant(True), "<tf.Tensor: shape=(), dtype=bool, numpy=True>"),
    (TEXT, "<tf.Tensor: shape=(), dtype=string, numpy=b'ab'>"),
    (
        tf.constant(["a", "bc"]),
        "<tf.Tensor: shape=(2,), dtype=string, numpy=array([b'a', b'bc'], dtype=object)>",
    ),
    (
        tf.zeros([2, 0]),
        "<tf.Tensor: shape=(2, 0), dtype=float32, numpy=array([], shape=(2, 0), dtype=float32)>",
    ),
    (tf.constant(1 + 2j), "<tf.Tensor: shape=(), dtype=complex128, numpy=(1+2j)>"),
    (
        tf.constant([1.5, 2.0], tf.bfloat16),
        "<tf.Tensor: shape=(2,), dtype=bfloat16, numpy=array([1.5, 2], dtype=bfloat16)>",
    ),
    (
        tf.constant([[0.1, 100.0], [3.0, 4.25]], tf.bfloat16),
        "<tf.Tensor: shape=(2, 2), dtype=bfloat16, numpy=\narray([[0.100098, 100],\n"
        "       [3, 4.25]], dtype=bfloat16)>",
    ),
    (
        tf.constant(0.1, tf.bfloat16),
        "<tf.Tensor: shape=(), dtype=bfloat16, numpy=0.10009765625>",
    ),
]
STR = [
    (VECTOR, "tf.Tensor([1. 2. 3.], shape=(3,), dtype=float32)"),
    (TWO, "tf.Tensor(2.0, shape=(), dtype=float32)"),
    (tf.constant(0.1), "tf.Tensor(0.1, shape=(), dtype=float32)"),
    (MATRIX, "tf.Tensor(\n[[1. 2.]\n [3. 4.]], shape=(2, 2), dtype=float32)"),
    (BOOLS, "tf.Tensor([ True False], shape=(2,), dtype=bool)"),
    (TEXT, "tf.Tensor(b'ab', shape=(), dtype=string)"),
    (tf.zeros([0]), "tf.Tensor([], shape=(0,), dtype=float32)"),
    (tf.constant([1.5, 2.0], tf.bfloat16), "tf.Tensor([1.5 2], shape=(2,), dtype=bfloat16)"),
]


@pytest.mark.parametrize(("tensor", "text"), REPR)
def test_repr(tensor: Any, text: str) -> None:
    assert repr(tensor) == text


@pytest.mark.parametrize(("tensor", "text"), STR)
def test_str(tensor: Any, text: str) -> None:
    assert str(tensor) == text
    assert f"{tensor!s}" == text


def test_format() -> None:
    assert f"{TWO:.3f} {tf.constant(7):>3d} {TWO} {VECTOR}" == "2.000   7 2.0 [1. 2. 3.]"
    assert f"{TEXT}" == "b'ab'"
    assert f"{tf.constant([1.5, 2.0], tf.bfloat16)}" == "[1.5 2. ]"
    assert "%.2f %d" % (TWO, tf.constant(7)) == "2.00 7"  # noqa: UP031
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{VECTOR:.2f}"


# --- attributes


def test_attributes() -> None:
    assert (VECTOR.shape, VECTOR.dtype, VECTOR.ndim) == ([3], tf.float32, 1)
    assert (TWO.shape, TWO.ndim, VECTOR.get_shape()) == ([], 0, [3])
    assert VECTOR.device.endswith("device:CPU:0")
    assert VECTOR.backing_device == VECTOR.device
    assert isinstance(VECTOR, tf.Tensor)
    assert tf.is_tensor(VECTOR)
    assert not any(tf.is_tensor(x) for x in (1, np.ones(3), [VECTOR], None))
    x = tf.constant(V)
    x.note = 3  # users may attach what they like
    assert x.note == 3
    for name in ("shape", "dtype", "ndim", "name"):
        with pytest.raises(AttributeError):
            setattr(x, name, None)


def test_what_is_undefined_in_eager_mode() -> None:
    for name in ("op", "graph", "name", "value_index"):
        with pytest.raises(AttributeError, match=rf"Tensor\.{name} is undefined when eager"):
            getattr(VECTOR, name)
    with pytest.raises(NotImplementedError, match="eval is not supported when eager"):
        VECTOR.eval()
    with pytest.raises(NotImplementedError, match=r"Tensor\.consumers is undefined"):
        VECTOR.consumers()


def test_set_shape_only_checks() -> None:
    for shape in ([3], [None], None):
        VECTOR.set_shape(shape)
    with pytest.raises(ValueError, match=r"Tensor's shape \(3,\) is not compatible .* \(4,\)"):
        VECTOR.set_shape([4])


def test_references_stand_for_tensors_in_sets() -> None:
    with pytest.raises(TypeError, match=r"Tensor is unhashable\. Instead, use tensor\.ref"):
        hash(VECTOR)
    assert VECTOR.ref() == VECTOR.ref() != TWO.ref()
    assert {VECTOR.ref(): 1}[VECTOR.ref()] == 1
    assert VECTOR.ref().deref() is VECTOR


# --- Python's conversions


def test_python_numbers() -> None:
    assert (float(TWO), int(TWO), complex(TWO)) == (2.0, 2, 2 + 0j)
    assert complex(tf.constant(1 + 2j)) == 1 + 2j
    assert (int(tf.constant("12")), float(tf.constant("1.5"))) == (12, 1.5)
    assert [10, 20, 30][tf.constant(2)] == 30
    assert list(range(tf.constant(3))) == [0, 1, 2]
    for convert in (float, int):
        with pytest.raises(TypeError, match="can be converted to Python scalars"):
            convert(VECTOR)
    for wrong in (TWO, tf.constant([2])):
        with pytest.raises(TypeError, match="scalar index"):
            [10, 20, 30][wrong]


def test_truth() -> None:
    assert TWO
    assert tf.constant([1])
    assert TEXT
    assert tf.constant(2.0) == 2.0
    for false in (tf.constant(0.0), tf.constant([[0]]), tf.zeros([0]), tf.constant("")):
        assert not false
    with pytest.raises(ValueError, match="more than one element is ambiguous"):
        bool(VECTOR)


def test_length_and_iteration() -> None:
    assert len(VECTOR) == 3
    assert len(MATRIX) == 2
    assert [float(x) for x in VECTOR] == V
    assert [x.shape for x in MATRIX] == [[2], [2]]
    assert list(tf.zeros([0])) == []
    same(sum(VECTOR), 6.0)
    same(max(VECTOR), 3.0)
    assert 2.0 in VECTOR
    assert 5.0 not in VECTOR
    with pytest.raises(TypeError, match="Scalar tensor has no"):
        len(TWO)
    with pytest.raises(TypeError, match="Cannot iterate over a scalar tensor"):
        iter(TWO)


# --- indexing

ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
INDICES: list[Any] = [
    0,
    -1,
    (1, 2),
    (1, 2, 3),
    slice(1, None),
    slice(None, None, -1),
    (slice(None), 1),
    (slice(None), slice(None, None, 2), slice(3, 0, -1)),
    (slice(None), slice(2, 0, -1)),
    (slice(5, 9),),
    (..., 0),
    (0, ..., slice(1, 3)),
    (None, 0, None),
    (..., None),
    (),
    np.int64(1),
    (np.array(1), 2),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing(index: Any) -> None:
    same(tf.constant(ARRAY)[index], ARRAY[index])
    same(tf.Variable(ARRAY)[index], ARRAY[index])


def test_indexing_by_tensors_and_masks() -> None:
    x = tf.constant(ARRAY)
    one = tf.constant(1)
    same(x[one], ARRAY[1])
    same(x[:one, one:, :: tf.constant(2, tf.int64)], ARRAY[:1, 1:, ::2])
    same(x[x > 20.0], ARRAY[ARRAY > 20])
    same(x[np.array([True, False])], ARRAY[[True, False]])
    same(MATRIX[[0, 1]], 2.0)  # a list is a tuple


@pytest.mark.parametrize(
    ("index", "kind", "words"),
    [
        (3, Invalid, "slice index 3 of dimension 0 out of bounds"),
        (-4, Invalid, "slice index -1 of dimension 0 out of bounds"),
        ((0, 0), Invalid, "input has only 1 dims"),
        (slice(1, 2, 0), Invalid, r"strides\[0\] must be non-zero"),
        ((..., ...), Invalid, "Multiple ellipses"),
        ("x", TypeError, "Only integers, slices"),
        (1.0, TypeError, "Only integers, slices"),
        (tf.constant(1.0), TypeError, "Only integers, slices"),
        (tf.constant([0, 1]), TypeError, "Only integers, slices"),
        (True, ValueError, "mask cannot be scalar"),
    ],
)
def test_wrong_indices(index: Any, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        VECTOR[index]


def test_items_cannot_be_set() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        VECTOR[0] = 1.0
    with pytest.raises(TypeError, match="item deletion"):
        del VECTOR[0]


# --- copies


def test_copies_and_pickles() -> None:
    assert copy.copy(VECTOR) is VECTOR
    assert copy.deepcopy(VECTOR) is VECTOR
    for x in (VECTOR, TEXT, INTS, BOOLS, tf.zeros([0]), tf.constant([["a"]]), tf.constant(1j)):
        got = pickle.loads(pickle.dumps(x))
        same(got, x.numpy())
        assert got.dtype == x.dtype
    half = pickle.loads(pickle.dumps(tf.constant([1.5, 2.0], tf.bfloat16)))
    assert half.dtype == tf.bfloat16
    same(tf.cast(half, tf.float32), [1.5, 2.0])


def test_weak_references() -> None:
    x = tf.constant(V)
    gone: list[int] = []
    held = weakref.ref(x, lambda _: gone.append(1))
    assert held() is x
    del x
    assert held() is None
    assert gone == [1]


# --- graphs


def test_in_graphs_they_are_constants() -> None:
    with tf.Graph().as_default() as g:
        y = TWO + 1
        z = tf.constant(2.0) * TWO
        c = tf.convert_to_tensor(TWO)
        assert (y.op.type, y.op.inputs[0].op.type, c.op.type) == ("AddV2", "Const", "Const")
        assert y.graph is z.graph is g
        assert y.shape == []
        with tf.compat.v1.Session() as sess:
            assert sess.run([y, z, c]) == [3.0, 4.0, 2.0]


def test_tensors_of_graphs_are_out_of_scope() -> None:
    with tf.Graph().as_default():
        y = tf.constant(1.0) + 1
    for use in (lambda: y + 1, lambda: tf.add(y, TWO), lambda: TWO * y, lambda: tf.identity(y)):
        with pytest.raises(TypeError, match="out of scope"):
            use()
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="Python `bool`"):
        bool(y)
