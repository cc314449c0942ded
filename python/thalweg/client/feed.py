"""Feeds: which tensors a feed dictionary names, and values made ready for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from thalweg.framework import dtypes
from thalweg.framework.composite import SparseTensor
from thalweg.framework.graph import Graph
from thalweg.framework.tensor import Tensor, TensorLike
from thalweg.framework.values import bfloat16_bits


def flat_feeds(key: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """(key, value) pairs of a feed whose key may be a nested structure or a SparseTensor."""
    if isinstance(key, (list, tuple)):
        if not isinstance(value, (list, tuple)) or len(key) != len(value):
            raise ValueError(f"the feed for {key} has to be of the same structure, got {value!r}")
        for k, v in zip(key, value, strict=True):
            yield from flat_feeds(k, v)
    elif isinstance(key, SparseTensor):
        yield from zip((key.indices, key.values, key.dense_shape), value, strict=True)
    else:
        yield key, value


def feed_tensor(graph: Graph, key: Any) -> Tensor:
    """The tensor a feed key stands for."""
    try:
        tensor: Tensor = graph.as_graph_element(key, allow_operation=False)
    except Exception as error:
        text = error.args[0] if error.args else error
        raise TypeError(f"Cannot interpret feed_dict key as Tensor: {text}") from None
    if not graph.is_feedable(tensor):
        raise ValueError(f"Tensor {tensor.name} may not be fed.")
    return tensor


def converter(tensors: list[Tensor]) -> Callable[[int, Any], Any]:
    """What the core calls for a feed that is not an array of the right type and shape already."""
    rows = [(t, t.dtype.base_dtype, t.shape) for t in tensors]

    def convert(i: int, value: Any) -> Any:
        tensor, dtype, shape = rows[i]
        if type(value) is float and dtype is dtypes.float32 and not shape._dims:
            return np.array(value, np.float32)
        if isinstance(value, TensorLike):
            raise TypeError(
                "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include "
                "Python scalars, strings, lists and numpy ndarrays. For reference, the tensor "
                f"object was {value!s} which was passed to the feed with key {tensor!s}."
            )
        array = feed_array(value, dtype)
        if not shape.is_compatible_with(array.shape):
            raise ValueError(
                f"Cannot feed value of shape {array.shape} for Tensor {tensor.name}, which has "
                f"shape {shape}"
            )
        return array

    return convert


def feed_array(value: Any, dtype: dtypes.DType) -> Any:
    """`value` as a contiguous array of `dtype`, cast silently as TensorFlow does."""
    if dtype is dtypes.string:
        array = np.asarray(value, object if not isinstance(value, np.ndarray) else None)
        return array.astype(object)
    if type(value) is int and dtype.is_integer:
        info = np.iinfo(dtype.as_numpy_dtype)
        if not info.min <= value <= info.max:
            raise TypeError(
                f"Type of feed value {value} with type {type(value)} is not compatible with Tensor "
                f"type {dtype.as_numpy_dtype}. Try explicitly setting the type of the feed tensor "
                "to a larger type (e.g. int64)."
            )
    if dtype is dtypes.bfloat16 and dtype.as_numpy_dtype is np.uint16:
        array = np.asarray(value)
        return array if array.dtype == np.uint16 else bfloat16_bits(np.asarray(array, np.float32))
    kind = dtype.as_numpy_dtype
    array = np.asarray(value)
    if array.dtype.kind == "c" and not dtype.is_complex:
        array = array.real
    if array.dtype.kind in "OSU":
        array = np.asarray(value, kind)  # raises: could not convert string to float
    elif array.dtype != kind:
        with np.errstate(all="ignore"):
            array = array.astype(kind)
    return np.require(array, requirements=("C", "A"))
