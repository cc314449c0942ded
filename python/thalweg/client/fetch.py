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

Rebuild = Callable[[list[Any]], Any]


def _none(_: list[Any]) -> None:
    return None


class FlatFetches:
    """The distinct tensors and operations of a fetch structure; `rebuild` makes the structure of
    results.
    """

    def __init__(self, graph: Graph, fetches: Any) -> None:
        self.graph = graph
        self.tensors: dict[Any, int] = {}
        self.targets: dict[Any, None] = {}
        self.rebuild: Rebuild = self._add(fetches)
        plain = type(fetches) is list and len(self.tensors) == len(fetches) and not self.targets
        if plain and all(isinstance(f, Tensor) or hasattr(f, "_as_graph_element") for f in fetches):
            self.rebuild = list  # the results are the structure

    def _add(self, fetch: Any) -> Rebuild:
        if fetch is None:
            raise TypeError(
                f'Argument `fetch` = {fetch} has invalid type "NoneType". Cannot be None'
            )
        if isinstance(fetch, tuple) and hasattr(fetch, "_fields") and hasattr(fetch, "_make"):
            named = [self._add(f) for f in fetch]
            kind = type(fetch)
            return lambda r: kind(*[part(r) for part in named])
        if isinstance(fetch, (list, tuple)):
            parts = [self._add(f) for f in fetch]
            if isinstance(fetch, list):
                return lambda r: [part(r) for part in parts]
            return lambda r: tuple([part(r) for part in parts])
        if isinstance(fetch, dict):
            items = [(key, self._add(value)) for key, value in fetch.items()]
            make = type(fetch) if type(fetch).__name__ == "OrderedDict" else dict
            return lambda r: make((key, part(r)) for key, part in items)
        if hasattr(type(fetch), "__attrs_attrs__"):
            fields = [
                (a.name, self._add(getattr(fetch, a.name))) for a in type(fetch).__attrs_attrs__
            ]
            cls = type(fetch)
            return lambda r: cls(**{name: part(r) for name, part in fields})
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

    def _several(self, tensors: list[Tensor], make: Callable[..., Any]) -> Rebuild:
        parts = [self._element(t) for t in tensors]
        return lambda r: make(*[part(r) for part in parts])

    def _element(self, fetch: Any) -> Rebuild:
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
            return _none
        i = self.tensors.setdefault(found, len(self.tensors))
        return lambda r: r[i]


def structure_key(fetch: Any) -> Hashable:
    """A hashable value that is equal for equal fetch structures; TypeError if there is none."""
    kind = type(fetch)
    if kind is list or isinstance(fetch, tuple):
        return (kind, *[structure_key(f) for f in fetch])
    if isinstance(fetch, dict):
        return (kind, *fetch, *[structure_key(f) for f in fetch.values()])
    hash(fetch)
    return fetch
