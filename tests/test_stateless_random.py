"""Random numbers that are functions of seeds: TensorFlow 2.21's own, digit by digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tf

SEED = [12, -34]
UNIFORM = [0.19072604, 0.4664526, 0.84567726, 0.10763466, 0.87842095]
NORMAL = [0.38087592, -1.7801033, 0.36239445, 0.45155868, -0.4919382]
FULL = [2098751926, -591678280, -1561575641]


def equal(got: Any, want: Any) -> None:
    """The same numbers as far as the digits that are written down go."""
    got = np.asarray(got)
    if got.dtype.kind == "f":
        np.testing.assert_allclose(got, want, rtol=2e-7 if got.itemsize == 4 else 1e-13)
    else:
        np.testing.assert_array_equal(got, want)


def test_uniform() -> None:
    r = tf.random.stateless_uniform
    equal(r([5], SEED), UNIFORM)
    equal(r([5], tf.constant(SEED, tf.int64)), UNIFORM)
    equal(
        r([3], SEED, dtype=tf.float64),
        [0.5258091566459324, 0.7654190028228511, 0.02736797874508512],
    )
    equal(r([5], SEED, -2.0, 3.0), [-1.0463698, 0.332263, 2.2283864, -1.4618267, 2.3921046])
    half = [0.42773438, 0.1796875, 0.78808594, 0.74316406, 0.024414062]
    equal(tf.cast(r([5], SEED, dtype=tf.float16), tf.float32), half)
    brain = [0.421875, 0.4375, 0.3046875, 0.9453125, 0.1953125]
    equal(tf.cast(r([5], SEED, dtype=tf.bfloat16), tf.float32), brain)


def test_integers() -> None:
    r = tf.random.stateless_uniform
    equal(r([5], SEED, -3, 17, tf.int32), [3, 13, 12, 2, 2])
    equal(r([3], SEED, -3, 2**40, tf.int64), [792329336471, 1072130102738, 180207804425])
    equal(r([3], SEED, None, None, tf.int32), FULL)
    equal(r([3], SEED, None, None, tf.uint32), np.array(FULL, np.int32).view(np.uint32))
    equal(r([2], SEED, None, None, tf.uint64), [15905505213454772662, 18378564429851410215])
    equal(r([2], SEED, None, None, tf.int64), [-2541238860254778954, -68179643858141401])


def test_normal() -> None:
    equal(tf.random.stateless_normal([5], SEED), NORMAL)
    double = [-1.1285410396546816, 0.1096769169140357, 2.103011919776477]
    equal(tf.random.stateless_normal([3], SEED, dtype=tf.float64), double)
    equal(tf.random.stateless_normal([3], SEED, 2.0, 0.5), [2.190438, 1.1099484, 2.1811972])
    truncated = [*NORMAL[:4], 1.011939, 0.1989992, -1.4675521, -0.8214508, -0.39841324]
    equal(tf.random.stateless_truncated_normal([9], SEED), truncated)


def test_draws() -> None:
    logits = [[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]]
    drawn = tf.random.stateless_categorical(logits, 6, SEED)
    equal(drawn, [[1, 1, 0, 1, 1, 1], [2, 2, 2, 2, 2, 2]])
    assert drawn.dtype == tf.int64
    shuffled = tf.random.experimental.stateless_shuffle(tf.range(10), SEED)
    equal(shuffled, [6, 4, 9, 2, 7, 1, 8, 5, 0, 3])


def test_new_seeds() -> None:
    equal(
        tf.random.split(SEED, 3),
        [[2098751926, -591678280], [-1561575641, -15874311], [-160403431, 1742384937]],
    )
    wide = tf.random.split(tf.constant(SEED, tf.int64), 2)
    equal(wide[0], [-2541238860254778954, -68179643858141401])
    equal(tf.random.fold_in(SEED, 7), [2098751926, 7])


def test_refusals() -> None:
    r = tf.random.stateless_uniform
    with pytest.raises(ValueError, match="Accepted dtypes"):
        r([3], SEED, dtype=tf.uint8)
    with pytest.raises(ValueError, match="both None or not None"):
        r([3], SEED, 1, None, tf.int32)
    with pytest.raises(ValueError, match="Unsigned integers"):
        r([3], SEED, 1, 2, tf.uint32)
    with pytest.raises(ValueError, match="unsupported value foo"):
        r([3], SEED, alg="foo")
    with pytest.raises(NotImplementedError, match="ThreeFry"):
        r([3], SEED, alg=tf.random.Algorithm.THREEFRY)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        r([3], [1, 2, 3])


RAW = [
    ("StatelessRandomUniformV2", {"dtype": tf.float32}, UNIFORM),
    ("StatelessRandomNormalV2", {"dtype": tf.float32}, NORMAL),
    ("StatelessTruncatedNormalV2", {"dtype": tf.float32}, NORMAL[:4]),
    ("StatelessRandomUniformFullIntV2", {"dtype": tf.int32}, FULL),
]


def place() -> tuple[Any, Any]:
    found = tf.raw_ops.StatelessRandomGetKeyCounter(SEED)
    return found[0], found[1]


@pytest.mark.parametrize(("name", "attrs", "want"), RAW, ids=[name for name, _, _ in RAW])
def test_ops_over_a_key(name: str, attrs: dict[str, Any], want: list[Any]) -> None:
    key, counter = place()
    equal(getattr(tf.raw_ops, name)([len(want)], key, counter, 1, **attrs), want)


def test_algorithms() -> None:
    key, counter = place()
    found = tf.raw_ops.StatelessRandomGetKeyCounterAlg(SEED)
    equal(found[0], key)
    equal(found[1], counter)
    equal(found[2], 1)
    equal(tf.raw_ops.StatelessRandomGetAlg(), 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Unsupported algorithm id: 2"):
        tf.raw_ops.StatelessRandomUniformV2([2], key, counter, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"key must have shape \[1\]"):
        tf.raw_ops.StatelessRandomUniformV2([2], counter, counter, 1)


def test_ints_over_a_key() -> None:
    key, counter = place()
    got = tf.raw_ops.StatelessRandomUniformIntV2([5], key, counter, 1, -3, 17)
    equal(got, [3, 13, 12, 2, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Need minval < maxval"):
        tf.raw_ops.StatelessRandomUniformIntV2([5], key, counter, 1, 3, 3)
    equal(
        tf.raw_ops.StatelessShuffle(tf.range(10), key, counter, 1), [6, 4, 9, 2, 7, 1, 8, 5, 0, 3]
    )


# --- eager ops and the seed of the program ---------------------------------------------------------


def test_set_seed() -> None:
    """One sequence for all ops without a seed of their own; another for each op seed."""
    tf.random.set_seed(7)
    equal(tf.random.uniform([3]), [0.8344538, 0.23336661, 0.8796519])
    equal(tf.random.normal([3]), [-2.2733312, -1.6592104, -0.2633568])
    equal(tf.random.truncated_normal([3]), [1.5749502, -0.5290217, -0.7040792])
    equal(tf.random.uniform([4], 0, 100, tf.int32), [10, 4, 45, 51])
    equal(tf.random.shuffle(tf.range(8)), [6, 4, 1, 5, 3, 0, 2, 7])
    equal(tf.random.categorical([[1.0, 2.0, 3.0]], 6), [[1, 2, 1, 2, 2, 2]])
    equal(tf.random.uniform([2], seed=3), [0.40108788, 0.37683892])
    equal(tf.random.uniform([2], seed=3), [0.34264028, 0.3479159])
    equal(tf.random.uniform([2], dtype=tf.float64), [0.7979171180837841, 0.527455231773639])


def test_set_seed_starts_again() -> None:
    results = []
    for _ in range(2):
        tf.random.set_seed(11)
        results.append([tf.random.normal([4]).numpy(), tf.random.normal([4], seed=2).numpy()])
    equal(results[0][0], results[1][0])
    equal(results[0][1], results[1][1])


def test_op_seed_alone() -> None:
    tf.random.set_seed(None)
    equal(tf.random.uniform([2], seed=3), [0.3869294, 0.36002624])


def test_without_seeds_every_call_differs() -> None:
    tf.random.set_seed(None)
    assert (tf.random.uniform([8]).numpy() != tf.random.uniform([8]).numpy()).any()


def test_dropout() -> None:
    tf.random.set_seed(7)
    equal(tf.nn.dropout(tf.ones([8]), 0.5), [2, 0, 2, 0, 2, 2, 0, 2])


def test_random_crop() -> None:
    tf.random.set_seed(3)
    picture = tf.reshape(tf.range(12), [3, 4])
    crop = tf.image.random_crop(picture, [2, 2]).numpy()
    assert crop[0, 1] == crop[0, 0] + 1
    assert crop[1, 0] == crop[0, 0] + 4


def test_ever_new_op_seeds_leave_no_ops_behind() -> None:
    from thalweg import _core

    tf.random.set_seed(5)
    tf.random.normal([3])
    before = _core.eager_op_count()
    for _ in range(50):
        tf.random.normal([3])
    assert _core.eager_op_count() == before


# --- generators ------------------------------------------------------------------------------------


def test_generator() -> None:
    g = tf.random.Generator.from_seed(1234)
    equal(g.normal([3]), [0.9356609, 1.0854305, -0.93788373])
    equal(g.uniform([3]), [0.31073415, 0.3681823, 0.96182954])
    equal(g.truncated_normal([3]), [-0.39647493, 0.83695656, -0.30946946])
    equal(g.uniform_full_int([2]), [14789844842584512396, 7910833019651599265])
    equal(g.uniform([4], 0, 10, tf.int32), [6, 1, 9, 7])
    equal(g.state, [5074, 0, 0])
    equal(g.make_seeds(2), [[5394157901782015838, -1253747224176783485], [0, 0]])
    keys = [h.state.numpy()[2] for h in g.split(2)]
    assert keys == [-6148173427697408052, -9003098517762259782]
    equal(g.state, [6098, 0, 0])
    assert g.algorithm == 1
    equal(g.key, 0)


@pytest.mark.parametrize(
    ("seed", "state"),
    [
        (1234, [1234, 0, 0]),
        (-5, [-5, -1, -1]),
        (2**70 + 5, [5, 64, 0]),
        ([1, 2], [0, 1, 2]),
        (np.array([7, 8, 9]), [7, 8, 9]),
    ],
)
def test_states_of_seeds(seed: Any, state: list[int]) -> None:
    equal(tf.random.Generator.from_seed(seed).state, state)
    equal(tf.random.create_rng_state(seed, "philox"), state)


def test_reset_and_skip() -> None:
    g = tf.random.Generator.from_key_counter(7, [1, 2], "philox")
    equal(g.state, [1, 2, 7])
    equal(g.skip(5), [1, 2, 7])
    equal(g.state, [1281, 2, 7])
    g.reset_from_seed(5)
    equal(g.state, [5, 0, 0])
    g.reset_from_key_counter(5, [1, 2])
    equal(g.state, [1, 2, 5])
    g.reset([-256, 3, 4])
    g.skip(2)  # the counter's low word wraps round
    equal(g.state, [256, 4, 4])
    copy = tf.random.Generator(copy_from=g)
    equal(copy.normal([2]), g.normal([2]))


def test_generators_of_unknown_state_differ() -> None:
    one, two = (tf.random.Generator.from_non_deterministic_state() for _ in range(2))
    assert (one.normal([4]).numpy() != two.normal([4]).numpy()).any()


def test_global_generator() -> None:
    g = tf.random.Generator.from_seed(1)
    tf.random.set_global_generator(g)
    assert tf.random.get_global_generator() is g


def test_generator_refusals() -> None:
    make = tf.random.Generator
    with pytest.raises(ValueError, match="incompatible"):
        make.from_state([1, 2], "philox")
    with pytest.raises(NotImplementedError, match="ThreeFry"):
        make.from_seed(1, "threefry")
    with pytest.raises(ValueError, match="unsupported value"):
        make.from_seed(1, "foo")
    with pytest.raises(ValueError, match="either copy_from"):
        make(copy_from=make.from_seed(1), alg=1)
    with pytest.raises(ValueError, match="Must specify maxval"):
        make.from_seed(1).uniform([2], dtype=tf.int32)


def test_initializers_with_a_seed_repeat_themselves() -> None:
    initializer = tf.random_normal_initializer(seed=4)
    equal(initializer([2]), [-0.02909243, 0.04326795])
    equal(initializer([2]), [-0.02909243, 0.04326795])
    assert initializer.get_config() == {"mean": 0.0, "stddev": 0.05, "seed": 4}
    equal(tf.zeros_initializer()([2], tf.int32), [0, 0])
    equal(tf.constant_initializer([1, 2, 3])([3]), [1, 2, 3])
    with pytest.raises(ValueError, match="floating point"):
        initializer([2], tf.int32)


def test_functions_have_streams_of_their_own() -> None:
    """Each function numbers its random ops from 0; their streams go on from call to call."""
    wants = [
        ([0.7537285, 0.0779376], [0.007278046, 0.53435814]),
        ([0.39710164, 0.6849351], [-0.14291082, -0.08963896]),
    ]
    for _ in range(2):
        tf.random.set_seed(7)

        @tf.function
        def draw() -> Any:
            return tf.random.uniform([2]), tf.random.normal([2], seed=5)

        for want in wants:
            for got, numbers in zip(draw(), want):
                np.testing.assert_allclose(got, numbers, rtol=2e-6)


def test_a_generator_moves_on_in_a_function() -> None:
    g = tf.random.Generator.from_seed(1234)

    @tf.function
    def draw() -> Any:
        return g.normal([3])

    equal(draw(), [0.9356609, 1.0854305, -0.93788373])
    assert (draw().numpy() != np.float32([0.9356609, 1.0854305, -0.93788373])).all()
    equal(g.state, [1234 + 2 * 768, 0, 0])
