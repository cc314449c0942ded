"""Fused steps and rewritten graphs compute what the plain ones do, on any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.profiler import Profile

Build = Callable[[np.random.Generator], tuple[list[Any], dict[Any, Any]]]
L0 = -1  # OptimizerOptions.L0: no folding, no rewriting, no fusion


def config(optimize: bool = True, threads: int = 0) -> Any:
    options = tf.OptimizerOptions(opt_level=0 if optimize else L0)
    return tf.ConfigProto(
        intra_op_parallelism_threads=threads,
        graph_options=tf.GraphOptions(optimizer_options=options),
    )


def results(fetches: list[Any], feeds: dict[Any, Any], **how: Any) -> list[np.ndarray]:
    with tf.Session(config=config(**how)) as sess:
        sess.run(tf.global_variables_initializer())
        return [np.asarray(r) for r in sess.run(fetches, feeds)]


def ops_of(fetches: list[Any], feeds: dict[Any, Any]) -> list[str]:
    """The ops of the steps that a run takes."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with Profile(sess) as profile:
            sess.run(fetches, feeds)
        return [step.op for step in profile.steps]


def f32(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-2, 2, shape).astype(np.float32)


def fed(rng: np.random.Generator, feeds: dict[Any, Any], *shape: int, partial: bool = True) -> Any:
    x = tf.placeholder(tf.float32, [None, *shape[1:]] if partial and shape else list(shape))
    feeds[x] = f32(rng, *shape)
    return x


