"""Trackable: an object that knows its children by name, and the values of its own to save.

Children that a checkpoint has and the object does not have yet are deferred: they are restored when
they are attached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.trackable.named import NamedRestoration
    from thalweg.trackable.restore import Position


#: What a variable's value is called among the values of an object.
VARIABLE_VALUE = "VARIABLE_VALUE"


class Tracking:
    """What an object knows of its place in a tree. `update` counts restorations: values of an
    earlier one do not overwrite those of a later one.
    """

    __slots__ = ("children", "deferred", "named", "update")

    def __init__(self) -> None:
        self.children: dict[str, Any] = {}  # in the order in which they were attached
        self.deferred: dict[str, list[Position]] = {}
        self.named: list[NamedRestoration] = []
        self.update = -1


class Trackable:
    """Base of what checkpoints can save. Subclasses need not call `__init__`."""

    _tracking_or_none: Tracking | None = None

    @property
    def _tracking(self) -> Tracking:
        tracking = self._tracking_or_none
        if tracking is None:
            tracking = Tracking()
            object.__setattr__(self, "_tracking_or_none", tracking)
        return tracking

    # --- children

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """Name -> child, in the order of the saved graph. ValueError if they cannot be told."""
        return dict(self._tracking.children)

    def _lookup_dependency(self, name: str, cached_dependencies: Any = None) -> Any:
        """The child of that name, None without one."""
        if cached_dependencies is not None:
            return cached_dependencies.get(name)
        return self._tracking.children.get(name)

    def _track_trackable(self, trackable: Any, name: str, overwrite: bool = False) -> Any:
        """Attaches a child, and gives it what was restored for it earlier."""
        if not isinstance(trackable, Trackable):
            raise TypeError(
                f"{type(self).__name__} can only track Trackable objects: {trackable!r}"
            )
        children = self._tracking.children
        current = children.get(name)
        if current is not None and current is not trackable and not overwrite:
            raise ValueError(
                f"Called Trackable._track_trackable() with name='{name}', but a Trackable with "
                f"this name is already declared as a dependency: {current!r}"
            )
        children[name] = trackable
        if current is not trackable:
            self._handle_deferred_dependencies(name, trackable)
        return trackable

    def _handle_deferred_dependencies(self, name: str, trackable: Any) -> None:
        tracking = self._tracking
        if not tracking.deferred and not tracking.named:
            return
        for position in sorted(
            tracking.deferred.pop(name, ()), key=lambda p: p.restoration.uid, reverse=True
        ):
            position.restore(trackable)
        for named in sorted(tracking.named, key=lambda n: n.uid, reverse=True):
            named.restore(trackable)

    def _delete_tracking(self, name: str) -> None:
        self._tracking.children.pop(name, None)

    def _no_dependency(self, value: Any) -> Any:
        return NoDependency(value)

    # --- values

    def _serialize_to_tensors(self) -> Mapping[str, Any]:
        """The object's own values by name: tensors, arrays, numbers or bytes."""
        return {}

    def _restore_from_tensors(self, restored_tensors: dict[str, Any]) -> Any:
        """Takes what `_serialize_to_tensors` gave, under the same names."""
        raise NotImplementedError(f"{type(self).__name__} has no values to restore")


class NoDependency:
    """Wraps a value on its way into an attribute, which then is not tracked."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value
