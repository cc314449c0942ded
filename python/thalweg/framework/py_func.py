"""Nodes that call a Python function."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from thalweg import _core
from thalweg.framework import dtypes
from thalweg.framework.apply import apply_op, create
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import name_scope
from thalweg.framework.errors import InvalidArgumentError
from thalweg.framework.graph_stack import eager_mode
from thalweg.framework.mode import executing_eagerly


class _Function:
    """A function and its result types; lives as long as the graph that calls it."""

    __slots__ = ("__weakref__", "function", "types")

    def __init__(self, function: Callable[..., Any], types: list[dtypes.DType]) -> None:
        self.function = function
        self.types = types

    def __call__(self, arguments: list[Any]) -> list[Any]:
        result = self.function(*[a[()] if a.ndim == 0 else a for a in arguments])
        if result is None:
            results: list[Any] = []
        else:
            results = list(result) if isinstance(result, (list, tuple)) else [result]
        if len(results) != len(self.types):
            return results  # the kernel says how many it expected
        return [_result(r, t) for r, t in zip(results, self.types, strict=True)]


def _result(value: Any, dtype: dtypes.DType) -> Any:
    array = np.asarray(value)
    if (
        dtype is dtypes.string
        or array.dtype.kind in "OSU"
        or array.dtype.kind == np.dtype(dtype.as_numpy_dtype).kind
    ):
        if array.dtype.kind in "OSU":
            return array.astype(object)
        return array
    if array.dtype.kind in "iub" and not isinstance(value, (np.ndarray, np.generic)):
        return array.astype(dtype.as_numpy_dtype)
    if array.dtype == np.float64 and not isinstance(value, (np.ndarray, np.generic)):
        return (
            array.astype(dtype.as_numpy_dtype) if dtype.is_floating or dtype.is_complex else array
        )
    return array


_functions: WeakValueDictionary[str, _Function] = WeakValueDictionary()
_tokens = itertools.count()


def _call(token: str, arguments: list[Any]) -> list[Any]:
    function = _functions.get(token)
    if function is None:
        raise ValueError(
            f"callback {token} is not found: it belongs to a graph that is gone or to another "
            "process"
        )
    return function(arguments)


_core.set_py_func(_call)


def _now(function: _Function, inp: Any) -> list[Any]:
    """The results as eager tensors. A node would be kept for each function ever called."""
    results = function([np.array(convert_to_tensor(x).numpy()) for x in inp])
    return _checked(results, function.types)


def _checked(results: list[Any], types: list[dtypes.DType]) -> list[Any]:
    """A function's results as tensors of these types."""
    if len(results) != len(types):
        raise InvalidArgumentError(
            None,
            None,
            f"py_func returns {len(results)} values, but expects to see {len(types)} values.",
        )
    tensors = []
    for i, (result, want) in enumerate(zip(results, types, strict=True)):
        tensor = convert_to_tensor(result)
        if tensor.dtype != want:
            raise InvalidArgumentError(
                None,
                None,
                f"{i}-th value returned by py_func is {tensor.dtype.name}, but expects {want.name}",
            )
        tensors.append(tensor)
    return tensors


def py_func(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """Calls `func` with the arrays of `inp` each time the node runs; its results have the types
    `Tout`.
    """
    if not callable(func):
        raise ValueError(
            f"Expected func to be callable. Received func={func!r} of type {type(func)}."
        )
    is_list = isinstance(Tout, (list, tuple))
    types = [dtypes.as_dtype(t) for t in (Tout if is_list else [Tout])]
    function = _Function(func, types)
    if executing_eagerly():
        found = _now(function, inp)
        return found if is_list else found[0]
    token = f"pyfunc_{next(_tokens)}"
    _functions[token] = function
    op_type = "PyFunc" if stateful else "PyFuncStateless"
    if executing_eagerly():
        results = apply_op(op_type, input=list(inp), token=token, Tout=types)
        return results[0] if not is_list else results or None
    with name_scope(name, op_type, list(inp)) as scope:
        inputs = [convert_to_tensor(x, name=f"input_{i}") for i, x in enumerate(inp)]
        op = create(op_type, scope, input=inputs, token=token, Tout=types)
    op.graph._py_funcs.append(function)
    if not is_list:
        return op.outputs[0]
    return list(op.outputs) or op


def py_function(
    func: Callable[..., Any] | None = None,
    inp: Any = None,
    Tout: Any = None,
    name: str | None = None,
) -> Any:
    """Calls `func` with eager tensors each time it runs; its results have the types `Tout`.

    A tape sees through an eager call. In a graph, as in `py_func`, no gradient passes.
    """
    if func is None or inp is None:

        def decorate(f: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args: py_function(f, args, Tout, name)

        return decorate if func is None else decorate(func)
    if not executing_eagerly():

        def on_arrays(*arrays: Any) -> Any:
            with eager_mode():
                result = func(*[convert_to_tensor(a) for a in arrays])
                if isinstance(result, (list, tuple)):
                    return [convert_to_tensor(r).numpy() for r in result]
                return None if result is None else convert_to_tensor(result).numpy()

        return py_func(on_arrays, inp, Tout, True, name)
    is_list = isinstance(Tout, (list, tuple))
    types = [dtypes.as_dtype(t) for t in (Tout if is_list else [Tout])]
    result = func(*[convert_to_tensor(x) for x in inp])
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    if result is None and not types:
        results = []
    tensors = _checked(results, types)
    return tensors if is_list else tensors[0]


def numpy_function(
    func: Callable[..., Any] | None = None,
    inp: Any = None,
    Tout: Any = None,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """`py_func` under its newer name; without `inp` a decorator."""
    if func is None or inp is None:

        def decorate(f: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *args: py_func(f, args, Tout, stateful, name)

        return decorate if func is None else decorate(func)
    return py_func(func, inp, Tout, stateful, name)
