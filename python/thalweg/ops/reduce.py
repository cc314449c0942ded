"""Reductions: sums, means, extremes and what is built of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, creation
from thalweg.ops.arguments import one_of
from thalweg.ops.transpose import transpose


def _reduce(
    op: str,
    x: Any,
    axis: Any,
    keepdims: Any,
    name: str | None,
    reduction_indices: Any,
    keep_dims: Any,
) -> Tensor:
    """One reduction under TensorFlow 1's two spellings of its arguments."""
    axis = one_of("axis", axis, "reduction_indices", reduction_indices)
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    return over(op, x, axis, keep, name)


def over(op: str, x: Any, axis: Any, keep: bool, name: str | None) -> Tensor:
    """One reduction; axis None means every dimension and the result is a scalar."""
    result = getattr(raw_ops, op)(*_with_axes(x, axis), keep_dims=keep, name=name)
    if axis is None and not keep and not executing_eagerly():
        result.set_shape([])  # also where the rank, and so the list of axes, is unknown
    return result


def _with_axes(x: Any, axis: Any) -> tuple[Any, Any]:
    if isinstance(axis, float):
        raise TypeError(f"axis: expected int32, but got {axis} of type 'float'")
    if axis is not None:
        return x, axis
    x = convert_to_tensor(x)
    return x, all_axes(x)


def all_axes(x: Tensor) -> Any:
    """Every dimension of x, as a vector of indices."""
    if x.shape.ndims is not None:
        if executing_eagerly():
            return list(range(x.shape.ndims))
        return constant(np.arange(x.shape.ndims, dtype=np.int32))
    return creation.range(array.rank(x))


