"""Memory of eager programs that run for long: ever new shapes, attributes and gradients leave it where it was."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from eager_case import recording

import thalweg.compat.v1 as tf
from thalweg import _core
from thalweg.framework.graph_stack import eager_mode

raw = tf.raw_ops
MOST_OPS = 4096
SHAPES = 1000


def resident() -> int:
    """Bytes in memory."""
    gc.collect()
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    with eager_mode():
        _core.forget_eager_ops()
        yield
        _core.forget_eager_ops()


def growth(work: Callable[[], None], warm_ups: int = 1) -> int:
    """By how many bytes the process grows in three more rounds of work."""
    for _ in range(warm_ups):
        work()
    before = resident()
    for _ in range(3):
        work()
    return resident() - before


@pytest.fixture(scope="module")
def tensors() -> list[Any]:
    with eager_mode():
        return [tf.constant(np.ones((1 + i // 10, 1 + i % 10), np.float32)) for i in range(SHAPES)]


def test_ops_of_many_shapes(tensors: list[Any]) -> None:
    """10^5 calls with 10^3 shapes."""

    def work() -> None:
        for x in tensors:
            for _ in range(3):
                y = raw.Tanh(x) * 2.0 + x
            raw.MatMul(y, x, transpose_b=True)
            raw.Reshape(y, [-1])
            raw.Sum(y, [0])
            raw.ConcatV2([x, y], 0)
            raw.TopKV2(y, 1)
            y[:1], y[..., None]

    assert growth(work) < 2 << 20
    assert _core.eager_op_count() < 20


def test_gradients_of_many_shapes(tensors: list[Any]) -> None:
    def work() -> None:
        for x in tensors:
            with recording(x) as tape:
                y = raw.Tanh(x) * x
                z = raw.Sum(y, [0])
            tape.gradient([z], [None], [x])

    assert growth(work) < 2 << 20
    assert _core.eager_op_count() < 20


def test_many_attribute_values() -> None:
    """Every call another op: what has not been used for long goes."""
    x = tf.constant([[1.0, -2.0]])
    numbers = iter(range(10**9))

    def work() -> None:
        for _ in range(2 * MOST_OPS):
            raw.LeakyRelu(x, alpha=next(numbers) * 1e-6)

    assert growth(work, 2) < 4 << 20
    assert _core.eager_op_count() <= MOST_OPS


def test_gradients_under_many_attribute_values() -> None:
    x = tf.constant([[1.0, -2.0]])
    numbers = iter(range(10**9))

    def work() -> None:
        for _ in range(MOST_OPS):
            with recording(x) as tape:
                y = raw.LeakyRelu(x, alpha=next(numbers) * 1e-6)
            tape.gradient([y], [None], [x])

    assert growth(work, 2) < 8 << 20
    assert _core.eager_op_count() <= MOST_OPS


def test_attributes_that_cannot_be_told_apart() -> None:
    """Arrays as attributes: their ops are made for one call."""
    value = np.ones((20, 50), np.float32)

    def work() -> None:
        for i in range(2000):
            value[0, 0] = i
            assert raw.Const(value=value, dtype=tf.float32)[0, 0] == float(i)

    assert growth(work) < 2 << 20
    assert _core.eager_op_count() < 20


def test_subscripts_of_many_kinds() -> None:
    x = tf.constant(np.ones((3, 4, 5, 6), np.float32))
    parts = (0, slice(None), slice(1, None), slice(None, 2), None, Ellipsis, slice(0, 3, 2))
    keys = [
        (a, b, c, d)
        for a in parts
        for b in parts
        for c in parts
        for d in parts
        if (a, b, c, d).count(Ellipsis) <= 1
    ]

    def work() -> None:
        for key in keys:
            x[key]

    assert growth(work) < 2 << 20


def test_errors_leave_nothing_behind(tensors: list[Any]) -> None:
    def work() -> None:
        for i in range(2000):
            with pytest.raises(tf.errors.InvalidArgumentError):
                raw.Reshape(tensors[i % SHAPES], [7, 1000 + i])
            with pytest.raises(tf.errors.InvalidArgumentError):
                raw.LeakyRelu("a", alpha=i * 1e-3)

    assert growth(work) < 2 << 20


def test_tapes_that_are_dropped() -> None:
    x = tf.constant(np.ones(1000, np.float32))

    def work() -> None:
        for _ in range(300):
            with recording(x):
                y = x
                for _ in range(10):
                    y = raw.Tanh(y)

    assert growth(work) < 2 << 20


def test_a_tape_keeps_only_what_derivatives_need() -> None:
    """A sum needs nothing of its operands: a long one holds no intermediate."""
    x = tf.constant(np.ones(250_000, np.float32))  # a megabyte
    with recording(x) as tape:
        y = x + x
        before = resident()
        for _ in range(100):
            y = y + x
        assert resident() - before < 10 << 20
    assert tape.gradient([y], [None], [x])[0].numpy()[0] == 102


def test_scratch_memory_is_given_back(tensors: list[Any]) -> None:
    """Ops with large intermediates, one after the other, of ever new shapes."""

    def work() -> None:
        for x in tensors[::20]:
            raw.Transpose(raw.TopKV2(x, 1).values, [1, 0])
            raw.Cumsum(x, 0)

    assert growth(work) < 2 << 20


def test_what_was_large_once_is_given_back() -> None:
    """Blocks of ever new sizes beyond 32 MB: at most 256 MB of them wait for their like."""
    before = resident()
    for megabytes in (40, 50, 60, 70, 90, 100, 120, 140, 180, 200, 240, 280):
        x = raw.Fill(dims=[megabytes, 1 << 18], value=tf.constant(1.0))
        del x
    assert resident() - before < 300 << 20
