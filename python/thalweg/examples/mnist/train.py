"""The training loop: batches, a decaying learning rate, a test now and then."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import thalweg.compat.v1 as tf
from thalweg.examples.mnist.models import Recipe


@dataclasses.dataclass
class Result:
    """What a run leaves behind: curves, the final test, and what the pictures show."""

    seconds: float = 0.0
    steps: list[int] = dataclasses.field(default_factory=list)
    train_loss: list[float] = dataclasses.field(default_factory=list)
    train_accuracy: list[float] = dataclasses.field(default_factory=list)
    test_steps: list[int] = dataclasses.field(default_factory=list)
    test_loss: list[float] = dataclasses.field(default_factory=list)
    test_accuracy: list[float] = dataclasses.field(default_factory=list)
    parameters: int = 0
    predictions: np.ndarray | None = None  # of the test set
    filters: np.ndarray | None = None

    @property
    def best(self) -> float:
        return max(self.test_accuracy)


def learning_rate(step: int, recipe: Recipe) -> float:
    """Exponential decay from the recipe's first rate towards its last."""
    first, last = recipe.rate
    return last + (first - last) * math.exp(-step / recipe.decay)


def shifted(images: np.ndarray, by: int, rng: np.random.Generator) -> np.ndarray:
    """Each image [28, 28, 1] moved by up to `by` pixels along both axes, with zeros moving in."""
    if by == 0:
        return images
    n, size = len(images), images.shape[1]
    padded = np.pad(images, ((0, 0), (by, by), (by, by), (0, 0)))
    rows = rng.integers(0, 2 * by + 1, (n, 1)) + np.arange(size)
    columns = rng.integers(0, 2 * by + 1, (n, 1)) + np.arange(size)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def train(
    recipe: Recipe,
    data: Any,
    steps: int,
    batch: int = 100,
    seed: int = 0,
    test_every: int = 500,
    progress: Callable[[int, Result], None] = lambda step, result: None,
) -> Result:
    """Trains on data.train, tests on data.test every `test_every` steps and at the end."""
    result = Result()
    rng = np.random.default_rng(seed)
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        images = tf.placeholder(tf.float32, [None, 28, 28, 1])
        labels = tf.placeholder(tf.float32, [None, 10])
        rate = tf.placeholder(tf.float32, [])
        network = recipe.build(images)
        loss = tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits_v2(logits=network.logits, labels=labels)
        )
        predicted = tf.argmax(network.logits, 1)
        accuracy = tf.reduce_mean(tf.cast(tf.equal(predicted, tf.argmax(labels, 1)), tf.float32))
        optimizer = {"sgd": tf.train.GradientDescentOptimizer, "adam": tf.train.AdamOptimizer}[
            recipe.optimizer
        ](rate)
        step_op = optimizer.minimize(loss)
        result.parameters = sum(int(np.prod(v.shape.as_list())) for v in tf.trainable_variables())

        with tf.Session() as session:
            session.run(tf.global_variables_initializer())

            def test(step: int) -> None:
                parts, guesses = [], []
                x, y = data.test.images, data.test.labels
                for i in range(0, len(x), 1000):
                    feed = {images: x[i : i + 1000], labels: y[i : i + 1000]}
                    lost, hit, guess = session.run([loss, accuracy, predicted], feed)
                    parts.append((len(guess), lost, hit))
                    guesses.append(guess)
                n = sum(p[0] for p in parts)
                result.test_steps.append(step)
                result.test_loss.append(float(sum(p[0] * p[1] for p in parts) / n))
                result.test_accuracy.append(float(sum(p[0] * p[2] for p in parts) / n))
                result.predictions = np.concatenate(guesses)

            start = time.perf_counter()
            for step in range(steps):
                x, y = data.train.next_batch(batch)
                x = shifted(x, recipe.shift, rng)
                feed = {
                    images: x,
                    labels: y,
                    rate: learning_rate(step, recipe),
                    network.keep: recipe.keep,
                }
                if step % 100 == 0:
                    lost, hit = session.run([loss, accuracy], {images: x, labels: y})
                    result.steps.append(step)
                    result.train_loss.append(float(lost))
                    result.train_accuracy.append(float(hit))
                if step % test_every == 0:
                    test(step)
                session.run(step_op, feed)
                progress(step + 1, result)
            test(steps)
            progress(steps, result)
            result.seconds = time.perf_counter() - start
            if network.filters is not None:
                result.filters = session.run(network.filters)
    return result
