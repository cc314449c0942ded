"""Arithmetic in TensorFlow 2's argument order, and functions that only TensorFlow 2 has."""

from __future__ import annotations

import math as numbers
from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.api import endpoint
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, creation, indexing, math, nn, reduce
from thalweg.ops.cast import cast


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Tensor:
    """Matrix product over the last two dimensions; earlier ones are a batch and broadcast.

    `a_is_sparse`, `b_is_sparse`, `grad_a` and `grad_b` are hints, and hints only. `output_type` is
    the type of the operands, or int32 for those of 8 bits.
    """
    plain = not (adjoint_a or adjoint_b) and output_type is None and executing_eagerly()
    if plain and type(a) is type(b) is EagerTensor and a.ndim == b.ndim == 2:
        return raw_ops.MatMul(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    if output_type is not None and dtypes.as_dtype(output_type) is dtypes.int32:
        a, b = _widened(a), _widened(b)
    product = math.matmul(a, b, transpose_a, transpose_b, adjoint_a, adjoint_b, name=name)
    if output_type is not None and dtypes.as_dtype(output_type) != product.dtype.base_dtype:
        raise NotImplementedError(
            f"matmul: output_type must be that of the operands, {product.dtype.name}, got "
            f"{dtypes.as_dtype(output_type).name}"
        )
    return product


def _widened(x: Any) -> Any:
    small = getattr(x, "dtype", None) in (dtypes.int8, dtypes.uint8)
    return cast(x, dtypes.int32) if small else x


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """Matrix times vector over the last dimensions. `a_is_sparse`, `b_is_sparse` are hints."""
    with op_scope(name, "MatVec", [a, b]) as scope:
        column = array.expand_dims(b, -1)
        product = math.matmul(a, column, transpose_a=transpose_a, adjoint_a=adjoint_a)
        return array.squeeze(product, axis=[-1], name=scope)


@endpoint
def angle(input: Any, name: str | None = None) -> Tensor:
    """The argument of complex numbers; of real ones 0, or pi where they are negative."""
    with op_scope(name, "Angle", [input]) as scope:
        x = convert_to_tensor(input, name="input")
        if x.dtype.is_complex:
            return raw_ops.Angle(x, Tout=x.dtype.real_dtype, name=scope)
        zero = creation.zeros_like(x)
        pi = constant(numbers.pi, x.dtype.base_dtype)
        return indexing.where_v2(
            raw_ops.Less(x, zero), raw_ops.Mul(creation.ones_like(x), pi), zero
        )


@endpoint
def bessel_i0(x: Any, name: str | None = None) -> Tensor:
    """The modified Bessel function of order 0."""
    with op_scope(name, "bessel_i0", [x]):
        x = convert_to_tensor(x, name="x")
        return raw_ops.Mul(raw_ops.Exp(raw_ops.Abs(x)), raw_ops.BesselI0e(x))


@endpoint
def bessel_i1(x: Any, name: str | None = None) -> Tensor:
    """The modified Bessel function of order 1."""
    with op_scope(name, "bessel_i1", [x]):
        x = convert_to_tensor(x, name="x")
        return raw_ops.Mul(raw_ops.Exp(raw_ops.Abs(x)), raw_ops.BesselI1e(x))


def erfinv(x: Any, name: str | None = None) -> Tensor:
    """Inverse of erf."""
    with op_scope(name, "erfinv", [x]):
        return raw_ops.Erfinv(x)


def ndtri(x: Any, name: str | None = None) -> Tensor:
    """The quantile of the standard normal distribution."""
    with op_scope(name, "ndtri", [x]):
        return raw_ops.Ndtri(x)


def erfcinv(x: Any, name: str | None = None) -> Tensor:
    """Inverse of erfc."""
    with op_scope(name, "erfcinv", [x]):
        x = convert_to_tensor(x, name="start")
        dtype = x.dtype.base_dtype
        root = constant(numbers.sqrt(0.5), dtype)
        return raw_ops.Neg(raw_ops.Mul(raw_ops.Ndtri(raw_ops.Mul(x, constant(0.5, dtype))), root))


def xlog1py(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * log1p(y), and 0 where x is 0."""
    with op_scope(name, "xlog1py", [x]):
        return raw_ops.Xlog1py(x, y)


def reciprocal_no_nan(x: Any, name: str | None = None) -> Tensor:
    """1 / x, and 0 where x is 0."""
    with op_scope(name, "reciprocal_no_nan", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return raw_ops.DivNoNan(constant(1, x.dtype.base_dtype), x, name=scope)


def lbeta(x: Any, name: str | None = None) -> Tensor:
    """log of |Beta(x)| over the last dimension; 0 where it is empty."""
    with op_scope(name, "lbeta", [x]):
        x = convert_to_tensor(x, name="x")
        one_by_one = raw_ops.Sum(raw_ops.Lgamma(x), [-1])
        return raw_ops.Sub(one_by_one, raw_ops.Lgamma(raw_ops.Sum(x, [-1])))


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element is less than the one before it, the tensor read row by row."""
    with op_scope(name, "is_non_decreasing", [x]):
        before, after = _neighbours(x)
        return reduce.reduce_all(raw_ops.LessEqual(before, after))


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether each element is greater than the one before it, the tensor read row by row."""
    with op_scope(name, "is_strictly_increasing", [x]):
        before, after = _neighbours(x)
        return reduce.reduce_all(raw_ops.Less(before, after))


def _neighbours(x: Any) -> tuple[Tensor, Tensor]:
    flat = array.reshape(x, [-1])
    return flat[:-1], flat[1:]


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    weights: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """Counts (or weights) of (label, prediction) pairs: row = label, column = prediction."""
    return math.confusion_matrix(labels, predictions, num_classes, dtype, name, weights)


def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """The means of the rows of each segment; 0 for an empty one."""
    with op_scope(name, "UnsortedSegmentMean"):
        total, count = _segment_totals(data, segment_ids, num_segments)
        return raw_ops.RealDiv(total, count)


def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Tensor:
    """The sums of the rows of each segment over the root of their number; 0 for an empty one."""
    with op_scope(name, "UnsortedSegmentSqrtN"):
        total, count = _segment_totals(data, segment_ids, num_segments)
        return raw_ops.RealDiv(total, raw_ops.Sqrt(count))


def _segment_totals(data: Any, segment_ids: Any, num_segments: Any) -> tuple[Tensor, Tensor]:
    """Sums by segment, and the numbers of their rows (at least 1) in a shape that broadcasts."""
    data, ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
    ones = creation.ones(array.shape(ids), dtype=data.dtype.base_dtype)
    count = raw_ops.UnsortedSegmentSum(ones, ids, num_segments)
    extra = raw_ops.Sub(array.rank(data), array.rank(ids))
    broad = array.concat([array.shape(count), creation.fill(array.expand_dims(extra, 0), 1)], 0)
    count = array.reshape(raw_ops.Maximum(count, constant(1, data.dtype.base_dtype)), broad)
    return raw_ops.UnsortedSegmentSum(data, ids, num_segments), count


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Tensor:
    """How often (or with weights, how heavily) each number from 0 on occurs.

    Args:
        minlength, maxlength: bounds of the length of the result; without them it ends with the
            largest number.
        axis: None or 0 for all elements together, -1 for each row of a matrix.
        binary_output: 1 for a number that occurs, however often.
    """
    if binary_output and weights is not None:
        raise ValueError("Arguments `binary_output` and `weights` are mutually exclusive.")
    if axis not in (None, 0, -1):
        raise ValueError(
            f"Unsupported value for argument axis={axis}. Only 0 and -1 are supported."
        )
    with op_scope(name, "bincount", [arr, weights]):
        numbers_ = convert_to_tensor(arr, name="arr")
        if numbers_.dtype.base_dtype not in (dtypes.int32, dtypes.int64):
            numbers_ = cast(numbers_, dtypes.int32)
        kind = numbers_.dtype.base_dtype
        heavy = (
            constant([], dtypes.as_dtype(dtype))
            if weights is None
            else convert_to_tensor(weights, name="weights")
        )
        if axis in (None, 0):
            numbers_ = array.reshape(numbers_, [-1])
            heavy = array.reshape(heavy, [-1])
        top = raw_ops.Max(
            array.concat([array.reshape(numbers_, [-1]), constant([-1], kind)], 0), [0]
        )
        length = raw_ops.AddV2(top, constant(1, kind))
        if minlength is not None:
            length = raw_ops.Maximum(convert_to_tensor(minlength, dtype=kind), length)
        if maxlength is not None:
            length = raw_ops.Minimum(convert_to_tensor(maxlength, dtype=kind), length)
        return raw_ops.DenseBincount(numbers_, length, heavy, binary_output=binary_output)


def histogram_fixed_width(
    values: Any,
    value_range: Any,
    nbins: Any = 100,
    dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """How many values fall into each of `nbins` equal parts of a range; values outside count for
    its ends.
    """
    with op_scope(name, "histogram_fixed_width", [values, value_range, nbins]) as scope:
        values = convert_to_tensor(values, name="values")
        limits = convert_to_tensor(value_range, dtype=values.dtype.base_dtype, name="value_range")
        return raw_ops.HistogramFixedWidth(values, limits, nbins, dtype=dtype, name=scope)


def in_top_k(targets: Any, predictions: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each row's target is among its k largest predictions; ties count as inside."""
    return nn.in_top_k(predictions, targets, k, name)


def top_k(
    input: Any,
    k: Any = 1,
    sorted: bool = True,
    index_type: Any = dtypes.int32,
    name: str | None = None,
) -> Any:
    """The k largest entries of each row (`values`), largest first, and where they are
    (`indices`).
    """
    found = nn.top_k(input, k, sorted, name)
    if dtypes.as_dtype(index_type) == dtypes.int32:
        return found
    return type(found)(found[0], cast(found[1], index_type))


def softmax(logits: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis` (the last)."""
    return nn.softmax(logits, axis, name)


def log_softmax(logits: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """x - log(sum(exp(x))) along `axis` (the last)."""
    return nn.log_softmax(logits, axis, name)
