"""Convolutions whose sums take other ways than those of the op table: filters of a million elements, many small images,
images of many pixels; and gradients that are made in the memory of what they are multiplied by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.profiler import Profile

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

    def __init__(
        self,
        batch: int,
        channels: int,
        kernel: int,
        padding: str = "SAME",
        size: tuple[int, int] = (12, 14),
    ) -> None:
        rng = np.random.default_rng(batch)
        self.x = tf.placeholder(tf.float32, [None, *size, 2])
        self.first = tf.Variable(rng.uniform(-1, 1, (3, 3, 2, channels)).astype(np.float32))
        self.second = tf.Variable(
            rng.uniform(-1, 1, (kernel, kernel, channels, 5)).astype(np.float32)
        )
        self.hidden = tf.nn.relu(tf.nn.conv2d(self.x, self.first, 1, "SAME"))
        y = tf.nn.relu(tf.nn.conv2d(self.hidden, self.second, 1, padding))
        self.gradients = tf.gradients(tf.reduce_sum(tf.square(y)), [self.first, self.second])
        self.feed = {self.x: rng.uniform(-1, 1, (batch, *size, 2)).astype(np.float32)}

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


@pytest.mark.parametrize("channels", [6, 24])
def test_large_images_are_finished_in_bands(channels: int) -> None:
    layers = TwoLayers(17, channels, 3, size=(66, 60))
    fused, plain = layers.run(layers.gradients), layers.run(layers.gradients, optimize=False)
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


def test_the_gradient_of_an_activation_takes_its_place() -> None:
    layers = TwoLayers(20, 6, 3)
    activation = 20 * 12 * 14 * 6 * 4
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        arena = sess.memory_plan(layers.gradients, layers.feed).arena_bytes
    # The activation, what the second layer makes of it and that layer's gradient; no second activation.
    assert activation <= arena < 2 * activation + 20 * 12 * 14 * 5 * 4


@pytest.mark.parametrize("batch", [1, 20])
@pytest.mark.parametrize("channels", [6, 16])
def test_a_shortcut_past_a_convolution(batch: int, channels: int) -> None:
    """dx = gradient of the convolution + dy: dy is read all over while dx is made, and must not be its memory."""
    rng = np.random.default_rng(0)
    x = tf.placeholder(tf.float32, [batch, 60, 50, channels])
    dy = tf.tanh(x)
    filters = rng.uniform(-1, 1, (3, 3, channels, channels)).astype(np.float32)
    dx = dy + raw.Conv2DBackpropInput(
        input_sizes=x.shape.as_list(),
        filter=filters,
        out_backprop=dy,
        strides=[1] * 4,
        padding="SAME",
    )
    fetch = tf.reduce_max(dx, [1, 2])
    feed = {x: rng.uniform(-1, 1, x.shape.as_list()).astype(np.float32)}
    found = []
    for level in (0, tf.OptimizerOptions.L0):
        options = tf.GraphOptions(optimizer_options=tf.OptimizerOptions(opt_level=level))
        with tf.Session(config=tf.ConfigProto(graph_options=options)) as sess:
            found.append(sess.run(fetch, feed))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


# Windows that tile the image, that leave a rest, that overlap; images that are cut into bands.
@pytest.mark.parametrize(
    ("size", "window", "stride", "padding"),
    [
        ((20, 12, 14, 6), 2, 2, "SAME"),
        ((3, 13, 15, 5), 2, 2, "SAME"),
        ((3, 13, 15, 5), 2, 2, "VALID"),
        ((5, 11, 9, 17), 3, 2, "SAME"),
        ((3, 16, 10, 4), 3, 3, "SAME"),
        ((2, 70, 64, 24), 2, 2, "SAME"),
        ((1, 5, 5, 3), 1, 1, "SAME"),
    ],
)
def test_gradients_of_pooled_activations(
    size: tuple[int, int, int, int], window: int, stride: int, padding: str
) -> None:
    rng = np.random.default_rng(1)
    x = tf.placeholder(tf.float32, [None, *size[1:]])
    hidden = tf.nn.relu(x * 2.0 - 1.0)
    pooled = tf.nn.max_pool(hidden, window, stride, padding)
    gradient = tf.gradients(tf.reduce_sum(tf.square(pooled)), x)[0]
    feed = {x: rng.uniform(-1, 1, size).astype(np.float32)}
    found = []
    for fetches in ([gradient], [gradient, hidden, pooled]):
        for threads in (1, 2):
            with tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=threads)) as sess:
                found.append(sess.run(fetches, feed)[0])
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
    options = tf.GraphOptions(
        optimizer_options=tf.OptimizerOptions(opt_level=tf.OptimizerOptions.L0)
    )
    with tf.Session(config=tf.ConfigProto(graph_options=options)) as sess:
        np.testing.assert_array_equal(found[0], sess.run(gradient, feed))
    with tf.Session() as sess, Profile(sess) as profile:
        sess.run(gradient, feed)
    assert "ReluGrad" not in [s.op for s in profile.steps]
