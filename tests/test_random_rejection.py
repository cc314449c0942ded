"""Gamma, Poisson and binomial numbers: TensorFlow 2.21's own, their distributions, their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import thalweg as tf
import thalweg.compat.v1 as tf1

SEEDS = {"seed": 87, "seed2": 12}
ALPHA = [0.5, 1.0, 2.0, 30.0]
RATES = [0.5, 5.0, 10.0, 300.0]
COUNTS, PROBS = [[5.0], [50.0], [1000.0]], [0.01, 0.3, 0.9]


def ops() -> dict[str, Any]:
    raw = tf.raw_ops
    return {
        "gamma32": raw.RandomGamma(shape=[2], alpha=tf.constant(ALPHA), **SEEDS),
        "gamma64": raw.RandomGamma(shape=[2], alpha=tf.constant(ALPHA, tf.float64), **SEEDS),
        "stateless gamma": raw.StatelessRandomGammaV2(shape=[2, 4], seed=[3, 4], alpha=ALPHA),
        "keyed gamma": raw.StatelessRandomGammaV3(
            shape=[2, 4], key=[5], counter=[6, 7], alg=1, alpha=ALPHA
        ),
        "poisson": raw.RandomPoissonV2(
            shape=[3], rate=tf.constant(RATES), dtype=tf.float32, **SEEDS
        ),
        "poisson int": raw.RandomPoissonV2(
            shape=[3], rate=tf.constant(RATES, tf.float64), dtype=tf.int64, **SEEDS
        ),
        "stateless poisson": raw.StatelessRandomPoisson(
            shape=[3, 4], seed=[3, 4], lam=tf.constant(RATES), dtype=tf.int32
        ),
        "binomial": raw.StatelessRandomBinomial(
            shape=[2, 3, 3],
            seed=[3, 4],
            counts=tf.constant(COUNTS),
            probs=tf.constant(PROBS),
            dtype=tf.int32,
        ),
    }


# Noted from tensorflow-cpu.
KNOWN: dict[str, list[Any]] = {
    "gamma32": [
        [0.02855473943054676, 0.7322147488594055, 0.15706326067447662, 28.798011779785156],
        [0.09580571204423904, 1.305431604385376, 0.43343934416770935, 39.16758728027344],
    ],
    "gamma64": [
        [0.02855473962071681, 0.7322147506425546, 0.1570632560319769, 28.798012615562826],
        [0.09580571492859724, 1.305431554760894, 0.43343933956213576, 39.1675889699503],
    ],
    "stateless gamma": [
        [0.0436045341193676, 0.07935843616724014, 8.89546012878418, 29.51882553100586],
        [0.25566861033439636, 0.7934430241584778, 2.6159780025482178, 28.187166213989258],
    ],
    "keyed gamma": [
        [0.34082671999931335, 0.5906614661216736, 1.7440820932388306, 26.25043296813965],
        [6.416130781872198e-05, 0.2387409806251526, 1.9927732944488525, 27.805261611938477],
    ],
    "poisson": [[1.0, 8.0, 10.0, 315.0], [0.0, 2.0, 10.0, 308.0], [0.0, 5.0, 15.0, 293.0]],
    "poisson int": [[1, 8, 10, 315], [0, 2, 10, 308], [0, 5, 15, 293]],
    "stateless poisson": [[3, 5, 14, 315], [1, 2, 8, 273], [0, 10, 9, 306]],
    "binomial": [[[0, 0, 4], [1, 14, 48], [12, 283, 904]], [[0, 2, 4], [0, 18, 46], [7, 291, 913]]],
}


def equal(got: Any, want: Any) -> None:
    """The same numbers up to the last digits of logarithms and powers."""
    got = np.asarray(got)
    want = np.asarray(want)
    assert got.shape == want.shape
    if got.dtype.kind == "f":
        np.testing.assert_allclose(got, want, rtol=2e-7 if got.itemsize == 4 else 1e-14)
    else:
        np.testing.assert_array_equal(got, want)


def test_the_numbers_are_tensorflows() -> None:
    for name, got in ops().items():
        equal(got, KNOWN[name])


def test_functions_draw_tensorflows_numbers() -> None:
    r = tf.random
    tf.random.set_seed(5)
    equal(
        r.gamma([2], [0.5, 2.0], seed=3),
        [[0.0951399952173233, 1.7451618909835815], [0.858607828617096, 2.4762637615203857]],
    )
    equal(
        r.gamma([2], [0.5, 2.0], [[1.0], [3.0]], seed=3),
        [
            [[0.1689068228006363, 2.298945188522339], [0.08010563999414444, 0.3490295112133026]],
            [
                [0.013114810921251774, 2.9833641052246094],
                [0.47441670298576355, 0.15140192210674286],
            ],
        ],
    )
    equal(r.gamma([2], 2.0, dtype=tf.float64), [8.266548771212387, 0.6550279213569994])
    equal(r.gamma([2], 2.0), [0.6924362182617188, 1.4780850410461426])
    equal(r.poisson([3], [2.0, 20.0], seed=3), [[3.0, 14.0], [4.0, 23.0], [1.0, 21.0]])
    equal(r.poisson([3], 4.0, tf.int32, seed=3), [8, 5, 1])
    equal(r.poisson([3], 4.0), [8.0, 1.0, 1.0])
    equal(r.poisson([3], [4, 6]), [[4.0, 3.0], [3.0, 7.0], [3.0, 7.0]])
    equal(
        r.stateless_gamma([2, 2], [1, 2], [0.5, 2.0], [[3.0], [1.0]]),
        [[0.02231787145137787, 0.6413788199424744], [0.18136732280254364, 2.218280553817749]],
    )
    equal(r.stateless_poisson([2, 2], [1, 2], [0.5, 20.0]), [[3, 27], [2, 25]])
    equal(r.stateless_binomial([2, 2], [1, 2], 10.0, [0.5, 0.2]), [[6, 3], [6, 2]])
    equal(r.stateless_binomial([2, 2], [1, 2], [10, 100], [0.5, 0.2]), [[6, 26], [6, 30]])


def test_a_generators_binomials() -> None:
    g = tf.random.Generator.from_seed(7)
    equal(g.binomial([3, 2], [10.0, 100.0], 0.3), [[2, 30], [1, 28], [4, 33]])
    equal(g.binomial([3], 100.0, 0.2, dtype=tf.float32), [25.0, 26.0, 19.0])
    equal(g.state, [230407, 0, 0])
    equal(g.uniform([2]), [0.9110386371612549, 0.8122302293777466])


def draws(n: int = 100_000) -> list[tuple[str, np.ndarray, Any]]:
    out: list[tuple[str, np.ndarray, Any]] = []
    for dtype in (tf.float32, tf.float64):
        for a in (0.1, 0.7, 1.0, 3.0, 200.0):
            x = tf.raw_ops.RandomGamma(shape=[n], alpha=tf.constant(a, dtype), **SEEDS)
            out.append((f"gamma {a}", x.numpy().astype(np.float64), stats.gamma(a)))
    x = tf.random.stateless_gamma([n], [1, 2], 2.5, 4.0, tf.float64)
    out.append(("gamma of rate 4", x.numpy(), stats.gamma(2.5, scale=0.25)))
    for rate in (0.3, 4.0, 9.9, 10.0, 150.0, 1e6):
        y = tf.random.stateless_poisson([n], [1, 2], rate, tf.int64)
        out.append((f"poisson {rate}", y.numpy(), stats.poisson(rate)))
    for count, p in ((7, 0.3), (40, 0.1), (40, 0.6), (1000, 0.02), (10**6, 0.7), (12, 0.97)):
        z = tf.random.stateless_binomial([n], [1, 2], float(count), p)
        out.append((f"binomial {count} {p}", z.numpy(), stats.binom(count, np.float32(p))))
    return out


def test_distributions() -> None:
    """The largest distance to the distribution function is that of true draws: for discrete ones,
    at the values that occur.
    """
    for name, x, law in draws():
        values, counts = np.unique(x, return_counts=True)
        found = np.cumsum(counts) / len(x)
        distance = np.abs(found - law.cdf(values)).max()
        assert distance < 2.0 / len(x) ** 0.5, name
        assert abs(x.mean() - law.mean()) < 5 * law.std() / len(x) ** 0.5, name


def test_parameters_that_are_no_distributions() -> None:
    nan = float("nan")
    gamma = tf.raw_ops.StatelessRandomGammaV2(
        shape=[4], seed=[1, 2], alpha=[0.0, -1.0, nan, np.inf]
    )
    np.testing.assert_array_equal(gamma, [0, nan, nan, np.inf])
    poisson = tf.random.stateless_poisson([4], [1, 2], [0.0, -1.0, nan, np.inf], tf.float32)
    np.testing.assert_array_equal(poisson, [0, 0, nan, np.inf])
    whole = tf.random.stateless_poisson([3], [1, 2], [nan, np.inf, 1e30], tf.int32)
    np.testing.assert_array_equal(whole, [0, 0, tf.int32.max])
    counts, probs = [-1.0, 3.0, 3.0, 3.0], [0.5, 1.5, nan, -0.1]
    binomial = tf.random.stateless_binomial([4], [1, 2], counts, probs, tf.float32)
    np.testing.assert_array_equal(binomial, [0, 3, nan, 0])


def test_small_gammas_are_positive() -> None:
    x = tf.random.gamma([1000], 1e-3, seed=1).numpy()
    assert x.min() == np.finfo(np.float32).tiny


def test_shapes() -> None:
    assert tf.random.gamma([7, 5], [[0.5], [1.5]], [1.0, 2.0, 3.0]).shape == [7, 5, 2, 3]
    assert tf.random.gamma([], [0.5, 1.5]).shape == [2]
    assert tf.random.poisson([2], [[1.0, 2.0]]).shape == [2, 1, 2]
    assert tf.random.gamma([0, 3], [1.0, 2.0]).shape == [0, 3, 2]
    assert tf1.random_poisson([1.0, 2.0], [5]).shape == [5, 2]
    with tf1.Graph().as_default():
        shape = tf1.placeholder(tf.int32, [2])
        assert tf1.random_gamma(shape, tf1.placeholder(tf.float32, [3, None])).shape.as_list() == [
            None,
            None,
            3,
            None,
        ]


@pytest.mark.parametrize(
    "call",
    [
        lambda shape: tf.random.stateless_gamma(shape, [1, 2], [1.0, 2.0, 3.0]),
        lambda shape: tf.random.stateless_poisson(shape, [1, 2], [1.0, 2.0, 3.0]),
        lambda shape: tf.random.stateless_binomial(shape, [1, 2], [[1.0], [2.0]], [0.1, 0.2, 0.3]),
        lambda shape: tf.random.Generator.from_seed(1).binomial(shape, [1.0, 2.0, 3.0], 0.5),
    ],
)
@pytest.mark.parametrize("shape", [[3, 2], [], [1]])
def test_shapes_end_with_those_of_parameters(call: Callable[[Any], Any], shape: Any) -> None:
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="Shape passed in must end with broadcasted shape"
    ):
        call(shape)


def test_seeds() -> None:
    tf.random.set_seed(1)
    first = tf.random.gamma([3], 2.0).numpy()
    assert (tf.random.gamma([3], 2.0).numpy() != first).all()
    tf.random.set_seed(1)
    np.testing.assert_array_equal(tf.random.gamma([3], 2.0), first)
    for draw in (tf.random.gamma, tf.random.poisson):
        with tf1.Graph().as_default(), tf1.Session() as sess:
            y = draw([20], 3.0, seed=4)
            runs = [sess.run(y) for _ in range(2)]
        assert (runs[0] != runs[1]).any()
        with tf1.Graph().as_default(), tf1.Session() as sess:
            np.testing.assert_array_equal(sess.run(draw([20], 3.0, seed=4)), runs[0])


def test_an_eager_draw_from_a_key_is_that_of_the_stream() -> None:
    """Without an op seed a draw takes a shorter way than the op that keeps a stream."""
    alpha, rate = tf.constant([0.5, 2.0]), tf.constant([0.5, 20.0])
    for draw, op in (
        (lambda: tf.random.gamma([3, 2], alpha), lambda seeds: tf.raw_ops.RandomGamma(shape=[3, 2], alpha=alpha, **seeds)),
        (lambda: tf.random.poisson([3, 2], rate), lambda seeds: tf.raw_ops.RandomPoissonV2(shape=[3, 2], rate=rate, dtype=tf.float32, **seeds)),
    ):  # fmt: skip
        tf.random.set_seed(9)
        eager = draw()
        tf.random.set_seed(9)
        first, second = tf1.random.get_seed(None)
        np.testing.assert_array_equal(eager, op({"seed": first, "seed2": second}))


def test_the_same_numbers_on_one_thread_and_two() -> None:
    results = []
    for threads in (1, 2):
        config = tf1.ConfigProto(intra_op_parallelism_threads=threads)
        with tf1.Graph().as_default(), tf1.Session(config=config) as sess:
            alpha = np.array([0.3, 1.0, 4.0])
            gamma = tf1.raw_ops.RandomGamma(shape=[50_001], alpha=alpha, **SEEDS)
            poisson = tf1.raw_ops.RandomPoissonV2(shape=[50_001], rate=20 * alpha, **SEEDS)
            results.append([sess.run([gamma, poisson]) for _ in range(2)])
    for one, two in zip(*results, strict=True):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


# --- gradients


def slopes(alpha: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How x moves with alpha where its probability stays: by differences of quantiles."""
    p = stats.gamma.cdf(x, alpha)
    step = 1e-5 * alpha
    return (stats.gamma.ppf(p, alpha + step) - stats.gamma.ppf(p, alpha - step)) / (2 * step)


