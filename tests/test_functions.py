"""TensorFlow 2's functions that are more than one op, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tf

rng = np.random.default_rng(0)
A = rng.standard_normal((2, 3, 4)).astype(np.float32)
B = rng.standard_normal((2, 3, 4)).astype(np.float32)
C = (A[0] + 1j * B[0]).astype(np.complex64)
I = rng.integers(-5, 5, (2, 3)).astype(np.int32)
P = rng.standard_normal((1, 6, 8, 2)).astype(np.float32)


def softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def patches(x: np.ndarray, size: int, step: int) -> np.ndarray:
    rows = (x.shape[1] - size) // step + 1
    cols = (x.shape[2] - size) // step + 1
    out = [
        x[:, i * step : i * step + size, j * step : j * step + size].reshape(len(x), -1)
        for i in range(rows)
        for j in range(cols)
    ]
    return np.stack(out, 1).reshape(len(x), rows, cols, -1)


def normalised(x: np.ndarray, radius: int, bias: float, alpha: float, beta: float) -> np.ndarray:
    squares = np.stack(
        [(x[..., max(i - radius, 0) : i + radius + 1] ** 2).sum(-1) for i in range(x.shape[-1])], -1
    )
    return x / (bias + alpha * squares) ** beta


CASES: list[tuple[str, Callable[[], Any], Any]] = [
    ("reduce_sum", lambda: tf.reduce_sum(A, 1, True), A.sum(1, keepdims=True)),
    ("reduce_mean", lambda: tf.reduce_mean(A, axis=[0, 2]), A.mean((0, 2))),
    ("reduce_max", lambda: tf.reduce_max(A), A.max()),
    ("reduce_any", lambda: tf.reduce_any(A > 2, -1), (A > 2).any(-1)),
    ("reduce_logsumexp", lambda: tf.reduce_logsumexp(A, -1), np.log(np.exp(A).sum(-1))),
    ("argmax", lambda: tf.argmax(A, 2, tf.int32), A.argmax(2).astype(np.int32)),
    ("count_nonzero", lambda: tf.math.count_nonzero(I, axis=1), np.count_nonzero(I, axis=1)),
    ("transpose", lambda: tf.transpose(A, [2, 0, 1]), A.transpose(2, 0, 1)),
    ("adjoint", lambda: tf.transpose(C, conjugate=True), C.conj().T),
    ("pad", lambda: tf.pad(I, [[1, 1], [0, 2]], constant_values=7), np.pad(I, [(1, 1), (0, 2)], constant_values=7)),
    ("where", lambda: tf.where(A > 0, A, 0.0), np.where(A > 0, A, 0)),
    ("where alone", lambda: tf.where(A > 1), np.argwhere(A > 1)),
    ("gather", lambda: tf.gather(A, [2, 0], axis=2), A[..., [2, 0]]),
    ("gather batch", lambda: tf.gather(I, [[0, 2], [1, 1]], axis=1, batch_dims=1), np.take_along_axis(I, np.array([[0, 2], [1, 1]]), 1)),
    ("gather_nd", lambda: tf.gather_nd(A, [[0, 1], [1, 2]]), A[[0, 1], [1, 2]]),
    ("boolean_mask", lambda: tf.boolean_mask(A, [True, False, True], axis=1), A[:, [0, 2]]),
    ("one_hot", lambda: tf.one_hot([0, 2, -1], 3, 5, 1), np.array([[5, 1, 1], [1, 1, 5], [1, 1, 1]], np.int32)),
    ("expand_dims", lambda: tf.expand_dims(A, 1), A[:, None]),
    ("squeeze", lambda: tf.squeeze(A[:, :1], 1), A[:, 0]),
    ("strided_slice", lambda: tf.strided_slice(A, [0, 1, 0], [2, 3, 4], [1, 1, 2]), A[:, 1:3, ::2]),
    ("scatter_nd", lambda: tf.scatter_nd([[1], [3], [1]], [1.0, 2.0, 3.0], [5]), np.array([0, 4, 0, 2, 0], np.float32)),
    ("tensor_scatter", lambda: tf.tensor_scatter_nd_update([1, 2, 3], [[1]], [9]), np.array([1, 9, 3], np.int32)),
    ("unravel_index", lambda: tf.unravel_index([5, 11], [3, 4]), np.array(np.unravel_index([5, 11], (3, 4)), np.int32)),
    ("fill", lambda: tf.fill([2, 2], 3.0), np.full((2, 2), 3, np.float32)),
    ("ones_like", lambda: tf.ones_like(I, tf.float64), np.ones((2, 3))),
    ("shape", lambda: tf.shape(A, tf.int64), np.array([2, 3, 4])),
    ("size", lambda: tf.size(A), np.array(24, np.int32)),
    ("sort", lambda: tf.sort(A, 1), np.sort(A, 1)),
    ("sort down", lambda: tf.sort(A, -1, "DESCENDING"), -np.sort(-A, -1)),
    ("sort least", lambda: tf.sort(np.array([0, -128, 127], np.int8)), np.array([-128, 0, 127], np.int8)),
    ("sort unsigned", lambda: tf.sort(np.array([255, 0, 3], np.uint8)), np.array([0, 3, 255], np.uint8)),
    ("argsort", lambda: tf.argsort(A, 0), A.argsort(0).astype(np.int32)),
    ("argsort ties", lambda: tf.argsort([1, 0, 1, 0]), np.array([1, 3, 0, 2], np.int32)),
    ("searchsorted", lambda: tf.searchsorted([1, 2, 2, 3], [2, 3, 0], "right"), np.array([3, 4, 0], np.int32)),
    ("histogram", lambda: tf.histogram_fixed_width([-1.0, 0.0, 1.5, 15.0], [0.0, 5.0], 5), np.array([2, 1, 0, 0, 1], np.int32)),
    ("bincount", lambda: tf.math.bincount([1, 1, 2, 5], minlength=8), np.bincount([1, 1, 2, 5], minlength=8).astype(np.int32)),
    ("bincount rows", lambda: tf.math.bincount([[1, 1], [0, 3]], axis=-1, maxlength=3), np.array([[0, 2, 0], [1, 0, 0]], np.int32)),
    ("confusion", lambda: tf.math.confusion_matrix([0, 1, 2], [0, 2, 2]), np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1]], np.int32)),
    ("segment mean", lambda: tf.math.unsorted_segment_mean(A, [1, 0], 3), np.stack([A[1], A[0], 0 * A[0]])),
    ("segment sqrt_n", lambda: tf.math.unsorted_segment_sqrt_n([1.0, 2.0, 3.0], [0, 0, 1], 2), np.array([3 / np.sqrt(2), 3], np.float32)),
    ("reciprocal", lambda: tf.math.reciprocal_no_nan([0.0, 2.0]), np.array([0, 0.5], np.float32)),
    ("angle", lambda: tf.math.angle(C), np.angle(C)),
    ("angle real", lambda: tf.math.angle([-1.0, 2.0]), np.array([np.pi, 0], np.float32)),
    ("increasing", lambda: tf.math.is_strictly_increasing([1, 2, 2]), np.array(False)),
    ("not decreasing", lambda: tf.math.is_non_decreasing([1, 2, 2]), np.array(True)),
    ("top_k", lambda: tf.math.top_k([3.0, 1.0, 2.0], 2, index_type=tf.int64)[1], np.array([0, 2])),
    ("in_top_k", lambda: tf.math.in_top_k([1, 0], [[0.1, 0.9], [0.2, 0.8]], 1), np.array([True, False])),
    ("bessel_i0", lambda: tf.math.bessel_i0([0.0, 1.0, -2.0]), np.i0([0, 1, -2]).astype(np.float32)),
    ("matvec", lambda: tf.linalg.matvec(A, [1.0, 2.0, 3.0, 4.0]), A @ np.array([1, 2, 3, 4], np.float32)),
    ("linspace", lambda: tf.linspace([0.0, 1.0], [1.0, 3.0], 3), np.linspace([0, 1], [1, 3], 3).astype(np.float32)),
    ("linspace last", lambda: tf.linspace([0.0, 1.0], [1.0, 3.0], 3, axis=-1), np.linspace([0, 1], [1, 3], 3, axis=-1).astype(np.float32)),
    ("linspace one", lambda: tf.linspace([5.0], [9.0], 1), np.array([[5]], np.float32)),
    ("linspace integers", lambda: tf.linspace(-2, 2, 5), np.linspace(-2, 2, 5)),
    ("linspace rows of integers", lambda: tf.linspace([0, 1], [4, 5], 3, axis=-1), np.linspace([0, 1], [4, 5], 3, axis=-1)),
    ("linspace none", lambda: tf.linspace(0.0, 1.0, 0), np.zeros(0, np.float32)),
    ("linspace complex", lambda: tf.linspace(0j, 2 + 4j, 3), np.array([0, 1 + 2j, 2 + 4j])),
    ("reshape to a number", lambda: tf.reshape(A, -1), A.reshape(-1)),
    ("reshape to a scalar tensor", lambda: tf.reshape(I, tf.size(I)), I.reshape(-1)),
    ("fill a number", lambda: tf.fill(2, 3.0), np.full(2, 3, np.float32)),
    ("where numbers", lambda: tf.where([[1, 0], [0, -2]]), np.array([[0, 0], [1, 1]])),
    ("where python", lambda: tf.where([0.5, 0.0]), np.array([[0]])),
    ("gather_nd batch", lambda: tf.gather_nd(A, [[[0], [2]], [[1], [1]]], batch_dims=1), np.take_along_axis(A, np.array([[0, 2], [1, 1]])[..., None], 1)),
    ("gather_nd batches", lambda: tf.gather_nd(A, np.array([[[0], [1], [2]], [[3], [3], [0]]]), batch_dims=2), np.take_along_axis(A, np.array([[0, 1, 2], [3, 3, 0]])[..., None], 2)[..., 0]),
    ("add_n rows", lambda: tf.add_n(tf.constant(I)), I.sum(0, dtype=np.int32)),
    ("add text", lambda: tf.add(["a", "b"], "c"), np.array([b"ac", b"bc"], object)),
    ("cond of one element", lambda: tf.function(lambda p: tf.cond(p, lambda: 1, lambda: 2))(tf.constant([False])), np.array(2, np.int32)),
    ("static value", lambda: tf.constant(tf.get_static_value([1, 2])), np.array([1, 2], np.int32)),
    ("matmul of bytes", lambda: tf.matmul(np.full((2, 3), 100, np.uint8), np.full((3, 1), -100, np.int8), output_type=tf.int32), np.full((2, 1), -30000, np.int32)),
    ("softmax", lambda: tf.nn.softmax(A, 1), softmax(A, 1)),
    ("log_softmax", lambda: tf.nn.log_softmax(A), np.log(softmax(A))),
    ("xent", lambda: tf.nn.softmax_cross_entropy_with_logits(softmax(B), A), -(softmax(B) * np.log(softmax(A))).sum(-1)),
    ("sparse xent", lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([1, 0, 3], A[0]), -np.log(softmax(A[0]))[[0, 1, 2], [1, 0, 3]]),
    ("sigmoid xent", lambda: tf.nn.sigmoid_cross_entropy_with_logits(abs(B) / 9, A), np.logaddexp(0, A) - A * abs(B) / 9),
    ("moments", lambda: tf.nn.moments(A, [0, 2])[1], A.var((0, 2))),
    ("weighted mean", lambda: tf.nn.weighted_moments(A, [0, 2], abs(B))[0], np.average(A, (0, 2), abs(B))),
    ("sufficient", lambda: tf.nn.normalize_moments(*tf.nn.sufficient_statistics(A, [0, 1], 0.5))[1], A.var((0, 1))),
    ("crelu", lambda: tf.nn.crelu(A), np.maximum(np.concatenate([A, -A], -1), 0)),
    ("silu", lambda: tf.nn.silu(A), A / (1 + np.exp(-A))),
    ("max_pool", lambda: tf.nn.max_pool(P, 2, 2, "VALID"), patches(P, 2, 2).reshape(1, 3, 4, 4, 2).max(3)),
    ("max_pool1d", lambda: tf.nn.max_pool1d(P[0], 2, 2, "VALID"), P[0].reshape(6, 4, 2, 2).max(2)),
    ("avg_pool1d", lambda: tf.nn.avg_pool1d(P[0], [2], [2], "VALID"), P[0].reshape(6, 4, 2, 2).mean(2)),
    ("extract_patches", lambda: tf.image.extract_patches(P, [1, 2, 2, 1], [1, 3, 3, 1], [1, 1, 1, 1], "VALID"), patches(P, 2, 3)),
    ("lrn", lambda: tf.nn.lrn(A[None], 1, 1.0, 0.5, 0.75), normalised(A[None], 1, 1.0, 0.5, 0.75)),
    ("embedding", lambda: tf.nn.embedding_lookup(A[0], [[0, 2]]), A[0][[[0, 2]]]),
    ("embedding shards", lambda: tf.nn.embedding_lookup([A[0], A[1]], [1, 4]), A.reshape(6, 4)[[1, 4]]),
    ("average loss", lambda: tf.nn.compute_average_loss([1.0, 2.0], [3.0, 4.0], 4), np.array(2.75, np.float32)),
    ("norm", lambda: tf.norm(A, ord=1, axis=[0, 1]), abs(A).sum(0).max(0)),
    ("clip_by_norm", lambda: tf.clip_by_norm([3.0, 4.0], 1.0), np.array([0.6, 0.8], np.float32)),
    ("clip_by_global_norm", lambda: tf.clip_by_global_norm([[3.0], [4.0]], 1.0)[0][1], np.array([0.8], np.float32)),
    ("meshgrid", lambda: tf.meshgrid([1, 2], [3, 4, 5], indexing="ij")[1], np.meshgrid([1, 2], [3, 4, 5], indexing="ij")[1].astype(np.int32)),
    ("repeat", lambda: tf.repeat(I, [1, 2], axis=0), np.repeat(I, [1, 2], 0)),
    ("sequence_mask", lambda: tf.sequence_mask([1, 3], 4), np.arange(4) < np.array([[1], [3]])),
    ("yuv", lambda: tf.image.rgb_to_yuv(np.ones((1, 1, 3), np.float32)), np.array([[[1, 0, 0]]], np.float32)),
    ("strings", lambda: tf.strings.reduce_join([["a", "b"], ["c", "d"]], 1), np.array([b"ab", b"cd"], object)),
    ("strings all", lambda: tf.strings.reduce_join([["a", "b"], ["c", "d"]]), np.array(b"abcd", object)),
    ("format", lambda: tf.strings.format("x={}", tf.constant([1, 2])), np.array(b"x=[1 2]", object)),
    ("numpy_function", lambda: tf.numpy_function(lambda x: x + 1, [1.0], tf.float32), np.array(2, np.float32)),
    ("py_function", lambda: tf.py_function(lambda x: x * 2, [3.0], tf.float32), np.array(6, np.float32)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "want"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_function(function: Callable[[], Any], want: Any) -> None:
    got = np.asarray(function().numpy())
    want = np.asarray(want)
    assert got.shape == want.shape
    if want.dtype.kind in "fc":
        assert got.dtype.itemsize == want.dtype.itemsize
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    else:
        assert want.dtype.kind == "O" or got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(("function", "want"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_function_in_a_graph(function: Callable[[], Any], want: Any) -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        got = np.asarray(session.run(function()))
    want = np.asarray(want)
    assert got.shape == want.shape
    if want.dtype.kind in "fc":
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(got, want)


def holds(assertion: Callable[[], Any]) -> None:
    assert assertion() is None


def test_assertions_that_hold() -> None:
    d = tf.debugging
    holds(lambda: d.assert_equal([1, 2], [1, 2]))
    holds(lambda: d.assert_less(1.0, [2.0, 3.0]))
    holds(lambda: d.assert_near(1.0, 1.0 + 1e-7))
    holds(lambda: d.assert_rank([1.0], 1))
    holds(lambda: d.assert_rank_in([1.0], [1, 2]))
    holds(lambda: d.assert_shapes([(tf.zeros([2, 3]), ("N", 3)), (tf.zeros([2]), "N")]))
    holds(lambda: d.assert_shapes([(tf.zeros([2, 3, 4]), ("*", 4)), (tf.zeros([4]), ("D", ...))]))
    assert d.assert_same_float_dtype([tf.constant(1.0)]) == tf.float32


FAIL: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: tf.debugging.assert_equal([1, 2], [1, 3], "boo"), tf.errors.InvalidArgumentError, r"boo\nCondition x == y did not hold"),
    (lambda: tf.debugging.assert_less(1, 0), tf.errors.InvalidArgumentError, "x < y did not hold"),
    (lambda: tf.debugging.assert_positive([1.0, -1.0]), tf.errors.InvalidArgumentError, "did not hold"),
    (lambda: tf.debugging.assert_near(1.0, 1.1), tf.errors.InvalidArgumentError, "not equal to tolerance"),
    (lambda: tf.debugging.assert_rank([1.0], 2), ValueError, "must have rank 2"),
    (lambda: tf.debugging.assert_rank_in([1.0], [0, 2]), ValueError, "must have rank in"),
    (lambda: tf.debugging.assert_type(tf.constant(1), tf.float32), TypeError, "must be of type"),
    (lambda: tf.debugging.assert_integer(1.0), TypeError, "integer type"),
    (lambda: tf.debugging.assert_scalar([1]), ValueError, "scalar shape"),
    (lambda: tf.debugging.assert_all_finite([np.nan], "bad"), tf.errors.InvalidArgumentError, "bad"),
    (lambda: tf.debugging.assert_proper_iterable(tf.constant(1)), TypeError, "proper"),
    (lambda: tf.debugging.assert_shapes([(tf.zeros([2, 3]), "NN")]), ValueError, "dimension N"),
    (lambda: tf.debugging.assert_shapes([(tf.zeros([2, 3]), "N")]), ValueError, "rank"),
    (lambda: tf.debugging.assert_same_float_dtype([tf.constant(1.0)], tf.float64), ValueError, "float64"),
    (lambda: tf.debugging.check_numerics([np.inf], "msg"), tf.errors.InvalidArgumentError, "msg"),
    (lambda: tf.unravel_index([50], [3, 4]), tf.errors.InvalidArgumentError, "out of bound"),
    (lambda: tf.zeros([2], layout="x"), NotImplementedError, "layouts"),
    (lambda: tf.gather_nd([1], [[0]], bad_indices_policy="IGNORE"), NotImplementedError, "bad_indices_policy"),
    (lambda: tf.sort([1], direction="UP"), ValueError, "direction"),
    (lambda: tf.sort([1], axis=3), ValueError, "not in range"),
    (lambda: tf.searchsorted([1], [1], "middle"), ValueError, "side"),
    (lambda: tf.math.bincount([1], axis=1), ValueError, "axis=1"),
    (lambda: tf.gradients(tf.constant(1.0), tf.constant(1.0)), RuntimeError, "tf.GradientTape"),
    (lambda: tf.device(lambda op: ""), RuntimeError, "functions"),
    (lambda: tf.name_scope(None), ValueError, "must be a string"),
    (lambda: tf.group(1, bad=2), ValueError, "Unknown keyword"),
    (lambda: tf.py_function(lambda x: x, [1.0], tf.int32), tf.errors.InvalidArgumentError, "float32"),
    (lambda: tf.nn.convolution(np.ones((1, 2, 2, 2, 1), "f"), np.ones((1, 1, 1, 1, 1), "f")), NotImplementedError, "spatial"),
    (lambda: tf.io.decode_raw(b"a", tf.uint8, fixed_length=3), NotImplementedError, "fixed_length"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "error", "words"), FAIL, ids=[w for _, _, w in FAIL])
def test_failure(function: Callable[[], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        function()


def test_what_has_happened_needs_no_order() -> None:
    x = tf.constant(1)
    assert tf.group(x) is None
    assert tf.tuple([x])[0] is x
    assert tf.no_op() is None
    with tf.control_dependencies([x]):
        assert (x + 1).numpy() == 2


def test_name_scopes() -> None:
    with tf.name_scope("outer") as outer, tf.name_scope("inner") as inner:
        assert (outer, inner) == ("outer/", "outer/inner/")
        assert tf.get_current_name_scope() == "outer/inner"
    with tf.Graph().as_default(), tf.name_scope("a") as scope:
        assert scope == "a/"
        assert tf.constant(1, name="c").op.name == "a/c"


def test_specs() -> None:
    spec = tf.TensorSpec([None, 3], tf.float32, "x")
    assert repr(spec) == "TensorSpec(shape=(None, 3), dtype=tf.float32, name='x')"
    assert spec.is_compatible_with(tf.zeros([2, 3]))
    assert not spec.is_compatible_with(tf.zeros([2, 4]))
    assert not spec.is_compatible_with([[1.0, 2.0, 3.0]])
    assert tf.TensorSpec([2, 3]).is_subtype_of(tf.TensorSpec([None, 3]))
    assert not tf.TensorSpec(None).is_subtype_of(tf.TensorSpec([None, 3]))
    assert spec == tf.TensorSpec([None, 3], tf.float32, "x")
    assert spec != tf.TensorSpec([None, 3])
    assert hash(spec) == hash(tf.TensorSpec([None, 3], tf.float32, "x"))
    wider = tf.TensorSpec([2, 3]).most_specific_compatible_type(tf.TensorSpec([4, 3]))
    assert wider == tf.TensorSpec([None, 3])
    with pytest.raises(ValueError, match="No TypeSpec is compatible"):
        tf.TensorSpec([2]).most_specific_compatible_type(tf.TensorSpec([2], tf.int32))
    assert tf.type_spec_from_value(3) == tf.TensorSpec([], tf.int32)
    assert tf.type_spec_from_value(np.zeros(3)) == tf.TensorSpec([3], tf.float64)
    sparse = tf.SparseTensor([[0, 1]], [1.0], [2, 3])
    assert tf.type_spec_from_value(sparse) == tf.SparseTensorSpec([2, 3])
    assert tf.SparseTensorSpec([None, 3]).is_compatible_with(sparse)
    with pytest.raises(TypeError, match="Could not build a TypeSpec"):
        tf.type_spec_from_value(object())


NUMBERS = """uint8 int8 uint16 int16 int32 int64 float16 bfloat16 float32 float64 complex64"""


@pytest.mark.parametrize("dtype", [tf.as_dtype(n) for n in NUMBERS.split()], ids=lambda t: t.name)
def test_python_numbers_take_the_dtype_of_the_tensor_beside_them(dtype: Any) -> None:
    x = tf.constant([4], dtype)
    for y in (x + 1, 1 + x, x * 2, 2 - x, tf.add(x, 1), tf.convert_to_tensor(1, dtype_hint=dtype)):
        assert y.dtype == dtype
    assert tf.cast(x * 2 - 1, tf.float32).numpy() == 7


REFUSED: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("linspace of two types", lambda: tf.linspace(tf.constant(0), tf.constant(1.0), 3), ValueError, "requested dtype int32"),
    ("linspace num", lambda: tf.linspace(0.0, 1.0, 3.0), TypeError, "integer"),
    ("zeros", lambda: tf.zeros([2.5]), TypeError, "int32"),
    ("ones", lambda: tf.ones(2.0), TypeError, "int32"),
    ("reduce axis", lambda: tf.reduce_sum(A, 1.5), TypeError, "1.5"),
    ("cast text", lambda: tf.cast("a", tf.int32), tf.errors.UnimplementedError, "Cast string to int32 is not supported"),
    ("cast to text", lambda: tf.cast(1, tf.string), tf.errors.UnimplementedError, "Cast int32 to string is not supported"),
    ("divide bools", lambda: tf.divide(True, False), TypeError, "Invalid dtype tf.bool in __truediv__"),
    ("divide texts", lambda: tf.constant("a") / "b", TypeError, "Invalid dtype tf.string in __truediv__"),
    ("one_hot values", lambda: tf.one_hot([0], 2, 5.0, 1), TypeError, "of on_value does not match dtype tf.int32 of off_value"),
    ("one_hot dtype", lambda: tf.one_hot([0], 2, tf.constant(1), dtype=tf.float32), TypeError, "does not match dtype parameter"),
    ("cond of a vector", lambda: tf.function(lambda p: tf.cond(p, lambda: 1, lambda: 2))(tf.constant([True, False])), tf.errors.InvalidArgumentError, "must be a scalar, but it has shape"),
    ("while of a vector", lambda: tf.function(lambda p: tf.while_loop(lambda i: p, lambda i: i + 1, [0]))(tf.constant([True, False])), tf.errors.InvalidArgumentError, "must be a scalar, but it has shape"),
    ("while of nothing", lambda: tf.while_loop(lambda: True, list, []), ValueError, "'loop_vars' must be provided"),
    ("uniform text", lambda: tf.random.uniform([2], dtype=tf.string), ValueError, "Argument `dtype` got invalid value"),
    ("device", lambda: tf.device(5).__enter__(), ValueError, "device"),
    ("non negative", lambda: tf.debugging.assert_non_negative([-1]), tf.errors.InvalidArgumentError, "Condition x >= 0 did not hold element-wise"),
    ("positive", lambda: tf.debugging.assert_positive([0], "so"), tf.errors.InvalidArgumentError, "so.*Condition x > 0 did not hold element-wise"),
    ("rank", lambda: tf.debugging.assert_rank([1], 2, "so"), ValueError, "so.  Tensor .* must have rank 2"),
    ("rank in", lambda: tf.debugging.assert_rank_in([1], [0, 2]), ValueError, r"must have rank in \(0, 2\)"),
    ("gather_nd batch", lambda: tf.gather_nd(A, [[0]], batch_dims=2), ValueError, "batch_dims = 2 must be less than rank"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "error", "text"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])  # fmt: skip
def test_refused(function: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        function()
