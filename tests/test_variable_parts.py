"""Reads and changes of parts of a variable: scatters, slices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from variable_case import Invalid, V, holds, slices, vector

import thalweg as tf


def test_scatter() -> None:
    x = np.array(V, np.float32)
    for name, want in (
        ("add", [2, 2, 5]),
        ("sub", [0, 2, 1]),
        ("mul", [1, 2, 6]),
        ("div", [1, 2, 1.5]),
        ("max", [1, 2, 3]),
        ("min", [1, 2, 2]),
        ("update", [1, 2, 2]),
    ):
        v = tf.Variable(x)
        holds(getattr(v, f"scatter_{name}")(slices([1.0, 2.0], [0, 2])), want)
        holds(v, want)
    repeated = vector().scatter_add(slices([1.0, 1.0, 1.0], [1, 1, 0]))
    holds(repeated, [2, 4, 3])
    rows = tf.Variable(np.zeros((3, 2), np.float32))
    holds(rows.scatter_update(slices([[1.0, 2.0]], [2])), [[0, 0], [0, 0], [1, 2]])
    with pytest.raises(TypeError, match=r"`sparse_delta` must be a `tf.IndexedSlices`"):
        vector().scatter_add(3.0)
    with pytest.raises(Invalid, match=r"indices\[0\] = 5 is not in \[0, 3\)"):
        vector().scatter_add(slices([1.0], [5]))


def test_scatter_nd() -> None:
    index, value = [[0], [2]], [5.0, -6.0]
    for name, want in (
        ("update", [5, 2, -6]),
        ("add", [6, 2, -3]),
        ("sub", [-4, 2, 9]),
        ("max", [5, 2, 3]),
        ("min", [1, 2, -6]),
    ):
        v = vector()
        holds(getattr(v, f"scatter_nd_{name}")(index, value), want)
        holds(v, want)


def test_batch_scatter_update() -> None:
    holds(vector().batch_scatter_update(slices([7.0], [1])), [1, 7, 3])
    m = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    holds(m.batch_scatter_update(slices([[7.0], [8.0]], [[0], [1]])), [[7, 2], [3, 8]])


def test_sparse_reads() -> None:
    holds(vector().sparse_read([0, 2]), [1, 3])
    holds(vector().gather_nd([[1]]), [2])


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 9.0),
        (slice(1, None), [8.0, 9.0]),
        (slice(1, None), 7.0),
        (slice(None, None, 2), [7.0, 8.0]),
        (slice(None, None, -1), [7.0, 8.0, 9.0]),
        (..., 4.0),
    ],
    ids=str,
)
def test_slice_assignment(index: Any, value: Any) -> None:
    v, want = vector(), np.array(V, np.float32)
    want[index] = value
    holds(v[index].assign(value), want)
    holds(v, want)

    inside = vector()

    @tf.function
    def f() -> Any:
        inside[index].assign(value)
        return inside + 0.0

    holds(f(), want)
    holds(inside, want)


def test_slice_assignment_in_matrices() -> None:
    m, want = tf.Variable(np.zeros((2, 3), np.float32)), np.zeros((2, 3), np.float32)
    index: Any
    for index, value in (
        ((0, 1), 5.0),
        ((slice(None), 2), [1.0, 2.0]),
        ((..., 0), [3.0, 4.0]),
        (1, [6.0, 7.0, 8.0]),
    ):
        m[index].assign(value)
        want[index] = value
        holds(m, want)
    with pytest.raises(Invalid, match="Cannot broadcast input shape"):
        m[0].assign([1.0, 2.0])
    with pytest.raises(Invalid, match="out of bounds"):
        m[5].assign(1.0)
    with pytest.raises(TypeError, match="does not support item assignment"):
        m[0] = 1.0  # type: ignore[index]
    holds(m, want)
