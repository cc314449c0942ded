"""Calls in converted code: what is called is converted too, as it is called."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from malt.core.converter import Feature
from malt.operators import function_wrappers
from malt.operators.py_builtins import (
    eval_in_original_context,
    globals_in_original_context,
    locals_in_original_context,
    super_in_original_context,
)
from malt.operators.variables import UndefinedReturnValue

from thalweg import raw_ops
from thalweg.eager.autograph import state, status
from thalweg.eager.autograph.branches import assert_stmt  # noqa: F401
from thalweg.eager.autograph.decide import is_library, may_need_conversion
from thalweg.eager.autograph.iterables import Rows, Zipped, enumerated, row_count, staged_rows
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.ops import control, creation
from thalweg.ops.cast import cast
from thalweg.ops.check import Assert
from thalweg.ops.sort import sort
from thalweg.ops.tensor_array import TensorArray


def converted_call(
    function: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    caller_fn_scope: Any = None,
    options: Any = None,
) -> Any:
    """`function(*args, **kwargs)`, converted if it is the user's."""
    from thalweg.eager.autograph.convert import convert

    kwargs = kwargs or {}
    options = options or caller_fn_scope.callopts
    builtin = _BUILTINS.get(function) if _is_hashable(function) else None
    if builtin is not None:
        return builtin(*args, **kwargs)
    if function is print and options.uses(Feature.BUILTIN_FUNCTIONS):
        return print_(*args, **kwargs)
    if function is super:
        return super_in_original_context(function, args, caller_fn_scope)
    if function is eval:
        return eval_in_original_context(function, args, caller_fn_scope)
    if function is globals and not args:
        return globals_in_original_context(caller_fn_scope)
    if function is locals and not args:
        return locals_in_original_context(caller_fn_scope)
    if status.status.disabled or not options.internal_convert_user_code:
        return function(*args, **kwargs)
    while isinstance(function, functools.partial):
        args = (*function.args, *args)
        kwargs = {**function.keywords, **kwargs}
        function = function.func
    if _stays(function):
        if _calls_back(function):
            args = tuple(_argument(a, options) for a in args)
            kwargs = {k: _argument(a, options) for k, a in kwargs.items()}
        return function(*args, **kwargs)
    return convert(function, options)(*args, **kwargs)


def _is_hashable(function: Any) -> bool:
    return isinstance(function, type) or type(function) is type(len)


def _stays(function: Any) -> bool:
    """Not converted: libraries, classes, what is marked."""
    if isinstance(function, type) or status.is_marked(function):
        return True
    if isinstance(function, (FunctionType, MethodType)):
        return is_library(function.__module__)
    call = inspect.getattr_static(type(function), "__call__", None)
    return not isinstance(call, FunctionType) or is_library(call.__module__)


def _calls_back(function: Any) -> bool:
    """Whether functions passed to it are called while the graph is built; those that make a
    function of a function see to it themselves.
    """
    module = getattr(function, "__module__", None) or ""
    return (
        module.partition(".")[0] == "thalweg"
        and not isinstance(function, type)
        and not module.startswith(("thalweg.eager.function", "thalweg.eager.autograph"))
    )


def _argument(value: Any, options: Any) -> Any:
    from thalweg.eager.autograph.convert import convert

    kind = type(value)
    if kind not in (FunctionType, MethodType) or _stays(value) or not may_need_conversion(value):
        return value
    return convert(value, options)


class FunctionScope(function_wrappers.FunctionScope):  # type: ignore[misc]
    """Around the body of a converted function."""

    def __init__(self, function_name: str, scope_name: str, options: Any) -> None:
        self.function_name = function_name
        super().__init__(function_name, scope_name, options)

    def __enter__(self) -> Any:
        state.depth.returns.append(state.Returns())
        self.was_disabled = status.status.disabled
        if self.options.user_requested:
            status.status.disabled = False
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        state.depth.returns.pop()
        status.status.disabled = self.was_disabled
        super().__exit__(*error)

    def ret(self, value: Any, did_return: Any) -> Any:
        """What the function returns."""
        if state.staged(did_return):  # else there is a `return` on every way
            ways = state.depth.returns[-1]
            if ways.by_branch and not isinstance(value, UndefinedReturnValue):
                raise ValueError(ways.by_branch)
            if ways.by_loop:
                Assert(did_return, [f"{self.function_name}: no return statement was reached"])
        return super().ret(value, did_return)


