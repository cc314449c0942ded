"""Tensors that have their value among arrays of NumPy and of other libraries."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from tensor_case import MATRIX, TEXT, TWO, VECTOR, V, same

import thalweg as tf


def test_numpy_is_a_copy() -> None:
    x = tf.constant(V)
    array = x.numpy()
    assert array.flags.writeable
    assert array.dtype == np.float32
    array[0] = 9
    same(x, V)
    assert type(TWO.numpy()) is np.float32
    assert type(TEXT.numpy()) is bytes
    assert tf.constant(["a"]).numpy().tolist() == [b"a"]


def test_arrays_share_memory_read_only() -> None:
    x = tf.constant(V)
    view = np.asarray(x)
    assert not view.flags.writeable
    assert np.shares_memory(view, np.asarray(x))
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 9
    own = np.array(x)
    assert own.flags.writeable
    assert not np.shares_memory(own, view)
    del x
    gc.collect()
    assert view.tolist() == V  # the memory lives as long as somebody looks
    assert np.asarray(VECTOR, np.float64).dtype == np.float64
    assert np.asarray(TWO).shape == ()
    assert np.asarray(TEXT).dtype == object
    with pytest.raises(ValueError, match="copy"):
        np.asarray(VECTOR, np.float64, copy=False)


def test_the_buffer_protocol() -> None:
    m = memoryview(MATRIX)
    assert m.readonly
    assert m.shape == (2, 2)
    assert m.strides == (8, 4)
    assert m.format == "f"
    assert m.tolist() == [[1, 2], [3, 4]]
    assert bytes(VECTOR) == np.array(V, np.float32).tobytes()
    formats = {tf.bool: "?", tf.int64: "l", tf.uint8: "B", tf.float16: "e", tf.int8: "b"}
    for dtype, letter in formats.items():
        assert memoryview(tf.cast([1], dtype)).format == letter
    for none in (TEXT, tf.constant([1.0], tf.bfloat16)):
        with pytest.raises(BufferError, match="no buffer format"):
            memoryview(none)


def test_numpy_functions_take_tensors() -> None:
    x = np.array(V, np.float32)
    assert np.sum(VECTOR) == 6
    assert np.argmax(VECTOR) == 2
    assert np.array_equal(VECTOR, x)
    np.testing.assert_array_equal(np.stack([VECTOR, VECTOR]), [V, V])
    np.testing.assert_array_equal(np.array([TWO, TWO]), [2, 2])
    np.testing.assert_array_equal(np.multiply(x, VECTOR), x * x)
    assert np.zeros(tf.shape(MATRIX)).shape == (2, 2)
    assert np.ones((tf.constant(2), 3)).shape == (2, 3)
    assert x[tf.constant(1)] == 2
    assert x[: tf.constant(2)].tolist() == [1, 2]


def test_tensors_come_before_arrays() -> None:
    x = np.array(V, np.float32)
    for got in (x * VECTOR, VECTOR * x, x[1] * VECTOR, np.array(V) * VECTOR, [1, 2, 3] * VECTOR):
        assert isinstance(got, tf.Tensor)
        assert got.dtype == tf.float32
    y = x.copy()
    y += VECTOR
    same(y, 2 * x)


def test_dlpack() -> None:
    x = tf.constant(V)
    shared = np.from_dlpack(x)
    assert np.shares_memory(shared, np.asarray(x))
    assert shared.tolist() == V
    array = np.arange(6, dtype=np.int64).reshape(2, 3)
    same(tf.experimental.dlpack.from_dlpack(array.__dlpack__()), array, tf.int64)
    same(tf.experimental.dlpack.from_dlpack(array), array, tf.int64)
    assert x.__dlpack_device__() == (1, 0)
    capsule = tf.experimental.dlpack.to_dlpack(x)
    again = tf.experimental.dlpack.from_dlpack(capsule)
    assert np.shares_memory(np.asarray(again), np.asarray(x))
    with pytest.raises(ValueError, match="can be used once"):
        tf.experimental.dlpack.from_dlpack(capsule)
    with pytest.raises(TypeError, match="must be a TF tensor"):
        tf.experimental.dlpack.to_dlpack(array)
    with pytest.raises(BufferError):
        tf.experimental.dlpack.to_dlpack(TEXT)
    with pytest.raises(ValueError, match="contiguous"):
        tf.experimental.dlpack.from_dlpack(array.T)


def test_dlpack_keeps_memory_alive() -> None:
    x = tf.constant(V)
    shared = np.from_dlpack(x)
    held = weakref.ref(x)
    del x
    assert held() is None
    assert shared.tolist() == V
    array = np.array(V, np.float32)
    y = tf.experimental.dlpack.from_dlpack(array)
    del array
    gc.collect()
    same(y, V)
