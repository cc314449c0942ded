"""Shapes, joins and cuts in TensorFlow 2's argument order."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import convert, dtypes
from thalweg.framework import default_graph as ops
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, creation, indexing
from thalweg.ops import transpose as transposes


def _no_layout(function: str, layout: Any) -> None:
    if layout is not None:
        raise NotImplementedError(
            f"tf.{function}: DTensor layouts are not supported, got {layout=}"
        )


def _default_policy(function: str, bad_indices_policy: str) -> None:
    if bad_indices_policy not in ("", "DEFAULT", "ERROR"):
        raise NotImplementedError(
            f"tf.{function}: bad indices are errors; bad_indices_policy must be '' or 'ERROR', got "
            f"{bad_indices_policy=}"
        )


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Tensor:
    """A tensor of a Python value or array; one element fills a `shape`."""
    return convert.constant(value, dtype, shape, name)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Tensor:
    """`value` as a tensor: of `dtype` or not at all, of `dtype_hint` if possible."""
    return convert.convert_to_tensor(value, dtype, name, dtype_hint)


def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """The value as an array if it is known before the graph runs, else None. What is no tensor is
    its own value.

    partial: a list in which unknown elements are None, where only some are known.
    """
    if not convert.is_tensor(tensor):
        return tensor
    return convert.constant_value(tensor, partial)


def zeros(
    shape: Any, dtype: Any = dtypes.float32, name: str | None = None, layout: Any = None
) -> Tensor:
    """A tensor of zeros (False, empty strings); `shape` may be a tensor."""
    _no_layout("zeros", layout)
    return creation.zeros(shape, dtype, name)


def ones(
    shape: Any, dtype: Any = dtypes.float32, name: str | None = None, layout: Any = None
) -> Tensor:
    """A tensor of ones (True); `shape` may be a tensor."""
    _no_layout("ones", layout)
    return creation.ones(shape, dtype, name)


def zeros_like(
    input: Any, dtype: Any = None, name: str | None = None, layout: Any = None
) -> Tensor:
    """Zeros of the shape, and unless `dtype` says otherwise the dtype, of `input`."""
    _no_layout("zeros_like", layout)
    return creation.zeros_like(input, dtype, name)


def ones_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Tensor:
    """Ones of the shape, and unless `dtype` says otherwise the dtype, of `input`."""
    _no_layout("ones_like", layout)
    return creation.ones_like(input, dtype, name)


def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Tensor:
    """A tensor of shape `dims` with `value` everywhere."""
    _no_layout("fill", layout)
    return creation.fill(dims, value, name)


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The shape of a tensor as a vector of int32, or of `out_type`."""
    return array.shape(input, name, out_type)


def size(input: Any, out_type: Any = None, name: str | None = None) -> Tensor:
    """The number of elements of a tensor, as int32 or as `out_type`."""
    return array.size(input, name, out_type)


def expand_dims(input: Any, axis: Any, name: str | None = None) -> Tensor:
    """Inserts a dimension of size 1 before `axis` (negative: counted from the end)."""
    return raw_ops.ExpandDims(input, axis, name=name)


def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Tensor:
    """Removes dimensions of size 1: all of them, or those listed in `axis`."""
    return array.squeeze(input, axis, name)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str = "transpose") -> Tensor:
    """Permutes dimensions by `perm`; reverses them when it is None."""
    return transposes.transpose(a, perm, name, conjugate)


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: Any = 0,
    name: str | None = None,
) -> Tensor:
    """Adds paddings[i] = (before, after) elements to each dimension: CONSTANT, REFLECT or
    SYMMETRIC.
    """
    return array.pad(tensor, paddings, mode, name, constant_values)


