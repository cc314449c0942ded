"""Reductions in TensorFlow 2's argument order."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.tensor import Tensor
from thalweg.ops import reduce


def reduce_sum(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Sum over `axis`, or over all dimensions."""
    return reduce.over("Sum", input_tensor, axis, keepdims, name)


def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Mean over `axis`, or over all dimensions; integers divide as integers."""
    return reduce.over("Mean", input_tensor, axis, keepdims, name)


def reduce_prod(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Product over `axis`, or over all dimensions."""
    return reduce.over("Prod", input_tensor, axis, keepdims, name)


def reduce_max(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Largest value over `axis`, or over all dimensions; equal maxima share the gradient."""
    return reduce.over("Max", input_tensor, axis, keepdims, name)


def reduce_min(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Smallest value over `axis`, or over all dimensions; equal minima share the gradient."""
    return reduce.over("Min", input_tensor, axis, keepdims, name)


def reduce_all(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Whether all are true, over `axis` or over all dimensions."""
    return reduce.over("All", input_tensor, axis, keepdims, name)


def reduce_any(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """Whether any is true, over `axis` or over all dimensions."""
    return reduce.over("Any", input_tensor, axis, keepdims, name)


def reduce_logsumexp(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Tensor:
    """log(sum(exp(x))) over `axis`, computed relative to the maximum so that nothing overflows."""
    return reduce.reduce_logsumexp(input_tensor, axis, keepdims, name)


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: bool | None = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Tensor:
    """How many elements differ from zero (false, the empty string), over `axis`."""
    return reduce.count_nonzero(input, axis, keepdims, dtype, name)


def argmax(
    input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Index of the largest value along `axis` (0); the first among equals."""
    return raw_ops.ArgMax(input, 0 if axis is None else axis, output_type=output_type, name=name)


def argmin(
    input: Any, axis: Any = None, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Index of the smallest value along `axis` (0); the first among equals."""
    return raw_ops.ArgMin(input, 0 if axis is None else axis, output_type=output_type, name=name)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """Norm of vectors (axis an int or None) or matrices (axis a pair).

    Args:
        ord: 'euclidean', 1, 2, inf or any p > 0 for vectors; 'euclidean', 'fro', 1, 2 or inf for
            matrices.
    """
    return reduce.norm(tensor, ord, axis, keepdims, name)
