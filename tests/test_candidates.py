"""Candidate samplers: the classes that TensorFlow 2.21 draws for the same seeds; and the losses over
them. Ops: UniformCandidateSampler, LogUniformCandidateSampler, LearnedUnigramCandidateSampler,
FixedUnigramCandidateSampler, AllCandidateSampler, ComputeAccidentalHits.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

import thalweg as tf
import thalweg.compat.v1 as tf1

TRUE = np.array([[0, 1], [4, 2], [3, 3]], np.int64)
SEEDS = {"seed": 87, "seed2": 12}


def draw(kind: str, unique: bool, sampled: int = 8, **attrs: Any) -> list[np.ndarray]:
    op = getattr(tf.raw_ops, f"{kind}CandidateSampler")
    out = op(true_classes=TRUE, num_true=2, num_sampled=sampled, unique=unique, **SEEDS, **attrs)
    return [np.asarray(x) for x in out]


# Sampler, whether classes differ, range: the classes.
KNOWN: list[tuple[str, bool, int, list[int]]] = [
    ("Uniform", True, 10, [0, 9, 7, 1, 2, 6, 8, 4]),
    ("Uniform", True, 64, [24, 17, 5, 11, 56, 40, 49, 33]),
    ("Uniform", True, 50000, [27800, 40689, 39477, 33467, 21160, 39960, 14641, 34689]),
    (
        "Uniform",
        True,
        3000000000,
        [
            548427800,
            1035340689,
            413489477,
            2566083467,
            2112271160,
            1149889960,
            1238414641,
            33934689,
        ],
    ),
    ("LogUniform", True, 10, [0, 3, 1, 6, 8, 5, 7, 2]),
    ("LogUniform", True, 64, [0, 12, 3, 31, 46, 28, 39, 8]),
    ("LogUniform", True, 50000, [4, 822, 53, 8329, 22589, 6329, 14801, 14887]),
    (
        "LogUniform",
        True,
        3000000000,
        [25, 759545, 3204, 80788390, 604220500, 46448896, 257588708, 260608166],
    ),
    ("LearnedUnigram", True, 10, [4, 1, 5, 9, 3, 7, 0, 6]),
    ("LearnedUnigram", True, 64, [24, 41, 17, 25, 5, 21, 11, 56]),
    ("LearnedUnigram", True, 50000, [36904, 26601, 145, 27289, 18533, 37189, 22475, 32777]),
    ("Uniform", False, 10, [0, 9, 7, 7, 0, 0, 1, 9]),
    ("Uniform", False, 64, [24, 17, 5, 11, 56, 40, 49, 33]),
    ("Uniform", False, 50000, [27800, 40689, 39477, 33467, 21160, 39960, 14641, 34689]),
    (
        "Uniform",
        False,
        3000000000,
        [
            548427800,
            1035340689,
            413489477,
            2566083467,
            2112271160,
            1149889960,
            1238414641,
            33934689,
        ],
    ),
    ("LogUniform", False, 10, [0, 3, 1, 6, 8, 5, 7, 7]),
    ("LogUniform", False, 64, [0, 12, 3, 31, 46, 28, 39, 39]),
    ("LogUniform", False, 50000, [4, 822, 53, 8329, 22589, 6329, 14801, 14887]),
    (
        "LogUniform",
        False,
        3000000000,
        [25, 759545, 3204, 80788390, 604220500, 46448896, 257588708, 260608166],
    ),
    ("LearnedUnigram", False, 10, [4, 1, 5, 9, 3, 9, 5, 7]),
    ("LearnedUnigram", False, 64, [24, 41, 17, 25, 5, 21, 11, 25]),
    ("LearnedUnigram", False, 50000, [36904, 26601, 145, 27289, 18533, 37189, 22475, 32777]),
]
WORDS = {"unigrams": list(range(1, 11)), "num_reserved_ids": 1}


@pytest.mark.parametrize(("kind", "unique", "size", "classes"), KNOWN)
def test_the_classes_are_tensorflows(
    kind: str, unique: bool, size: int, classes: list[int]
) -> None:
    got, _, _ = draw(kind, unique, range_max=size)
    assert got.tolist() == classes


def test_classes_by_counts_are_tensorflows() -> None:
    got = [
        draw("FixedUnigram", u, 6, range_max=11, distortion=0.75, **WORDS) for u in (True, False)
    ]
    assert [g[0].tolist() for g in got] == [[6, 3, 7, 2, 10, 9], [6, 3, 7, 7, 7, 7]]
    np.testing.assert_allclose(
        got[0][1],
        [[0.0, 0.29488912], [0.63789135, 0.44765833], [0.55595487, 0.55595487]],
        rtol=1e-6,
    )
    shards = [
        draw("FixedUnigram", u, 3, range_max=5, num_shards=2, shard=1, **WORDS)[0].tolist()
        for u in (True, False)
    ]
    assert shards == [[1, 4, 2], [1, 4, 4]]


def test_a_file_of_counts(tmp_path: pathlib.Path) -> None:
    words = tmp_path / "words.csv"
    words.write_text("".join(f"word{i},{i}\n" for i in range(1, 11)))
    by_file = draw("FixedUnigram", True, 6, range_max=11, vocab_file=str(words), num_reserved_ids=1)
    by_list = draw("FixedUnigram", True, 6, range_max=11, **WORDS)
    for a, b in zip(by_file, by_list, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(tf.errors.NotFoundError, match="cannot read"):
        draw("FixedUnigram", True, range_max=9, vocab_file=str(tmp_path / "none"))


def log_uniform(n: int) -> np.ndarray:
    c = np.arange(n)
    return np.log((c + 2) / (c + 1)) / np.log(n + 1)


@pytest.mark.parametrize(
    ("kind", "p", "attrs"),
    [
        ("Uniform", np.full(10, 0.1), {}),
        ("LogUniform", log_uniform(10), {}),
        ("LearnedUnigram", np.full(10, 0.1), {}),
        ("FixedUnigram", np.arange(1, 11) ** 0.5 / (np.arange(1, 11) ** 0.5).sum(), {"unigrams": list(range(1, 11)), "distortion": 0.5}),
    ],
)  # fmt: skip
def test_classes_follow_their_probabilities(kind: str, p: np.ndarray, attrs: Any) -> None:
    n = 40_000
    got, true_count, count = draw(kind, False, n, range_max=10, **attrs)
    found = np.bincount(got, minlength=10)
    assert (np.abs(found - n * p) < 5 * np.sqrt(n * p * (1 - p))).all()
    np.testing.assert_allclose(count, n * p[got], rtol=1e-5)
    np.testing.assert_allclose(true_count, n * p[TRUE], rtol=1e-5)


def test_expected_counts_of_different_classes() -> None:
    """1 - (1 - p)^tries; tries are not told, but one number explains all counts."""
    p = log_uniform(64)
    got, true_count, count = draw("LogUniform", True, range_max=64)
    assert len(set(got)) == 8
    tries = np.log1p(-count) / np.log1p(-p[got])
    np.testing.assert_allclose(tries, np.rint(tries[0]), rtol=1e-5)
    np.testing.assert_allclose(true_count, 1 - (1 - p[TRUE]) ** np.rint(tries[0]), rtol=1e-5)


def test_a_learned_sampler_learns() -> None:
    with tf1.Graph().as_default(), tf1.Session() as sess:
        draws = tf1.nn.learned_unigram_candidate_sampler([[2, 2]], 2, 1000, False, 4, seed=1)
        _, before, _ = sess.run(draws)
        np.testing.assert_allclose(before, [[250, 250]])
        for _ in range(48):
            sess.run(draws)
        classes, after, _ = sess.run(draws)
    np.testing.assert_allclose(after, [[99 / 102 * 1000] * 2], rtol=1e-5)
    assert np.bincount(classes, minlength=4)[2] > 900


def test_all_candidates() -> None:
    got, true_count, count = draw("All", True, 6)
    assert got.tolist() == list(range(6))
    assert (true_count == 1).all()
    assert (count == 1).all()


def test_accidental_hits() -> None:
    row, place, weight = tf.nn.compute_accidental_hits(TRUE, [3, 7, 1, 3, 0], 2)
    assert row.numpy().tolist() == [0, 0, 2, 2]
    assert place.numpy().tolist() == [4, 2, 3, 3]  # of equal candidates the last
    assert (weight.numpy() == np.finfo(np.float32).min).all()


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({"num_sampled": 9, "unique": True, "range_max": 8}, "Sampler's range is too small"),
        ({"num_true": 3, "range_max": 8}, "must have num_true columns, expected: 3 was: 2"),
        ({"range_max": 0}, "range_max must be at least 1"),
        ({"range_max": 4}, r"`true_candidate` out of range \[0, 4\), received 4"),
        ({"num_sampled": 0, "range_max": 8}, "num_sampled must be at least 1"),
    ],
)
def test_refusals(attrs: dict[str, Any], message: str) -> None:
    arguments = {"num_true": 2, "num_sampled": 4, "unique": False, **attrs}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.random.uniform_candidate_sampler(TRUE, **arguments)


def test_refusals_of_counts() -> None:
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="range is 9 must be equal to weights size 2"
    ):
        draw("FixedUnigram", False, range_max=9, unigrams=[1.0, 2.0])
    with pytest.raises(tf.errors.InvalidArgumentError, match="either vocab_file or unigrams"):
        draw("FixedUnigram", False, range_max=9)
    with pytest.raises(tf.errors.InvalidArgumentError, match="all counts are 0"):
        draw("FixedUnigram", False, range_max=1, unigrams=[0.0])


# --- losses

rng = np.random.default_rng(0)
W = rng.standard_normal((50, 4)).astype(np.float32)
B = rng.standard_normal(50).astype(np.float32)
X = rng.standard_normal((3, 4)).astype(np.float32)
LABELS = np.array([[1, 2], [7, 7], [0, 49]])
SAMPLED = np.array([3, 7, 1, 20, 0])
TRUE_COUNT = np.array([[0.5, 0.1], [0.2, 0.2], [1.0, 0.01]], np.float32)
COUNT = np.array([0.3, 0.2, 0.5, 0.05, 1.0], np.float32)
VALUES = (SAMPLED, TRUE_COUNT, COUNT)


def logits(hits: bool) -> tuple[np.ndarray, np.ndarray]:
    true = np.einsum("bd,bkd->bk", X, W[LABELS]) + B[LABELS] - np.log(TRUE_COUNT)
    sampled = X @ W[SAMPLED].T + B[SAMPLED] - np.log(COUNT)
    if not hits:
        sampled = np.where((SAMPLED[None, :, None] == LABELS[:, None]).any(-1), -np.inf, sampled)
    return true.astype(np.float64), sampled.astype(np.float64)


@pytest.mark.parametrize("hits", [True, False])
def test_nce_loss(hits: bool) -> None:
    true, sampled = logits(hits)
    # The true classes share a label of 1.
    want = (np.logaddexp(0, true) - true / 2).sum(1) + np.logaddexp(0, sampled).sum(1)
    got = tf.nn.nce_loss(W, B, LABELS, X, 5, 50, 2, VALUES, remove_accidental_hits=not hits)
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("hits", [True, False])
def test_sampled_softmax_loss(hits: bool) -> None:
    true, sampled = logits(hits)
    both = np.concatenate([true, sampled], 1)
    want = np.log(np.exp(both).sum(1)) - true.mean(1)
    got = tf.nn.sampled_softmax_loss(
        W, B, LABELS, X, 5, 50, 2, VALUES, remove_accidental_hits=not hits
    )
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_tables_in_shards() -> None:
    whole = tf.nn.nce_loss(W, B, LABELS, X, 5, 50, 2, VALUES)
    np.testing.assert_array_equal(
        tf.nn.nce_loss([W[:25], W[25:]], B, LABELS, X, 5, 50, 2, VALUES), whole
    )
    mod = tf1.nn.nce_loss([W[::2], W[1::2]], B, LABELS, X, 5, 50, 2, VALUES)
    np.testing.assert_array_equal(mod, whole)
    div = tf1.nn.nce_loss([W[:25], W[25:]], B, LABELS, X, 5, 50, 2, VALUES, False, "div")
    np.testing.assert_array_equal(div, whole)


@pytest.mark.parametrize("loss", [tf.nn.nce_loss, tf.nn.sampled_softmax_loss])
def test_gradients_of_losses(loss: Any) -> None:
    """Against differences, in float64."""
    values = [a.astype(np.float64) for a in (W, B, X)]

    def total(w: Any, b: Any, x: Any) -> Any:
        return tf.reduce_sum(loss(w, b, LABELS, x, 5, 50, 2, VALUES))

    tensors = [tf.constant(v) for v in values]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        y = total(*tensors)
    for i, g in enumerate(tape.gradient(y, tensors)):
        step = np.random.default_rng(i).standard_normal(values[i].shape)
        ends = [
            float(total(*[v + e * step if j == i else v for j, v in enumerate(values)]))
            for e in (1e-6, -1e-6)
        ]
        dense = tf.convert_to_tensor(g).numpy()
        np.testing.assert_allclose((ends[0] - ends[1]) / 2e-6, (dense * step).sum(), rtol=1e-6)


def test_word_vectors_learn() -> None:
    """Words that appear beside one another get similar vectors, in a graph with a placeholder."""
    with tf1.Graph().as_default(), tf1.Session() as sess:
        tf1.set_random_seed(0)
        words = tf1.placeholder(tf1.int32, [None])
        context = tf1.placeholder(tf1.int32, [None, 1])
        table = tf1.get_variable(
            "table", [20, 8], initializer=tf1.random_uniform_initializer(-1, 1)
        )
        weights = tf1.get_variable("weights", [20, 8])
        biases = tf1.get_variable("biases", [20], initializer=tf1.zeros_initializer())
        loss = tf1.reduce_mean(
            tf1.nn.nce_loss(weights, biases, context, tf1.nn.embedding_lookup(table, words), 4, 20)
        )
        step = tf1.train.GradientDescentOptimizer(1.0).minimize(loss)
        sess.run(tf1.global_variables_initializer())
        # Even words go with even ones, odd with odd ones.
        pairs = [(a, b) for a in range(20) for b in range(20) if a != b and (a - b) % 2 == 0]
        feed = {words: [a for a, _ in pairs], context: [[b] for _, b in pairs]}
        first = np.mean([sess.run(loss, feed) for _ in range(20)])
        for _ in range(300):
            sess.run(step, feed)
        last = np.mean([sess.run(loss, feed) for _ in range(20)])
        vectors = sess.run(table)
    assert last < first / 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    same = np.array([cosines[a, b] for a, b in pairs]).mean()
    other = cosines[::2, 1::2].mean()
    assert same > other + 0.5
