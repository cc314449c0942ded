"""Shapes, joins and cuts: the array functions of `tf`, over raw ops."""

from __future__ import annotations

import builtins
import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import TensorLike
from thalweg.ops.arguments import one_of

newaxis = None

# A filled tensor up to this many elements is stored in the graph; a larger one is filled when it
# runs.
_CONSTANT_ELEMENTS = 1000


# --- sources -----------------------------------------------------------------------------------


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
    return raw_ops.Fill(_vector(dims), value, name=name)


def _vector(shape: Any) -> Any:
    """A shape, for which one number may stand: TensorFlow's eager kernels take that too."""
    kind = type(shape)
    if kind is list or kind is tuple:
        return shape
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    if isinstance(shape, Tensor) and shape.shape.ndims == 0:
        return raw_ops.ExpandDims(shape, 0)
    return shape


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
            value = builtins.bool(number)
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
            shape = reshape(shape, [-1])
        return raw_ops.Fill(shape, constant(value, dtype=dtype, name="Const"), name=scope)


def _all_ints(shape: Any) -> builtins.bool:
    return type(shape) in (list, tuple) and len(shape) > 0 and {type(d) for d in shape} == {int}


@functools.lru_cache(maxsize=64)
def _scalar(number: int, dtype: dtypes.DType) -> Tensor:
    """A number as an eager tensor that is made once."""
    return constant(builtins.bool(number) if dtype == dtypes.bool else number, dtype)


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


def _is_sequence(value: Any) -> builtins.bool:
    return isinstance(value, (list, tuple, np.ndarray))


