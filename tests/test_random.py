"""Random ops: the numbers TensorFlow 2.x draws on the CPU for the same seeds, and their statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

SEEDS = {"seed": 87, "seed2": 12}
LOGITS = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-9]], np.float32))

# Op, arguments, what the first and the second run of one session give. Noted from tensorflow-cpu.
KNOWN: list[tuple[str, dict[str, Any], list[Any], list[Any]]] = [
    (
        "RandomUniform",
        {"shape": [5], "dtype": "float32", **SEEDS},
        [0.0188016891, 0.89223969, 0.0775624514, 0.418360829, 0.421242356],
        [0.670105457, 0.494970202, 0.0663716793, 0.704912305, 0.518569469],
    ),
    (
        "RandomUniform",
        {"shape": [3], "dtype": "float64", **SEEDS},
        [0.15041434185996594, 0.6205000829293594, 0.3699392763037441],
        [0.9685492181692019, 0.7289444655050346, 0.35920993021524006],
    ),
    (
        "RandomUniform",
        {"shape": [5], "dtype": "float16", **SEEDS},
        [0.0234375, 0.227539062, 0.391601562, 0.211914062, 0.817382812],
        [0.50390625, 0.795898438, 0.716796875, 0.641601562, 0.12109375],
    ),
    (
        "RandomStandardNormal",
        {"shape": [5], "dtype": "float32", **SEEDS},
        [-1.76625025, 2.19726586, 1.10972595, -1.97024155, -1.08201826],
        [0.0282734074, -0.89433825, -2.23631597, -0.651045859, 0.012430097],
    ),
    (
        "RandomStandardNormal",
        {"shape": [3], "dtype": "float64", **SEEDS},
        [-1.3368982565456813, -1.4147176677512556, -1.2167383168145787],
        [-0.2505990198925673, -0.033347985669821424, -0.9482916860455245],
    ),
    (
        "TruncatedNormal",
        {"shape": [5], "dtype": "float32", **SEEDS},
        [-1.76625025, 1.10972595, -1.97024155, -1.08201826, -0.520599127],
        [0.0282734074, -0.89433825, -0.651045859, 0.012430097, -0.0825068504],
    ),
    (
        "RandomUniformInt",
        {"shape": [5], "minval": -10, "maxval": 100, **SEEDS},
        [34, 51, 45, 59, 33],
        [26, 85, 12, -9, 98],
    ),
    (
        "RandomUniformInt",
        {"shape": [5], "minval": np.int64(-10), "maxval": np.int64(100), **SEEDS},
        [80, 79, 17, 57, 90],
        [76, 38, 20, 73, 80],
    ),
    (
        "RandomShuffle",
        {"value": np.arange(8), **SEEDS},
        [0, 3, 7, 2, 5, 6, 1, 4],
        [0, 4, 2, 7, 5, 1, 3, 6],
    ),
    (
        "Multinomial",
        {"logits": LOGITS, "num_samples": 6, **SEEDS},
        [[1, 2, 2, 2, 2, 2], [1, 1, 1, 0, 1, 0]],
        [[2, 2, 2, 2, 2, 2], [1, 1, 1, 0, 0, 0]],
    ),
    (
        "StatelessRandomUniform",
        {"shape": [5], "seed": [3, 4], "dtype": "float32"},
        [0.243287444, 0.983506322, 0.220417261, 0.467920184, 0.773857951],
        [0.243287444, 0.983506322, 0.220417261, 0.467920184, 0.773857951],
    ),
    (
        "StatelessRandomNormal",
        {"shape": [5], "seed": [3, 4], "dtype": "float32"},
        [-0.173933834, 1.6723547, 0.348170161, -1.70389068, -0.615324616],
        [-0.173933834, 1.6723547, 0.348170161, -1.70389068, -0.615324616],
    ),
    (
        "StatelessTruncatedNormal",
        {"shape": [5], "seed": [3, 4], "dtype": "float32"},
        [-0.173933834, 1.6723547, 0.348170161, -1.70389068, 0.638519049],
        [-0.173933834, 1.6723547, 0.348170161, -1.70389068, 0.638519049],
    ),
    (
        "StatelessRandomUniformInt",
        {"shape": [5], "seed": [3, 4], "minval": -10, "maxval": 100},
        [13, 57, 12, 69, 57],
        [13, 57, 12, 69, 57],
    ),
    (
        "StatelessRandomUniformFullInt",
        {"shape": [3], "seed": [3, 4], "dtype": "int32"},
        [-1860230133, -671226999, -1390659934],
        [-1860230133, -671226999, -1390659934],
    ),
    (
        "StatelessMultinomial",
        {"logits": LOGITS, "num_samples": 6, "seed": [3, 4]},
        [[2, 2, 1, 2, 2, 2], [0, 0, 1, 0, 0, 1]],
        [[2, 2, 1, 2, 2, 2], [0, 0, 1, 0, 0, 1]],
    ),
]


@pytest.mark.parametrize(("op", "arguments", "first", "second"), KNOWN)
def test_the_numbers_are_tensorflows(
    op: str, arguments: dict[str, Any], first: list[Any], second: list[Any]
) -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        y = getattr(tf.raw_ops, op)(**arguments)
        for want in (first, second):
            # Normals go through log, sin and cos, whose last bit is the library's own.
            np.testing.assert_allclose(
                sess.run(y), want, rtol=1e-6 if y.dtype != tf.float64 else 1e-14
            )
    assert ("Stateless" in op) == (first == second)


def test_graph_and_op_seeds_combine_as_in_tensorflow() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(1234)
        a, b = tf.random_uniform([3]), tf.random_normal([3], seed=5)
        np.testing.assert_allclose(sess.run(a), [0.13047123, 0.976094604, 0.0122202635], rtol=1e-6)
        np.testing.assert_allclose(sess.run(b), [1.14332151, -0.0622075535, 1.33882546], rtol=1e-6)


@pytest.mark.parametrize(
    "op", ["RandomUniform", "RandomStandardNormal", "TruncatedNormal", "StatelessTruncatedNormal"]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_moments(op: str, dtype: str) -> None:
    """Mean and deviation of 200,000 numbers lie within five of their own deviations."""
    n = 200_000
    seeds = {"seed": [5, 6]} if op.startswith("Stateless") else SEEDS
    with tf.Graph().as_default(), tf.Session() as sess:
        x = sess.run(getattr(tf.raw_ops, op)(shape=[n], dtype=dtype, **seeds)).astype(np.float64)
    mean, deviation = {"RandomUniform": (0.5, 12**-0.5), "RandomStandardNormal": (0.0, 1.0)}.get(
        op, (0.0, 0.879626)
    )
    rounding = 5e-4 if dtype == "float16" else 0.0
    assert abs(x.mean() - mean) < 5 * deviation / n**0.5 + rounding
    assert abs(x.std() - deviation) < 5 * deviation / n**0.5 + rounding
    if op == "RandomUniform":
        assert x.min() >= 0
        assert x.max() < 1
    if "Truncated" in op:
        assert np.abs(x).max() <= 2


def test_integers_cover_their_range_evenly() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = sess.run(tf.raw_ops.RandomUniformInt(shape=[70_000], minval=-3, maxval=4, **SEEDS))
    counts = np.bincount(x + 3)
    assert len(counts) == 7
    assert (np.abs(counts - 10_000) < 5 * 10_000**0.5).all()


def test_multinomial_follows_its_logits() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = sess.run(tf.raw_ops.Multinomial(logits=LOGITS[:1], num_samples=50_000, **SEEDS))
    np.testing.assert_allclose(
        np.bincount(x[0]) / 50_000, [0.1, 0.2, 0.7], atol=5 * (0.21 / 50_000) ** 0.5
    )


def test_a_shuffle_keeps_rows_and_reaches_every_order() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        rows = tf.raw_ops.RandomShuffle(value=np.arange(6).reshape(3, 2), **SEEDS)
        seen = {tuple(sess.run(rows)[:, 0]) for _ in range(200)}
    assert seen == {(0, 2, 4), (0, 4, 2), (2, 0, 4), (2, 4, 0), (4, 0, 2), (4, 2, 0)}


@pytest.mark.parametrize(
    "op", ["RandomUniform", "RandomStandardNormal", "TruncatedNormal", "StatelessRandomNormal"]
)
def test_the_same_numbers_on_one_thread_and_two(op: str) -> None:
    seeds = {"seed": [5, 6]} if op.startswith("Stateless") else SEEDS
    results = []
    for threads in (1, 2):
        config = tf.ConfigProto(intra_op_parallelism_threads=threads)
        with tf.Graph().as_default(), tf.Session(config=config) as sess:
            y = getattr(tf.raw_ops, op)(shape=[300_001], dtype="float32", **seeds)
            results.append([sess.run(y).tobytes() for _ in range(2)])
    assert results[0] == results[1]


def test_no_seed_gives_other_numbers_each_time() -> None:
    runs = []
    for _ in range(2):
        with tf.Graph().as_default(), tf.Session() as sess:
            runs.append(sess.run(tf.random_uniform([4])).tobytes())
    assert runs[0] != runs[1]


def test_an_empty_range_is_refused() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        low = tf.placeholder(tf.int32, [])
        y = tf.raw_ops.RandomUniformInt(shape=[2], minval=low, maxval=3, **SEEDS)
        with pytest.raises(
            tf.errors.InvalidArgumentError, match="Need minval < maxval, got 3 >= 3"
        ):
            sess.run(y, {low: 3})