def tree(*shapes: tuple[int, ...]) -> Build:
    """tanh(a * b + c) * sigmoid(b) - sqrt(|c|) over operands that broadcast."""

    def build(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
        feeds: dict[Any, Any] = {}
        a, b, c = (fed(rng, feeds, *s) for s in shapes)
        return [tf.tanh(a * b + c) * tf.sigmoid(b) - tf.sqrt(tf.abs(c))], feeds

    return build


def reduced(shape: tuple[int, ...], axes: list[int] | None, reduce: str) -> Build:
    def build(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
        feeds: dict[Any, Any] = {}
        a, b = fed(rng, feeds, *shape), fed(rng, feeds, *shape[-1:], partial=False)
        x = tf.square(a - b) * 0.5 if reduce != "reduce_prod" else tf.square(a - b) * 0.01 + 0.9
        return [getattr(tf, reduce)(x, axes), getattr(tf, reduce)(x, axes, keepdims=True)], feeds

    return build


def mixed_types(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 33, 7)
    keep = tf.cast(tf.greater_equal(x, 0.25), tf.float32)
    y = tf.where(tf.less(x, -1.0), x * 2.0, tf.zeros_like(x) + 3.0)
    return [x * keep * 1.5, tf.cast(tf.round(x * 10.0), tf.int32) + 1, y * keep], feeds


def half(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    x = tf.placeholder(tf.float16, [None, 19])
    feeds = {x: f32(rng, 5, 19).astype(np.float16)}
    return [tf.exp(x) * 0.5 + tf.cast(1.0, tf.float16), tf.reduce_sum(tf.square(x), 1)], feeds


def shared_inside(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 9, 130)
    swish = (x + 1.0) * tf.sigmoid(x + 1.0)
    return [swish, swish * 2.0, tf.reduce_max(swish)], feeds


def dense(activation: str, units: int, batch: int = 13, depth: int = 37) -> Build:
    """A dense layer and its gradients."""

    def build(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
        feeds: dict[Any, Any] = {}
        x = fed(rng, feeds, batch, depth)
        w, v = tf.constant(f32(rng, depth, units)), tf.constant(f32(rng, units, 5))
        b, c = tf.constant(f32(rng, units)), tf.constant(f32(rng, 5))
        h = getattr(tf.nn, activation)(tf.matmul(x, w) + b)
        y = tf.nn.bias_add(tf.matmul(h, v), c)
        loss = tf.reduce_mean(tf.square(y))
        return [y, loss, *tf.gradients(loss, [w, b, v, c, x])], feeds

    return build


def convolutions(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 3, 11, 9, 2)
    w, b = tf.constant(f32(rng, 3, 3, 2, 5)), tf.constant(f32(rng, 5))
    v, c = tf.constant(f32(rng, 2, 4, 5, 6)), tf.constant(f32(rng, 6))
    h = tf.nn.relu(tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME") + b)
    y = tf.nn.sigmoid(tf.nn.conv2d(h, v, [1, 2, 2, 1], "SAME") + c)
    flat = tf.reshape(y, [-1, 6 * 5 * 6])
    u = tf.constant(f32(rng, 6 * 5 * 6, 4))
    loss = tf.reduce_sum(tf.square(tf.matmul(flat, u)))
    return [y, loss, *tf.gradients(loss, [x, w, b, v, c, u])], feeds


def residual(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    """What follows the product is larger than it, or comes from both sides."""
    feeds: dict[Any, Any] = {}
    x, one = fed(rng, feeds, 6, 8), fed(rng, feeds, 1, 8, partial=False)
    w = tf.constant(f32(rng, 8, 8))
    return [tf.matmul(one, w) + x, tf.matmul(x, w) * tf.matmul(x, w, transpose_b=True) + x], feeds


def neutral(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 4, 3)
    ones = tf.ones([4, 3])
    return [
        x * 1.0,
        x / ones,
        x - tf.zeros([3]),
        tf.pow(x, 2.0),
        tf.transpose(x, [0, 1]),
        tf.reshape(tf.expand_dims(tf.reshape(x, [3, 4]), 0), [2, 6]),
        tf.matmul(tf.transpose(x), tf.transpose(tf.transpose(x))),
        tf.reduce_sum(x, []),
        tf.tile(x, [1, 1]),
        x * 1.0 + tf.fill([4, 3], 2.0),
        tf.zeros([4, 1]) + tf.zeros([3]),
        tf.add_n([x, x * 2.0]),
    ], feeds


CASES: dict[str, Build] = {
    "dense operands": tree((17, 70), (17, 70), (17, 70)),
    "long rows": tree((9, 300), (1, 300), (9, 1)),
    "short rows": tree((50, 10), (1, 10), (50, 1)),
    "scalars": tree((), (), ()),
    "one scalar": tree((2, 5000), (), ()),
    "ranks": tree((3, 4, 5, 6), (6,), (4, 1, 1)),
    "stretched": tree((5, 7, 80), (5, 7, 1), (7, 1)),
    "repeated planes": tree((2, 3, 40, 4), (3, 1, 4), (1, 3, 40, 1)),
    "more than a tile": tree((3, 2500), (3, 2500), (2500,)),
    "empty": tree((0, 4), (4,), (0, 1)),
    "sum of all": reduced((40, 1000), None, "reduce_sum"),
    "mean of rows": reduced((37, 10), [1], "reduce_mean"),
    "max of long rows": reduced((3, 20000), [1], "reduce_max"),
    "min of planes": reduced((5, 6, 7), [1, 2], "reduce_min"),
    "prod of rows": reduced((4, 33), [-1], "reduce_prod"),
    "sum of columns": reduced((40, 33), [0], "reduce_sum"),
    "types": mixed_types,
    "float16": half,
    "shared inside": shared_inside,
    "dense relu": dense("relu", 33),
    "dense sigmoid": dense("sigmoid", 10),
    "dense tanh": dense("tanh", 64, batch=1),
    "dense elu": dense("elu", 300, batch=70, depth=130),
    "convolutions": convolutions,
    "residual": residual,
    "neutral": neutral,
}


@pytest.mark.parametrize("build", CASES.values(), ids=list(CASES))
def test_fused_and_plain_agree(build: Build) -> None:
    fetches, feeds = build(np.random.default_rng(3))
    plain = results(fetches, feeds, optimize=False)
    fused = results(fetches, feeds)
    for a, b in zip(plain, fused, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        tolerance = 2e-3 if a.dtype == np.float16 else 3e-5
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance * max(1, np.abs(a).max(initial=0)) / 10)


@pytest.mark.parametrize("build", CASES.values(), ids=list(CASES))
def test_threads_do_not_change_a_bit(build: Build) -> None:
    fetches, feeds = build(np.random.default_rng(5))
    one, two = results(fetches, feeds, threads=1), results(fetches, feeds, threads=2)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
