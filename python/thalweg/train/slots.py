"""Slots: variables that an optimizer or an average keeps beside each variable it works on."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from thalweg import _core
from thalweg.framework import default_graph as ops
from thalweg.ops import initializers
from thalweg.ops.variable_scope import get_variable, variable_scope
from thalweg.ops.variables import Variable


def is_eager(variable: Any) -> bool:
    """Whether it is a variable of eager mode and of functions, not of a graph."""
    return isinstance(variable, _core.VariableBase)


def name_of(variable: Any) -> str:
    """Its name, without an output's number."""
    return variable._name if is_eager(variable) else variable.op.name


def key_of(variable: Any) -> Any:
    """What stands for it in dictionaries."""
    return variable._id if is_eager(variable) else variable


def beside(variable: Any) -> Any:
    """A block whose nodes live where it lives."""
    return nullcontext() if is_eager(variable) else ops.colocate_with(variable.op)


def eager_variable(value: Any, name: str, shape: Any = None, dtype: Any = None) -> Any:
    """A variable of eager mode that is not trained, made outside of whatever is traced; `value` may
    be an initializer.
    """
    from thalweg.eager.variable import Variable as EagerVariable

    with ops.init_scope():
        if callable(value):
            value = value(shape, dtype)
        return EagerVariable(value, trainable=False, dtype=dtype, name=name)


def create_slot(
    primary: Any, value: Any, name: str, *, shape: Any = None, dtype: Any = None
) -> Variable:
    """A variable '<primary>/<name>' beside `primary`; `value` is a tensor, or an initializer with
    shape and dtype.
    """
    if is_eager(primary):
        return eager_variable(value, f"{primary._name}/{name}", shape, dtype)
    with variable_scope(None, f"{primary.op.name}/{name}"), ops.colocate_with(primary.op):
        # An empty name makes the scope's own name the variable's.
        return get_variable("", initializer=value, trainable=False, shape=shape, dtype=dtype)


def create_zeros_slot(primary: Any, name: str, dtype: Any = None) -> Variable:
    """A slot of zeros with the shape of `primary`."""
    kind = primary.dtype.base_dtype if dtype is None else dtype
    return create_slot(primary, initializers.Zeros(), name, shape=primary.get_shape(), dtype=kind)
