"""`tf.autograph`: Python's control flow as operations of a graph."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

from thalweg.autograph import experimental

__all__ = ["experimental", "set_verbosity", "to_code", "to_graph", "trace"]


def to_graph(
    entity: Callable[..., Any],
    recursive: bool = True,
    experimental_optional_features: Any = None,
) -> Callable[..., Any]:
    """The function with control flow over tensors as operations; it is not traced or called.

    Args:
        recursive: whether what it calls is converted too.
        experimental_optional_features: of `tf.autograph.experimental.Feature`.

    Raises:
        ImportError: diastatic-malt is not installed.
        ValueError: it cannot be converted.
    """
    convert = _convert_module()
    options = convert.options_of(experimental_optional_features, recursive)
    function, bound = _function(entity)
    try:
        made = convert.transpiler.convert(function, options)
    except Exception as error:
        raise ValueError(f"converting {entity}: {type(error).__name__}: {error}") from error
    return made if bound is None else made.__get__(bound)


def to_code(
    entity: Callable[..., Any],
    recursive: bool = True,
    experimental_optional_features: Any = None,
) -> str:
    """The source code of what `to_graph` gives."""
    convert = _convert_module()
    options = convert.options_of(experimental_optional_features, recursive)
    try:
        node, _ = convert.transpiler.rewritten(_function(entity)[0], options)
    except Exception as error:
        raise ValueError(f"converting {entity}: {type(error).__name__}: {error}") from error
    return ast.unparse(ast.fix_missing_locations(node))


def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
    """How much of conversions is logged: 0 for nothing but warnings, up to 10."""
    _convert_module()
    from malt.utils import ag_logging

    ag_logging.set_verbosity(level, alsologtostdout)


def trace(*args: Any) -> None:
    """Prints its arguments, while a function is traced and in eager mode alike."""
    print(*args)


def _convert_module() -> Any:
    try:
        from thalweg.eager.autograph import convert
    except ImportError as error:
        raise ImportError(
            "tf.autograph needs the package diastatic-malt: pip install 'thalweg[autograph]'"
        ) from error
    return convert


def _function(entity: Any) -> tuple[Any, Any]:
    """A function, and what it is bound to."""
    bound = getattr(entity, "__self__", None)
    entity = getattr(entity, "__func__", entity)
    if not hasattr(entity, "__code__") and hasattr(entity, "python_function"):
        raise ValueError(
            "Cannot apply autograph to a function that doesn't expose a __code__ object. If this "
            "is a @tf.function, try passing f.python_function instead."
        )
    if not hasattr(entity, "__code__"):
        call = inspect.getattr_static(type(entity), "__call__", None)
        if not hasattr(call, "__code__"):
            raise ValueError(f"{entity!r} is no Python function")
        return call, entity
    return entity, bound
