"""Shapes, joins and cuts: the array functions of `tf`, over raw ops."""

from __future__ import annotations

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


def as_vector(shape: Any) -> Any:
    """A shape, for which one number may stand: TensorFlow's eager kernels take that too."""
    kind = type(shape)
    if kind is list or kind is tuple:
        return shape
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    if isinstance(shape, Tensor) and shape.shape.ndims == 0:
        return raw_ops.ExpandDims(shape, 0)
    return shape


# --- shape -------------------------------------------------------------------------------------


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The shape of a tensor as a vector; a constant where it is known when the graph is built."""
    return shape_tensor(input, True, name, out_type)


def shape_tensor(
    input: Any,
    optimize: bool,
    name: str | None = None,
    out_type: Any = dtypes.int32,
) -> Tensor:
    """`shape`; not as a constant unless `optimize`."""
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
    return raw_ops.Reshape(tensor, as_vector(shape), name=name)


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


def _in_graph(value: Any) -> bool:
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
