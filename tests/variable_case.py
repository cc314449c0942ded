"""Helpers of the tests of variables."""

from __future__ import annotations

from typing import Any

import numpy as np

import thalweg as tf

Invalid = tf.errors.InvalidArgumentError
V = [1.0, 2.0, 3.0]


def vector() -> tf.Variable:
    return tf.Variable(V)


def holds(v: Any, want: Any) -> None:
    np.testing.assert_array_equal(v.numpy(), want)


def slices(values: Any, indices: Any) -> Any:
    return tf.IndexedSlices(tf.constant(values), tf.constant(indices))