@pytest.mark.parametrize("stateless", [False, True])
def test_gradients_by_both_parameters(stateless: bool) -> None:
    alpha = tf.constant([[0.7], [3.0], [40.0]], tf.float64)
    beta = tf.constant([1.0, 2.5], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([alpha, beta])
        if stateless:
            x = tf.random.stateless_gamma([5, 3, 2], [1, 2], alpha, beta, tf.float64)
        else:
            x = tf.random.gamma([5], alpha, beta, tf.float64, seed=3)
        y = tf.reduce_sum(x * x)
    by_alpha, by_beta = tape.gradient(y, [alpha, beta])
    drawn, rate = x.numpy(), beta.numpy()
    moves = slopes(np.broadcast_to(alpha.numpy(), drawn.shape), drawn * rate) / rate
    np.testing.assert_allclose(by_alpha, (2 * drawn * moves).sum((0, 2))[:, None], rtol=1e-6)
    np.testing.assert_allclose(by_beta, (-2 * drawn * drawn / rate).sum((0, 1)), rtol=1e-10)


def test_gradients_of_half_precision_and_in_graphs() -> None:
    def mean(alpha: Any) -> Any:
        return tf.reduce_mean(tf.random.stateless_gamma([20_000], [1, 2], alpha, dtype=alpha.dtype))

    # The mean of a gamma distribution is alpha itself.
    for dtype, alpha in ((tf.float32, 2.0), (tf.float64, 0.3)):
        a = tf.constant(alpha, dtype)
        with tf.GradientTape() as tape:
            tape.watch(a)
            y = tf.function(mean)(a)
        assert abs(float(tape.gradient(y, a)) - 1) < 0.05
    a = tf.constant(2.0, tf.float16)
    with tf.GradientTape() as tape:
        tape.watch(a)
        x = tf.random.gamma([], a, dtype=tf.float16, seed=3)
    want = slopes(np.array(2.0), np.array(float(x)))
    assert abs(float(tape.gradient(x, a)) - want) < 5e-3


def test_poisson_and_binomial_have_no_gradients() -> None:
    rate = tf.constant(3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(rate)
        x = tf.random.poisson([3], rate, seed=1)
        y = tf.random.stateless_binomial([3], [1, 2], rate, 0.5, tf.float32)
    assert tape.gradient(x, rate) is None
    assert tape.gradient(y, rate) is None


def test_gradients_of_igamma_by_its_first_argument() -> None:
    a = np.array([0.01, 0.5, 2.0, 30.0, 300.0])
    x = np.array([1e-5, 1.0, 2.0, 33.0, 280.0])
    t = tf.constant(a)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(t)
        low, high = tf.math.igamma(t, x), tf.math.igammac(t, x)
    # Noted from tensorflow-cpu.
    want = [-9.816725261, -0.389837264, -0.294004691, -0.060477394, -0.011865558]
    np.testing.assert_allclose(tape.gradient(low, t), want, rtol=1e-7)
    np.testing.assert_allclose(tape.gradient(high, t), np.negative(want), rtol=1e-7)


def test_slopes_far_out() -> None:
    """Where the series and the fraction are long, where arguments are tiny, and at the ends."""
    gamma = tf.raw_ops.RandomGammaGrad
    a = np.array([1e-3, 1e5, 1e5, 1.0, 1.0])
    x = np.array([1e-30, 1e5, 1.01e5, 0.0, np.inf])
    want = [6.850198086e-26, 1 + 1 / 6e5, None, 0, 0]
    got = gamma(alpha=a, sample=x).numpy()
    want[2] = slopes(a[2:3], x[2:3])[0]
    np.testing.assert_allclose(got, np.array(want, np.float64), rtol=1e-6)
    bad = gamma(alpha=np.array([-1.0, 0.0, 1.0, np.nan]), sample=np.array([1.0, 1.0, -1.0, 1.0]))
    assert np.isnan(bad).all()
