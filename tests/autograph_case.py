"""Runs functions traced and by Python, for the tests of AutoGraph."""

from __future__ import annotations

import numpy as np

import thalweg as tf


def plain(value):
    return tf.nest.map_structure(lambda v: v.numpy() if hasattr(v, "numpy") else v, value)


def check(f, *argument_sets):
    """f traced gives what f gives; one graph serves all arguments."""
    traced = tf.function(f)
    for args in argument_sets:
        tensors = [tf.constant(a) for a in args]
        want, got = plain(f(*tensors)), plain(traced(*tensors))
        tf.nest.assert_same_structure(want, got)
        for a, b in zip(tf.nest.flatten(want), tf.nest.flatten(got)):
            np.testing.assert_array_equal(a, b, err_msg=f"{f.__name__}{args}")
    assert traced.experimental_get_tracing_count() == 1


def if_else(x):
    if x > 0:
        y = x * 2
    else:
        y = -x
    return y
