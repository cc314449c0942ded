"""Decompositions that are not unique are checked by what they promise; and the gradients of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tf

v1 = tf.compat.v1
TYPES = ["float32", "float64", "complex64", "complex128"]
SHAPES = [(4, 4), (5, 3), (3, 5), (2, 4, 3), (1, 1), (0, 3, 2)]


def draw(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        x = x + 1j * rng.standard_normal(shape)
    return x.astype(dtype)


def adjoint(x: np.ndarray) -> np.ndarray:
    return np.conj(np.swapaxes(x, -1, -2))


def close(got: Any, want: Any) -> None:
    got, want = np.asarray(got), np.asarray(want)
    narrow = got.dtype in (np.float32, np.complex64)
    np.testing.assert_allclose(
        got, want, rtol=2e-4 if narrow else 1e-10, atol=2e-5 if narrow else 1e-11
    )


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [False, True])
def test_qr(shape: tuple[int, ...], dtype: str, full: bool) -> None:  # Qr
    x = draw(shape, dtype)
    q, r = (t.numpy() for t in tf.linalg.qr(x, full_matrices=full))
    close(q @ r, x)
    close(adjoint(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*shape[:-2], *q.shape[-1:] * 2)))
    close(r, np.triu(r))
    assert q.shape[-1] == (shape[-2] if full else min(shape[-2:]))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("full", [False, True])
def test_svd(shape: tuple[int, ...], dtype: str, full: bool) -> None:  # Svd
    x = draw(shape, dtype)
    s, u, v = (t.numpy() for t in tf.linalg.svd(x, full_matrices=full))
    n = min(shape[-2:])
    close(u[..., :n] * s[..., None, :] @ adjoint(v[..., :n]), x)
    for side in (u, v):
        close(
            adjoint(side) @ side,
            np.broadcast_to(np.eye(side.shape[-1]), (*shape[:-2], *side.shape[-1:] * 2)),
        )
    assert (np.diff(s.real) <= 0).all()
    close(tf.linalg.svd(x, compute_uv=False), np.linalg.svd(x, compute_uv=False))


def test_svd_of_what_is_not_finite() -> None:
    assert np.isnan(tf.linalg.svd(np.full((2, 2), np.nan), compute_uv=False).numpy()).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(4, 4), (2, 3, 3), (1, 1), (0, 3, 3)])
def test_eigh(shape: tuple[int, ...], dtype: str) -> None:  # SelfAdjointEigV2
    x = draw(shape, dtype)
    x = x + adjoint(x)
    e, v = (t.numpy() for t in tf.linalg.eigh(x))
    close(v * e[..., None, :] @ adjoint(v), x)
    close(e, np.linalg.eigvalsh(x))
    close(tf.linalg.eigvalsh(x), np.linalg.eigvalsh(x))


def test_only_the_lower_triangle_is_read() -> None:
    x = draw((3, 3), "float64") + 4 * np.eye(3)
    spoiled = np.tril(x) + np.triu(np.full((3, 3), np.nan), 1)
    symmetric = np.tril(x) + np.tril(x, -1).T
    close(tf.linalg.cholesky(spoiled), np.linalg.cholesky(symmetric))
    close(tf.linalg.eigvalsh(spoiled), np.linalg.eigvalsh(symmetric))


@pytest.mark.parametrize(
    ("function", "x", "words"),
    [
        (tf.linalg.cholesky, [[1.0, 2.0], [2.0, 1.0]], "Cholesky decomposition was not successful"),
        (tf.linalg.inv, [[1.0, 2.0], [2.0, 4.0]], "not invertible"),
        (lambda x: tf.linalg.solve(x, x), [[0.0, 0.0], [0.0, 1.0]], "not invertible"),
        (lambda x: tf.linalg.triangular_solve(x, x), [[0.0, 0.0], [1.0, 1.0]], "not invertible"),
    ],
)
def test_singular_matrices(function: Callable[[Any], Any], x: Any, words: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        function(x)


def test_functions() -> None:
    x = draw((2, 5, 3), "float64")
    b = draw((2, 5, 2), "float64", 1)
    positive = adjoint(x) @ x + np.eye(3)
    close(
        tf.linalg.cholesky_solve(np.linalg.cholesky(positive), b[:, :3]),
        np.linalg.solve(positive, b[:, :3]),
    )
    close(tf.linalg.logdet(positive), np.linalg.slogdet(positive)[1])
    close(tf.linalg.pinv(x), np.linalg.pinv(x))
    want = np.stack([np.linalg.lstsq(p, q, rcond=None)[0] for p, q in zip(x, b)])
    close(tf.linalg.lstsq(x, b), want)
    close(tf.linalg.lstsq(x, b, fast=False), want)
    wide = np.stack([np.linalg.lstsq(p.T, q[:3], rcond=None)[0] for p, q in zip(x, b)])
    close(tf.linalg.lstsq(adjoint(x), b[:, :3]), wide)
    assert tf.linalg.matrix_rank(np.outer([1.0, 2, 3], [4.0, 5, 6])).numpy() == 1
    close(tf.linalg.cross(x[0], x[1]), np.cross(x[0], x[1]))
    close(tf.linalg.norm(x, ord=2, axis=[1, 2]), np.linalg.norm(x, 2, (1, 2)))
    close(tf.linalg.norm(x, ord=2, axis=[0, 1], keepdims=True), np.linalg.norm(x, 2, (0, 1), True))
    close(tf.linalg.normalize(x, axis=-1)[0], x / np.linalg.norm(x, axis=-1, keepdims=True))
    close(tf.linalg.adjoint(x + 1j), adjoint(x + 1j))


def test_diagonals() -> None:
    """What TensorFlow gives for the same arguments."""
    x = np.arange(6).reshape(2, 3)
    part, diag, set_diag = tf.linalg.diag_part, tf.linalg.diag, tf.linalg.set_diag
    assert part(x, k=1).numpy().tolist() == [1, 5]
    assert part(x, k=(-1, 2), padding_value=9).numpy().tolist() == [[9, 2], [1, 5], [0, 4], [3, 9]]
    turned = [[2, 9], [1, 5], [0, 4], [9, 3]]
    assert part(x, k=(-1, 2), padding_value=9, align="LEFT_RIGHT").numpy().tolist() == turned
    assert diag([[1, 2, 3], [4, 5, 0]], k=(-1, 0)).numpy().tolist() == [
        [1, 0, 0],
        [4, 2, 0],
        [0, 5, 3],
    ]
    assert diag([1, 2], k=1, num_rows=4, padding_value=7).numpy().tolist() == [
        [7, 1, 7],
        [7, 7, 2],
        [7, 7, 7],
        [7, 7, 7],
    ]
    assert set_diag(x, [7, 8], k=1).numpy().tolist() == [[0, 7, 2], [3, 4, 8]]
    # Also for the main diagonal alone.
    assert diag([1, 2], padding_value=7).numpy().tolist() == [[1, 7], [7, 2]]
    assert diag([1, 2], num_cols=3).numpy().tolist() == [[1, 0, 0], [0, 2, 0]]
    assert tf.compat.v1.matrix_diag_part(x, k=-1).numpy().tolist() == [3]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tf.linalg.diag_part(np.ones((2, 3)), k=5), "out of bound: 5. It must be between -2 and 3"),
        (lambda: tf.linalg.diag_part(np.ones((2, 3)), k=(1, 0)), "must not be larger than"),
        (lambda: tf.linalg.diag([1, 2], num_rows=1), "number of rows is too small"),
        (lambda: tf.linalg.diag([1, 2], num_rows=4, num_cols=5), "number of rows or columns is not"),
        (lambda: tf.linalg.diag([[1, 2], [3, 4]], k=(0, 3)), "number of diagonals provided"),
        (lambda: tf.linalg.set_diag(np.ones((2, 3)), [1.0, 2, 3], k=1), "must be equal"),
        (lambda: tf.linalg.diag([1, 2], align="FOO"), "align"),
        (lambda: tf.linalg.diag([1, 2], k=1, align="FOO"), "align"),
    ],
)  # fmt: skip
def test_diagonals_that_do_not_fit(call: Any, words: str) -> None:
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=words):
        call()


def test_diagonals_of_unknown_matrices() -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        x = tf.compat.v1.placeholder(tf.float32, [None, None])
        k = tf.compat.v1.placeholder(tf.int32, [2])
        y = tf.linalg.diag_part(x, k=k)
        assert y.shape.ndims is None
        assert tf.linalg.diag_part(x, k=(-1, 1)).shape.as_list() == [3, None]
        got, back = sess.run(
            [y, tf.linalg.diag(y, k=k, num_cols=4)], {x: np.ones((3, 4)), k: [0, 1]}
        )
    np.testing.assert_array_equal(got, np.ones((2, 3)))
    np.testing.assert_array_equal(back, np.triu(np.ones((3, 4))) - np.triu(np.ones((3, 4)), 2))


# --- gradients -------------------------------------------------------------------------------------


def hermitian(x: Any) -> Any:
    return (x + tf.linalg.adjoint(x)) / 2


def positive(x: Any) -> Any:
    return tf.matmul(x, x, adjoint_b=True) + tf.eye(4, dtype=x.dtype)


def check_gradient(function: Callable[[Any], Any], x: np.ndarray) -> None:
    """One random direction in the space of inputs, one in that of outputs."""
    rng = np.random.default_rng(1)
    with tf.Graph().as_default(), v1.Session() as session:
        p = v1.placeholder(x.dtype, x.shape)
        results = function(p)
        loss: Any = 0.0
        for y in results if isinstance(results, (list, tuple)) else [results]:
            weight = rng.standard_normal(y.shape.as_list())
            part = y
            if y.dtype.is_complex:
                weight = weight + 1j * rng.standard_normal(y.shape.as_list())
                part = tf.math.real(tf.math.conj(tf.constant(weight.astype("complex128"))) * y)
                loss += tf.reduce_sum(part)
            else:
                loss += tf.reduce_sum(part * tf.constant(weight))
        gradient = session.run(tf.gradients(loss, p)[0], {p: x})
        step = draw(x.shape, x.dtype.name, 2) * 1e-6
        numeric = (session.run(loss, {p: x + step}) - session.run(loss, {p: x - step})) / 2e-6
    exact = np.sum(np.real(np.conj(gradient) * step)) / 1e-6
    np.testing.assert_allclose(exact, numeric, rtol=1e-5, atol=1e-6)


REAL, COMPLEX = "float64", "complex128"
GRADIENTS: list[tuple[str, Callable[[Any], Any], tuple[int, ...], list[str]]] = [
    ("cholesky", lambda x: tf.linalg.cholesky(positive(x)), (2, 4, 4), [REAL, COMPLEX]),
    ("logdet", lambda x: tf.linalg.logdet(positive(x)), (2, 4, 4), [REAL, COMPLEX]),
    ("slogdet", lambda x: tf.linalg.slogdet(x)[1], (2, 4, 4), [REAL, COMPLEX]),
    ("eigvalsh", lambda x: tf.linalg.eigvalsh(hermitian(x)), (2, 4, 4), [REAL, COMPLEX]),
    ("eigh", lambda x: tf.linalg.eigh(hermitian(x)), (2, 4, 4), [REAL]),
    ("qr", tf.linalg.qr, (2, 4, 4), [REAL, COMPLEX]),
    ("qr, tall", tf.linalg.qr, (5, 3), [REAL, COMPLEX]),
    ("qr, full", lambda x: tf.linalg.qr(x, full_matrices=True), (4, 4), [REAL]),
    ("svd", tf.linalg.svd, (2, 4, 4), [REAL]),
    ("svd, tall", tf.linalg.svd, (5, 3), [REAL]),
    ("svd, wide", tf.linalg.svd, (3, 5), [REAL]),
    ("svd, values", lambda x: tf.linalg.svd(x, compute_uv=False), (3, 5), [REAL, COMPLEX]),
    ("pinv", tf.linalg.pinv, (5, 3), [REAL]),
    ("norm", lambda x: tf.norm(x, ord=2, axis=[0, 1]), (5, 3), [REAL]),
]


@pytest.mark.parametrize(
    ("function", "shape", "dtype"),
    [pytest.param(f, s, t, id=f"{name} {t}") for name, f, s, types in GRADIENTS for t in types],
)
def test_gradient(function: Callable[[Any], Any], shape: tuple[int, ...], dtype: str) -> None:
    check_gradient(function, draw(shape, dtype))


@pytest.mark.parametrize(
    ("function", "shape", "dtype"),
    [
        (tf.linalg.qr, (3, 5), REAL),
        (lambda x: tf.linalg.qr(x, full_matrices=True), (5, 3), REAL),
        (lambda x: tf.linalg.svd(x, full_matrices=True), (5, 3), REAL),
        (tf.linalg.svd, (3, 3), COMPLEX),
    ],
)
def test_gradients_that_are_refused(function: Callable[[Any], Any], shape: Any, dtype: str) -> None:
    with tf.Graph().as_default():
        p = v1.placeholder(dtype, shape)
        with pytest.raises(tf.errors.UnimplementedError, match="gradient"):
            tf.gradients([tf.math.real(y) for y in function(p)], p)
