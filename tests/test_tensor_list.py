"""Lists of tensors as values, and what is written over them: TensorArray, map_fn, scan, foldl, foldr.

Ops EmptyTensorList, TensorListReserve, TensorListPushBack, TensorListPopBack, TensorListLength,
TensorListElementShape, TensorListSetItem, TensorListGetItem, TensorListStack, TensorListFromTensor, TensorListGather,
TensorListScatterV2, TensorListScatterIntoExistingList, TensorListConcatV2, TensorListSplit and TensorListResize.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

raw = tf.raw_ops
F = tf.float64


@pytest.fixture
def sess() -> Iterator[Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def items(handle: Any, *shape: int) -> Any:
    return raw.TensorListStack(handle, list(shape), element_dtype=F)


def test_push_and_pop(sess: Any) -> None:
    empty = raw.EmptyTensorList(-1, -1, element_dtype=F)
    one = raw.TensorListPushBack(empty, tf.constant([1.0, 2.0], F))
    two = raw.TensorListPushBack(one, tf.constant([3.0, 4.0], F))
    rest, last = raw.TensorListPopBack(two, [2], element_dtype=F)
    assert last.shape == [2]
    # Every list is a value of its own, whoever was made from it.
    got = sess.run(
        [items(one, 2), items(two, 2), last, items(rest, 2), raw.TensorListLength(empty)]
    )
    assert [g.tolist() for g in got] == [[[1, 2]], [[1, 2], [3, 4]], [3, 4], [[1, 2]], 0]


def test_items_that_were_not_set_are_zero(sess: Any) -> None:
    r = raw.TensorListReserve([2], 3, element_dtype=F)
    r = raw.TensorListSetItem(r, 1, tf.constant([5.0, 6.0], F))
    assert sess.run(items(r, 2)).tolist() == [[0, 0], [5, 6], [0, 0]]
    assert sess.run(raw.TensorListGetItem(r, 2, [2], element_dtype=F)).tolist() == [0, 0]
    assert sess.run(raw.TensorListGetItem(r, 1, -1, element_dtype=F)).tolist() == [5, 6]
    unknown = raw.TensorListReserve(-1, 3, element_dtype=F)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not fully known"):
        sess.run(raw.TensorListGetItem(unknown, 0, -1, element_dtype=F))
    grown = raw.TensorListSetItem(
        r, 4, tf.constant([1.0, 1.0], F), resize_if_index_out_of_bounds=True
    )
    assert sess.run(raw.TensorListLength(grown)) == 5
    assert sess.run(raw.TensorListLength(raw.TensorListResize(r, 2))) == 2
    assert sess.run(raw.TensorListElementShape(r, shape_type=tf.int32)).tolist() == [2]
    assert sess.run(raw.TensorListElementShape(unknown, shape_type=tf.int64)) == -1


def test_rows_pieces_and_places(sess: Any) -> None:
    x = tf.placeholder(F, [4, 2])
    v = np.arange(8.0).reshape(4, 2)
    rows = raw.TensorListFromTensor(x, [2])
    np.testing.assert_array_equal(sess.run(items(rows, 2), {x: v}), v)
    some = raw.TensorListGather(rows, [3, 0, 3], [2], element_dtype=F)
    np.testing.assert_array_equal(sess.run(some, {x: v}), v[[3, 0, 3]])
    placed = raw.TensorListScatterV2(x, [4, 0, 2, 1], [2], -1)
    want = np.zeros((5, 2))
    want[[4, 0, 2, 1]] = v
    np.testing.assert_array_equal(sess.run(items(placed, 2), {x: v}), want)
    again = raw.TensorListScatterIntoExistingList(placed, x * 10, [0, 1, 2, 3])
    want[:4] = v * 10
    np.testing.assert_array_equal(sess.run(items(again, 2), {x: v}), want)
    pieces = raw.TensorListSplit(x, [-1, 2], tf.constant([1, 3], tf.int64))
    back, lengths = raw.TensorListConcatV2(
        pieces, [-1, 2], tf.constant([], tf.int64), element_dtype=F
    )
    got = sess.run([back, lengths, raw.TensorListLength(pieces)], {x: v})
    np.testing.assert_array_equal(got[0], v)
    assert got[1].tolist() == [1, 3]
    assert got[2] == 2


LIST_ERRORS: list[tuple[Callable[[Any], Any], str]] = [
    (
        lambda r: raw.TensorListGetItem(r, 7, [2], element_dtype=F),
        "Trying to access element 7 in a list with 3 elements",
    ),
    (
        lambda r: raw.TensorListSetItem(r, -1, tf.zeros([2], F)),
        "Trying to modify element -1 in a list with 3 elements",
    ),
    (lambda r: raw.TensorListSetItem(r, 0, tf.zeros([3], F)), "incompatible shape"),
    (lambda r: raw.TensorListSetItem(r, 0, tf.zeros([2])), "Invalid data types"),
    (
        lambda r: raw.TensorListPopBack(raw.TensorListResize(r, 0), [2], element_dtype=F)[1],
        "empty list",
    ),
    (lambda r: raw.TensorListGather(r, [5], [2], element_dtype=F), "element 5 in a list with 3"),
    (
        lambda r: raw.TensorListStack(r, [2], element_dtype=F, num_elements=2),
        "expected a list with 2 elements",
    ),
]


@pytest.mark.parametrize(("build", "text"), LIST_ERRORS, ids=[t[:24] for _, t in LIST_ERRORS])
def test_list_errors(sess: Any, build: Callable[[Any], Any], text: str) -> None:
    y = build(raw.TensorListReserve([2], 3, element_dtype=F))
    y = raw.TensorListLength(y) if y.dtype == tf.variant else y
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(text)):
        sess.run(y)


def test_a_list_has_no_value_as_an_array(sess: Any) -> None:
    with pytest.raises(TypeError, match="variant"):
        sess.run(raw.TensorListReserve([2], 3, element_dtype=F))


def test_gradients_through_lists(sess: Any) -> None:
    x = tf.placeholder(F, [3, 2])
    v = np.array([[0.3, -0.2], [0.5, 0.9], [-1.1, 0.4]])
    w = tf.constant(np.arange(1.0, 9.0).reshape(4, 2))

    def through(f: Callable[[Any], Any]) -> tuple[Any, Any]:
        return tuple(sess.run([f(x), *tf.gradients(tf.reduce_sum(tf.sin(f(x)) * 2), x)], {x: v}))

    def by_list(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: f(raw.TensorListFromTensor(x, [2]))

    def replaced(h: Any) -> Any:
        h = raw.TensorListSetItem(h, 0, raw.TensorListGetItem(h, 2, [2], element_dtype=F) * 3)
        return items(h, 2)

    def pushed(h: Any) -> Any:
        h, last = raw.TensorListPopBack(h, [2], element_dtype=F)
        return items(raw.TensorListPushBack(h, last * last), 2)

    def scattered(h: Any) -> Any:
        rows = raw.TensorListGather(h, [0, 2], [2], element_dtype=F)
        h = raw.TensorListScatterIntoExistingList(h, rows * 5, [1, 0])
        return items(h, 2)

    def resized(h: Any) -> Any:
        return items(raw.TensorListResize(h, 4), 2) * w

    def split(h: Any) -> Any:
        pieces = raw.TensorListSplit(items(h, 2), [-1, 2], tf.constant([2, 1], tf.int64))
        joined = raw.TensorListConcatV2(pieces, [-1, 2], tf.constant([], tf.int64), element_dtype=F)
        return joined[0] * 3

    def placed(h: Any) -> Any:
        return items(raw.TensorListScatterV2(items(h, 2), [2, 0, 1], [2], 3), 2)

    plain: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
        (replaced, lambda x: tf.stack([x[2] * 3, x[1], x[2]])),
        (pushed, lambda x: tf.stack([x[0], x[1], x[2] * x[2]])),
        (scattered, lambda x: tf.stack([x[2] * 5, x[0] * 5, x[2]])),
        (resized, lambda x: tf.concat([x, tf.zeros([1, 2], F)], 0) * w),
        (split, lambda x: x * 3),
        (placed, lambda x: tf.stack([x[1], x[2], x[0]])),
    ]
    for f, g in plain:
        for got, want in zip(through(by_list(f)), through(g)):
            np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=f.__name__)


# --- TensorArray


def test_tensor_array_in_a_loop(sess: Any) -> None:
    ta = tf.TensorArray(tf.float32, 5)
    _, ta = tf.while_loop(
        lambda i, t: i < 5,
        lambda i, t: (i + 1, t.write(i, tf.cast(i, tf.float32) * [1.0, 2.0])),
        [tf.constant(0), ta],
    )
    assert isinstance(ta, tf.TensorArray)
    x = ta.stack()
    assert x.shape.as_list() == [5, 2]
    np.testing.assert_array_equal(sess.run(x), np.outer(np.arange(5), [1, 2]))
    assert sess.run(ta.size()) == 5
    assert sess.run(ta.read(3)).tolist() == [3, 6]
    assert sess.run(ta.gather([4, 1])).tolist() == [[4, 8], [1, 2]]
    assert sess.run(ta.concat()).tolist() == [0, 0, 1, 2, 2, 4, 3, 6, 4, 8]


def test_tensor_array_grows(sess: Any) -> None:
    n = tf.placeholder(tf.int32, [])
    ta = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    _, ta = tf.while_loop(
        lambda i, t: i < n, lambda i, t: (i + 1, t.write(i, i * i)), [tf.constant(0), ta]
    )
    for count in (1, 4):
        assert sess.run([ta.stack(), ta.size()], {n: count})[0].tolist() == [
            i * i for i in range(count)
        ]
    fixed = tf.TensorArray(tf.int32, size=2).write(2, 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="element 2 in a list with 2"):
        sess.run(fixed.stack())


def test_tensor_array_from_tensors(sess: Any) -> None:
    x = tf.constant(np.arange(6.0).reshape(3, 2))
    assert sess.run(tf.TensorArray(F, 3).unstack(x).read(1)).tolist() == [2, 3]
    assert sess.run(tf.TensorArray(F, 3).scatter([2, 0, 1], x).stack()).tolist() == [
        [2, 3],
        [4, 5],
        [0, 1],
    ]
    assert sess.run(tf.TensorArray(F, 2, infer_shape=False).split(x, [1, 2]).read(1)).tolist() == [
        [2, 3],
        [4, 5],
    ]
    assert tf.TensorArray(F, 3, element_shape=[2]).element_shape == [2]
    with pytest.raises(ValueError, match="Incompatible shape for value"):
        tf.TensorArray(F, 3, element_shape=[3]).write(0, x[0])
    with pytest.raises(ValueError, match="Size must be declared"):
        tf.TensorArray(F)
    with pytest.raises(NotImplementedError, match=r"tf\.gradients"):
        tf.TensorArray(F, 1).grad("source")


def test_gradients_through_tensor_arrays(sess: Any) -> None:
    x = tf.placeholder(F, [4])
    v = np.array([0.3, 0.7, -0.4, 1.2])
    source = tf.TensorArray(F, 4).unstack(x)

    def body(i: Any, total: Any, out: Any) -> Any:
        total = total * source.read(i) + source.read(3 - i)
        return i + 1, total, out.write(i, tf.sin(total))

    _, total, out = tf.while_loop(
        lambda i, *_: i < 4, body, [tf.constant(0), tf.constant(1.0, F), tf.TensorArray(F, 4)]
    )
    y = tf.reduce_sum(out.stack() * [1.0, 2.0, 3.0, 4.0]) + total
    (dx,) = tf.gradients(y, x)
    total, want = tf.constant(1.0, F), tf.constant(0.0, F)
    for i in range(4):
        total = total * x[i] + x[3 - i]
        want += tf.sin(total) * (i + 1)
    want += total
    (dw,) = tf.gradients(want, x)
    first = sess.run([y, dx, want, dw], {x: v})
    np.testing.assert_allclose(first[:2][1], first[3], rtol=1e-10)
    np.testing.assert_allclose(first[0], first[2], rtol=1e-12)
    ddx, ddw = (tf.gradients(tf.reduce_sum(d * d), x)[0] for d in (dx, dw))
    np.testing.assert_allclose(*sess.run([ddx, ddw], {x: v}), rtol=1e-9)


def test_a_loop_changes_its_lists_in_place(sess: Any) -> None:
    """Copies would make a loop of this length, and its gradient, take minutes."""
    n = 20000
    x = tf.constant(np.ones(n))
    source = tf.TensorArray(F, n).unstack(x)
    _, out = tf.while_loop(
        lambda i, _: i < n,
        lambda i, t: (i + 1, t.write(i, source.read(i) * 2)),
        [tf.constant(0), tf.TensorArray(F, n)],
    )
    y = tf.reduce_sum(out.stack())
    dx = tf.gradients(y, x)[0]
    started = time.process_time()
    total, grad = sess.run([y, dx])
    assert time.process_time() - started < 30
    assert total == 2 * n
    assert (grad == 2).all()


# --- map_fn, scan, folds


def test_map_fn(sess: Any) -> None:
    x = tf.placeholder(F, [None, 2])
    v = np.arange(6.0).reshape(3, 2)
    y = tf.map_fn(lambda row: row * tf.reduce_sum(row), x)
    assert y.shape.as_list() == [None, 2]
    np.testing.assert_array_equal(sess.run(y, {x: v}), v * v.sum(1, keepdims=True))
    assert sess.run(y, {x: np.zeros((0, 2))}).shape == (0, 2)
    a, b = tf.map_fn(
        lambda p: (p[0] + p[1], tf.cast(p[0], tf.int32)), (x, x * 2), dtype=(F, tf.int32)
    )[:2]
    np.testing.assert_array_equal(sess.run(a, {x: v}), 3 * v)
    assert sess.run(b, {x: v}).dtype == np.int32
    dx = tf.gradients(tf.reduce_sum(y), x)[0]
    np.testing.assert_allclose(sess.run(dx, {x: v}), 2 * v.sum(1, keepdims=True) * np.ones(2))
    with pytest.raises(TypeError, match="must be callable"):
        tf.map_fn(3, x)
    with pytest.raises(ValueError, match="scalars"):
        tf.map_fn(lambda v: v, tf.constant(1.0))


def test_scan_and_folds(sess: Any) -> None:
    v = np.array([1.0, 2.0, 3.0, 4.0])
    x = tf.placeholder(F, [4])

    def step(a: Any, b: Any) -> Any:
        return a * 0.5 + b

    forward, backward = [v[0]], [v[-1]]
    for e in v[1:]:
        forward.append(forward[-1] * 0.5 + e)
    for e in v[-2::-1]:
        backward.append(backward[-1] * 0.5 + e)
    s = tf.scan(step, x)
    assert s.shape == [4]
    np.testing.assert_allclose(sess.run(s, {x: v}), forward)
    np.testing.assert_allclose(sess.run(tf.scan(step, x, reverse=True), {x: v}), backward[::-1])
    np.testing.assert_allclose(sess.run(tf.foldl(step, x), {x: v}), forward[-1])
    np.testing.assert_allclose(sess.run(tf.foldr(step, x), {x: v}), backward[-1])
    start = tf.constant(10.0, F)
    np.testing.assert_allclose(sess.run(tf.scan(step, x, start), {x: v})[0], 6)
    np.testing.assert_allclose(sess.run(tf.foldl(step, x, start), {x: v}), forward[-1] + 10 / 16)
    dx = tf.gradients(tf.reduce_sum(s), x)[0]
    np.testing.assert_allclose(sess.run(dx, {x: v}), [1.875, 1.75, 1.5, 1])
    fib = tf.scan(lambda a, _: (a[1], a[0] + a[1]), tf.zeros([6]), (tf.constant(0), tf.constant(1)))
    assert sess.run(fib[0]).tolist() == [1, 1, 2, 3, 5, 8]
