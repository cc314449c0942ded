"""Python and NumPy values as arrays of a DType, with TensorFlow's inference rules and error
texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from thalweg.framework import dtypes
from thalweg.framework.dtypes import DType
from thalweg.framework.shapes import Dimension, TensorShape
from thalweg.framework.tensor import TensorLike

Array = np.ndarray[Any, Any]

_INTS = (int, np.integer, Dimension)
_REALS = (int, float, np.integer, np.floating, Dimension)
_LARGEST = float.fromhex("0x1.ffffffp+127")  # what rounds to it is no float32 any more
_FIRST_FLOAT = {np.float64: dtypes.float64, np.float16: dtypes.float16}
MIXED_TYPES = "Can't convert Python sequence with mixed types to Tensor."
OUT_OF_RANGE = "Can't convert Python sequence with out-of-range integer to Tensor."
_NUMBERS = (*_REALS, complex, np.complexfloating)


def constant_array(
    value: Any, dtype: DType | None, shape: TensorShape | None = None, verify_shape: bool = False
) -> tuple[Array, DType]:
    """The array for `value` and its DType, which NumPy alone does not tell (quantized types,
    bfloat16).
    """
    kind = type(value)
    if kind is float and shape is None and dtype in (None, dtypes.float32):
        with np.errstate(over="ignore"):
            return np.array(value, np.float32), dtypes.float32
    array, found = _array(value, dtype)
    if shape is not None:
        array = _with_shape(array, shape, verify_shape)
    return array, found


def _array(value: Any, dtype: DType | None) -> tuple[Array, DType]:
    if value is None:
        raise ValueError("None values not supported.")
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind == "O" and dtype not in (None, dtypes.string):
            _check_leaves(array.ravel().tolist(), dtype)
            return cast_array(array, dtype), dtype
        if array.dtype.kind in "OSU":
            return _strings(value, array, dtype), dtypes.string
        return cast_array(array, dtype), dtype or _dtype_of(array, value)
    if isinstance(value, TensorLike):
        raise TypeError("Expected any non-tensor type, but got a tensor instead.")
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return cast_array(array, dtype), dtype or _dtype_of(array, value)
    if dtype is not None:
        _check_leaves(value, dtype)
        if dtype is dtypes.string:
            return _strings(value, None, dtype), dtype
        return _typed(value, dtype), dtype
    return _inferred(value)


def _inferred(value: Any) -> tuple[Array, DType]:
    """Python floats become float32, ints int32 where they fit."""
    try:
        array = np.array(value)
    except OverflowError:
        raise TypeError(_cannot(value)) from None
    if array.dtype.kind in "OSU":
        return _strings(value, None, None), dtypes.string
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            return array.astype(np.float32), dtypes.float32
    if array.dtype == np.int64 and ((array >= -(2**31)) & (array < 2**31)).all():
        return array.astype(np.int32), dtypes.int32
    return array, _dtype_of(array, value)


def eager_dtype(value: Any) -> DType | None:
    """The type of Python numbers in eager programs: the first one decides.

    None: they are no numbers, or of a type that needs no decision.

    Raises:
        ValueError: numbers that do not go together, or are too large for their type.
    """
    leaves = list(value_leaves(value))
    if not leaves or not all(isinstance(v, (*_NUMBERS, np.bool_)) for v in leaves):
        return None
    first = leaves[0]
    if isinstance(first, (bool, np.bool_)):
        if not all(isinstance(v, (bool, np.bool_)) for v in leaves):
            raise ValueError(MIXED_TYPES)
        return dtypes.bool_
    if isinstance(first, (complex, np.complexfloating)):
        return dtypes.complex128
    if not all(isinstance(v, (*_REALS, np.bool_)) for v in leaves):
        raise ValueError(MIXED_TYPES)
    if isinstance(first, (float, np.floating)):
        kind = _FIRST_FLOAT.get(type(first), dtypes.float32)
    elif any(isinstance(v, (float, np.floating)) for v in leaves):
        kind = dtypes.float32
    else:
        return _integer_dtype(value, leaves)
    if kind is dtypes.float32 and any(_LARGEST < abs(float(v)) < float("inf") for v in leaves):
        raise ValueError(
            "Can't convert Python sequence with a value out of range for a double-precision float."
        )
    return kind


def _integer_dtype(value: Any, leaves: list[Any]) -> DType | None:
    """int32 if all fit."""
    if not -(2**63) <= min(leaves) <= max(leaves) < 2**63:
        raise ValueError(OUT_OF_RANGE)
    try:
        array = np.array(value, np.int64)
    except ValueError:  # no rectangle
        return None
    fits = array.size == 0 or -(2**31) <= array.min() <= array.max() < 2**31
    return dtypes.int32 if fits else dtypes.int64


def _dtype_of(array: Array, value: Any) -> DType:
    try:
        return dtypes.as_dtype(array.dtype)
    except TypeError:
        raise TypeError(_cannot(value)) from None


def _cannot(value: Any) -> str:
    return (
        f"Failed to convert elements of {value!r} to Tensor. Consider casting elements to a "
        "supported type: a number, a bool, a string or bytes."
    )


def value_leaves(value: Any) -> Iterator[Any]:
    """The elements of nested lists; of an array the first."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from value_leaves(item)
    elif isinstance(value, np.ndarray):
        if value.size:
            yield value.flat[0]
    else:
        yield value


