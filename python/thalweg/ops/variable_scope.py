"""Named, shared variables: `get_variable` and the scopes it looks them up in."""

from __future__ import annotations

import copy
import enum
import functools
from collections.abc import Callable, Sequence
from typing import Any

from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.graph import GraphKeys, Tensor
from thalweg.ops.variable_store import get_or_create, refuse, store_of_graph
from thalweg.ops.variables import Variable, VariableAggregation, VariableSynchronization


class _ReuseMode(enum.Enum):
    AUTO_REUSE = 1


AUTO_REUSE = _ReuseMode.AUTO_REUSE

_SCOPE_KEY = ("__varscope",)
_AUTO = VariableSynchronization.AUTO
_NONE = VariableAggregation.NONE


def no_regularizer(_: Any) -> None:
    """A regularizer that adds nothing, against one inherited from an outer scope."""
    return


class VariableScope:
    """A prefix for variable names, with defaults that `get_variable` uses inside it."""

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = dtypes.float32,
        use_resource: bool | None = None,
        constraint: Any = None,
    ) -> None:
        refuse(partitioner, use_resource, caching_device)
        self._name, self._reuse, self._initializer, self._regularizer = (
            name,
            reuse,
            initializer,
            regularizer,
        )
        self._custom_getter, self._dtype, self._constraint = custom_getter, dtype, constraint
        self._name_scope = name_scope

    @property
    def name(self) -> str:
        """The prefix of variables made here."""
        return self._name

    @property
    def original_name_scope(self) -> str:
        """The name scope that was opened with this scope."""
        return self._name_scope

    @property
    def reuse(self) -> Any:
        """False, True or AUTO_REUSE."""
        return self._reuse

    @property
    def initializer(self) -> Any:
        """The default initializer."""
        return self._initializer

    @property
    def regularizer(self) -> Any:
        """The default regularizer."""
        return self._regularizer

    @property
    def dtype(self) -> Any:
        """The default dtype."""
        return self._dtype

    @property
    def custom_getter(self) -> Any:
        """The function that wraps `get_variable`."""
        return self._custom_getter

    @property
    def constraint(self) -> Any:
        """The default constraint."""
        return self._constraint

    @property
    def use_resource(self) -> bool:
        """Always False: graph mode here has reference variables."""
        return False

    @property
    def caching_device(self) -> None:
        """Always None."""
        return

    @property
    def partitioner(self) -> None:
        """Always None."""
        return

    def reuse_variables(self) -> None:
        """From here on `get_variable` finds variables and makes none."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Sets the default initializer."""
        self._initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        """Sets the default regularizer."""
        self._regularizer = regularizer

    def set_dtype(self, dtype: Any) -> None:
        """Sets the default dtype."""
        self._dtype = dtype

    def set_custom_getter(self, custom_getter: Any) -> None:
        """Sets the function that wraps `get_variable`."""
        self._custom_getter = custom_getter

    def set_use_resource(self, use_resource: bool) -> None:
        """Accepts False only."""
        refuse(None, use_resource, None)

    def get_collection(self, name: str) -> list[Any]:
        """Members of a graph collection whose names start with this scope."""
        return ops.get_collection(name, self._name + "/" if self._name else "")

    def trainable_variables(self) -> list[Any]:
        """Trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """Global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """Local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def get_variable(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        reuse: Any = None,
        trainable: bool | None = None,
        collections: Sequence[str] | None = None,
        validate_shape: bool = True,
        custom_getter: Any = None,
        constraint: Any = None,
        synchronization: VariableSynchronization = _AUTO,
        aggregation: VariableAggregation = _NONE,
    ) -> Variable:
        """`get_variable` with this scope's prefix and defaults."""
        if regularizer is None:
            regularizer = self._regularizer
        if initializer is None:
            initializer = self._initializer
        if dtype is None:
            dtype = (
                initializer.dtype if isinstance(initializer, (Tensor, Variable)) else self._dtype
            )
        if isinstance(initializer, Tensor):
            dtype = initializer.dtype.base_dtype
        arguments = {
            "shape": shape,
            "dtype": dtypes.as_dtype(dtype).base_dtype,
            "initializer": initializer,
            "regularizer": regularizer,
            "reuse": self._reuse if reuse is None else reuse,
            "trainable": True if trainable is None else trainable,
            "collections": collections,
            "validate_shape": validate_shape,
            "constraint": self._constraint if constraint is None else constraint,
            "synchronization": synchronization,
            "aggregation": aggregation,
        }
        getter: Callable[..., Any] = get_or_create
        outer = custom_getter or self._custom_getter
        if outer is not None:
            getter = functools.partial(outer, getter)
        full_name = f"{self._name}/{name}" if self._name else name
        # Variables are named by variable scopes alone.
        with ops.name_scope(None):
            return getter(name=full_name, **arguments)


def get_variable_scope() -> VariableScope:
    """The variable scope of this place."""
    scopes = ops.get_collection_ref(_SCOPE_KEY)
    if not scopes:
        scopes.append(VariableScope(False))
    return scopes[0]


