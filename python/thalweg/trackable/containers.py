"""Lists, tuples and dictionaries as nodes of a tree.

`wrap` makes of a built-in container a subclass of it that tracks its items. The container that was
given stays the wrapper's twin: changes of the wrapper reach it, changes behind the wrapper's back
are found when a checkpoint is saved.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, SupportsIndex

from thalweg.trackable.base import NoDependency, Trackable

_MISSING = object()


def wrap(value: Any) -> Any:
    """The wrapper of a list, a dictionary, or a tuple that has something to track; else `value`."""
    kind = type(value)
    if kind is list:
        return ListWrapper(value)
    if kind is dict:
        return DictWrapper(value)
    if kind is OrderedDict:
        return OrderedDictWrapper(value)
    if kind is NoDependency:
        return value.value
    if isinstance(value, tuple) and not isinstance(value, Trackable):
        items = [wrap(item) for item in value]
        if any(isinstance(item, Trackable) for item in items):
            return _tuple_class(kind)._of(items)  # type: ignore[arg-type]
    return value


def _same(a: Iterable[Any], b: Iterable[Any]) -> bool:
    a, b = list(a), list(b)
    return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))


class TrackedContainer(Trackable):
    """What the wrappers share. Equality and hashing are the container's."""

    _kind = "list"
    _made = "a list wrapper constructed to track trackable TensorFlow objects"

    def _add(self, name: Any, item: Any) -> Any:
        item = wrap(item)
        if isinstance(item, Trackable) and isinstance(name, str):
            self._track_trackable(item, name, overwrite=True)
        return item

    def _refuse(self, why: str) -> None:
        """Raises the error of a container that cannot be saved."""
        raise ValueError(
            f"Unable to save the object {self!r} ({self._made}). {why}\n\nIf you don't need this "
            f"{self._kind} checkpointed, wrap it in a non-trackable object; it will be "
            "subsequently ignored."
        )

    def _refuse_outside_change(self, now: Any, then: Any) -> None:
        self._refuse(
            f"The wrapped {self._kind} was modified outside the wrapper (its final value was "
            f"{now}, its value when a checkpoint dependency was added was {then}), which breaks "
            "restoration on object creation."
        )


