"""Which functions are converted. Decided before a trace: one that fails halfway has had its side
effects. Looks at bytecode only, so that functions without control flow cost no import.
"""

from __future__ import annotations

import dis
import functools
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from thalweg.eager.autograph import status

# Libraries that are not converted, besides Python's own.
_LIBRARIES = frozenset(
    [
        "thalweg",
        "malt",
        "numpy",
        "scipy",
        "pandas",
        "matplotlib",
        "PIL",
        "keras",
        "jax",
        "torch",
        "tensorflow",
        "ml_dtypes",
        "pytest",
        "_pytest",
        "absl",
        "rich",
        "tqdm",
        "sklearn",
    ]
)
_DEEPEST = 20  # calls of calls that are looked at
_OF_TENSORS = frozenset(("len", "int", "float", "sorted"))  # Python's, of tensors operations


def convert_if_needed(function: Callable[..., Any], options: Any = None) -> Callable[..., Any]:
    """`function` with control flow over tensors as operations, or itself where it has none, or
    where the package that converts is missing.

    Args:
        options: features of `tf.autograph.experimental.Feature` to turn on.
    """
    weakly = getattr(function, "_weakly_bound", None)
    if weakly is not None:
        method, bind = weakly
        converted = convert_if_needed(method, options)
        return function if converted is method else bind(converted)
    if status.is_marked(function):
        return function
    if not (options or may_need_conversion(function)):
        return function
    if not status.available():
        if options:
            raise ImportError(
                "experimental_autograph_options need the package diastatic-malt: pip install "
                "'thalweg[autograph]'"
            )
        return function
    from thalweg.eager.autograph.convert import convert

    return convert(function, options, user_requested=True)


def unconverted(function: Callable[..., Any]) -> Callable[..., Any]:
    """For `autograph=False`: errors about tensors in conditions say that it is off."""
    return function if status.is_marked(function) else status.do_not_convert(function)


def is_library(module_name: str | None) -> bool:
    name = module_name or ""
    top = name.partition(".")[0]
    if top == "__main__" or name.startswith("thalweg.examples."):
        return False
    return top in _LIBRARIES or top in sys.stdlib_module_names


def may_need_conversion(function: Any) -> bool:
    """Whether it has control flow, or names functions of the user that have."""
    return _needs(function, set(), 0)


def _needs(function: Any, seen: set[int], depth: int) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    bound = None
    if isinstance(function, MethodType):
        bound, function = function.__self__, function.__func__
    elif not isinstance(function, FunctionType):
        call = inspect.getattr_static(type(function), "__call__", None)
        if not isinstance(call, FunctionType):
            return False
        bound, function = function, call
    if is_library(function.__module__):
        return False
    key = id(function.__code__) ^ id(bound)
    if key in seen or depth > _DEEPEST or status.is_marked(function):
        return False
    seen.add(key)
    if has_control_flow(function.__code__) or _calls_builtin(function):
        return True
    return any(_needs(c, seen, depth + 1) for c in _callees(function, bound))


def _calls_builtin(function: FunctionType) -> bool:
    names = _OF_TENSORS & _names(function.__code__)
    return any(n not in function.__globals__ for n in names)


def _callees(function: FunctionType, bound: Any) -> Iterator[Any]:
    """Functions of the user that it may call, as far as names tell."""
    names = _names(function.__code__)
    places: list[Any] = [function.__globals__.get(n) for n in names]
    for cell in function.__closure__ or ():
        try:
            places.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    if bound is not None:
        places.append(bound)
    places += [v for v in (function.__defaults__ or ()) if callable(v)]
    for value in places:
        for found in (value, *_attributes(value, names)):
            if _is_users(found):
                yield found


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _attributes(value: Any, names: set[str]) -> Iterator[Any]:
    """Those named, of modules and objects of the user; nothing is computed for it."""
    if isinstance(value, ModuleType):
        if not is_library(value.__name__):
            yield from (vars(value).get(n) for n in names)
        return
    if value is None or isinstance(value, (FunctionType, MethodType)):
        return
    kind = value if isinstance(value, type) else type(value)
    if is_library(kind.__module__):
        return
    own = {} if kind is value else getattr(value, "__dict__", {})
    for name in names:
        if name in own:
            yield own[name]
            continue
        found = inspect.getattr_static(kind, name, None)
        if isinstance(found, staticmethod):
            yield found.__func__
            continue
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, classmethod):
            found = found.__func__
        if isinstance(found, FunctionType):
            yield MethodType(found, value)


def _is_users(value: Any) -> bool:
    if isinstance(value, functools.partial):
        return True
    if isinstance(value, (FunctionType, MethodType)):
        return not is_library(value.__module__)
    if value is None or isinstance(value, (type, ModuleType)):
        return False
    kind = type(value)
    return not is_library(kind.__module__) and "__call__" in dir(kind)


_flow: weakref.WeakKeyDictionary[CodeType, bool] = weakref.WeakKeyDictionary()


def has_control_flow(code: CodeType) -> bool:
    """Conditions, loops, assertions and boolean operators, here or in functions defined inside."""
    found = _flow.get(code)
    if found is None:
        found = _flow[code] = _has_control_flow(code)
    return found


def _has_control_flow(code: CodeType) -> bool:
    before = ""
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if name in ("TO_BOOL", "NOP", "CACHE", "EXTENDED_ARG", "COPY", "NOT_TAKEN"):
            continue
        if name == "UNARY_NOT" or name == "FOR_ITER" or "JUMP_BACKWARD" in name:
            return True
        jumps = "JUMP_IF" in name or "JUMP_FORWARD_IF" in name or "JUMP_BACKWARD_IF" in name
        # `with` and `except` jump by what was raised, `is None` asks nothing of a tensor.
        if jumps and not (
            name.endswith(("_NONE", "NOT_EXC_MATCH"))
            or before in ("WITH_EXCEPT_START", "CHECK_EXC_MATCH", "IS_OP")
        ):
            return True
        before = name
    return any(has_control_flow(c) for c in code.co_consts if isinstance(c, CodeType))
