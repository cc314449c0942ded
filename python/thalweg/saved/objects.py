"""The tree of objects that a SavedModel is of: like that of a checkpoint, with functions in it."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Mapping
from typing import Any

from thalweg.eager.concrete_function import ConcreteFunction
from thalweg.eager.function import Function
from thalweg.trackable.base import Trackable
from thalweg.trackable.containers import DictWrapper, ListWrapper
from thalweg.trackable.object_graph import escape


def is_function(value: Any) -> bool:
    return isinstance(value, (Function, ConcreteFunction))


class SignatureMap(Trackable, Mapping[str, Any]):
    """Signatures by key."""

    def __init__(self, signatures: Mapping[str, Any]) -> None:
        self._signatures = dict(signatures)

    def __getitem__(self, key: str) -> Any:
        return self._signatures[key]

    def __iter__(self) -> Any:
        return iter(self._signatures)

    def __len__(self) -> int:
        return len(self._signatures)

    def __repr__(self) -> str:
        return f"_SignatureMap({self._signatures})"


def functions_of(node: Any) -> dict[str, Any]:
    """The functions that an object has for attributes, items or methods, by name."""
    if isinstance(node, SignatureMap):
        return dict(node)
    if isinstance(node, ListWrapper):
        return {str(i): item for i, item in enumerate(node) if is_function(item)}
    if isinstance(node, DictWrapper):
        return {k: v for k, v in node.items() if isinstance(k, str) and is_function(v)}
    found = {}
    for name in dir(type(node)):
        # Properties are not run: what they do is not known.
        if isinstance(inspect.getattr_static(type(node), name, None), Function):
            found[name] = getattr(node, name)
    for name, value in getattr(node, "__dict__", {}).items():
        if is_function(value):
            found[name] = value
    return dict(sorted(found.items()))


class Node:
    """An object, its key in checkpoints, and its children by name."""

    __slots__ = ("children", "path", "value")

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path
        self.children: dict[str, Any] = {}


def tree(root: Trackable, signatures: SignatureMap) -> list[Node]:
    """All objects, nearest first; the root has the signatures for a child, whatever else was called
    so.
    """
    nodes = [Node(root, "")]
    seen = {id(root)}
    queue = deque(nodes)
    while queue:
        node = queue.popleft()
        if is_function(node.value):
            continue
        children = dict(node.value._trackable_children())
        children.update({k: v for k, v in functions_of(node.value).items() if k not in children})
        if node.value is root:
            children["signatures"] = signatures
        node.children = children
        for name, child in children.items():
            if id(child) not in seen:
                seen.add(id(child))
                path = f"{node.path}/{escape(name)}" if node.path else escape(name)
                nodes.append(Node(child, path))
                queue.append(nodes[-1])
    return nodes
