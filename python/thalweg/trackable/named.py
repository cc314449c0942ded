"""Restoring from a checkpoint without a graph of objects: variables are found by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from thalweg.trackable.base import Trackable
from thalweg.trackable.object_graph import full_name, walk
from thalweg.trackable.restore import next_uid, takes_values


class NamedRestoration:
    """One checkpoint of names. `has(key)` and `read(key)` ask it."""

    def __init__(self, has: Callable[[str], bool], read: Callable[[str], Any]) -> None:
        self.uid = next_uid()
        self._has = has
        self._read = read

    def restore(self, root: Trackable, attached: Mapping[str, Any] | None = None) -> None:
        """Restores what lies below `root` already; later children follow when they come."""
        for node, _, _ in walk(root, attached):
            tracking = node._tracking
            if self not in tracking.named:
                tracking.named.append(self)
            name = full_name(node)
            if name and self._has(name) and tracking.update < self.uid:
                tracking.update = self.uid
                values = node._serialize_to_tensors()
                node._restore_from_tensors({key: self._read(name) for key in values})

    def unmatched(self, root: Trackable, attached: Mapping[str, Any] | None) -> list[Any]:
        """Objects with values that the checkpoint does not name."""
        return [
            node
            for node, _, _ in walk(root, attached)
            if takes_values(node) and node._tracking.update < self.uid
        ]

    def __deepcopy__(self, memo: Any) -> NamedRestoration:
        return self