def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """Python slicing, `input_[begin:end:strides]` with masks; strides default to ones."""
    if var is not None:
        raise NotImplementedError(f"strided_slice: var must be None, got {var!r}")
    masks = (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return indexing.strided_slice(input_, begin, end, strides, *masks, name)


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """Slices of `params` along `axis` at `indices`; the first `batch_dims` dimensions go in
    step.
    """
    return indexing.gather(params, indices, validate_indices, name, axis, batch_dims)


def gather_nd(
    params: Any,
    indices: Any,
    batch_dims: int = 0,
    name: str | None = None,
    bad_indices_policy: str = "",
) -> Tensor:
    """Slices of `params` at index tuples, the last dimension of `indices`."""
    _default_policy("gather_nd", bad_indices_policy)
    return indexing.gather_nd(params, indices, name, batch_dims)


def boolean_mask(tensor: Any, mask: Any, axis: Any = None, name: str = "boolean_mask") -> Tensor:
    """The slices of `tensor` where `mask` is true; the mask covers dimensions from `axis` on."""
    return indexing.boolean_mask(tensor, mask, name, axis)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where true, y elsewhere, broadcast together; alone: the places where it is true."""
    return indexing.where_v2(condition, x, y, name)


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Reverses the first seq_lengths[i] elements along `seq_axis` of each i along `batch_axis`
    (0).
    """
    return indexing.reverse_sequence(input, seq_lengths, seq_axis, batch_axis, name)


def scatter_nd(
    indices: Any, updates: Any, shape: Any, bad_indices_policy: str = "", name: str | None = None
) -> Tensor:
    """Zeros of this shape with `updates` added at index tuples; equal tuples add up."""
    _default_policy("scatter_nd", bad_indices_policy)
    return raw_ops.ScatterNd(indices, updates, shape, name=name)


def tensor_scatter_nd_add(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """`tensor` with `updates` added at index tuples; equal tuples add up."""
    _default_policy("tensor_scatter_nd_add", bad_indices_policy)
    return raw_ops.TensorScatterAdd(tensor, indices, updates, name=name)


def tensor_scatter_nd_sub(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """`tensor` with `updates` subtracted at index tuples; equal tuples add up."""
    _default_policy("tensor_scatter_nd_sub", bad_indices_policy)
    return raw_ops.TensorScatterSub(tensor, indices, updates, name=name)


def tensor_scatter_nd_max(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """`tensor` with the larger of what is there and `updates` at index tuples."""
    _default_policy("tensor_scatter_nd_max", bad_indices_policy)
    return raw_ops.TensorScatterMax(tensor, indices, updates, name=name)


def tensor_scatter_nd_min(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Tensor:
    """`tensor` with the smaller of what is there and `updates` at index tuples."""
    _default_policy("tensor_scatter_nd_min", bad_indices_policy)
    return raw_ops.TensorScatterMin(tensor, indices, updates, name=name)


def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """`tensor` with `updates` in the places of index tuples."""
    return raw_ops.TensorScatterUpdate(tensor, indices, updates, name=name)


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """x itself, if its shape agrees with `shape`; an error otherwise."""
    return raw_ops.EnsureShape(x, shape=shape, name=name)


def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """The coordinates, one row for each dimension, of places in a flattened array of shape `dims`.

    Places outside of the array raise InvalidArgumentError when this runs.
    """
    with op_scope(name, "unravel_index", [indices, dims]):
        places = convert_to_tensor(indices, dtype_hint=dtypes.int32)
        sides = convert_to_tensor(dims, dtype=places.dtype.base_dtype)
        total = raw_ops.Prod(sides, [0])
        inside = raw_ops.LogicalAnd(raw_ops.GreaterEqual(places, 0), raw_ops.Less(places, total))
        check = raw_ops.Assert(
            raw_ops.All(inside, creation.range(array.rank(places))),
            ["index is out of bound as with dims:", places, sides],
        )
        with ops.control_dependencies([check] if check is not None else []):
            places = raw_ops.Identity(places)
        strides = raw_ops.Cumprod(sides, 0, exclusive=True, reverse=True)
        ones = creation.ones_like(array.shape(places))
        column = array.concat([array.shape(sides), ones], 0)
        strides, wrap = array.reshape(strides, column), array.reshape(sides, column)
        return raw_ops.FloorMod(raw_ops.FloorDiv(raw_ops.ExpandDims(places, 0), strides), wrap)
