"""tf.Variable of TensorFlow 2: how it is made, read, assigned to and copied."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from variable_case import Invalid, V, holds, vector

import thalweg as tf

# --- how they are made


def test_what_it_is() -> None:
    v = tf.Variable(V, name="w")
    assert (v.name, v.dtype, v.shape, v.trainable) == ("w:0", tf.float32, [3], True)
    assert v.get_shape() == [3]
    assert v.device.endswith("device:CPU:0")
    assert v.constraint is None
    assert v.synchronization is tf.VariableSynchronization.AUTO
    assert v.aggregation is tf.VariableAggregation.NONE
    assert v.is_initialized()
    assert v.initializer is None
    assert isinstance(v, tf.Variable)
    assert not isinstance(v, tf.Tensor)
    assert tf.is_tensor(v)
    for name in ("shape", "dtype", "name", "trainable", "device"):
        with pytest.raises(AttributeError):
            setattr(v, name, None)


def test_repr() -> None:
    text = "<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=1.0>"
    assert repr(tf.Variable(1.0)) == str(tf.Variable(1.0)) == f"{tf.Variable(1.0)}" == text
    assert repr(tf.Variable([[1, 2]], name="m")) == (
        "<tf.Variable 'm:0' shape=(1, 2) dtype=int32, numpy=array([[1, 2]], dtype=int32)>"
    )
    assert repr(tf.Variable([1.0, 2.0], shape=[None])) == (
        "<tf.Variable 'Variable:0' shape=(None,) dtype=float32, numpy=array([1., 2.], "
        "dtype=float32)>"
    )
    assert "shape=<unknown>" in repr(tf.Variable(1.0, shape=tf.TensorShape(None)))


@pytest.mark.parametrize(
    ("value", "dtype", "want"),
    [
        (1, None, tf.int32),
        (1, tf.float32, tf.float32),
        (1.0, "float64", tf.float64),
        (True, None, tf.bool),
        ("a", None, tf.string),
        (1j, None, tf.complex128),
        (np.array([1, 2]), None, tf.int64),
        (lambda: 3.0, None, tf.float32),
        (lambda: [1, 2], tf.float16, tf.float16),
        (lambda: tf.ones([2], tf.int64), None, tf.int64),
    ],
)
def test_types(value: Any, dtype: Any, want: Any) -> None:
    assert tf.Variable(value, dtype=dtype).dtype == want


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: tf.Variable(), ValueError, "`initial_value`"),
        (lambda: tf.Variable(None), ValueError, "`initial_value`"),
        (lambda: tf.Variable(1.5, dtype=tf.int32), TypeError, "Cannot convert 1.5"),
        (lambda: tf.Variable(tf.constant(1), dtype=tf.float32), ValueError, "dtype float32"),
        (lambda: tf.Variable([1.0], shape=[3]), ValueError, "is not compatible with the explicit"),
        (lambda: tf.Variable(1.0, constraint=3), ValueError, "`constraint` must be None or a call"),
        (lambda: tf.Variable(1.0, caching_device="/cpu:0"), NotImplementedError, "caching_device"),
    ],
)
def test_what_cannot_be_made(call: Any, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_options() -> None:
    assert not tf.Variable(1.0, trainable=False).trainable
    on_read = tf.VariableSynchronization.ON_READ
    assert not tf.Variable(1.0, synchronization=on_read).trainable
    assert tf.Variable(1.0, synchronization=on_read, trainable=True).trainable
    limit = tf.Variable(1.0, constraint=tf.abs).constraint
    assert float(limit(-2.0)) == 2


def test_names() -> None:
    assert tf.Variable(1.0).name == "Variable:0"
    assert [tf.Variable(1.0, name="a").name for _ in range(2)] == ["a:0", "a:0"]
    with tf.name_scope("s"):
        assert tf.Variable(1.0, name="n").name == "s/n:0"
        assert tf.Variable(1.0).name == "s/Variable:0"


# --- reading


def test_reads_keep_their_value() -> None:
    v = vector()
    reads = [v.value(), v.read_value(), tf.convert_to_tensor(v), tf.identity(v), v + 0.0]
    array, copied = np.asarray(v), v.numpy()
    v.assign_add([1.0, 1.0, 1.0])
    v.scatter_update(tf.IndexedSlices([9.0], [0]))
    holds(v, [9, 3, 4])
    for r in (*reads, array, copied):
        np.testing.assert_array_equal(r, V)


def test_nothing_shows_a_write() -> None:
    array = np.array(V, np.float32)
    tensor = tf.constant(V)
    of_array, of_tensor = tf.Variable(array), tf.Variable(tensor)
    other = tf.Variable(of_tensor)
    array[0] = 100
    of_tensor.assign_add(V)
    holds(of_array, V)
    holds(other, V)
    holds(tensor, V)
    of_array.assign(tensor)
    of_array.assign_sub(V)
    holds(tensor, V)
    array = np.array(V, np.float32)
    of_array.assign(array)
    array[0] = 100
    holds(of_array, V)
    mine = of_array.numpy()
    mine[0] = 7
    holds(of_array, V)
    of_array.assign(other)
    of_array[0].assign(5.0)
    holds(other, V)


def test_operators() -> None:
    v, x = vector(), np.array(V, np.float32)
    for got, want in (
        (v + 1, x + 1),
        (1 - v, 1 - x),
        (v * v, x * x),
        (2 / v, 2 / x),
        (v // 2, x // 2),
        (v % 2, x % 2),
        (v**2, x**2),
        (-v, -x),
        (abs(-v), x),
        (v < 2, x < 2),
        (v == 2, x == 2),
        (v != 2, x != 2),
        (x + v, x + x),
        ([[1.0, 2, 3]] @ tf.Variable([[1.0], [2], [3]]), [[14]]),
    ):
        assert isinstance(got, tf.Tensor)
        np.testing.assert_array_equal(got.numpy(), want)
    assert not bool(v == tf.constant([1.0, 2.0]))
    assert (v == None) is False  # noqa: E711
    with pytest.raises(TypeError, match="Cannot convert 'a'"):
        v == "a"  # noqa: B015


def test_changing_operators_are_refused() -> None:
    v = tf.Variable(1.0)
    with pytest.raises(RuntimeError, match=r"`variable \+= value` with `tf.Variable`s is not supp"):
        v += 1
    with pytest.raises(RuntimeError, match="not supported"):
        v -= 1
    with pytest.raises(RuntimeError, match="not supported"):
        v *= 2
    with pytest.raises(RuntimeError, match="not supported"):
        v /= 2
    holds(v, 1.0)


def test_python_conversions() -> None:
    assert (float(tf.Variable(1.5)), int(tf.Variable(3)), bool(tf.Variable(0))) == (1.5, 3, False)
    assert complex(tf.Variable(1 + 2j)) == 1 + 2j
    assert [float(x) for x in vector()] == V
    assert "%s" % tf.Variable(1.5) == repr(tf.Variable(1.5))  # noqa: UP031
    with pytest.raises(ValueError, match="ambiguous"):
        bool(vector())
    with pytest.raises(TypeError, match=r"Variable is unhashable. Instead, use variable.ref\(\)"):
        hash(vector())
    v = vector()
    assert {v.ref(): 1}[v.ref()] == 1
    assert v.ref().deref() is v
    assert v.experimental_ref() == v.ref()


def test_conversion_to_tensors() -> None:
    one = tf.Variable(1.0)
    for f in (tf.identity, tf.constant, tf.convert_to_tensor):
        assert float(f(one)) == 1
    np.testing.assert_array_equal(tf.stack([one, one]), [1, 1])
    np.testing.assert_array_equal(tf.convert_to_tensor([one, 2.0]), [1, 2])
    np.testing.assert_array_equal(np.add(vector(), 1), [2, 3, 4])
    assert tf.shape(vector()).numpy().tolist() == [3]
    with pytest.raises(ValueError, match="Incompatible type conversion requested to type 'int32'"):
        tf.convert_to_tensor(one, tf.int32)


def test_what_is_undefined_in_eager_mode() -> None:
    v = vector()
    for name in ("op", "graph"):
        with pytest.raises(AttributeError, match="is undefined when eager execution is enabled"):
            getattr(v, name)
    for call in (v.eval, lambda: v.initial_value):
        with pytest.raises(RuntimeError, match="not supported when eager execution is enabled"):
            call()


# --- assignment


def test_assign() -> None:
    v = vector()
    holds(v.assign([4.0, 5.0, 6.0]), [4, 5, 6])
    holds(v.assign([1, 2, 3]), V)
    holds(v.assign(np.array([1.0, 2.0, 4.0])), [1, 2, 4])
    holds(v.assign_add(V), [2, 4, 7])
    holds(v.assign_sub(V), [1, 2, 4])
    holds(v.assign(v + 1).assign(v * 2), [4, 6, 10])
    assert v.assign(V, read_value=False) is None
    assert v.assign_add(V, read_value=False) is None
    assert v.assign_sub(V, read_value=False) is None
    v.load([0.0, 0.0, 1.0])
    holds(v, [0, 0, 1])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda v: v.assign([1.0]), ValueError, "Cannot assign value to variable .*Shape mismatch"),
        (lambda v: v.assign(1.0), ValueError, r"variable shape \(3,\), and the assigned value sha"),
        (lambda v: v.assign("a"), TypeError, "Cannot convert 'a' to EagerTensor"),
        (lambda v: v.assign(tf.constant([1, 2, 3])), ValueError, "requested dtype float32"),
        (lambda v: v.assign_add(1.0), Invalid, "shapes must be equal"),
        (lambda v: v.assign_sub([1.0]), Invalid, "shapes must be equal"),
        (lambda v: v.assign_add(tf.constant([1, 2, 3])), ValueError, "requested dtype float32"),
    ],
)
def test_what_cannot_be_assigned(call: Any, kind: type, words: str) -> None:
    v = vector()
    with pytest.raises(kind, match=words):
        call(v)
    holds(v, V)


def test_unknown_shapes() -> None:
    v = tf.Variable([1.0, 2.0], shape=[None])
    v.assign(V)
    assert v.shape.as_list() == [None]
    assert v.value().shape == [3]
    with pytest.raises(ValueError, match="Shape mismatch"):
        v.assign([[1.0]])
    with pytest.raises(Invalid):
        v.assign_add([1.0])
    holds(v, V)
    free = tf.Variable(1.0, shape=tf.TensorShape(None))
    assert free.shape.rank is None
    for value in ([1.0, 2.0], [[3.0]], 4.0):
        holds(free.assign(value), value)

    @tf.function
    def doubled() -> Any:
        return v * 2.0

    holds(doubled(), [2, 4, 6])
    v.assign([5.0])
    holds(doubled(), [10])


@pytest.mark.parametrize(
    ("dtype", "start", "add", "want"),
    [
        (tf.int64, 1, 2, 3),
        (tf.int32, 1, 2, 3),
        (tf.uint8, 250, 10, 4),
        (tf.float16, 1, 0.5, 1.5),
        (tf.complex64, 1 + 1j, 1, 2 + 1j),
    ],
)
def test_other_types(dtype: Any, start: Any, add: Any, want: Any) -> None:
    v = tf.Variable(start, dtype=dtype)
    assert v.assign_add(add).dtype == dtype
    holds(v, want)


def test_truth_values_and_text() -> None:
    holds(tf.Variable([True, False]).assign([False, True]), [False, True])
    assert tf.Variable("s").assign("t").numpy() == b"t"
    half = tf.Variable([1.0, 2.0], dtype=tf.bfloat16).assign_add([1.0, 1.0])
    np.testing.assert_array_equal(tf.cast(half, tf.float32), [2, 3])
    with pytest.raises(TypeError, match=r"Cannot convert 1.5"):
        tf.Variable(1).assign(1.5)


def test_counting() -> None:
    v = tf.Variable(1)
    assert [int(v.count_up_to(3)) for _ in range(2)] == [1, 2]
    with pytest.raises(tf.errors.OutOfRangeError):
        v.count_up_to(3)


# --- copies


def test_copies() -> None:
    v = tf.Variable(V, name="q", trainable=False, shape=[None])
    assert copy.copy(v) is v
    c = copy.deepcopy(v)
    c.assign([0.0])
    holds(v, V)
    assert (c.name, c.trainable, c.shape.as_list()) == ("q:0", False, [None])
    both = copy.deepcopy({"a": v, "b": v})
    assert both["a"] is both["b"] is not v


def test_pickles() -> None:
    v = tf.Variable([1.0, 2.0], name="pk", trainable=False)
    w = pickle.loads(pickle.dumps(v))
    assert (w.name, w.trainable, w.dtype) == ("pk:0", False, tf.float32)
    w.assign_add([1.0, 1.0])
    holds(v, [1, 2])


def test_memory_is_freed() -> None:
    v = vector()
    held = weakref.ref(v)
    value = v.value()
    del v
    gc.collect()
    assert held() is None
    holds(value, V)
