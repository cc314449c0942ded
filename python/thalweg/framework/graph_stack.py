"""The graphs that threads have entered, and eager mode among them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from thalweg import _core

if TYPE_CHECKING:
    from thalweg.framework.graph import Graph

_NO_CONTEXT = object()


class _GraphStack(threading.local):
    """The contexts entered on this thread, innermost last: graphs, and None where eager mode is on
    again.
    """

    def __init__(self) -> None:
        self.entered: list[Graph | None] = []

    def push(self, graph: Graph | None) -> None:
        self.entered.append(graph)
        _core.set_thread_mode(1 if graph is None else 0)

    def pop(self) -> None:
        self.entered.pop()
        top = self.entered[-1] if self.entered else _NO_CONTEXT
        _core.set_thread_mode(-1 if top is _NO_CONTEXT else 1 if top is None else 0)


graph_stack = _GraphStack()


class DefaultGraph:
    """`with` it, new nodes of this thread go to the graph."""

    __slots__ = ("graph",)

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __enter__(self) -> Graph:
        graph_stack.push(self.graph)
        return self.graph

    def __exit__(self, *error: Any) -> None:
        entered = graph_stack.entered
        if not entered or entered[-1] is not self.graph:
            raise AssertionError(
                f"Nesting violated for default stack of {type(self.graph)} objects"
            )
        graph_stack.pop()


@contextmanager
def eager_mode() -> Iterator[None]:
    """Ops run when they are called, on this thread and inside the block."""
    graph_stack.push(None)
    try:
        yield
    finally:
        graph_stack.pop()