def _set_scope(scope: VariableScope) -> None:
    scopes = ops.get_collection_ref(_SCOPE_KEY)
    if scopes:
        scopes[0] = scope
    else:
        scopes.append(scope)


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Sequence[str] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: VariableSynchronization = _AUTO,
    aggregation: VariableAggregation = _NONE,
) -> Variable:
    """The variable of this name in the current scope: a new one, or the one made before where
    reuse is on.

    Floats are initialized by Glorot's uniform rule and integers with zeros unless told otherwise.

    Raises:
        ValueError: it exists and reuse is off, does not and reuse is on, or has another shape or
            dtype.
    """
    refuse(partitioner, use_resource, caching_device)
    return get_variable_scope().get_variable(
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        collections=collections,
        validate_shape=validate_shape,
        custom_getter=custom_getter,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def get_local_variable(name: str, *args: Any, **kwargs: Any) -> Variable:
    """`get_variable` for a variable that is neither saved nor trained."""
    kwargs["trainable"] = False
    kwargs["collections"] = [*(kwargs.get("collections") or []), GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, *args, **kwargs)


class variable_scope:
    """Context manager for a variable scope; opens a name scope of the same name.

    Args:
        name_or_scope: a name, a VariableScope to re-enter, or None with a `default_name` to make
            unique.
        reuse: True to share what exists, AUTO_REUSE to share or create, None to inherit.
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Sequence[Any] | None = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if name_or_scope is None and default_name is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if not isinstance(name_or_scope, (str, VariableScope, type(None))):
            raise TypeError(
                "VariableScope: name_or_scope must be a string or VariableScope, got "
                f"{name_or_scope!r}"
            )
        refuse(partitioner, use_resource, caching_device)
        if reuse is False:
            reuse = None  # what False has always meant: inherit
        if name_or_scope is None and reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        if auxiliary_name_scope not in (True, False):
            raise TypeError(
                "The auxiliary_name_scope must be `True` or `False`, while get "
                f"{auxiliary_name_scope}"
            )
        self._target, self._default_name, self._values = (
            name_or_scope,
            default_name,
            list(values or []),
        )
        self._reuse, self._auxiliary = reuse, auxiliary_name_scope
        self._overrides = {
            "_initializer": initializer,
            "_regularizer": regularizer,
            "_dtype": dtype,
            "_constraint": constraint,
        }
        self._custom_getter = custom_getter
        self._graph: Any = None

    def __enter__(self) -> VariableScope:
        values = [v for v in self._values if isinstance(v, Tensor)]
        self._graph = values[0].graph.as_default() if values else None
        if self._graph is not None:
            self._graph.__enter__()
        try:
            return self._enter()
        except BaseException:
            if self._graph is not None:
                self._graph.__exit__(None, None, None)
            raise

    def _enter(self) -> VariableScope:
        self._outer = outer = get_variable_scope()
        store = store_of_graph()
        target = self._target
        if isinstance(target, VariableScope):
            base, name = target, target.name
            label: str | None = name.rsplit("/", 1)[-1] or None
        else:
            base = outer
            local = (
                target
                if target is not None
                else _unique_scope(outer.name, self._default_name or "")
            )
            name = f"{outer.name}/{local}" if outer.name else local
            label = (local if target is not None else self._default_name) or None
        self._name_scope: Any = None
        opened = target.original_name_scope if isinstance(target, VariableScope) else ""
        if self._auxiliary and label:
            self._name_scope = ops.name_scope(label)
            opened = self._name_scope.__enter__()
        elif not opened:
            opened = ops.get_name_scope() + "/" if ops.get_name_scope() else ""
        scope = copy.copy(base)
        scope._name = name
        if not isinstance(target, VariableScope):
            scope._name_scope = opened
            scope._reuse = self._reuse or outer.reuse
        else:
            scope._reuse = self._reuse or target.reuse
        for key, value in self._overrides.items():
            if value is not None:
                setattr(scope, key, value)
        if self._custom_getter is not None:
            scope._custom_getter = _compose(base._custom_getter, self._custom_getter)
        self._saved = dict(store.scopes)
        store.open_scope(name)
        if isinstance(target, VariableScope):
            store.close_subscopes(name)
        _set_scope(scope)
        self._name = name
        return scope

    def __exit__(self, *exc: Any) -> None:
        store = store_of_graph()
        store.close_subscopes(self._name)
        if isinstance(self._target, VariableScope):
            store.scopes = self._saved
        _set_scope(self._outer)
        if self._name_scope is not None:
            self._name_scope.__exit__(*exc)
        if self._graph is not None:
            self._graph.__exit__(*exc)


def _unique_scope(outer: str, name: str) -> str:
    """`name`, numbered if a scope of that name was opened here before."""
    store = store_of_graph()
    full = f"{outer}/{name}" if outer else name
    if store.count(full) == 0:
        return name
    number = 1
    while store.count(f"{full}_{number}") > 0:
        number += 1
    return f"{name}_{number}"


def _compose(outer: Any, inner: Any) -> Any:
    """`inner` wrapped round `outer` wrapped round the getter."""
    if outer is None:
        return inner

    def both(getter: Any, *args: Any, **kwargs: Any) -> Any:
        return inner(functools.partial(outer, getter), *args, **kwargs)

    return both


def variable_op_scope(
    values: Sequence[Any], name_or_scope: Any, default_name: str | None = None, **kwargs: Any
) -> variable_scope:
    """`variable_scope` with the arguments in their first order."""
    return variable_scope(name_or_scope, default_name, values, **kwargs)
