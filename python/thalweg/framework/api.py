"""What the generated functions share: the names of their types, and their form at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from thalweg.framework.apply import apply_op
from thalweg.framework.tensor import Operation, Tensor

TensorLike: TypeAlias = (
    Any  # a tensor, a variable, or what converts to a tensor: numbers, lists, arrays
)
DTypeLike: TypeAlias = Any  # a DType, its name, a NumPy or Python type
ShapeLike: TypeAlias = Any  # a TensorShape, a sequence of int or None, None

F = TypeVar("F", bound=Callable[..., Any])


def endpoint(function: F) -> F:
    """A public function. Programs look at signatures, where TensorFlow has `(x, name=None)`: types
    are for checkers.
    """
    function.__annotations__ = {}
    return function


__all__ = ["DTypeLike", "Operation", "ShapeLike", "Tensor", "TensorLike", "apply_op", "endpoint"]