class ListWrapper(TrackedContainer, list[Any]):
    """A list whose items have their positions for names. Items may be appended; a list of which
    tracked items were replaced, removed or moved cannot be saved, because their names would change.
    """

    def __init__(self, wrapped_list: Iterable[Any] = ()) -> None:
        self._twin = wrapped_list if type(wrapped_list) is list else list(wrapped_list)
        self._seen = list(self._twin)  # the twin as we left it
        self._moved = False
        list.__init__(self, [self._add(str(i), item) for i, item in enumerate(self._seen)])

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        if self._moved:
            self._refuse(
                "A list element was replaced (__setitem__, __setslice__), deleted (__delitem__, "
                "__delslice__), or moved (sort). In order to support restoration on object "
                "creation, tracking is exclusively for append-only data structures."
            )
        if not _same(self._twin, self._seen):
            self._refuse_outside_change(self._twin, self._seen)
        return super()._trackable_children(save_type, **kwargs)

    def _change(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Runs a list's method on the twin, unless that went its own way, and follows."""
        raw = self._twin if _same(self._twin, self._seen) else list(self._seen)
        method(raw, *args, **kwargs)
        items = {id(r): item for r, item in zip(self._seen, self, strict=True)}
        before = dict(self._tracking.children)
        self._tracking.children.clear()
        made = [self._add(str(i), items.get(id(r), r)) for i, r in enumerate(raw)]
        list.__setitem__(self, slice(None), made)
        self._seen[:] = raw
        after = self._tracking.children
        self._moved |= any(after.get(name) is not child for name, child in before.items())

    def append(self, item: Any) -> None:
        if len(self._twin) == len(self._seen):  # the whole truth is asked for when it is saved
            self._twin.append(item)
        self._seen.append(item)
        list.append(self, self._add(str(len(self)), item))

    def extend(self, items: Iterable[Any]) -> None:
        for item in list(items):
            self.append(item)

    def __iadd__(self, items: Iterable[Any]) -> Any:  # type: ignore[misc]
        self.extend(items)
        return self

    def __imul__(self, count: SupportsIndex) -> Any:
        self._change(list.__imul__, count)
        return self

    def __setitem__(self, at: Any, item: Any) -> None:
        self._change(list.__setitem__, at, item)

    def __delitem__(self, at: Any) -> None:
        self._change(list.__delitem__, at)

    def insert(self, at: SupportsIndex, item: Any) -> None:
        self._change(list.insert, at, item)

    def pop(self, at: SupportsIndex = -1) -> Any:
        item = self[at]
        self._change(list.pop, at)
        return item

    def remove(self, item: Any) -> None:
        self._change(list.__delitem__, self.index(item))

    def clear(self) -> None:
        self._change(list.clear)

    def reverse(self) -> None:
        self._change(list.reverse)

    def sort(self, **kwargs: Any) -> None:
        self._change(list.sort, **kwargs)

    def copy(self) -> ListWrapper:
        return ListWrapper(list(self))

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> ListWrapper:
        made = memo[id(self)] = ListWrapper([])
        made.extend(copy.deepcopy(item, memo) for item in self)
        made._moved = self._moved
        return made

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return ListWrapper, (list(self),)

    def __repr__(self) -> str:
        return f"ListWrapper({list(self)!r})"


class DictWrapper(TrackedContainer, dict[Any, Any]):
    """A dictionary whose values have their keys for names. They may be replaced and removed."""

    _kind = "dictionary"
    _made = "a dictionary wrapper constructed automatically on attribute assignment"

    def __init__(self, wrapped_dict: Any = (), /, **values: Any) -> None:
        super().__init__()
        is_twin = type(wrapped_dict) in (dict, OrderedDict) and not values
        self._twin = wrapped_dict if is_twin else dict(wrapped_dict, **values)
        self._seen: dict[Any, Any] = {}  # the twin as we left it
        for key, value in self._twin.items():
            self._put(key, value)

    def _put(self, key: Any, value: Any) -> None:
        self._seen[key] = value
        made = self._add(key, value)
        if not isinstance(made, Trackable) and isinstance(key, str):
            self._delete_tracking(key)
        super().__setitem__(key, made)

    def _in_step(self) -> bool:
        return _same(self._twin.keys(), self._seen.keys()) and _same(
            self._twin.values(), self._seen.values()
        )

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        if any(isinstance(v, Trackable) and not isinstance(k, str) for k, v in self.items()):
            self._refuse(
                "The wrapped dictionary contains a non-string key which maps to a trackable "
                "object or mutable data structure."
            )
        if not self._in_step():
            self._refuse_outside_change(self._twin, self._seen)
        return super()._trackable_children(save_type, **kwargs)

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self._twin) == len(self._seen):  # the whole truth is asked for when it is saved
            self._twin[key] = value
        self._put(key, value)

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        if len(self._twin) == len(self._seen):
            self._twin.pop(key, None)
        del self._seen[key]
        if isinstance(key, str):
            self._delete_tracking(key)

    def update(self, other: Any = (), /, **values: Any) -> None:
        for key, value in dict(other, **values).items():
            self[key] = value

    def __ior__(self, other: Any) -> Any:  # type: ignore[misc]
        self.update(other)
        return self

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: Any, default: Any = _MISSING) -> Any:
        if key not in self and default is not _MISSING:
            return default
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> Any:
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self) -> None:
        for key in list(self):
            del self[key]

    def copy(self) -> Any:
        return type(self)(self._plain())

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        made = memo[id(self)] = type(self)()
        for key, value in self.items():
            made[key] = copy.deepcopy(value, memo)
        return made

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        return type(self), (self._plain(),)

    def _plain(self) -> Mapping[Any, Any]:
        return dict(self)

    def __repr__(self) -> str:
        return f"DictWrapper({dict(self)!r})"


class OrderedDictWrapper(DictWrapper, OrderedDict[Any, Any]):  # type: ignore[misc]
    """The same of an ordered dictionary."""

    def _plain(self) -> Mapping[Any, Any]:
        return OrderedDict(self)

    def __repr__(self) -> str:
        return f"DictWrapper({OrderedDict(self)!r})"


@cache
def _tuple_class(kind: type) -> Any:
    """The wrapper of a tuple, or of one named tuple: an instance of it. Items have their positions
    for names, or those of the fields.
    """
    fields = getattr(kind, "_fields", None)

    class TupleWrapper(TrackedContainer, kind):  # type: ignore[misc]
        _kind = "tuple"
        _made = "a tuple wrapper constructed to track trackable TensorFlow objects"

        @classmethod
        def _of(cls, items: list[Any]) -> Any:
            made = tuple.__new__(cls, items)
            for name, item in zip(fields or map(str, range(len(items))), items, strict=True):
                made._add(name, item)
            return made

        def _plain(self) -> Any:
            return kind(*self) if fields else kind(self)

        def __copy__(self) -> Any:
            return wrap(self._plain())

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            made = [copy.deepcopy(item, memo) for item in self]
            return type(self)._of(made)

        def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
            return wrap, (self._plain(),)

        def __repr__(self) -> str:
            return f"_TupleWrapper({self._plain()!r})"

    TupleWrapper.__name__ = TupleWrapper.__qualname__ = f"{kind.__name__.capitalize()}Wrapper"
    return TupleWrapper