def _check_leaves(value: Any, dtype: DType) -> None:
    if dtype is dtypes.string:
        allowed: tuple[Any, ...] = (str, bytes)
    elif dtype.is_bool:
        allowed = (bool, np.bool_)
    elif dtype.is_integer or dtype.is_quantized:
        allowed = _INTS
    elif dtype.is_complex:
        allowed = _NUMBERS
    else:
        allowed = _REALS
    for leaf in value_leaves(value):
        if not isinstance(leaf, allowed):
            if leaf is None:
                raise ValueError("None values not supported.")
            if isinstance(leaf, TensorLike):
                raise TypeError(f"Expected {dtype.name}, but got {leaf!r} of type 'Tensor'.")
            raise TypeError(
                f"Expected {dtype.name}, but got {leaf} of type '{type(leaf).__name__}'."
            )


def _typed(value: Any, dtype: DType) -> Array:
    if dtype is dtypes.bfloat16:
        return cast_array(np.array(value, np.float32), dtype)
    try:
        with np.errstate(all="ignore"):
            return np.array(value, dtype.as_numpy_dtype)
    except OverflowError:  # TensorFlow wraps
        array = np.array(value)
        if array.dtype.kind == "O":
            raise TypeError(_cannot(value)) from None
        return array.astype(dtype.as_numpy_dtype)


def cast_array(array: Array, dtype: DType | None) -> Array:
    """The array in the NumPy type that stands for `dtype`."""
    if dtype is None:
        return array
    if dtype is dtypes.bfloat16 and dtype.as_numpy_dtype is np.uint16:
        return array if array.dtype == np.uint16 else bfloat16_bits(array)
    if dtype is dtypes.string:
        raise TypeError(
            f"Expected string, but got {array.flat[0] if array.size else array} of type "
            f"'{array.dtype}'."
        )
    if array.dtype.kind == "c" and not dtype.is_complex:
        raise TypeError(f"Expected {dtype.name}, but got an array of type '{array.dtype}'.")
    with np.errstate(all="ignore"):
        return array.astype(dtype.as_numpy_dtype, copy=False)


def bfloat16_bits(array: Array) -> Array:
    """bfloat16 as uint16: the upper half of float32, rounded to nearest even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), 0x7FC0, rounded).astype(np.uint16).reshape(np.shape(array))


def _strings(value: Any, array: Array | None, dtype: DType | None) -> Array:
    if dtype not in (None, dtypes.string):
        leaf = next(value_leaves(value), value)
        raise TypeError(f"Expected {dtype.name}, but got {leaf} of type '{type(leaf).__name__}'.")
    if array is not None and array.dtype.kind != "O":
        return array.astype(object)
    found = np.array(value, object) if array is None else array
    for leaf in found.flat:
        if isinstance(leaf, (list, tuple)):
            raise ValueError(
                f"Argument must be a dense tensor: {value!r} - got shape {list(found.shape)}, but "
                "its parts differ in length."
            )
        if not isinstance(leaf, (str, bytes)):
            if leaf is None and not isinstance(value, (list, tuple)):
                raise ValueError("None values not supported.")
            raise TypeError(_cannot(value))
    return found


def _with_shape(array: Array, shape: TensorShape, verify: bool) -> Array:
    if not shape.is_fully_defined():
        raise ValueError(f"The shape of a constant must be fully known, got {shape}")
    dims = tuple(d for d in shape.as_list() if d is not None)
    if verify and array.shape != dims:
        raise TypeError(f"Expected Tensor's shape: {dims}, but got {array.shape}.")
    size = shape.num_elements() or 0
    if array.size > size and array.size != 1:
        raise ValueError(f"Too many elements provided. Takes at most {size}, but got {array.size}.")
    if array.size == size:
        return array.reshape(dims)
    if array.size == 0:
        raise ValueError(f"Cannot fill shape {dims} from a value without elements.")
    if array.size == 1:
        return np.full(dims, array.reshape(()), array.dtype)
    flat = np.empty(size, array.dtype)
    flat[: array.size] = array.ravel()
    flat[array.size :] = array.ravel()[-1]
    return flat.reshape(dims)
