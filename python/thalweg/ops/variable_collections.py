"""The variables of a graph by collection, what initializes them, and which of them have a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant
from thalweg.framework.graph import GraphKeys, Operation, Tensor
from thalweg.ops import array, control, indexing, state


def global_variables(scope: str | None = None) -> list[Any]:
    """Variables of the GLOBAL_VARIABLES collection."""
    return ops.get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Any]:
    """Variables of the LOCAL_VARIABLES collection."""
    return ops.get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """Variables of the MODEL_VARIABLES collection."""
    return ops.get_collection(GraphKeys.MODEL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """Variables of the TRAINABLE_VARIABLES collection."""
    return ops.get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """Variables that have moving averages."""
    return ops.get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def all_variables() -> list[Any]:
    """`global_variables` under its first name."""
    return global_variables()


# --- initialization ----------------------------------------------------------------------------


def variables_initializer(var_list: Sequence[Any], name: str = "init") -> Operation:
    """One op that initializes all of `var_list`."""
    return control.group(*[v.initializer for v in var_list], name=name)


def global_variables_initializer() -> Operation:
    """One op that initializes every global variable created so far."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """One op that initializes every local variable created so far."""
    return variables_initializer(local_variables())


def initialize_variables(var_list: Sequence[Any], name: str = "init") -> Operation:
    """`variables_initializer` under its first name."""
    return variables_initializer(var_list, name)


def initialize_all_variables() -> Operation:
    """`global_variables_initializer` under its first name."""
    return global_variables_initializer()


def initialize_local_variables() -> Operation:
    """`local_variables_initializer` under its first name."""
    return local_variables_initializer()


def is_variable_initialized(variable: Any) -> Tensor:
    """Whether the variable has a value in the session that runs this."""
    return state.is_variable_initialized(variable)


def report_uninitialized_variables(
    var_list: Sequence[Any] | None = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """Names (a string vector) of the global and local variables without a value."""
    if var_list is None:
        var_list = global_variables() + local_variables()
    with ops.name_scope(name):
        if not var_list:
            return constant(np.array([], object), dtypes.string, shape=[0])
        flags = array.stack([state.is_variable_initialized(v) for v in var_list])
        missing = raw_ops.LogicalNot(flags)
        names = constant([v.op.name for v in var_list], dtypes.string)
        return indexing.boolean_mask(names, missing)


def assert_variables_initialized(var_list: Sequence[Any] | None = None) -> Any:
    """A tensor whose computation fails unless all variables (the global and local ones) have
    values.
    """
    if var_list is None:
        var_list = global_variables() + local_variables()
    if not var_list:
        return None
    ranks = [raw_ops.Rank(v._ref()) for v in var_list]
    return ranks[0] if len(ranks) == 1 else array.stack(ranks)