def reduce_sum(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Sum over `axis`."""
    return _reduce("Sum", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_mean(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Mean over `axis`; integers divide as integers."""
    return _reduce("Mean", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_prod(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Product over `axis`."""
    return _reduce("Prod", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_max(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Largest value over `axis`; equal maxima share the gradient."""
    return _reduce("Max", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_min(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Smallest value over `axis`; equal minima share the gradient."""
    return _reduce("Min", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_all(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Whether all are true, over `axis`."""
    return _reduce("All", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_any(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Whether any is true, over `axis`."""
    return _reduce("Any", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_logsumexp(
    input_tensor: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """log(sum(exp(x))) over `axis`, computed relative to the maximum so that nothing overflows."""
    axis = one_of("axis", axis, "reduction_indices", reduction_indices)
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    with op_scope(name, "ReduceLogSumExp", [input_tensor]) as scope:
        x, axes = _with_axes(convert_to_tensor(input_tensor), axis)
        top = raw_ops.Max(x, axes, keep_dims=True)
        # An infinite maximum would give inf - inf.
        top = raw_ops.SelectV2(raw_ops.IsFinite(top), top, constant(0, x.dtype.base_dtype))
        top = raw_ops.StopGradient(top)
        total = raw_ops.Sum(raw_ops.Exp(raw_ops.Sub(x, top)), axes, keep_dims=keep)
        log = raw_ops.Log(total)
        if not keep:
            top = array.reshape(top, array.shape(log))
        return raw_ops.AddV2(log, top, name=scope)


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Mean squared distance from the mean, over `axis`."""
    with op_scope(name, "reduce_variance", [input_tensor]):
        x, axes = _with_axes(convert_to_tensor(input_tensor), axis)
        if not (x.dtype.is_floating or x.dtype.is_complex):
            raise TypeError(f"Input must be either real or complex. Received: {x.dtype.name}")
        centred = raw_ops.Sub(x, raw_ops.Mean(x, axes, keep_dims=True))
        if x.dtype.is_complex:
            squares = raw_ops.Real(
                raw_ops.Mul(centred, raw_ops.Conj(centred)), Tout=x.dtype.real_dtype
            )
        else:
            squares = raw_ops.Square(centred)
        return raw_ops.Mean(squares, axes, keep_dims=keepdims)


def reduce_std(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Square root of the variance over `axis`."""
    with op_scope(name, "reduce_std", [input_tensor]):
        return raw_ops.Sqrt(reduce_variance(input_tensor, axis, keepdims))


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Square root of the sum of squares over `axis`."""
    with op_scope(name, "EuclideanNorm", [input_tensor]) as scope:
        x, axes = _with_axes(convert_to_tensor(input_tensor), axis)
        return raw_ops.Sqrt(raw_ops.Sum(raw_ops.Square(x), axes, keep_dims=keepdims), name=scope)


def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: bool | None = None,
    input: Any = None,
) -> Tensor:
    """How many elements differ from zero (false, the empty string), over `axis`."""
    input_tensor = one_of("input_tensor", input_tensor, "input", input)
    axis = one_of("axis", axis, "reduction_indices", reduction_indices)
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    with op_scope(name, "count_nonzero", [input_tensor]):
        x, axes = _with_axes(convert_to_tensor(input_tensor, name="input"), axis)
        zero = creation.zeros([], x.dtype.base_dtype)
        flags = raw_ops.Cast(raw_ops.NotEqual(x, zero), DstT=dtypes.int64)
        count = raw_ops.Sum(flags, axes, keep_dims=keep)
        want = dtypes.as_dtype(dtype)
        return count if want == dtypes.int64 else raw_ops.Cast(count, DstT=want)


def argmax(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """Index of the largest value along `axis` (0); the first among equals."""
    axis = one_of("axis", axis, "dimension", dimension)
    return raw_ops.ArgMax(input, 0 if axis is None else axis, output_type=output_type, name=name)


def argmin(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Tensor:
    """Index of the smallest value along `axis` (0); the first among equals."""
    axis = one_of("axis", axis, "dimension", dimension)
    return raw_ops.ArgMin(input, 0 if axis is None else axis, output_type=output_type, name=name)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Norm of vectors (axis an int or None) or matrices (axis a pair).

    Args:
        ord: 'euclidean', 1, 2, inf or any p > 0 for vectors; 'euclidean', 'fro', 1, 2 (the largest
            singular value) or inf for matrices.
    """
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    matrix = isinstance(axis, (list, tuple)) and len(axis) == 2
    if isinstance(axis, (list, tuple)) and not matrix:
        if len(axis) != 1:
            raise ValueError(
                f"'axis' must be None, an integer, or a tuple of 2 unique integers, got {axis}"
            )
        axis = axis[0]
    allowed = ("euclidean", "fro", 1, 2, np.inf) if matrix else ("euclidean", 1, 2, np.inf)
    if ord not in allowed and (matrix or not isinstance(ord, (int, float)) or ord <= 0):
        raise ValueError(
            f"norm: no such 'ord' for {'matrices' if matrix else 'vectors'}, got {ord!r}"
        )
    with op_scope(name, "norm", [tensor]):
        x, axes = _with_axes(convert_to_tensor(tensor), axis)
        if ord in ("euclidean", "fro") or (ord == 2 and not matrix):
            squares = raw_ops.Mul(x, raw_ops.Conj(x) if x.dtype.is_complex else x)
            return raw_ops.Sqrt(raw_ops.Sum(squares, axes, keep_dims=keep))
        if matrix and ord == 2:
            return _spectral_norm(x, axis, keep)
        size = (
            raw_ops.ComplexAbs(x, Tout=x.dtype.real_dtype) if x.dtype.is_complex else raw_ops.Abs(x)
        )
        if not matrix:
            if ord == 1:
                return raw_ops.Sum(size, axes, keep_dims=keep)
            if ord == np.inf:
                return raw_ops.Max(size, axes, keep_dims=keep)
            p = constant(ord, size.dtype.base_dtype)
            total = raw_ops.Sum(raw_ops.Pow(size, p), axes, keep_dims=keep)
            return raw_ops.Pow(total, constant(1.0 / ord, size.dtype.base_dtype))
        summed, largest = (axis[0], axis[1]) if ord == 1 else (axis[1], axis[0])
        result = raw_ops.Max(raw_ops.Sum(size, [summed], keep_dims=True), [largest], keep_dims=True)
        return result if keep else array.squeeze(result, axis=list(axis))


def _spectral_norm(x: Tensor, axis: Any, keep: bool) -> Tensor:
    """The largest singular value of the matrices that a pair of dimensions spans."""
    ndims = x.shape.ndims
    if ndims is None:
        raise ValueError("norm: the rank of the tensor must be known for ord=2 of matrices")
    pair = [int(a) % ndims for a in axis]
    rest = [i for i in range(ndims) if i not in pair]
    matrices = transpose(x, [*rest, *pair])
    largest = raw_ops.Max(raw_ops.Svd(matrices, compute_uv=False)[0], [-1])
    if keep:
        for i in sorted(pair):
            largest = raw_ops.ExpandDims(largest, i)
    return largest
