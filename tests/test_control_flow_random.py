"""Random programs of nested branches, loops and maps: the same program in NumPy gives the values, and differences of it
the gradients."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

WEIGHTS = np.linspace(0.3, 1.7, 16)
Body = Callable[[list[Any]], list[Any]]


class InNumpy:
    sin, tanh = np.sin, np.tanh

    def reverse(self, a: Any) -> Any:
        return a[::-1]

    def mean(self, a: Any) -> Any:
        return np.broadcast_to(a.mean(), a.shape)

    def cond(self, a: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
        return yes() if (a * WEIGHTS).sum() > 0.037 else no()

    def loop(self, n: int, body: Body, values: list[Any]) -> list[Any]:
        for _ in range(n):
            values = body(values)
        return values

    def rows(self, f: Callable[[Any], Any], a: Any) -> Any:
        return np.stack([f(row) for row in a.reshape(4, 4)]).reshape(-1)


class InGraph:
    sin, tanh = staticmethod(tf.sin), staticmethod(tf.tanh)

    def reverse(self, a: Any) -> Any:
        return tf.reverse(a, [0])

    def mean(self, a: Any) -> Any:
        return tf.zeros_like(a) + tf.reduce_mean(a)

    def cond(self, a: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
        return tf.cond(tf.reduce_sum(a * WEIGHTS) > 0.037, yes, no)

    def loop(self, n: int, body: Body, values: list[Any]) -> list[Any]:
        found = tf.while_loop(
            lambda i, *_: i < n, lambda i, *v: [i + 1, *body(list(v))], [tf.constant(0), *values]
        )
        return list(found[1:])

    def rows(self, f: Callable[[Any], Any], a: Any) -> Any:
        return tf.reshape(tf.map_fn(f, tf.reshape(a, [4, 4])), [-1])


def program(seed: float, made_of: Any, values: Sequence[Any], depth: int, length: int) -> list[Any]:
    rng, values = random.Random(seed), list(values)
    for _ in range(length):
        kind = rng.randrange(9)
        i, j, to = (rng.randrange(len(values)) for _ in range(3))
        inner, count, size = rng.random(), rng.randrange(4), rng.randrange(5)
        a, b = values[i], values[j]
        if kind == 0:
            values[to] = made_of.sin(a)
        elif kind == 1:
            values[to] = made_of.tanh(a * b)
        elif kind == 2:
            values[to] = made_of.reverse(a)
        elif kind == 3:
            values[to] = a
        elif kind == 4:
            values[to] = made_of.mean(a) - b
        elif kind == 5 or not depth:
            values[to] = made_of.tanh(a + b)
        elif kind == 6:
            now = list(values)
            values = list(
                made_of.cond(
                    a,
                    lambda s=inner, v=now, n=count: program(s, made_of, v, depth - 1, n),
                    lambda s=inner, v=now, n=3 - count: program(s + 1, made_of, v, depth - 1, n),
                )
            )
        elif kind == 7:
            values = made_of.loop(
                count, lambda v, s=inner, n=size: program(s, made_of, v, depth - 1, n), values
            )
        else:
            values[to] = made_of.rows(
                lambda row, s=inner: program(s, made_of, [row, row * 0.5], 0, 3)[0], a
            )
    return values


@pytest.mark.parametrize("seed", range(60))
def test_random_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, direction = rng.normal(size=(3, 16)), rng.normal(size=(3, 16))

    def in_numpy(x: Any) -> list[Any]:
        return program(seed, InNumpy(), list(x), 3, 12)

    def loss(values: Sequence[Any], total: Callable[[Any], Any]) -> Any:
        return sum(total(v) * (k + 1) for k, v in enumerate(values))

    with tf.Graph().as_default(), tf.Session() as sess:
        feeds = [tf.placeholder(tf.float64, [16]) for _ in range(3)]
        values = program(seed, InGraph(), [p * 1.0 for p in feeds], 3, 12)
        grads = tf.gradients(
            loss(values, tf.reduce_sum), feeds, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        for _ in range(2):  # the second time in the memory of the first
            got, dx = sess.run([values, grads], dict(zip(feeds, x)))
            for a, b in zip(got, in_numpy(x)):
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
            h = 1e-6
            up, down = (loss(in_numpy(x + s * direction), np.sum) for s in (h, -h))
            want = (up - down) / (2 * h)
            exact = float(np.vdot(dx, direction))
            assert abs(want - exact) <= 1e-4 * max(1.0, abs(want))
