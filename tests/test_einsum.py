"""tf.einsum against numpy.einsum."""

from __future__ import annotations

import numpy as np
import pytest

import thalweg as tf

CASES = [
    ("ij,jk->ik", [(3, 4), (4, 5)]),
    ("ij,kj->ik", [(3, 4), (5, 4)]),
    ("ji,jk->ki", [(4, 3), (4, 5)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
    ("bij,bkj->ki", [(2, 3, 4), (2, 5, 4)]),
    ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
    ("bqhd,bkhd->bhqk", [(2, 4, 3, 5), (2, 6, 3, 5)]),
    ("bhqk,bkhd->bqhd", [(2, 3, 4, 6), (2, 6, 3, 5)]),
    ("abcd,cde->abe", [(2, 3, 4, 5), (4, 5, 6)]),
    ("abc,cd,def->abef", [(2, 3, 4), (4, 5), (5, 2, 3)]),
    ("ab,bc,cd,de->ae", [(2, 9), (9, 3), (3, 8), (8, 4)]),
    ("i,i->", [(5,), (5,)]),
    ("i,i,i->i", [(5,), (5,), (5,)]),
    ("i,j->ij", [(3,), (4,)]),
    ("ij->", [(3, 4)]),
    ("ij->ji", [(3, 4)]),
    ("ij->j", [(3, 4)]),
    ("ii->i", [(4, 4)]),
    ("ii", [(4, 4)]),
    ("bii->b", [(2, 3, 3)]),
    ("iij,jk->ik", [(3, 3, 4), (4, 2)]),
    ("ij,jk", [(3, 4), (4, 5)]),
    ("ba", [(3, 4)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 6)]),
    ("...ij,jk", [(2, 3, 4), (4, 5)]),
    ("i...,i...->...", [(3, 4, 5), (3, 4, 5)]),
    ("ab,b...->a...", [(2, 3), (3, 4, 5)]),
    (" i j , j k -> i k ", [(3, 4), (4, 5)]),
    ("ij,jk->ik", [(3, 0), (0, 5)]),
]


@pytest.mark.parametrize(("equation", "shapes"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "complex64"])
def test_against_numpy(equation: str, shapes: list[tuple[int, ...]], dtype: str) -> None:
    rng = np.random.default_rng(0)
    operands = [rng.integers(-4, 5, s).astype(dtype) for s in shapes]
    if dtype == "complex64":
        operands = [x + 1j * rng.integers(-4, 5, x.shape).astype("float32") for x in operands]
    got = tf.einsum(equation, *operands)
    assert got.dtype.name == dtype
    np.testing.assert_array_equal(got.numpy(), np.einsum(equation.replace(" ", ""), *operands))


def test_the_order_of_many_operands_can_be_chosen() -> None:
    x = np.arange(12.0).reshape(3, 4)
    chain = [x, x.T, x, x.T]
    want = x @ x.T @ x @ x.T
    for optimize in ("greedy", "optimal", "auto"):
        got = tf.einsum("ab,bc,cd,de->ae", *chain, optimize=optimize)
        np.testing.assert_allclose(got.numpy(), want)


def test_unknown_sizes() -> None:
    with tf.Graph().as_default():
        a = tf.compat.v1.placeholder(tf.float32, [None, None, 4])
        b = tf.compat.v1.placeholder(tf.float32, [None, 4, None, 2])
        y = tf.einsum("bij,bjkl->bikl", a, b)
        assert y.shape.as_list()[-1] == 2
        feeds = {a: np.ones((2, 3, 4)), b: np.ones((2, 4, 5, 2))}
        with tf.compat.v1.Session() as session:
            np.testing.assert_array_equal(session.run(y, feeds), np.full((2, 3, 5, 2), 4.0))


@pytest.mark.parametrize(
    ("equation", "shapes", "words"),
    [
        ("ij,jk->ik", [(3, 4)], "Got 1 arguments"),
        ("ij,jk->ik", [(3, 4, 5), (4, 5)], "has 3 dimensions"),
        ("ij->k", [(3, 4)], "output's labels"),
        ("ij->ii", [(3, 4)], "output's labels"),
        ("i1->i", [(3, 4)], "incorrect format"),
        ("ij-ik", [(3, 4)], "incorrect format"),
    ],
)
def test_refusals(equation: str, shapes: list[tuple[int, ...]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tf.einsum(equation, *[np.ones(s) for s in shapes])


def test_sizes_that_do_not_fit() -> None:
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        tf.einsum("ij,jk->ik", np.ones((3, 4)), np.ones((5, 6)))
    with pytest.raises(TypeError, match="keyword"):
        tf.einsum("ij->ji", np.ones((3, 4)), bad=1)
