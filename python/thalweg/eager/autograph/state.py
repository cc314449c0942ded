"""The Python variables that a converted branch or loop body changes: how they become tensors, and
what is checked of them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from malt.operators.variables import Undefined, UndefinedReturnValue

from thalweg import _core, raw_ops
from thalweg.framework import dtypes, nest
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.func_graph import FuncGraph, unique_function_name
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.scopes import user_site
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import SymbolicTensor, Tensor

_PYTHON = (bool, int, float, complex, str, bytes, np.ndarray, np.generic)


class _Depth(threading.local):
    """What is under way on this thread."""

    loops = 0  # loops of the graph, whose bodies are being traced

    def __init__(self) -> None:
        self.returns: list[Returns] = []  # of the converted functions that are running


class Returns:
    """Ways through a function that may end without `return`."""

    def __init__(self) -> None:
        self.by_loop = False  # after a loop: seen when the graph runs
        self.by_branch = ""  # what to say of an `if`


depth = _Depth()


def note_open_return(branch: str) -> None:
    """This branch of an `if` has no `return`, the other has."""
    if depth.returns and not depth.loops:
        depth.returns[
            -1
        ].by_branch = f"the {branch} branch must also have a return statement. ({user_site(3)})"


def staged(value: Any) -> bool:
    """Whether a value is known only when the graph runs."""
    if isinstance(value, SymbolicTensor):
        return True
    return isinstance(value, (Tensor, _core.VariableBase)) and not executing_eagerly()


def undefined(value: Any) -> bool:
    return isinstance(value, (Undefined, UndefinedReturnValue))


def missing(value: Any) -> bool:
    """Undefined, or None: what no tensor stands for."""
    return value is None or undefined(value)


def condition(value: Any, what: str) -> Any:
    """A bool scalar. Raises ValueError for another tensor."""
    if isinstance(value, _core.VariableBase):
        value = convert_to_tensor(value)
    if value.dtype.base_dtype is not dtypes.bool_:
        raise ValueError(
            f"condition of {what} expected to be `tf.bool` scalar, got {value}; to use as boolean "
            "Tensor, use `tf.cast`; to check for None, use `is not None`"
        )
    if value.shape.ndims not in (0, None) and value.shape.num_elements() != 1:
        raise ValueError(
            f"condition of {what} expected to be `tf.bool` scalar, got {value}; to check all or "
            "any of its elements, use `tf.reduce_all` or `tf.reduce_any`"
        )
    if value.shape.ndims not in (0, None):
        value = raw_ops.Reshape(value, [])
    return value


@contextmanager
def aside() -> Any:
    """A graph for code that runs only to see what it makes; what it adds is thrown away."""
    if executing_eagerly():
        yield
        return
    with FuncGraph(unique_function_name("autograph", "aside")).as_default():
        yield


# --- leaves


def is_composite(value: Any) -> bool:
    return nest.is_nested_or_composite(value) and not nest.is_nested(value)


def can_be_tensor(value: Any) -> bool:
    return isinstance(value, (*_PYTHON, Tensor, _core.VariableBase)) or is_composite(value)


def as_tensor(value: Any) -> Any:
    return value if is_composite(value) else convert_to_tensor(value)


def leaves(value: Any) -> list[Any]:
    """TensorArrays and IndexedSlices are leaves; an undefined value is one."""
    return nest.flatten(value)


def packed(structure: Any, items: Sequence[Any]) -> Any:
    return nest.pack_sequence_as(structure, list(items))


def dtype_name(value: Any) -> str:
    return value.dtype.base_dtype.name


def shape_of(value: Any) -> TensorShape:
    return TensorShape(value.shape)


def zeros_of(value: Any) -> tuple[Any, list[TensorShape]]:
    """Values of no meaning with the structure, types and shapes of `value`, as pairs of dtype and
    dimensions where they are tensors; and what is known of the shapes.
    """
    shapes: list[TensorShape] = []

    def zeros(v: Any) -> Any:
        if not can_be_tensor(v) or is_composite(v):
            return v
        tensor = convert_to_tensor(v)
        shapes.append(tensor.shape)
        return _Zeros(tensor.dtype.base_dtype, tensor.shape)

    return nest.map_structure(zeros, value), shapes


class _Zeros:
    """Made in the graph where they are needed."""

    def __init__(self, dtype: Any, shape: TensorShape) -> None:
        self.dtype = dtype
        dims = [] if shape.ndims is None else shape.as_list()
        self.dims = [0 if d is None else d for d in dims]

    def make(self) -> Any:
        zero = "" if self.dtype is dtypes.string else 0
        value = convert_to_tensor(zero, dtypes.string if self.dtype is dtypes.string else None)
        if self.dtype is not dtypes.string:
            value = raw_ops.Cast(convert_to_tensor(zero), DstT=self.dtype)
        return raw_ops.Fill(convert_to_tensor(self.dims, dtypes.int32), value)


def made(zeros: Any) -> Any:
    return nest.map_structure(lambda v: v.make() if isinstance(v, _Zeros) else v, zeros)
