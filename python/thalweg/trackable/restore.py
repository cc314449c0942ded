"""Restoring a tree of objects from a checkpoint that has a graph of them.

The graph and the live tree are walked together, by the names of children. Where the live tree ends
early, the rest waits at its last object and goes on when the child is attached.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from thalweg.platform import logging
from thalweg.trackable.base import Trackable
from thalweg.trackable.object_graph import TrackableObjectGraph, node_paths, unescape

_uids = itertools.count()


def next_uid() -> int:
    """Numbers restorations: a later one wins."""
    return next(_uids)


def takes_values(node: Any) -> bool:
    """Whether an object has values of its own."""
    return type(node)._serialize_to_tensors is not Trackable._serialize_to_tensors


class Restoration:
    """One checkpoint on its way into objects. `read(key)` gives a value; `attached` are children
    of the root that it does not have itself.
    """

    def __init__(
        self,
        graph: TrackableObjectGraph,
        read: Callable[[str], Any],
        attached: Mapping[str, Any] | None = None,
    ) -> None:
        self.uid = next_uid()
        self.graph = graph
        self.read = read
        self.attached = dict(attached or {})
        self.unused: dict[int, list[str]] = {}  # node -> attributes that its object does not take
        self.missing: dict[int, list[str]] = {}  # node -> attributes that the checkpoint lacks
        self.quiet = False
        self._objects: dict[int, Callable[[], Any]] = {}  # node -> the object, while it lives

    def object(self, node: int) -> Any:
        """The object that a node of the graph was restored into, None if none."""
        found = self._objects.get(node)
        return None if found is None else found()

    def bound(self) -> dict[int, Any]:
        """Node -> object, of those that have one."""
        found = {node: reference() for node, reference in self._objects.items()}
        return {node: made for node, made in found.items() if made is not None}

    def bind(self, node: int, made: Any) -> bool:
        """Whether the object is new to this node: what lies below it is still to be done."""
        current = self.object(node)
        if current is None:
            try:
                self._objects[node] = weakref.ref(made)
            except TypeError:  # tuples cannot be referred to weakly
                self._objects[node] = lambda: made
            return True
        if current is not made:
            logging.warning(
                "Inconsistent references when loading the checkpoint into this object graph: "
                f"{node_paths(self.graph)[node]} is one object in the checkpoint, but two in the "
                f"Python program, {current!r} and {made!r}. The second is not restored."
            )
        return False

    def restore_values(self, node: int, made: Any) -> None:
        """Hands an object the values of its node, unless a later restoration was faster."""
        tracking = made._tracking
        if self.uid <= tracking.update:
            return
        tracking.update = self.uid
        stored = {unescape(a.name): a.checkpoint_key for a in self.graph.nodes[node].attributes}
        wanted = list(made._serialize_to_tensors()) if takes_values(made) else []
        missing = [name for name in wanted if name not in stored]
        if missing:
            self.missing[node] = missing
        elif wanted:
            made._restore_from_tensors({name: self.read(stored[name]) for name in wanted})
        unused = [name for name in stored if missing or name not in wanted]
        if unused:
            self.unused[node] = unused

    def unrestored(self) -> list[str]:
        """Paths of the nodes with values that no object took."""
        paths = node_paths(self.graph)
        return [
            paths[i]
            for i, node in enumerate(self.graph.nodes)
            if node.attributes and i not in self._objects
        ]

    def _warnings(self) -> list[str]:
        paths = node_paths(self.graph)
        found = [
            f"Value in checkpoint could not be found in the restored object: {path}"
            for path in self.unrestored()
        ]
        for there, not_there, attributes in (
            ("restored object", "checkpoint", self.missing),
            ("checkpoint", "restored object", self.unused),
        ):
            found += [
                f"An attribute in the {there} could not be found in the {not_there}. "
                f"Object: {paths[node]}, attribute: {names}"
                for node, names in attributes.items()
            ]
        return found

    def __del__(self) -> None:
        """Nobody waits any more: what was not restored never will be."""
        if self.quiet or sys.is_finalizing():
            return
        found = self._warnings()
        if found:
            logging.warning(
                "Detecting that an object or model or tf.train.Checkpoint is being deleted with "
                "unrestored values. See the following logs for the specific values in question. "
                "To silence these warnings, use `status.expect_partial()`."
            )
        for text in found:
            logging.warning(text)

    def __deepcopy__(self, memo: Any) -> Restoration:
        return self  # copies of an object wait for the same checkpoint


class Position:
    """A node of the graph that waits for its object."""

    __slots__ = ("node", "restoration")

    def __init__(self, restoration: Restoration, node: int) -> None:
        self.restoration = restoration
        self.node = node

    def restore(self, made: Trackable) -> None:
        """Restores the object and all that lies below it already."""
        restoration = self.restoration
        queue = deque([(self.node, made)])
        while queue:
            node, made = queue.popleft()
            if not restoration.bind(node, made):
                continue
            restoration.restore_values(node, made)
            for child in restoration.graph.nodes[node].children:
                found = made._lookup_dependency(child.local_name)
                if found is None and node == 0:
                    found = restoration.attached.get(child.local_name)
                if found is None:
                    waiting = made._tracking.deferred.setdefault(child.local_name, [])
                    waiting.append(Position(restoration, child.node_id))
                else:
                    queue.append((child.node_id, found))

    def __deepcopy__(self, memo: Any) -> Position:
        return self
