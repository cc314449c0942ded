"""What is converted and what is not: marks on functions, and what errors say about it."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
import weakref
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

_MARK = "autograph_info__"  # converted code sets it on the functions that it makes
GENERATED = "ag__"  # what converted code calls the operators


class _Status(threading.local):
    disabled = False


status = _Status()

# Code objects for which there is no conversion, and why.
unsupported: weakref.WeakKeyDictionary[CodeType, str] = weakref.WeakKeyDictionary()


def mark(function: Any) -> Any:
    """Says that a function is not to be converted (again)."""
    setattr(getattr(function, "__func__", function), _MARK, None)
    return function


def is_marked(function: Any) -> bool:
    return hasattr(function, _MARK)


def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
    """Keeps a function, and what it calls, as it is while it is traced; a decorator."""
    if func is None:
        return do_not_convert

    @functools.wraps(func, updated=())
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        before, status.disabled = status.disabled, True
        try:
            return func(*args, **kwargs)
        finally:
            status.disabled = before

    return mark(wrapper)


def available() -> bool:
    """Whether the package that rewrites functions can be imported."""
    try:
        importlib.import_module("malt.impl.api")
    except ImportError:
        return False
    return True


def advice() -> str:
    """For an error about a tensor in a Python condition: where it is, and what can be done."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _in_library(frame):
        frame = frame.f_back
    if frame is None:
        return ""
    code = frame.f_code
    where = f"{code.co_name} ({code.co_filename}:{frame.f_lineno})"
    use = "or use `tf.cond`, `tf.while_loop`, `tf.map_fn`"
    if GENERATED in code.co_freevars or GENERATED in frame.f_locals:
        return (
            f"AutoGraph did convert {where}, which uses the tensor in a way that it does not "
            f"support, such as `min`, `any` or a comprehension; write it with operations, {use}."
        )
    if status.disabled:
        return (
            f"AutoGraph is disabled in {where}: it was called with autograph=False or under "
            f"tf.autograph.experimental.do_not_convert. Leave these out, {use}."
        )
    if not available():
        return (
            f"It happens in {where}. AutoGraph, which makes graph control flow of it, needs the "
            f"package diastatic-malt: pip install 'thalweg[autograph]' {use}."
        )
    if code in unsupported:
        return f"AutoGraph could not convert {where}: {unsupported[code]}. Change that, {use}."
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        return f"AutoGraph does not convert generators, such as {where}; {use[3:]}."
    return (
        f"AutoGraph did not convert {where}. Either it has nothing that can be converted (`min`, "
        "`any` and comprehensions cannot), or it was called from code that was not converted "
        "itself: a library, or a function that only passes it on. Decorate it with @tf.function, "
        f"{use}."
    )


_PACKAGE = __name__.partition(".")[0]
_OWN_FRAMES = (_PACKAGE, "malt")


def _in_library(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in _OWN_FRAMES and GENERATED not in frame.f_code.co_freevars
