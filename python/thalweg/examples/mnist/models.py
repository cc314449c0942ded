"""The networks, each a function from images [batch, 28, 28, 1] to logits [batch, 10]."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import thalweg.compat.v1 as tf


@dataclasses.dataclass
class Network:
    """What training and the report need of a network."""

    logits: tf.Tensor
    keep: tf.Tensor  # the probability of keeping a unit; 1 when testing
    filters: tf.Variable | None = None  # of the first convolution


def _weights(*shape: int) -> tf.Variable:
    return tf.Variable(tf.truncated_normal(list(shape), stddev=0.1))


def _dense(x: tf.Tensor, units: int, bias: float) -> tf.Tensor:
    n = int(x.shape[-1])
    return tf.matmul(x, _weights(n, units)) + tf.Variable(tf.fill([units], bias))


def _flat(images: tf.Tensor) -> tf.Tensor:
    return tf.reshape(images, [-1, 28 * 28])


def softmax(images: tf.Tensor) -> Network:
    """Softmax regression: 7,850 parameters."""
    keep = tf.placeholder_with_default(1.0, [])
    w, b = tf.Variable(tf.zeros([784, 10])), tf.Variable(tf.zeros([10]))
    return Network(tf.matmul(_flat(images), w) + b, keep)


def _five_layers(
    images: tf.Tensor, activation: Callable[[tf.Tensor], tf.Tensor], bias: float
) -> Network:
    keep = tf.placeholder_with_default(1.0, [])
    h = _flat(images)
    for units in (200, 100, 60, 30):
        h = tf.nn.dropout(activation(_dense(h, units, bias)), keep_prob=keep)
    return Network(_dense(h, 10, 0.0), keep)


def sigmoid(images: tf.Tensor) -> Network:
    """Five dense layers with sigmoids."""
    return _five_layers(images, tf.sigmoid, 0.0)


def relu(images: tf.Tensor) -> Network:
    """Five dense layers with rectifiers; small positive biases keep them alive at the start."""
    return _five_layers(images, tf.nn.relu, 0.1)


def convolutional(images: tf.Tensor) -> Network:
    """Convolutions of 6, 12, 24 channels (strides 1, 2, 2), a dense layer of 200, dropout."""
    keep = tf.placeholder_with_default(1.0, [])
    h, channels, first = images, 1, None
    for size, out, stride in ((6, 6, 1), (5, 12, 2), (4, 24, 2)):
        w = _weights(size, size, channels, out)
        first = w if first is None else first
        b = tf.Variable(tf.fill([out], 0.1))
        h = tf.nn.relu(tf.nn.conv2d(h, w, strides=[1, stride, stride, 1], padding="SAME") + b)
        channels = out
    h = tf.nn.relu(_dense(tf.reshape(h, [-1, 7 * 7 * channels]), 200, 0.1))
    return Network(_dense(tf.nn.dropout(h, keep_prob=keep), 10, 0.1), keep, first)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is trained unless the command line says otherwise."""

    build: Callable[[tf.Tensor], Network]
    steps: int
    keep: float
    optimizer: str  # "sgd" or "adam"
    rate: tuple[float, float]  # decays from the first to the second ...
    decay: float = 2000.0  # ... with this time constant, in steps
    shift: int = 0  # training images move by up to so many pixels each way


RECIPES = {
    "softmax": Recipe(softmax, 2000, 1.0, "sgd", (0.5, 0.1)),
    "sigmoid": Recipe(sigmoid, 10000, 1.0, "adam", (0.003, 0.0001)),
    "relu": Recipe(relu, 10000, 0.75, "adam", (0.003, 0.0001)),
    # Without the shifts it ends at 99.1 to 99.3 %, by chance; with them it stays above 99.3 %.
    "cnn": Recipe(convolutional, 16000, 0.75, "adam", (0.003, 0.0001), decay=3000.0, shift=2),
}
