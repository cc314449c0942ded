"""Tensors from shapes and numbers: placeholders, fills, ranges, grids."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import Tensor
from thalweg.ops import array
from thalweg.ops.cast import cast_to, unless_typed

# A filled tensor up to this many elements is stored in the graph; a larger one is filled when it
# runs.
_CONSTANT_ELEMENTS = 1000


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor whose value every run must feed; None in `shape` is a size known only then.

    Raises:
        RuntimeError: eager mode, in which nothing is fed.
    """
    if executing_eagerly():
        raise RuntimeError("tf.placeholder() is not compatible with eager execution.")
    return raw_ops.Placeholder(dtype=dtype, shape=TensorShape(shape), name=name)


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input`, unless a run feeds another value of a compatible shape."""
    return raw_ops.PlaceholderWithDefault(input, shape=TensorShape(shape), name=name)


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of shape `dims` with `value` everywhere."""
    return raw_ops.Fill(array.as_vector(dims), value, name=name)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of zeros (False, empty strings); `shape` may be a tensor."""
    return _filled(shape, dtype, 0, "zeros", name)


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of ones (True); `shape` may be a tensor."""
    return _filled(shape, dtype, 1, "ones", name)


def _filled(shape: Any, dtype: Any, number: int, default_name: str, name: str | None) -> Tensor:
    dtype = dtypes.as_dtype(dtype).base_dtype
    if executing_eagerly() and dtype != dtypes.string and _all_ints(shape):
        return raw_ops.Fill(shape, _scalar(number, dtype))
    with op_scope(name, default_name, [shape]) as scope:
        value: Any = number
        if dtype == dtypes.bool:
            value = bool(number)
        elif dtype == dtypes.string:
            if number:
                raise TypeError(f"{default_name}: no such value of dtype string")
            value = ""
        if not isinstance(shape, Tensor):
            static = _static_shape(shape)
            if static is not None and executing_eagerly():
                return raw_ops.Fill(static, constant(value, dtype))
            if static is not None:
                if _product(static) < _CONSTANT_ELEMENTS:
                    return constant(value, shape=static, dtype=dtype, name=scope)
                shape = convert_to_tensor(np.array(static, np.int32), name="shape_as_tensor")
            else:
                shape = convert_to_tensor(shape, dtype=dtypes.int32, name="shape_as_tensor")
        if shape.shape.ndims == 0:
            shape = array.reshape(shape, [-1])
        return raw_ops.Fill(shape, constant(value, dtype=dtype, name="Const"), name=scope)


def _all_ints(shape: Any) -> bool:
    return type(shape) in (list, tuple) and len(shape) > 0 and {type(d) for d in shape} == {int}


@functools.lru_cache(maxsize=64)
def _scalar(number: int, dtype: dtypes.DType) -> Tensor:
    """A number as an eager tensor that is made once."""
    return constant(bool(number) if dtype == dtypes.bool else number, dtype)


def _static_shape(shape: Any) -> list[int] | None:
    """`shape` as a list of ints, or None where a part of it is a tensor."""
    if type(shape) in (list, tuple) and all(type(d) is int for d in shape):
        return [*shape]
    if isinstance(shape, TensorShape):
        sides = shape.as_list() if shape.ndims is not None else [None]
        return None if None in sides else [int(d) for d in sides if d is not None]
    try:
        number = operator.index if executing_eagerly() else int
        given = np.asarray(shape if _is_sequence(shape) else [shape])
        return [number(d) for d in given.reshape(-1)]
    except (TypeError, ValueError, NotImplementedError):
        return None


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _product(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64)) if len(shape) else 1


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Zeros of the shape, and unless `dtype` says otherwise the dtype, of `tensor`."""
    with op_scope(name, "zeros_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        want = tensor.dtype.base_dtype if dtype is None else dtypes.as_dtype(dtype)
        if executing_eagerly() and want is tensor.dtype and want is not dtypes.string:
            return raw_ops.ZerosLike(tensor)
        if optimize and tensor.shape.is_fully_defined() and tensor.dtype != dtypes.variant:
            return zeros(tensor.shape, want, name=scope)
        if want != tensor.dtype.base_dtype:
            return zeros(array.shape_tensor(tensor, optimize), want, name=scope)
        return raw_ops.ZerosLike(tensor, name=scope)


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Ones of the shape, and unless `dtype` says otherwise the dtype, of `tensor`."""
    with op_scope(name, "ones_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        want = tensor.dtype.base_dtype if dtype is None else dtypes.as_dtype(dtype)
        if executing_eagerly():
            return ones(tensor.shape, want)
        result = ones(array.shape_tensor(tensor, optimize), want, name=scope)
        result.set_shape(tensor.shape)
        return result


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:
    """start, start + delta, ... up to but excluding `limit`; one argument counts from 0."""
    if limit is None:
        start, limit = 0, start
    with op_scope(name, "Range", [start, limit, delta]) as scope:
        if dtype is None and executing_eagerly() and all(map(_is_int32, (start, limit, delta))):
            return raw_ops.Range(start, limit, delta)
        if dtype is None:
            given = [v.dtype for v in (start, limit, delta) if hasattr(v, "dtype")]
            numbers = [dtypes.as_dtype(d).base_dtype for d in given]
            numbers += [_number_dtype(v) for v in (start, limit, delta) if not hasattr(v, "dtype")]
            order = [dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64]
            unknown = [d for d in numbers if d not in order]
            dtype = unknown[0] if unknown else order[max(order.index(d) for d in numbers)]
        start = cast_to(
            convert_to_tensor(start, dtype=unless_typed(start, dtype), name="start"), dtype
        )
        limit = cast_to(
            convert_to_tensor(limit, dtype=unless_typed(limit, dtype), name="limit"), dtype
        )
        delta = cast_to(
            convert_to_tensor(delta, dtype=unless_typed(delta, dtype), name="delta"), dtype
        )
        return raw_ops.Range(start, limit, delta, name=scope)


def _is_int32(value: Any) -> bool:
    return type(value) is int and -(2**31) <= value < 2**31


def _number_dtype(value: Any) -> dtypes.DType:
    """The dtype that `constant(value)` would have."""
    return (
        dtypes.float32
        if isinstance(value, float)
        else (dtypes.int64 if abs(value) > 2**31 - 1 else dtypes.int32)
    )


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: int = 0) -> Tensor:
    """`num` evenly spaced values from `start` to `stop`, both included; of tensors, along a new
    `axis`. Between integers they are float64.
    """
    with op_scope(name, "linspace", [start, stop]) as scope:
        start = convert_to_tensor(start, name="start")
        stop = convert_to_tensor(stop, dtype=start.dtype.base_dtype, name="stop")
        if start.dtype.is_integer:
            start, stop = cast_to(start, dtypes.float64), cast_to(stop, dtypes.float64)
        if not isinstance(num, Tensor):
            num = operator.index(num)
        scalars = start.shape.ndims == 0 and stop.shape.ndims == 0 and axis in (0, -1)
        if scalars and not start.dtype.is_complex and not (isinstance(num, int) and num == 0):
            return raw_ops.LinSpace(start, stop, num, name=scope)
        full = array.broadcast_dynamic_shape(array.shape(start), array.shape(stop))
        start, stop = raw_ops.BroadcastTo(start, full), raw_ops.BroadcastTo(stop, full)
        first, last = array.expand_dims(start, axis), array.expand_dims(stop, axis)
        count = convert_to_tensor(num, dtype=unless_typed(num, dtypes.int32), name="num")
        ndims = first.shape.ndims
        if ndims is None:
            raise ValueError("linspace: the ranks of start and stop must be known")
        sides = [1] * ndims
        sides[axis] = -1
        steps = raw_ops.Maximum(raw_ops.Sub(count, 1), 1)
        delta = raw_ops.RealDiv(raw_ops.Sub(last, first), cast_to(steps, first.dtype))
        before_last = raw_ops.Maximum(raw_ops.Sub(count, 1), 1)
        inner = array.reshape(cast_to(range(1, before_last), first.dtype), sides)
        middle = raw_ops.AddV2(first, raw_ops.Mul(delta, inner))
        joined = array.concat([first, middle, last], axis)
        begin, size_ = [0] * ndims, [-1] * ndims  # one value is the first
        return raw_ops.Slice(
            joined, begin, array.stack([*size_[: axis % ndims], count, *size_[axis % ndims + 1 :]])
        )


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """The identity matrix, or with `num_columns` a rectangle with ones on its diagonal."""
    with op_scope(name, "eye", [num_rows, num_columns, batch_shape]) as scope:
        columns = num_rows if num_columns is None else num_columns
        rows_index = array.expand_dims(range(num_rows), 1)
        matrix = raw_ops.Equal(rows_index, range(columns))
        matrix = raw_ops.Cast(matrix, DstT=dtypes.as_dtype(dtype))
        if batch_shape is not None:
            batch = convert_to_tensor(batch_shape, dtype=dtypes.int32, name="batch_shape")
            matrix = raw_ops.BroadcastTo(matrix, array.concat([batch, array.shape(matrix)], 0))
        return raw_ops.Identity(matrix, name=scope)


def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """Coordinate arrays of the grid spanned by vectors, as numpy.meshgrid makes them.

    Args:
        indexing: 'xy' (the default) or 'ij': whether the first vector runs along columns or rows.
        name: of the operation.
    """
    indexing, name = kwargs.pop("indexing", "xy"), kwargs.pop("name", None)
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError(
            f"Argument `indexing` parameter must be either 'xy' or 'ij', got '{indexing}'"
        )
    with op_scope(name, "meshgrid", list(args)):
        vectors = [array.reshape(a, [-1]) for a in args]
        order = list(builtins.range(len(vectors)))
        if indexing == "xy" and len(order) > 1:
            order[0], order[1] = 1, 0
        sizes: list[Any] = [array.size(vectors[i]) for i in order]
        full = array.stack(sizes) if sizes else None
        grids = []
        for i, vector in enumerate(vectors):
            sides = [1] * len(vectors)
            sides[order.index(i)] = -1
            grids.append(raw_ops.BroadcastTo(array.reshape(vector, sides), full))
        return grids
