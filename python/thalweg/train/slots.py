"""Slots: variables that an optimizer or an average keeps beside each variable it works on."""

from __future__ import annotations

from typing import Any

from thalweg.framework import graph as ops
from thalweg.ops import initializers
from thalweg.ops.variable_scope import get_variable, variable_scope
from thalweg.ops.variables import Variable


def create_slot(
    primary: Any, value: Any, name: str, *, shape: Any = None, dtype: Any = None
) -> Variable:
    """A variable '<primary>/<name>' beside `primary`; `value` is a tensor, or an initializer with
    shape and dtype.
    """
    with variable_scope(None, f"{primary.op.name}/{name}"), ops.colocate_with(primary.op):
        # An empty name makes the scope's own name the variable's.
        return get_variable("", initializer=value, trainable=False, shape=shape, dtype=dtype)


def create_zeros_slot(primary: Any, name: str, dtype: Any = None) -> Variable:
    """A slot of zeros with the shape of `primary`."""
    kind = primary.dtype.base_dtype if dtype is None else dtype
    return create_slot(primary, initializers.Zeros(), name, shape=primary.get_shape(), dtype=kind)
