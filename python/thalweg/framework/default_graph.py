"""The default graph: which one it is, its scopes and its collections. In eager mode, where there is
none, scopes of names and devices are this thread's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from thalweg import _core
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.graph import Graph
from thalweg.framework.graph_stack import graph_stack
from thalweg.framework.scope_names import name_from_scope_name
from thalweg.framework.scopes import Restore, eager_scopes
from thalweg.framework.tensor import Operation, SymbolicTensor, TensorLike

_global_graph: Graph | None = None


@contextmanager
def graph_mode() -> Iterator[None]:
    """Ops become nodes of the default graph, on this thread and inside the block."""
    with get_default_graph().as_default():
        yield


def get_default_graph() -> Graph:
    """The graph new nodes go to: the innermost `as_default()` of this thread, else one per
    process.
    """
    stack = graph_stack.entered
    if stack and stack[-1] is not None:
        return stack[-1]
    return get_global_graph()


def get_global_graph() -> Graph:
    """The process's own graph."""
    global _global_graph
    if _global_graph is None:
        _global_graph = Graph()
    return _global_graph


def has_default_graph() -> bool:
    stack = graph_stack.entered
    return bool(stack) and stack[-1] is not None


def reset_default_graph() -> None:
    """Starts over with an empty default graph."""
    global _global_graph
    if graph_stack.entered:
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared "
            "graph, exit the nesting and create a new graph."
        )
    _global_graph = Graph()


def graph_of(values: Iterable[Any]) -> Graph:
    """The graph the symbolic values among `values` belong to (all to one), else the default
    graph.
    """
    first = None
    default = get_default_graph()
    if default.building_function:  # captures what is not its own
        return default
    for value in values:
        if isinstance(value, (list, tuple)):
            items: Iterable[Any] = value
        else:
            items = (value,)
        for item in items:
            graph = (
                item.graph
                if isinstance(item, (SymbolicTensor, Operation))
                else _variable_graph(item)
            )
            if graph is None:
                continue
            if first is None:
                first, found = item, graph
            elif graph is not found:
                raise ValueError(f"{item} must be from the same graph as {first}.")
    return default if first is None else found


def _variable_graph(item: Any) -> Graph | None:
    return (
        item.graph if isinstance(item, TensorLike) and not isinstance(item, EagerTensor) else None
    )


class name_scope:
    """`with name_scope(name, default_name, values) as scope`: a name scope in the graph of
    `values`.
    """

    __slots__ = ("_default_name", "_exits", "_name", "_values")

    def __init__(
        self, name: str | None, default_name: str | None = None, values: Any = None
    ) -> None:
        if not (default_name is None or isinstance(default_name, str)):
            raise TypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. You likely "
                "meant to pass this into the `values` kwarg."
            )
        if name is None and default_name is None and values is not None:
            raise ValueError(
                f"At least one of name ({name}) and default_name ({default_name}) should be "
                "provided."
            )
        self._name = default_name if name is None else name
        self._default_name = default_name
        self._values = values
        self._exits: list[tuple[Any, Any]] = []

    @property
    def name(self) -> str | None:
        return self._name

    def __enter__(self) -> str:
        if _core.executing_eagerly():
            return self._enter_eagerly()
        graph = get_default_graph() if self._values is None else graph_of(self._values)
        default = None
        if graph is not get_default_graph():
            default = graph.as_default()
            default.__enter__()
        try:
            scope = graph.name_scope(self._name)
        except (TypeError, ValueError):
            if default is not None:
                default.__exit__()
            raise
        self._exits.append((scope, default))
        return scope.__enter__()

    def _enter_eagerly(self) -> str:
        """Names are for variables only here, and are not made unique."""
        name = self._name or ""
        if name and not name.endswith("/"):
            name = f"{eager_scopes.name}{name}/"
        scope = Restore(eager_scopes, {"name": name}, name)
        self._exits.append((scope, None))
        return scope.__enter__()

    def __exit__(self, *error: Any) -> None:
        scope, default = self._exits.pop()
        scope.__exit__(*error)
        if default is not None:
            default.__exit__(*error)


def get_name_scope() -> str:
    """The current name scope, without a trailing slash."""
    if _core.executing_eagerly():
        return name_from_scope_name(eager_scopes.name)
    return get_default_graph().get_name_scope()


def device(device_name_or_function: Any) -> Any:
    if _core.executing_eagerly():
        from thalweg.eager.device import eager_device

        return eager_device(device_name_or_function, eager_scopes)
    return get_default_graph().device(device_name_or_function)


def control_dependencies(control_inputs: Any) -> Any:
    if _core.executing_eagerly():  # what was called before has been done before
        if callable(control_inputs):
            control_inputs()
        return nullcontext()
    return get_default_graph().control_dependencies(control_inputs)


def container(container_name: str) -> Any:
    return get_default_graph().container(container_name)


def colocate_with(op: Any, ignore_existing: bool = False) -> Any:
    return get_default_graph().colocate_with(op, ignore_existing)


@contextmanager
def init_scope() -> Iterator[None]:
    """Outside of all functions being traced: in eager mode, or in the graph that they are called
    from. Nodes made inside depend on nothing outside: no control inputs, no name or device scope.
    """
    stack = graph_stack.entered
    depth = len(stack)
    while depth and (top := stack[depth - 1]) is not None and top.building_function:
        depth -= 1
    outer = stack[depth - 1] if depth else (None if _core.process_eager() else get_global_graph())
    if outer is None:
        graph_stack.push(None)
        try:
            yield
        finally:
            graph_stack.pop()
        return
    with outer.as_default(), outer.control_dependencies(None):
        yield


def add_to_collection(name: Any, value: Any) -> None:
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    return get_default_graph().get_collection_ref(key)


def get_all_collection_keys() -> list[str]:
    return get_default_graph().get_all_collection_keys()
