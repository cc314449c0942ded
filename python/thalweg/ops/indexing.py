"""Picking elements: slices, gathers, masks, one-hot codes, distinct values, repetition."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, constant_value, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, creation
from thalweg.ops.arguments import one_of
from thalweg.ops.cast import cast_to, unless_typed


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
        strides = creation.ones_like(convert_to_tensor(begin))
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


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each element of `input` along `axis`, `repeats` times (one number for all, static rank)."""
    with op_scope(name, "Repeat", [input, repeats]):
        data = convert_to_tensor(input)
        if axis is None:
            data, axis = array.reshape(data, [-1]), 0
        times = convert_to_tensor(repeats, dtype=unless_typed(repeats, dtypes.int32))
        ndims = data.shape.ndims
        if ndims is None:
            raise ValueError("repeat: the rank of input must be known when the graph is built")
        axis = axis % ndims
        if times.shape.ndims == 0:
            grown = raw_ops.ExpandDims(data, axis + 1)
            factors = [1] * (ndims + 1)
            multiples = array.stack([*factors[: axis + 1], times, *factors[axis + 2 :]])
            tiled = array.tile(grown, multiples)
            source = array.shape(data)
            joined = raw_ops.Mul(source[axis], times)
            result = array.reshape(
                tiled, array.concat([source[:axis], [joined], source[axis + 1 :]], 0)
            )
            sides = data.shape.as_list()
            count = constant_value(times)
            side = sides[axis]
            sides[axis] = None if side is None or count is None else side * int(count)
            result.set_shape(sides)
            return result
        marks = sequence_mask(times)
        positions = array.expand_dims(creation.range(array.shape(times)[0]), 1)
        index = boolean_mask(raw_ops.BroadcastTo(positions, array.shape(marks)), marks)
        return gather(data, index, axis=axis)


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """Slices of `params` along `axis` at `indices`; the first `batch_dims` dimensions go in
    step.
    """
    if axis is None:
        axis = batch_dims
    return raw_ops.GatherV2(params, indices, axis, batch_dims=batch_dims, name=name)


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """Slices of `params` at index tuples, the last dimension of `indices`."""
    if not batch_dims:
        return raw_ops.GatherNd(params, indices, name=name)
    with op_scope(name, "gather_nd", [params, indices]):
        params = convert_to_tensor(params, name="params")
        indices = convert_to_tensor(indices, name="indices")
        return raw_ops.GatherNd(params, _with_batch(params, indices, batch_dims))


def _with_batch(params: Tensor, indices: Tensor, batch_dims: int) -> Tensor:
    """Index tuples that begin with their own place in the first `batch_dims` dimensions."""
    for what, rank in (("params", params.shape.ndims), ("indices", indices.shape.ndims)):
        if rank is None:
            raise ValueError(f"gather_nd: batch_dims needs a known rank of {what}")
        if not 0 <= batch_dims < rank:
            raise ValueError(f"batch_dims = {batch_dims} must be less than rank({what}) = {rank}")
    outer = array.shape(indices, out_type=indices.dtype.base_dtype)[:-1]
    rank = (indices.shape.ndims or 0) - 1
    places = []
    for axis in range(batch_dims):
        sides = [1] * rank
        sides[axis] = -1
        place = array.reshape(creation.range(outer[axis]), sides)
        places.append(raw_ops.BroadcastTo(place, outer))
    return array.concat([array.stack(places, axis=-1), indices], -1)


def boolean_mask(
    tensor: Any, mask: Any, name: str = "boolean_mask", axis: int | None = None
) -> Tensor:
    """The slices of `tensor` where `mask` is true; the mask covers dimensions from `axis` on."""
    with op_scope(name, "boolean_mask", [tensor, mask]):
        tensor = convert_to_tensor(tensor, name="tensor")
        mask = convert_to_tensor(mask, name="mask")
        depth = mask.shape.ndims
        if depth == 0:
            raise ValueError("mask cannot be scalar.")
        if depth is None:
            raise ValueError(
                "Number of mask dimensions must be specified, even if some dimensions are None.  "
                "E.g. shape=[None] is ok, but shape=None is not."
            )
        axis = 0 if axis is None else int(axis)
        end = axis + depth
        tensor.shape[axis:end].assert_is_compatible_with(mask.shape)
        count = raw_ops.Prod(array.shape(tensor)[axis:end], [0])
        front, back = tensor.shape[:axis], tensor.shape[end:]
        flat = array.reshape(
            tensor,
            array.concat([array.shape(tensor)[:axis], [count], array.shape(tensor)[end:]], 0),
        )
        middle = tensor.shape[axis:end].num_elements()
        flat.set_shape(front.concatenate([middle]).concatenate(back))
        index = array.squeeze(where(array.reshape(mask, [-1])), axis=[1])
        return gather(flat, index, axis=axis)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """With x and y: x where true, y elsewhere (a vector condition picks rows). Alone: where it is
    true.
    """
    if x is None and y is None:
        with op_scope(name, "Where", [condition]) as scope:
            condition = convert_to_tensor(condition, name="condition", preferred_dtype=dtypes.bool)
            return raw_ops.Where(condition, name=scope)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    return raw_ops.Select(condition, x, y, name=name)


