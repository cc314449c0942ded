"""The variables of a graph by full name: found, or made."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.graph import GraphKeys, Tensor
from thalweg.framework.shapes import TensorShape
from thalweg.ops import initializers
from thalweg.ops.variables import Variable, VariableAggregation, VariableSynchronization

_STORE_KEY = ("__variable_store",)


def refuse(partitioner: Any, use_resource: Any, caching_device: Any) -> None:
    """Raises NotImplementedError for what there is not here."""
    if partitioner is not None:
        raise NotImplementedError("variable_scope: partitioned variables are not supported")
    if use_resource:
        raise NotImplementedError(
            "variable_scope: resource variables are not supported; leave use_resource unset"
        )
    if caching_device is not None:
        raise NotImplementedError("variable_scope: caching_device is not supported")


class VariableStore:
    """The variables of one graph by full name, and how often each scope name was opened."""

    def __init__(self) -> None:
        self.variables: dict[str, Variable] = {}
        self.scopes: dict[str, int] = {}

    def open_scope(self, name: str) -> None:
        self.scopes[name] = self.scopes.get(name, 0) + 1

    def close_subscopes(self, name: str) -> None:
        """A scope entered again numbers its inner default names from the start."""
        for key in self.scopes:
            if name is None or key.startswith(f"{name}/"):
                self.scopes[key] = 0

    def count(self, name: str) -> int:
        return self.scopes.get(name, 0)


def store_of_graph() -> VariableStore:
    graph = ops.get_default_graph().outermost()
    stores = graph.get_collection_ref(_STORE_KEY)
    if not stores:
        stores.append(VariableStore())
    return stores[0]


def get_or_create(
    name: str,
    shape: Any = None,
    dtype: Any = dtypes.float32,
    initializer: Any = None,
    regularizer: Any = None,
    reuse: Any = None,
    trainable: bool | None = None,
    collections: Sequence[str] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    constraint: Any = None,
    synchronization: VariableSynchronization = VariableSynchronization.AUTO,
    aggregation: VariableAggregation = VariableAggregation.NONE,
) -> Variable:
    """The variable of this full name: found, or made when `reuse` allows it."""
    refuse(partitioner, use_resource, caching_device)
    store = store_of_graph()
    dtype = dtypes.as_dtype(dtype).base_dtype
    # The slash that makes a name be used as it is belongs to the scope, not to the variable.
    key = name.rstrip("/")
    found = store.variables.get(key)
    static = None if shape is None else TensorShape(shape)
    if found is not None:
        if not reuse:
            raise ValueError(
                f"Variable {key} already exists, disallowed. Did you mean to set reuse=True or "
                "reuse=tf.AUTO_REUSE in VarScope? Originally defined at: "
                + found.graph.core.node_site(found.op._id)
            )
        if static is not None and not static.is_compatible_with(found.shape):
            raise ValueError(
                f"Trying to share variable {key}, but specified shape {static} and found shape "
                f"{found.shape}."
            )
        if not dtype.is_compatible_with(found.dtype.base_dtype):
            raise ValueError(
                f"Trying to share variable {key}, but specified dtype {dtype.name} and found dtype "
                f"{found.dtype.name}."
            )
        return found
    if reuse is True:
        raise ValueError(
            f"Variable {key} does not exist, or was not created with tf.get_variable(). Did you "
            "mean to set "
            "reuse=tf.AUTO_REUSE in VarScope?"
        )
    value, value_dtype = _initial_value(key, static, dtype, initializer, validate_shape)
    variable = Variable(
        value,
        trainable=trainable,
        collections=collections,
        validate_shape=validate_shape,
        name=name,
        dtype=value_dtype,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )
    store.variables[key] = variable
    if regularizer is not None:
        with ops.colocate_with(variable.op), ops.name_scope(key + "/Regularizer/"):
            loss = regularizer(variable)
        if loss is not None:
            ops.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _initial_value(
    name: str,
    shape: TensorShape | None,
    dtype: dtypes.DType,
    initializer: Any,
    validate_shape: bool,
) -> tuple[Any, Any]:
    """What to hand to Variable: a value, or a function that makes it under the variable's name."""
    if initializer is None:
        initializer = _default_initializer(name, dtype)
    if isinstance(initializer, type):
        initializer = initializer()
    if not callable(initializer) or isinstance(initializer, (Tensor, Variable)):
        if shape is not None:
            raise ValueError("If initializer is a constant, do not specify shape.")
        return initializer, None
    if shape is None:
        if not isinstance(initializer, initializers.Initializer):
            return initializer, None
        raise ValueError(
            f"Variable {name} did not get an initializer, so its `shape` argument must be "
            "specified."
        )
    if validate_shape and not shape.is_fully_defined():
        raise ValueError(
            f"Shape of a new variable ({name}) must be fully defined, but instead was {shape}."
        )
    return functools.partial(initializer, shape.as_list(), dtype=dtype), dtype


def _default_initializer(name: str, dtype: dtypes.DType) -> initializers.Initializer:
    if dtype.is_floating:
        return initializers.GlorotUniform()
    if dtype.is_integer or dtype in (dtypes.bool, dtypes.string):
        return initializers.Zeros()
    raise ValueError(f"An initializer for variable {name} of {dtype!r} is required")
