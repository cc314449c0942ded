"""Assertions in TensorFlow 2's argument order, and those that only TensorFlow 2 has.

Those about values return an operation, None when they have run already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant_value, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, check, control


def assert_equal(
    x: Any,
    y: Any,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """InvalidArgumentError unless x == y everywhere."""
    return check.assert_equal(x, y, None, summarize, message, name)


def assert_none_equal(
    x: Any,
    y: Any,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """InvalidArgumentError unless x != y everywhere."""
    return check.assert_none_equal(x, y, None, summarize, message, name)


def assert_less(
    x: Any,
    y: Any,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """InvalidArgumentError unless x < y everywhere."""
    return check.assert_less(x, y, None, summarize, message, name)


def assert_less_equal(
    x: Any,
    y: Any,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """InvalidArgumentError unless x <= y everywhere."""
    return check.assert_less_equal(x, y, None, summarize, message, name)


def assert_greater(
    x: Any,
    y: Any,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """InvalidArgumentError unless x > y everywhere."""
    return check.assert_greater(x, y, None, summarize, message, name)


def assert_greater_equal(
    x: Any,
    y: Any,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """InvalidArgumentError unless x >= y everywhere."""
    return check.assert_greater_equal(x, y, None, summarize, message, name)


def assert_positive(
    x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
) -> Any:
    """InvalidArgumentError unless x > 0 everywhere."""
    return check.assert_positive(x, None, summarize, message, name)


def assert_non_negative(
    x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
) -> Any:
    """InvalidArgumentError unless x >= 0 everywhere."""
    return check.assert_non_negative(x, None, summarize, message, name)


def assert_negative(
    x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
) -> Any:
    """InvalidArgumentError unless x < 0 everywhere."""
    return check.assert_negative(x, None, summarize, message, name)


def assert_non_positive(
    x: Any, message: str | None = None, summarize: int | None = None, name: str | None = None
) -> Any:
    """InvalidArgumentError unless x <= 0 everywhere."""
    return check.assert_non_positive(x, None, summarize, message, name)


def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    message: str | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Any:
    """InvalidArgumentError unless |x - y| <= atol + rtol * |y| everywhere.

    Both tolerances default to ten roundings of the dtype.
    """
    with op_scope(name, "assert_near", [x, y, rtol, atol]):
        x = convert_to_tensor(x, name="x")
        dtype = x.dtype.base_dtype
        y = convert_to_tensor(y, dtype=dtype, name="y")
        eps = _epsilon(dtype)
        size = dtype.real_dtype if dtype.is_complex else dtype
        relative = convert_to_tensor(10 * eps if rtol is None else rtol, dtype=size, name="rtol")
        absolute = convert_to_tensor(10 * eps if atol is None else atol, dtype=size, name="atol")
        distance = _magnitude(raw_ops.Sub(x, y))
        limit = raw_ops.AddV2(absolute, raw_ops.Mul(relative, _magnitude(y)))
        text = [message] if message else []
        data = [*text, "x and y not equal to tolerance rtol, atol", relative, absolute, x, y]
        return check.assert_less_equal(distance, limit, data, summarize, message)


def _epsilon(dtype: dtypes.DType) -> float:
    if dtype == dtypes.bfloat16:
        return 2.0**-7
    return float(np.finfo(dtype.as_numpy_dtype).eps)


def _magnitude(x: Tensor) -> Tensor:
    return raw_ops.ComplexAbs(x, Tout=x.dtype.real_dtype) if x.dtype.is_complex else raw_ops.Abs(x)


def assert_rank(x: Any, rank: Any, message: str | None = None, name: str | None = None) -> Any:
    """x has exactly `rank` dimensions: ValueError where that is known before it runs."""
    return check.assert_rank(x, rank, message=message, name=name)


def assert_rank_at_least(
    x: Any, rank: Any, message: str | None = None, name: str | None = None
) -> Any:
    """x has `rank` dimensions or more: ValueError where that is known before it runs."""
    return check.assert_rank_at_least(x, rank, message=message, name=name)


def assert_rank_in(
    x: Any, ranks: Sequence[Any], message: str | None = None, name: str | None = None
) -> Any:
    """x has one of these numbers of dimensions: ValueError where that is known before it runs."""
    with op_scope(name, "assert_rank_in", [x, *ranks]):
        x = convert_to_tensor(x, name="x")
        known = [constant_value(convert_to_tensor(r, dtype=dtypes.int32)) for r in ranks]
        if x.shape.ndims is not None and all(r is not None for r in known):
            if x.shape.ndims not in [int(r) for r in known]:
                raise ValueError(
                    f"{check.lead(message)}Tensor {check.label(x)} must have rank in "
                    f"{tuple(int(r) for r in known)}.  Received rank {x.shape.ndims}, "
                    f"shape {x.shape}"
                )
            return control.no_op(name="static_checks_determined_all_ok")
        rank = array.rank(x)
        fits = raw_ops.Any(array.stack([raw_ops.Equal(rank, r) for r in ranks]), [0])
        data = [message or "", "Tensor must have rank in", *ranks, "Received shape", array.shape(x)]
        return check.Assert(fits, data)


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Any:
    """TypeError unless the tensor has this dtype."""
    return check.assert_type(tensor, tf_type, message, name)


def assert_scalar(tensor: Any, message: str | None = None, name: str | None = None) -> Any:
    """ValueError unless the tensor is known to be a scalar; returns it."""
    return check.assert_scalar(tensor, name, message)


def assert_all_finite(x: Any, message: str, name: str | None = None) -> Tensor:
    """x; InvalidArgumentError with `message` where an element is NaN or infinite."""
    return check.verify_tensor_all_finite(x, message, name)


def assert_proper_iterable(values: Any) -> None:
    """TypeError unless `values` is a collection of tensors: not a tensor, an array or a string."""
    one = (Tensor, np.ndarray, bytes, str)
    if isinstance(values, one) or hasattr(values, "_tensor_parts"):
        raise TypeError(
            f"Expected argument `values` to be a 'proper' iterable. Received: {type(values)}"
        )
    if not isinstance(values, Iterable):
        raise TypeError(f"Expected argument `values` to be iterable. Received: {type(values)}")


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> dtypes.DType:
    """The one floating dtype that all tensors, and `dtype`, have; float32 if nothing is given.

    Raises:
        ValueError: they differ, or it is not floating.
    """
    found = None if dtype is None else dtypes.as_dtype(dtype)
    for tensor in [t for t in tensors or [] if t is not None]:
        have = convert_to_tensor(tensor).dtype.base_dtype
        if found is not None and have != found:
            raise ValueError(f"Tensor conversion requested dtype {found.name}, got {have.name}")
        found = have
    found = found or dtypes.float32
    if not found.is_floating:
        raise ValueError(f"Expected floating point type, got {found.name}.")
    return found


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> None:
    """Tensors have the shapes given, in which a letter stands for the same size everywhere.

    Args:
        shapes: {tensor: shape} or [(tensor, shape)]; a shape is a tuple or string of sizes, names,
            None or '.' for any size, and at one end '*' or ... for any number of dimensions.

    Raises:
        ValueError: a shape does not fit. All shapes must be known.
    """
    pairs = list(shapes.items()) if isinstance(shapes, dict) else list(shapes)
    sizes: dict[Any, tuple[int, Any]] = {}
    with op_scope(name, "assert_shapes"):
        for given, wanted in pairs:
            tensor = given if isinstance(given, Tensor) else convert_to_tensor(given)
            if not tensor.shape.is_fully_defined():
                raise NotImplementedError(
                    f"assert_shapes: the shapes of all tensors must be known, got {tensor.shape}"
                )
            _fit(tensor, wanted, sizes, f"{message}.  " if message else "")


def _fit(tensor: Any, wanted: Any, sizes: dict[Any, tuple[int, Any]], text: str) -> None:
    have = tensor.shape.as_list()
    symbols = list(wanted) if isinstance(wanted, (tuple, list, str)) else [wanted]
    any_rank = [i for i, s in enumerate(symbols) if s in ("*", ...)]
    if any_rank:
        if len(any_rank) > 1 or any_rank[0] not in (0, len(symbols) - 1):
            raise ValueError(f"{text}'*' may stand at one end of a shape only, got {wanted}")
        symbols.pop(any_rank[0])
        keep = len(symbols)
        at = any_rank[0]
        fits = len(have) >= keep
        have = have[len(have) - keep :] if at == 0 else have[:keep]
    else:
        fits = len(have) == len(symbols)
    if not fits:
        raise ValueError(f"{text}Specified by tensor {tensor!r} shape {wanted}: rank does not fit")
    for i, (symbol, side) in enumerate(zip(symbols, have, strict=True)):
        if symbol in (None, "."):
            continue
        number = str(symbol).isdigit() or isinstance(symbol, (int, np.integer))
        want, source = (
            (int(symbol), "the shape given") if number else sizes.get(symbol, (side, None))
        )
        if want != side:
            raise ValueError(
                f"{text}Specified by tensor {source!r} dimension {symbol} to have size {want}. "
                f"Tensor {tensor!r} dimension {i} has size {side}"
            )
        if not number and symbol not in sizes:
            sizes[symbol] = (side, tensor)