def _product(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64)) if len(shape) else 1


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: builtins.bool = True
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
            return zeros(_shape(tensor, optimize), want, name=scope)
        return raw_ops.ZerosLike(tensor, name=scope)


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: builtins.bool = True
) -> Tensor:
    """Ones of the shape, and unless `dtype` says otherwise the dtype, of `tensor`."""
    with op_scope(name, "ones_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        want = tensor.dtype.base_dtype if dtype is None else dtypes.as_dtype(dtype)
        if executing_eagerly():
            return ones(tensor.shape, want)
        result = ones(_shape(tensor, optimize), want, name=scope)
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
            numbers += [convert_dtype(v) for v in (start, limit, delta) if not hasattr(v, "dtype")]
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


def _is_int32(value: Any) -> builtins.bool:
    return type(value) is int and -(2**31) <= value < 2**31


def convert_dtype(value: Any) -> dtypes.DType:
    """The dtype that `constant(value)` would have."""
    return (
        dtypes.float32
        if isinstance(value, float)
        else (dtypes.int64 if abs(value) > 2**31 - 1 else dtypes.int32)
    )


def unless_typed(value: Any, dtype: Any) -> Any:
    return None if hasattr(value, "dtype") else dtype


def cast_to(x: Tensor, dtype: Any) -> Tensor:
    dtype = dtypes.as_dtype(dtype)
    return x if x.dtype.base_dtype == dtype else raw_ops.Cast(x, DstT=dtype, name="Cast")


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
        full = broadcast_dynamic_shape(shape(start), shape(stop))
        start, stop = raw_ops.BroadcastTo(start, full), raw_ops.BroadcastTo(stop, full)
        first, last = expand_dims(start, axis), expand_dims(stop, axis)
        count = convert_to_tensor(num, dtype=unless_typed(num, dtypes.int32), name="num")
        ndims = first.shape.ndims
        if ndims is None:
            raise ValueError("linspace: the ranks of start and stop must be known")
        sides = [1] * ndims
        sides[axis] = -1
        steps = raw_ops.Maximum(raw_ops.Sub(count, 1), 1)
        delta = raw_ops.RealDiv(raw_ops.Sub(last, first), cast_to(steps, first.dtype))
        before_last = raw_ops.Maximum(raw_ops.Sub(count, 1), 1)
        inner = reshape(cast_to(range(1, before_last), first.dtype), sides)
        middle = raw_ops.AddV2(first, raw_ops.Mul(delta, inner))
        joined = concat([first, middle, last], axis)
        begin, size_ = [0] * ndims, [-1] * ndims  # one value is the first
        return raw_ops.Slice(
            joined, begin, stack([*size_[: axis % ndims], count, *size_[axis % ndims + 1 :]])
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
        rows_index = expand_dims(range(num_rows), 1)
        matrix = raw_ops.Equal(rows_index, range(columns))
        matrix = raw_ops.Cast(matrix, DstT=dtypes.as_dtype(dtype))
        if batch_shape is not None:
            batch = convert_to_tensor(batch_shape, dtype=dtypes.int32, name="batch_shape")
            matrix = raw_ops.BroadcastTo(matrix, concat([batch, shape(matrix)], 0))
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
        vectors = [reshape(a, [-1]) for a in args]
        order = list(builtins.range(len(vectors)))
        if indexing == "xy" and len(order) > 1:
            order[0], order[1] = 1, 0
        sizes: list[Any] = [size(vectors[i]) for i in order]
        full = stack(sizes) if sizes else None
        grids = []
        for i, vector in enumerate(vectors):
            sides = [1] * len(vectors)
            sides[order.index(i)] = -1
            grids.append(raw_ops.BroadcastTo(reshape(vector, sides), full))
        return grids


# --- shape -------------------------------------------------------------------------------------


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The shape of a tensor as a vector; a constant where it is known when the graph is built."""
    return _shape(input, True, name, out_type)


def _shape(
    input: Any,
    optimize: builtins.bool,
    name: str | None = None,
    out_type: Any = dtypes.int32,
) -> Tensor:
    out = dtypes.int32 if out_type is None else dtypes.as_dtype(out_type)
    with op_scope(name, "Shape", [input]) as scope:
        tensor = convert_to_tensor(input)
        if optimize and not executing_eagerly() and tensor.shape.is_fully_defined():
            return constant(np.array(tensor.shape.as_list(), out.as_numpy_dtype), out, name=scope)
        return raw_ops.Shape(tensor, out_type=out, name=scope)


def shape_n(
    input: Sequence[Any], out_type: Any = dtypes.int32, name: str | None = None
) -> list[Tensor]:
    """The shapes of several tensors."""
    return list(raw_ops.ShapeN(list(input), out_type=out_type, name=name))


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The number of elements of a tensor."""
    out = dtypes.int32 if out_type is None else dtypes.as_dtype(out_type)
    with op_scope(name, "Size", [input]) as scope:
        tensor = convert_to_tensor(input)
        if not executing_eagerly() and tensor.shape.is_fully_defined():
            return constant(tensor.shape.num_elements(), out, name=scope)
        return raw_ops.Size(tensor, out_type=out, name=scope)


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of dimensions of a tensor, as an int32 scalar."""
    with op_scope(name, "Rank", [input]) as scope:
        tensor = convert_to_tensor(input)
        if tensor.shape.ndims is not None:
            return constant(tensor.shape.ndims, dtypes.int32, name=scope)
        return raw_ops.Rank(tensor, name=scope)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in row-major order under another shape; one size may be -1."""
    if isinstance(shape, TensorShape):
        shape = [-1 if d is None else d for d in shape.as_list()]
    return raw_ops.Reshape(tensor, _vector(shape), name=name)


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """Inserts a dimension of size 1 before `axis` (negative: counted from the end)."""
    axis = one_of("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return raw_ops.ExpandDims(input, axis, name=name)


def squeeze(
    input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None
) -> Tensor:
    """Removes dimensions of size 1: all of them, or those listed in `axis`."""
    axis = one_of("axis", axis, "squeeze_dims", squeeze_dims)
    if axis is None:
        axis = []
    elif np.ndim(axis) == 0:
        axis = [axis]
    return raw_ops.Squeeze(input, axis=[int(a) for a in axis], name=name)


def transpose(
    a: Any, perm: Any = None, name: str = "transpose", conjugate: builtins.bool = False
) -> Tensor:
    """Permutes dimensions by `perm`; reverses them when it is None."""
    with op_scope(name, "transpose", [a]) as scope:
        tensor = convert_to_tensor(a, name="a")
        if perm is None:
            ndims = tensor.shape.ndims
            if ndims is not None:
                perm = constant([*builtins.range(ndims - 1, -1, -1)], dtypes.int32)
            else:
                last = raw_ops.Sub(rank(tensor), 1)
                perm = raw_ops.Sub(last, range(rank(tensor)))
        if conjugate and tensor.dtype.is_complex:
            tensor = raw_ops.Conj(tensor)
        return raw_ops.Transpose(tensor, perm, name=scope)


def matrix_transpose(
    a: Any, name: str = "matrix_transpose", conjugate: builtins.bool = False
) -> Tensor:
    """Swaps the last two dimensions."""
    with op_scope(name, "matrix_transpose", [a]) as scope:
        tensor = convert_to_tensor(a, name="a")
        ndims = tensor.shape.ndims
        if ndims is not None:
            if ndims < 2:
                raise ValueError(
                    f"Argument `a` should be a (batch) matrix with rank >= 2, got {ndims=}"
                )
            perm: Any = [*builtins.range(ndims - 2), ndims - 1, ndims - 2]
        else:
            n = rank(tensor)
            perm = concat(
                [range(raw_ops.Sub(n, 2)), stack([raw_ops.Sub(n, 1), raw_ops.Sub(n, 2)])], 0
            )
        return transpose(tensor, perm, name=scope, conjugate=conjugate)


def broadcast_static_shape(shape_x: TensorShape, shape_y: TensorShape) -> TensorShape:
    """The shape two static shapes broadcast to; ValueError where they do not."""
    x, y = TensorShape(shape_x), TensorShape(shape_y)
    if x.ndims is None or y.ndims is None:
        return TensorShape(None)
    n = max(x.ndims, y.ndims)
    left = [1] * (n - x.ndims) + x.as_list()
    right = [1] * (n - y.ndims) + y.as_list()
    sides: list[int | None] = []
    for p, q in zip(left, right, strict=True):
        if p == 1 or q == 1:
            sides.append(q if p == 1 else p)
        elif p is None or q is None:
            sides.append(q if p is None else p)
        elif p != q:
            raise ValueError(f"Incompatible shapes for broadcasting: {x} and {y}")
        else:
            sides.append(p)
    return TensorShape(sides)


def set_shape_like(target: Tensor, source: Tensor) -> Tensor:
    """`target`, with what is known of `source`'s shape."""
    target.set_shape(source.shape)
    return target


# --- join and cut ------------------------------------------------------------------------------


def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Joins tensors along an existing dimension."""
    if not isinstance(values, (list, tuple)):
        values = [values]
    if isinstance(axis, (list, tuple)) and any(isinstance(v, Tensor) for v in axis):
        raise TypeError(
            "concat takes the values first and the axis second: concat(values, axis); "
            f"got {type(values[0]).__name__} and a list of tensors"
        )
    if len(values) == 1:
        with op_scope(name):
            convert_to_tensor(axis, dtype=dtypes.int32, name="concat_dim")
            return raw_ops.Identity(values[0], name=name)
    return raw_ops.ConcatV2(list(values), axis, name=name)


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Joins tensors of one shape along a new dimension."""
    if axis == 0 and not isinstance(values, Tensor) and not any(_in_graph(v) for v in values):
        return convert_to_tensor(list(values), name=name)
    if isinstance(values, Tensor):
        values = unstack(values)
    return raw_ops.Pack(_same_dtype(values), axis=axis, name=name)


def _in_graph(value: Any) -> builtins.bool:
    """Whether the value is, or holds, a tensor or variable."""
    if isinstance(value, (list, tuple)):
        return any(_in_graph(v) for v in value)
    return isinstance(value, TensorLike)


def _same_dtype(values: Sequence[Any]) -> list[Any]:
    """Python values take the dtype of the tensors among them."""
    dtype = next((v.dtype.base_dtype for v in values if isinstance(v, TensorLike)), None)
    if dtype is None:
        return list(values)
    return [v if isinstance(v, TensorLike) else convert_to_tensor(v, dtype=dtype) for v in values]


def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str = "unstack"
) -> list[Tensor]:
    """Cuts a dimension into a list of tensors without it."""
    if num is None:
        value = convert_to_tensor(value)
        ndims = value.shape.ndims
        if ndims is not None:
            if not -ndims <= axis < ndims:
                raise ValueError(f"Argument `axis` = {axis} not in range [{-ndims}, {ndims})")
            num = value.shape.as_list()[axis]
    if num is None:
        raise ValueError(f"Cannot infer argument `num` from shape {value.shape}")
    return list(raw_ops.Unpack(value, num=num, axis=axis, name=name))


def split(
    value: Any,
    num_or_size_splits: Any,
    axis: Any = 0,
    num: int | None = None,
    name: str = "split",
) -> list[Tensor]:
    """Cuts a dimension into `num_or_size_splits` equal parts, or into parts of the listed sizes."""
    static = num_or_size_splits
    if isinstance(static, (int, np.integer)):
        return list(raw_ops.Split(axis, value, num_split=int(static), name=name))
    sizes = convert_to_tensor(num_or_size_splits)
    if sizes.shape.ndims == 0:
        raise ValueError(
            "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
            f"Argument provided: {num_or_size_splits}"
        )
    if num is None:
        num = None if sizes.shape.ndims is None else sizes.shape.as_list()[0]
    if num is None:
        raise ValueError(f"Cannot infer argument `num` from shape {num_or_size_splits}")
    return list(raw_ops.SplitV(value, sizes, axis, num_split=num, name=name))


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """Repeats a tensor `multiples[i]` times along dimension i."""
    return raw_ops.Tile(input, multiples, name=name)


def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: Any = 0,
) -> Tensor:
    """Adds paddings[i] = (before, after) elements to each dimension: CONSTANT, REFLECT or
    SYMMETRIC.
    """
    mode = mode.upper()
    if mode == "CONSTANT":
        if isinstance(constant_values, Tensor) or constant_values != 0:
            return raw_ops.PadV2(tensor, paddings, constant_values, name=name)
        return raw_ops.Pad(tensor, paddings, name=name)
    if mode not in ("REFLECT", "SYMMETRIC"):
        raise ValueError(
            "Value of argument `mode` expected to be one of 'CONSTANT', 'REFLECT', or 'SYMMETRIC'. "
            f"Received `mode` = {mode}"
        )
    return raw_ops.MirrorPad(tensor, paddings, mode=mode, name=name)


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The block of shape `size` that starts at `begin`; -1 in `size` reaches to the end."""
    return raw_ops.Slice(input_, begin, size, name=name)


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
    name: str | None = None,
) -> Tensor:
    """Python slicing, `input_[begin:end:strides]` with masks; strides default to ones."""
    if strides is None:
        strides = ones_like(convert_to_tensor(begin))
    return raw_ops.StridedSlice(
        input_,
        begin,
        end,
        strides,
        begin_mask=begin_mask,
        end_mask=end_mask,
        ellipsis_mask=ellipsis_mask,
        new_axis_mask=new_axis_mask,
        shrink_axis_mask=shrink_axis_mask,
        name=name or "strided_slice",
    )


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """Reverses the order of elements along the listed dimensions."""
    return raw_ops.ReverseV2(tensor, axis, name=name)


def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape that two shape vectors broadcast to."""
    return raw_ops.BroadcastArgs(shape_x, shape_y)


def identity(input: Any, name: str | None = None) -> Any:
    """The same value as a new tensor, or as new IndexedSlices."""
    if isinstance(input, IndexedSlices):
        return input._with_tensor_parts([raw_ops.Identity(t) for t in input._tensor_parts()])
    return raw_ops.Identity(input, name=name)


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """The same value, through which no gradient flows."""
    return raw_ops.StopGradient(input, name=name)


def unpack(value: Any, num: int | None = None, axis: int = 0, name: str = "unpack") -> list[Tensor]:
    """`unstack` under its first name."""
    return unstack(value, num, axis, name)


def pack(values: Any, axis: int = 0, name: str = "pack") -> Tensor:
    """`stack` under its first name."""
    return stack(values, axis, name)
