"""Assertions: about values when the graph runs, about shapes and dtypes when it is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant_value, convert_to_tensor
from thalweg.framework.errors import InvalidArgumentError
from thalweg.framework.graph import Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, control, reduce


def Assert(
    condition: Any, data: Sequence[Any], summarize: int | None = None, name: str | None = None
) -> Any:
    """Fails the run with InvalidArgumentError, showing `data`, unless `condition` is true."""
    return raw_ops.Assert(
        condition, list(data), summarize=3 if summarize is None else summarize, name=name
    )


def _binary(
    label: str,
    symbol: str,
    static: Callable[[Any, Any], Any],
    op: str,
    x: Any,
    y: Any,
    data: Sequence[Any] | None,
    summarize: int | None,
    message: str | None,
    name: str | None,
) -> Any:
    """x `symbol` y for every element; what both values show when the graph is built is checked
    there.
    """
    with op_scope(name, label, [x, y]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(
            y, dtype=None if hasattr(y, "dtype") else x.dtype.base_dtype, name="y"
        )
        text = f"{message}\n" if message else ""
        if executing_eagerly():
            _now(symbol, op, x, y, data, summarize, text)
            return None
        known_x, known_y = constant_value(x), constant_value(y)
        if known_x is not None and known_y is not None and not np.all(static(known_x, known_y)):
            raise InvalidArgumentError(
                None,
                None,
                f"{text}Condition x {symbol} y did not hold element-wise:\n"
                f"x ({x.name}) = \n{known_x}\ny ({y.name}) = \n{known_y}",
            )
        if data is None:
            data = [
                f"{text}Condition x {symbol} y did not hold element-wise:",
                f"x ({x.name}) = ",
                x,
                f"y ({y.name}) = ",
                y,
            ]
        return Assert(reduce.reduce_all(getattr(raw_ops, op)(x, y)), data, summarize=summarize)


def _now(
    symbol: str,
    op: str,
    x: Tensor,
    y: Tensor,
    data: Sequence[Any] | None,
    summarize: int | None,
    text: str,
) -> None:
    """The assertion about eager tensors: None if it holds."""
    if reduce.reduce_all(getattr(raw_ops, op)(x, y)):
        return
    if data is not None:
        Assert(False, data, summarize)
    limit = 3 if summarize is None else summarize
    parts = [f"{text}Condition x {symbol} y did not hold."]
    for name, tensor in (("x", x), ("y", y)):
        flat = tensor.numpy().reshape(-1) if tensor.shape.rank else np.array([tensor.numpy()])
        shown = flat if limit < 0 else flat[:limit]
        parts.append(f"First {len(shown)} elements of {name} ({label(tensor)}):\n{shown}")
    raise InvalidArgumentError(None, None, "\n".join(parts))


def lead(message: str | None) -> str:
    """The caller's words before those of an assertion."""
    return f"{message}.  " if message else ""


def label(x: Tensor) -> str:
    """How a message refers to a tensor: by its name, if it is a graph's."""
    if executing_eagerly() or not hasattr(x, "op"):
        return f"shape={x.shape} dtype={x.dtype.name}"
    return x.name


def assert_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x == y everywhere."""
    return _binary("assert_equal", "==", np.equal, "Equal", x, y, data, summarize, message, name)


def assert_none_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x != y everywhere."""
    return _binary(
        "assert_none_equal", "!=", np.not_equal, "NotEqual", x, y, data, summarize, message, name
    )


