"""Fetches of any nesting, as flat lists of tensors and operations, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from thalweg.framework.composite import (
    IndexedSlices,
    IndexedSlicesValue,
    SparseTensor,
    SparseTensorValue,
)
from thalweg.framework.graph import Graph
from thalweg.framework.tensor import Tensor

# How the core makes the structure of results: the number of a result, None, ("list", parts),
# ("tuple", parts), ("dict", keys, parts) or ("call", function, parts).
Structure = Any


class FlatFetches:
    """The distinct tensors and operations of a fetch structure; `structure` describes what to make
    of the results. `plain`: a structure of the same containers with the same objects in it means
    the same.
    """

    def __init__(self, graph: Graph, fetches: Any) -> None:
        self.graph = graph
        self.tensors: dict[Any, int] = {}
        self.targets: dict[Any, None] = {}
        self.plain = True
        self.structure: Structure = self._add(fetches)

    def _add(self, fetch: Any) -> Structure:
        if fetch is None:
            raise TypeError(
                f'Argument `fetch` = {fetch} has invalid type "NoneType". Cannot be None'
            )
        if isinstance(fetch, tuple) and hasattr(fetch, "_fields") and hasattr(fetch, "_make"):
            return ("call", type(fetch), [self._add(f) for f in fetch])
        if isinstance(fetch, (list, tuple)):
            self.plain &= isinstance(fetch, tuple) or type(fetch) is list
            return ("list" if isinstance(fetch, list) else "tuple", [self._add(f) for f in fetch])
        if isinstance(fetch, dict):
            self.plain &= type(fetch) is dict
            parts = [self._add(value) for value in fetch.values()]
            keys = tuple(fetch)
            if type(fetch).__name__ == "OrderedDict":
                make = type(fetch)
                return ("call", lambda *r: make(zip(keys, r, strict=True)), parts)
            return ("dict", keys, parts)
        if hasattr(type(fetch), "__attrs_attrs__"):
            self.plain = False  # its fields may change
            cls = type(fetch)
            names = [a.name for a in cls.__attrs_attrs__]
            fields = [self._add(getattr(fetch, name)) for name in names]
            return ("call", lambda *r: cls(**dict(zip(names, r, strict=True))), fields)
        if isinstance(fetch, SparseTensor):
            return self._several(
                [fetch.indices, fetch.values, fetch.dense_shape], SparseTensorValue
            )
        if isinstance(fetch, IndexedSlices):
            if fetch.dense_shape is None:
                return self._several(
                    [fetch.values, fetch.indices], lambda v, i: IndexedSlicesValue(v, i, None)
                )
            return self._several(
                [fetch.values, fetch.indices, fetch.dense_shape], IndexedSlicesValue
            )
        return self._element(fetch)

    def _several(self, tensors: list[Tensor], make: Callable[..., Any]) -> Structure:
        return ("call", make, [self._element(t) for t in tensors])

    def _element(self, fetch: Any) -> Structure:
        try:
            found = self.graph.as_graph_element(fetch)
        except TypeError:
            raise TypeError(
                f'Argument `fetch` = {fetch} has invalid type "{type(fetch).__name__}" must be a '
                f"string or Tensor. (Can not convert a {type(fetch).__name__} into a Tensor or "
                "Operation.)"
            ) from None
        except ValueError as error:
            raise ValueError(
                f"Argument `fetch` = {fetch} cannot be interpreted as a Tensor. ({error})"
            ) from None
        except KeyError as error:
            raise ValueError(
                f"Argument `fetch` = {fetch} cannot be interpreted as a Tensor. ({error})"
            ) from None
        if not self.graph.is_fetchable(found):
            raise ValueError(
                f"Operation {getattr(found, 'op', found).name!r} has been marked as not fetchable."
            )
        if not isinstance(found, Tensor):
            self.targets[found] = None
            return None
        return self.tensors.setdefault(found, len(self.tensors))


def structure_key(fetch: Any) -> Hashable:
    """A hashable value that is equal for equal fetch structures; TypeError if there is none."""
    kind = type(fetch)
    if kind is list or isinstance(fetch, tuple):
        return (kind, *[structure_key(f) for f in fetch])
    if isinstance(fetch, dict):
        return (kind, *fetch, *[structure_key(f) for f in fetch.values()])
    hash(fetch)
    return fetch