def with_function_scope(thunk: Callable[[Any], Any], scope_name: str, options: Any) -> Any:
    with FunctionScope("lambda", scope_name, options) as scope:
        return thunk(scope)


# --- Python's functions, of tensors


def len_(value: Any) -> Any:
    """The first dimension of a tensor: a number where it is known."""
    if isinstance(value, TensorArray):
        return value.size()
    if not state.staged(value):
        return len(value)
    tensor = convert_to_tensor(value)
    shape = tensor.shape
    if shape.ndims and shape.as_list()[0] is not None:
        return shape.as_list()[0]
    return row_count(tensor)


def range_(*args: Any) -> Any:
    if any(state.staged(a) for a in args):
        return creation.range(*args)
    return range(*args)


def enumerate_(iterable: Any, start: Any = 0) -> Any:
    rows = staged_rows(iterable)
    return enumerate(iterable, start) if rows is None else enumerated(rows, start)


def zip_(*iterables: Any, strict: bool = False) -> Any:
    if not any(isinstance(i, Rows) or state.staged(i) for i in iterables):
        return zip(*iterables, strict=strict)
    if strict:
        raise NotImplementedError("zip of tensors with strict=True: their sizes are not compared")
    parts = [staged_rows(i if _is_staged(i) else _stacked(i)) for i in iterables]
    return Zipped([p for p in parts if p is not None])


def _is_staged(value: Any) -> bool:
    return isinstance(value, Rows) or state.staged(value)


def _stacked(iterable: Any) -> Any:
    """A Python sequence next to a tensor becomes one."""
    tensor = convert_to_tensor(iterable if hasattr(iterable, "__len__") else list(iterable))
    return tensor if state.staged(tensor) else raw_ops.Identity(tensor)


def float_(value: Any = 0) -> Any:
    if not state.staged(value):
        return float(value)
    return _number(value, dtypes.float32)


def int_(value: Any = 0, *base: Any, **kwargs: Any) -> Any:
    if not state.staged(value):
        return int(value, *base, **kwargs)
    if base or kwargs:
        raise NotImplementedError("int() of a tensor with a base")
    return _number(value, dtypes.int32)


def _number(value: Any, dtype: Any) -> Any:
    tensor = convert_to_tensor(value)
    if tensor.dtype.base_dtype is dtypes.string:
        return raw_ops.StringToNumber(tensor, out_type=dtype)
    return cast(tensor, dtype)


def sorted_(iterable: Any, key: Any = None, reverse: Any = False) -> Any:
    if not state.staged(iterable):
        return sorted(iterable, key=key, reverse=reverse)
    if key is not None:
        raise NotImplementedError("sorted() of a tensor with a key; use tf.gather and tf.argsort")
    tensor = convert_to_tensor(iterable)
    if tensor.shape.ndims != 1:
        raise ValueError(f"sorted only supports tensors of 1 dimension, got shape {tensor.shape}")
    return sort(tensor, direction="DESCENDING" if reverse else "ASCENDING")


def print_(
    *values: Any, sep: str = " ", end: str = "\n", file: Any = None, flush: Any = None
) -> None:
    """Prints when the graph runs, where a value is a tensor."""
    if any(map(state.staged, values)):
        control.print(*values, sep=sep, end=end, output_stream=file or sys.stdout)
    else:
        print(*values, sep=sep, end=end, file=file, flush=bool(flush))


_BUILTINS: dict[Any, Callable[..., Any]] = {
    enumerate: enumerate_,
    float: float_,
    int: int_,
    len: len_,
    range: range_,
    sorted: sorted_,
    zip: zip_,
}