def assert_less(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x < y everywhere."""
    return _binary("assert_less", "<", np.less, "Less", x, y, data, summarize, message, name)


def assert_less_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x <= y everywhere."""
    return _binary(
        "assert_less_equal", "<=", np.less_equal, "LessEqual", x, y, data, summarize, message, name
    )


def assert_greater(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x > y everywhere."""
    return _binary(
        "assert_greater", ">", np.greater, "Greater", x, y, data, summarize, message, name
    )


def assert_greater_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x >= y everywhere."""
    return _binary(
        "assert_greater_equal",
        ">=",
        np.greater_equal,
        "GreaterEqual",
        x,
        y,
        data,
        summarize,
        message,
        name,
    )


def _sign(
    assertion: str,
    symbol: str,
    op: Callable[..., Any],
    x: Any,
    data: Any,
    summarize: int | None,
    message: str | None,
    name: str | None,
) -> Any:
    with op_scope(name, assertion, [x]):
        x = convert_to_tensor(x, name="x")
        if data is None:
            text = f"Condition x {symbol} 0 did not hold element-wise:"
            data = [*([message] if message else []), text, f"x ({label(x)}) = ", x]
        return op(x, 0, data, summarize, message)


def assert_positive(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x > 0 everywhere."""
    return _sign("assert_positive", ">", assert_greater, x, data, summarize, message, name)


def assert_non_negative(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x >= 0 everywhere."""
    return _sign(
        "assert_non_negative", ">=", assert_greater_equal, x, data, summarize, message, name
    )


def assert_negative(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x < 0 everywhere."""
    return _sign("assert_negative", "<", assert_less, x, data, summarize, message, name)


def assert_non_positive(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """Fails the run unless x <= 0 everywhere."""
    return _sign("assert_non_positive", "<=", assert_less_equal, x, data, summarize, message, name)


def assert_rank(
    x: Any,
    rank: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """x has exactly `rank` dimensions: ValueError where that is known when the graph is built."""
    return _rank("assert_rank", "==", x, rank, data, summarize, message, name)


def assert_rank_at_least(
    x: Any,
    rank: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Any:
    """x has `rank` dimensions or more: ValueError where that is known when the graph is built."""
    return _rank("assert_rank_at_least", ">=", x, rank, data, summarize, message, name)


def _rank(
    assertion: str,
    symbol: str,
    x: Any,
    rank: Any,
    data: Any,
    summarize: int | None,
    message: str | None,
    name: str | None,
) -> Any:
    with op_scope(name, assertion, [x]):
        x = convert_to_tensor(x, name="x")
        want = constant_value(convert_to_tensor(rank, name="rank"))
        have = x.shape.ndims
        exact = symbol == "=="
        if have is not None and want is not None:
            if not (have == want if exact else have >= want):
                rule = "must have rank" if exact else "must have rank at least"
                raise ValueError(
                    f"{lead(message)}Tensor {label(x)} {rule} {int(want)}.  Received rank {have}, "
                    f"shape {x.shape}"
                )
            return control.no_op(name="static_checks_determined_all_ok")
        compare = assert_equal if exact else assert_greater_equal
        return compare(array.rank(x), rank, data, summarize, message)


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Any:
    """Raises TypeError unless the tensor has this dtype."""
    want = dtypes.as_dtype(tf_type)
    with op_scope(name, "assert_type", [tensor]):
        tensor = convert_to_tensor(tensor, name="tensor")
        if tensor.dtype.base_dtype != want:
            raise TypeError(
                f"{lead(message)}{label(tensor)} must be of type {want!r}; got {tensor.dtype!r}"
            )
        return control.no_op("statically_determined_correct_type")


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """Raises ValueError unless the tensor is known to be a scalar; returns it."""
    with op_scope(name, "assert_scalar", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name=scope)
        if tensor.shape.ndims != 0:
            raise ValueError(f"{lead(message)}Expected scalar shape, saw shape: {tensor.shape}.")
        return tensor


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """The tensor; the run fails with `message` where an element is NaN or infinite."""
    return raw_ops.CheckNumerics(tensor, message=message, name=name)


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Any:
    """Raises TypeError unless x has an integer dtype."""
    with op_scope(name, "assert_integer", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.base_dtype.is_integer:
            raise TypeError(f'{message or ""}Expected "x" to be integer type.  Found: {x.dtype!r}')
        return control.no_op("statically_determined_was_integer")


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether the value is a tensor of numbers."""
    if not isinstance(tensor, Tensor):
        return False
    dtype = tensor.dtype.base_dtype
    return dtype.is_floating or dtype.is_integer or dtype.is_complex or dtype.is_quantized


def verify_tensor_all_finite(t: Any, msg: str, name: str | None = None) -> Tensor:
    """t; the run fails with `msg` where an element is NaN or infinite."""
    with op_scope(name, "VerifyFinite", [t]) as scope:
        return raw_ops.CheckNumerics(convert_to_tensor(t, name="t"), message=msg, name=scope)
