"""Kernels that work packet by packet, at every length about a packet's: tails are not another path."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg.compat.v1 as tf

LENGTHS = (*range(1, 36), 63, 64, 65, 130, 600)
TOLERANCE = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-14}


@pytest.fixture
def sess() -> tf.Session:
    return tf.Session()


def exact_softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_softmax_and_cross_entropies(sess: tf.Session, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, labels = tf.placeholder(dtype, [None, None]), tf.placeholder(dtype, [None, None])
    classes = tf.placeholder("int32", [None])
    dense = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=x)
    sparse = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=x)
    fetches = [
        tf.nn.softmax(x),
        tf.nn.log_softmax(x),
        dense,
        tf.gradients(dense, x)[0],
        sparse,
        tf.gradients(sparse, x)[0],
    ]
    for n in LENGTHS:
        a = rng.normal(size=(3, n)).astype(dtype)
        p = exact_softmax(rng.normal(size=(3, n))).astype(dtype)
        c = rng.integers(0, n, 3).astype(np.int32)
        got = sess.run(fetches, {x: a, labels: p, classes: c})
        wide, q = a.astype(np.float64), p.astype(np.float64)
        soft = exact_softmax(wide)
        one_hot = np.eye(n)[c]
        want = [
            soft,
            np.log(soft),
            -(q * np.log(soft)).sum(-1),
            soft - q,
            -np.log((soft * one_hot).sum(-1)),
            soft - one_hot,
        ]
        for y, exact in zip(got, want):
            np.testing.assert_allclose(
                y, exact, rtol=TOLERANCE[dtype] * 4, atol=TOLERANCE[dtype] * 4
            )


@pytest.mark.parametrize("n", [1, 10, 16, 17, 600])
def test_softmax_of_nan_and_infinity(sess: tf.Session, n: int) -> None:
    rows = np.zeros((4, n), np.float32)
    rows[0, n // 2] = np.nan
    rows[1, n - 1] = np.inf
    rows[2, :] = -np.inf
    y = sess.run(tf.nn.softmax(tf.constant(rows)))
    assert np.isnan(y[0]).all()
    assert np.isnan(y[1, n - 1])
    assert np.isnan(y[2]).all()
    np.testing.assert_allclose(y[3], 1 / n, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "float16"])
def test_reductions_of_short_rows(sess: tf.Session, dtype: str) -> None:
    rng = np.random.default_rng(1)
    x = tf.placeholder(dtype, [None, None])
    fetches = [tf.reduce_sum(x, 1), tf.reduce_max(x, 1), tf.reduce_min(x, 1)]
    for n in LENGTHS[:38]:
        a = rng.integers(0, 4, (7, n)).astype(dtype)
        total, most, least = sess.run(fetches, {x: a})
        assert (total == a.sum(1, dtype=a.dtype)).all()
        assert (most == a.max(1)).all()
        assert (least == a.min(1)).all()
        if a.dtype.kind == "f":
            a[3, n // 2] = np.nan
            for y in sess.run(fetches, {x: a}):
                assert np.isnan(y[3])
                assert np.isfinite(np.delete(y, 3)).all()


@pytest.mark.parametrize("dtype", ["bool", "float16", "float32", "float64", "int64", "complex128"])
def test_selection(sess: tf.Session, dtype: str) -> None:
    rng = np.random.default_rng(2)
    mask, a, b = tf.placeholder("bool"), tf.placeholder(dtype), tf.placeholder(dtype)
    y = tf.where_v2(mask, a, b)
    for n in LENGTHS:
        m = rng.integers(0, 2, n).astype(bool)
        u, v = rng.integers(0, 9, n).astype(dtype), rng.integers(0, 9, n).astype(dtype)
        for left, right in ((u, v), (u[0], v), (u, v[0]), (u[0], v[0])):
            got = sess.run(y, {mask: m, a: left, b: right})
            assert (got == np.where(m, left, right)).all()


@pytest.mark.parametrize("to", ["float16", "bfloat16", "float32", "float64", "int8", "int64"])
def test_cast_of_bool(sess: tf.Session, to: str) -> None:
    m = np.random.default_rng(3).integers(0, 2, 131).astype(bool)
    got = sess.run(tf.cast(tf.cast(tf.constant(m), to), "float32"))
    assert (got == m).all()


def test_adam_of_half_in_pieces(sess: tf.Session) -> None:
    start = np.random.default_rng(4).normal(size=1000).astype(np.float16)
    slope = (np.random.default_rng(5).uniform(0.5, 2, 1000) * np.sign(start)).astype(np.float16)
    whole = tf.Variable(start)
    parts = [tf.Variable(start[i : i + 77]) for i in range(0, 1000, 77)]
    rate = tf.train.AdamOptimizer(0.01)
    steps = [(tf.constant(slope), whole)]
    steps += [(tf.constant(slope[i : i + 77]), v) for i, v in zip(range(0, 1000, 77), parts)]
    step = rate.apply_gradients(steps)
    sess.run(tf.global_variables_initializer())
    for _ in range(3):
        sess.run(step)
    value, pieces = sess.run([whole, parts])
    assert value.tobytes() == np.concatenate(pieces).tobytes()
    assert np.allclose(value, start - 0.03 * np.sign(slope), atol=8e-3)
