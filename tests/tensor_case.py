"""Tensors to try things with."""

from __future__ import annotations

from typing import Any

import numpy as np

import thalweg as tf

Invalid = tf.errors.InvalidArgumentError
V = [1.0, 2.0, 3.0]
VECTOR = tf.constant(V)
MATRIX = tf.constant([[1.0, 2.0], [3.0, 4.0]])
INTS = tf.constant([1, 2, 3])
BOOLS = tf.constant([True, False])
TWO = tf.constant(2.0)
TEXT = tf.constant("ab")


def same(got: Any, want: Any, dtype: Any = None) -> None:
    """A tensor of these elements and, unless `want` is an array, this dtype."""
    want = np.asarray(want, None if dtype is None else dtype.as_numpy_dtype)
    assert isinstance(got, tf.Tensor), got
    if dtype is not None:
        assert got.dtype == dtype, got
    assert got.shape == want.shape, got
    np.testing.assert_array_equal(got.numpy(), want)
