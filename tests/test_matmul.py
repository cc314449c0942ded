"""Matrix products of sizes that cross every boundary of their blocking, in all transpositions and on any threads."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg.compat.v1 as tf

# Rows of A, length of the sum, columns of B. What makes each special is how the product is cut up.
SIZES = [
    (15, 513, 33),  # a second run of the sum, a second row of tiles, a second panel
    (100, 784, 10),  # few columns
    (784, 100, 10),
    (50, 3, 12),
    (1, 1000, 300),  # vectors
    (1, 3000, 333),
    (300, 1000, 1),
    (3000, 333, 1),
    (50, 1100, 400),  # A stays in cache, B does not
    (900, 30, 1000),
    (600, 600, 500),  # neither does
    (512, 1024, 530),  # and rows of A share cache sets: tiles copy them
    (271, 1025, 2100),  # B in two strips
    (300, 60, 100),  # each thread packs a transposed B for itself
    (2100, 20, 1024),  # C is written past the caches
]


def operands(
    m: int, k: int, n: int, ta: bool, tb: bool, dtype: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """a, b as stored and their product in double precision."""
    rng = np.random.default_rng([m, k, n])
    a, b = (rng.uniform(-1, 1, s).astype(dtype) for s in ((m, k), (k, n)))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    return np.ascontiguousarray(a.T) if ta else a, np.ascontiguousarray(b.T) if tb else b, exact


def run(a: np.ndarray, b: np.ndarray, ta: bool, tb: bool, threads: int = 0) -> np.ndarray:
    with tf.Graph().as_default():
        x, y = tf.placeholder(a.dtype), tf.placeholder(b.dtype)
        z = tf.matmul(x, y, transpose_a=ta, transpose_b=tb)
        config = tf.ConfigProto(intra_op_parallelism_threads=threads)
        with tf.Session(config=config) as sess:
            return sess.run(z, {x: a, y: b})


@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_product(dtype: str, m: int, k: int, n: int, ta: bool, tb: bool) -> None:
    a, b, exact = operands(m, k, n, ta, tb, dtype)
    got = run(a, b, ta, tb)
    # Products of float16 are summed in float32; the result is rounded once more.
    unit = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-24}[dtype]
    # The sum of random roundings: far below k * unit, the bound for any order.
    bound = 4 * unit * np.sqrt(k) * np.sqrt(k)
    slack = 2.0**-11 * np.abs(exact) if dtype == "float16" else 0
    assert np.all(np.abs(got - exact) <= bound + slack)


@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_bits_do_not_depend_on_threads(m: int, k: int, n: int, ta: bool, tb: bool) -> None:
    a, b, _ = operands(m, k, n, ta, tb, "float32")
    one = run(a, b, ta, tb, threads=1)
    for _ in range(2):
        np.testing.assert_array_equal(run(a, b, ta, tb), one)


@pytest.mark.parametrize("tb", [False, True])
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int32"])
def test_every_width(dtype: str, ta: bool, tb: bool) -> None:
    x, y = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    a, b = tf.cast(x, dtype), tf.cast(y, dtype)
    z = tf.cast(tf.matmul(a, b, transpose_a=ta, transpose_b=tb), tf.float64)
    rng = np.random.default_rng(0)
    with tf.Session() as sess:
        for n in (*range(1, 35), *range(38, 42), *range(62, 74), 87, 88, 89, 96, 97, 104, 105):
            for m, k in ((5, 19), (29, 40)):
                # Small integers: every type holds them, their products and the sums exactly.
                left, right = rng.integers(-3, 4, (m, k)), rng.integers(-3, 4, (k, n))
                feed = {x: left.T if ta else left, y: right.T if tb else right}
                got = sess.run(z, {key: np.ascontiguousarray(v) for key, v in feed.items()})
                want = left @ right
                if dtype == "bfloat16":  # only the result has more digits than the type
                    np.testing.assert_allclose(got, want, rtol=2.0**-8)
                else:
                    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("m", "n"), [(3, 5), (1, 40), (40, 1), (33, 70)])
def test_long_sums_stay_accurate(m: int, n: int) -> None:
    k = 300_000
    a, b = np.ones((m, k), np.float32), np.full((k, n), 0.1, np.float32)
    exact = k * float(np.float32(0.1))
    # One running sum in float32 would be off by 1e-3 or more.
    np.testing.assert_allclose(run(a, b, False, False), np.full((m, n), exact), rtol=4e-5)


@pytest.mark.parametrize(("m", "k", "n"), [(40, 70, 10), (70, 40, 10), (20, 600, 40), (1, 600, 40)])
def test_what_is_not_a_number_stays_in_its_row_and_column(m: int, k: int, n: int) -> None:
    for ta in (False, True):
        for tb in (False, True):
            a, b, _ = operands(m, k, n, ta, tb, "float32")
            (a.T if ta else a)[m - 1, k - 1] = np.nan
            (b.T if tb else b)[0, n - 1] = np.inf
            got = run(a, b, ta, tb)
            assert np.isnan(got[m - 1]).all()
            assert not np.isfinite(got[:, n - 1]).any()
            assert np.isfinite(got[: m - 1, : n - 1]).all()
