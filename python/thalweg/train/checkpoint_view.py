"""Trees looked at, not saved or restored: a checkpoint's, a program's, and what they share."""

from __future__ import annotations

import os
from collections import deque
from typing import Any

from thalweg.trackable.base import Trackable
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY, read_graph, walk
from thalweg.train.checkpoint_reader import CheckpointReader


class TrackableView:
    """The tree below a live object."""

    def __init__(self, root: Trackable) -> None:
        self._root = root

    @property
    def root(self) -> Trackable:
        return self._root

    @classmethod
    def children(cls, obj: Any, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """Name -> child."""
        found: dict[str, Any] = obj._trackable_children(save_type, **kwargs)
        return found

    def descendants(self) -> list[Any]:
        """All objects, nearest to the root first."""
        return [node for node, _, _ in walk(self._root)]


class CheckpointView:
    """The tree that a checkpoint of objects has: nodes are numbers, the root is 0.

    Raises:
        NotFoundError: there is no such checkpoint.
        ValueError: it has names alone.
    """

    def __init__(self, save_path: Any) -> None:
        path = os.fspath(save_path)
        reader = CheckpointReader(path)
        if not reader.has_tensor(OBJECT_GRAPH_KEY):
            raise ValueError(
                f'The specified checkpoint "{path}" does not appear to be object-based (saved with '
                f'TF2) since it is missing the key "{OBJECT_GRAPH_KEY}". Likely it was created '
                "with the TF1 name-based saver and does not contain an object dependency graph."
            )
        self._graph = read_graph(reader.get_tensor(OBJECT_GRAPH_KEY))

    def children(self, node_id: int) -> dict[str, int]:
        """Name -> node."""
        return {c.local_name: c.node_id for c in self._graph.nodes[node_id].children}

    def descendants(self) -> list[int]:
        """All nodes that the root leads to, nearest first."""
        found = [0]
        for node in found:
            found += [n for n in dict.fromkeys(self.children(node).values()) if n not in found]
        return found

    def match(self, obj: Trackable) -> dict[int, Any]:
        """Node -> the object of the program that a restoration would give its values to."""
        matched: dict[int, Any] = {0: obj}
        queue = deque([0])
        while queue:
            node = queue.popleft()
            for name, child in self.children(node).items():
                made = matched[node]._lookup_dependency(name)
                if made is not None and child not in matched:
                    matched[child] = made
                    queue.append(child)
        return matched

    def diff(self, obj: Trackable) -> tuple[dict[int, Any], list[int], list[Any]]:
        """What matches, nodes that no object stands for, and objects that no node stands for."""
        matched = self.match(obj)
        taken = {id(made) for made in matched.values()}
        nodes = [node for node in self.descendants() if node not in matched]
        return matched, nodes, [o for o in TrackableView(obj).descendants() if id(o) not in taken]
