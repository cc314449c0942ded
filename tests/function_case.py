"""Helpers of the tests of `tf.function`."""

from __future__ import annotations

import thalweg as tf


def values(result):
    return tf.nest.map_structure(lambda t: t if t is None else t.numpy().tolist(), result)


@tf.function
def many(a, b=2, *args, c, d=4, **others):
    return a + b + c + d + sum(args) + sum(others.values())
