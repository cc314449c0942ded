"""Convolutions whose sums take other ways than those of the op table: filters of a million elements, many small images,
images of many pixels; and gradients that are made in the memory of what they are multiplied by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

raw = tf.raw_ops


def filter_gradient(
    x: np.ndarray, dy: np.ndarray, kernel: tuple[int, int], stride: int
) -> np.ndarray:
    """Of a convolution with padding SAME: for every tap the product of the shifted image with dy."""
    rows, cols = dy.shape[1:3]
    pad = [
        max((n - 1) * stride + k - m, 0)
        for n, k, m in zip((rows, cols), kernel, x.shape[1:3], strict=True)
    ]
    padded = np.pad(x.astype(np.float64), [(0, 0), *((p // 2, p - p // 2) for p in pad), (0, 0)])
    out = np.empty((*kernel, x.shape[3], dy.shape[3]))
    for r in range(kernel[0]):
        for q in range(kernel[1]):
            seen = padded[:, r : r + rows * stride : stride, q : q + cols * stride : stride][
                :, :rows, :cols
            ]
            out[r, q] = np.einsum("nhwi,nhwo->io", seen, dy.astype(np.float64))
    return out


# batch, rows, cols, channels, kernel, outputs, stride
SHAPES = [
    (100, 14, 14, 6, (5, 5), 12, 2),
    (33, 7, 7, 12, (4, 4), 24, 2),
    (5, 41, 37, 8, (2, 4), 6, 1),
    (8, 3, 4, 128, (3, 3), 1024, 1),
    (2, 60, 70, 3, (5, 5), 4, 1),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_of_a_filter_and_a_bias(
    shape: tuple[int, int, int, int, tuple[int, int], int, int],
) -> None:
    n, rows, cols, channels, kernel, outs, stride = shape
    rng = np.random.default_rng(n)
    x = rng.uniform(-1, 1, (n, rows, cols, channels)).astype(np.float32)
    dy = rng.uniform(-1, 1, (n, -(-rows // stride), -(-cols // stride), outs)).astype(np.float32)
    of_x, of_dy = tf.placeholder(tf.float32, x.shape), tf.placeholder(tf.float32, dy.shape)
    gradient = raw.Conv2DBackpropFilter(
        input=of_x,
        filter_sizes=[*kernel, channels, outs],
        out_backprop=of_dy,
        strides=[1, stride, stride, 1],
        padding="SAME",
    )
    sums = raw.BiasAddGrad(out_backprop=of_dy)
    found = []
    for threads in (1, 2, 3):
        with tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=threads)) as sess:
            found.append(sess.run([gradient, sums], {of_x: x, of_dy: dy}))
    scale = np.sqrt(n * dy.shape[1] * dy.shape[2])
    np.testing.assert_allclose(
        found[0][0], filter_gradient(x, dy, kernel, stride), rtol=1e-5, atol=1e-6 * scale
    )
    np.testing.assert_allclose(
        found[0][1], dy.sum((0, 1, 2), np.float64), rtol=1e-5, atol=1e-6 * scale
    )
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


class TwoLayers:
    """Two convolutions with rectifiers, and the gradients of both filters."""

    def __init__(self, batch: int, channels: int, kernel: int, padding: str = "SAME") -> None:
        rng = np.random.default_rng(batch)
        self.x = tf.placeholder(tf.float32, [None, 12, 14, 2])
        self.first = tf.Variable(rng.uniform(-1, 1, (3, 3, 2, channels)).astype(np.float32))
        self.second = tf.Variable(
            rng.uniform(-1, 1, (kernel, kernel, channels, 5)).astype(np.float32)
        )
        self.hidden = tf.nn.relu(tf.nn.conv2d(self.x, self.first, 1, "SAME"))
        y = tf.nn.relu(tf.nn.conv2d(self.hidden, self.second, 1, padding))
        self.gradients = tf.gradients(tf.reduce_sum(tf.square(y)), [self.first, self.second])
        self.feed = {self.x: rng.uniform(-1, 1, (batch, 12, 14, 2)).astype(np.float32)}

    def run(self, fetches: Any, optimize: bool = True) -> Any:
        level = 0 if optimize else tf.OptimizerOptions.L0
        options = tf.GraphOptions(optimizer_options=tf.OptimizerOptions(opt_level=level))
        with tf.Session(config=tf.ConfigProto(graph_options=options)) as sess:
            sess.run(tf.global_variables_initializer())
            return sess.run(fetches, self.feed)


# Planes and channels, whole images and rows of them, a product of pixels, an image that shrinks.
@pytest.mark.parametrize(("batch", "channels", "kernel", "padding"), [
    (20, 6, 3, "SAME"), (20, 32, 3, "SAME"), (2, 6, 3, "SAME"), (2, 32, 3, "SAME"), (20, 6, 1, "SAME"), (3, 6, 3, "VALID"),
])  # fmt: skip
def test_gradients_made_in_the_memory_of_activations(
    batch: int, channels: int, kernel: int, padding: str
) -> None:
    layers = TwoLayers(batch, channels, kernel, padding)
    fused, plain = layers.run(layers.gradients), layers.run(layers.gradients, optimize=False)
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)
    # The activation is somebody else's too: it stays what it was.
    hidden, *again = layers.run([layers.hidden, *layers.gradients])
    np.testing.assert_allclose(
        hidden, layers.run(layers.hidden, optimize=False), rtol=1e-5, atol=1e-5
    )
    for a, b in zip(fused, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_gradient_of_an_activation_takes_its_place() -> None:
    layers = TwoLayers(20, 6, 3)
    activation = 20 * 12 * 14 * 6 * 4
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        arena = sess.memory_plan(layers.gradients, layers.feed).arena_bytes
    # The activation, what the second layer makes of it and that layer's gradient; no second activation.
    assert activation <= arena < 2 * activation + 20 * 12 * 14 * 5 * 4