def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """`where` whose three arguments broadcast."""
    if x is None or y is None:
        return where(condition, x, y, name)
    return raw_ops.SelectV2(condition, x, y, name=name)


def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """A new dimension of size `depth`: on_value (1) at the index, off_value (0) elsewhere."""
    with op_scope(name, "one_hot", [indices, depth, on_value, off_value]) as scope:
        given = {
            what: convert_to_tensor(v, name=what, preferred_dtype=dtype)
            for what, v in (("on_value", on_value), ("off_value", off_value))
            if v is not None
        }
        if dtype is None:
            dtype = next((v.dtype.base_dtype for v in given.values()), dtypes.float32)
        dtype = dtypes.as_dtype(dtype)
        _check_one_hot(given, dtype)
        on = given["on_value"] if "on_value" in given else convert_to_tensor(1, dtype)
        off = given["off_value"] if "off_value" in given else convert_to_tensor(0, dtype)
        return raw_ops.OneHot(
            indices, depth, on, off, axis=-1 if axis is None else axis, name=scope
        )


def _check_one_hot(given: dict[str, Tensor], dtype: dtypes.DType) -> None:
    kinds = {what: v.dtype.base_dtype for what, v in given.items()}
    if len(set(kinds.values())) == 2:
        raise TypeError(
            f"dtype {kinds['on_value']!r} of on_value does not match dtype "
            f"{kinds['off_value']!r} of off_value"
        )
    for what, kind in kinds.items():
        if kind is not dtype:
            raise TypeError(f"dtype {kind!r} of {what} does not match dtype parameter {dtype!r}")


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool, name: str | None = None
) -> Tensor:
    """A row of maxlen flags for each length: true for the first `length` positions."""
    with op_scope(name, "SequenceMask", [lengths, maxlen]):
        lengths = convert_to_tensor(lengths)
        if maxlen is None:
            axes = np.arange(lengths.shape.ndims or 0, dtype=np.int32)
            maxlen = raw_ops.Maximum(
                raw_ops.Max(lengths, axes), constant(0, lengths.dtype.base_dtype)
            )
        maxlen = cast_to(convert_to_tensor(maxlen), lengths.dtype.base_dtype)
        row = creation.range(constant(0, maxlen.dtype), maxlen, constant(1, maxlen.dtype))
        result = raw_ops.Less(row, array.expand_dims(lengths, -1))
        return cast_to(result, dtype)


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Any:
    """Distinct values of a vector in order of appearance (`y`), and each element's place there
    (`idx`).
    """
    return raw_ops.Unique(x, out_idx=out_idx, name=name)


def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Any:
    """`unique`, and how often each distinct value occurs (`count`)."""
    return raw_ops.UniqueWithCounts(x, out_idx=out_idx, name=name)


def setdiff1d(x: Any, y: Any, index_dtype: Any = dtypes.int32, name: str | None = None) -> Any:
    """The values of x that y lacks (`out`), and their places in x (`idx`)."""
    return raw_ops.ListDiff(x, y, out_idx=index_dtype, name=name)


def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """Reverses the first seq_lengths[i] elements along `seq_axis` of each i along `batch_axis`
    (0).
    """
    sequence = one_of("seq_axis", seq_axis, "seq_dim", seq_dim)
    batch = one_of("batch_axis", batch_axis, "batch_dim", batch_dim)
    if sequence is None:
        raise TypeError("reverse_sequence: seq_axis must be specified")
    return raw_ops.ReverseSequence(
        input, seq_lengths, seq_dim=sequence, batch_dim=0 if batch is None else batch, name=name
    )
