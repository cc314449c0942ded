"""`tf.Module`: a named container of variables, of further modules, and of functions over them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from thalweg.trackable.auto import AutoTrackable

F = TypeVar("F", bound=Callable[..., Any])

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<!^)(?=[A-Z][a-z])")


def _snake_case(name: str) -> str:
    """ "HTTPLayer2D" -> "http_layer2_d"."""
    return _WORD_START.sub("_", name).lower()


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """(path, leaf) of nested lists, tuples and dictionaries; dictionaries in order of keys, named
    tuples by field.
    """
    if isinstance(value, Mapping):
        try:
            keys = sorted(value)
        except TypeError as error:
            raise TypeError(
                f"nest only supports dicts with sortable keys, got {list(value)}"
            ) from error
        for key in keys:
            yield from _leaves(value[key], (*path, key))
    elif isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", range(len(value)))
        for name, item in zip(names, value, strict=True):
            yield from _leaves(item, (*path, name))
    else:
        yield path, value


def is_variable(value: Any) -> bool:
    """Whether a leaf counts as a variable: what can be assigned and says whether to train it."""
    return hasattr(value, "trainable") and hasattr(value, "assign") and hasattr(value, "dtype")


class Module(AutoTrackable):
    """Base of layers and models: attributes that are variables, modules, or lists, tuples and
    dictionaries of them are found by `variables`, `trainable_variables` and `submodules`, and saved
    by `tf.train.Checkpoint`.
    """

    _TF_MODULE_IGNORED_PROPERTIES: ClassVar[frozenset[str]] = frozenset(("_tracking_or_none",))

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = _snake_case(type(self).__name__)
        elif not name.isidentifier():
            raise ValueError(
                f"'{name}' is not a valid module name. Module names must be valid Python "
                "identifiers (e.g. a valid class name)."
            )
        self._name = name

    @property
    def name(self) -> str:
        """The name given, or the class's in snake case."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A `tf.name_scope` for what the module creates."""
        from thalweg.framework.default_graph import name_scope

        return name_scope(f"{self._name}/")

    @property
    def variables(self) -> tuple[Any, ...]:
        """Variables of this module and of those below it: own attributes first, by name."""
        return tuple(self._flatten(predicate=is_variable))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are to be trained."""
        return tuple(self._flatten(predicate=lambda v: is_variable(v) and v.trainable))

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are not to be trained."""
        return tuple(self._flatten(predicate=lambda v: is_variable(v) and not v.trainable))

    @property
    def submodules(self) -> tuple[Module, ...]:
        """All modules below this one."""
        return tuple(self._flatten(predicate=lambda v: isinstance(v, Module)))

    def _flatten(
        self,
        recursive: bool = True,
        predicate: Callable[[Any], bool] | None = None,
        attribute_traversal_key: Callable[[str], Any] | None = None,
        with_path: bool = False,
        expand_composites: bool = False,
    ) -> Iterator[Any]:
        """Leaves of the attributes for which `predicate` holds: those of this module in order of
        attribute names (of `attribute_traversal_key` of them), then those of the modules among
        them. Each once; with `with_path` as often as there are paths, as (path, leaf).
        """
        if expand_composites:
            raise NotImplementedError("Module._flatten: composite tensors are not taken apart")
        return _flatten_module(
            self,
            recursive,
            predicate or (lambda _: True),
            attribute_traversal_key,
            with_path,
            (),
            {id(self)},
        )

    @classmethod
    def with_name_scope(cls, method: F) -> F:
        """Decorates a method: it runs in the module's name scope."""

        @functools.wraps(method)
        def in_scope(self: Module, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return in_scope  # type: ignore[return-value]


def _flatten_module(
    module: Module,
    recursive: bool,
    predicate: Callable[[Any], bool],
    key: Callable[[str], Any] | None,
    with_path: bool,
    base: tuple[Any, ...],
    seen: set[int],
) -> Iterator[Any]:
    """`seen`: leaves that were given already, or, with paths, the modules on the way here."""
    submodules = []
    for name in sorted(vars(module), key=key):
        if name in module._TF_MODULE_IGNORED_PROPERTIES:
            continue
        try:
            leaves = list(_leaves(vars(module)[name], (name,)))
        except Exception as error:
            raise ValueError(
                f"Error processing property {name!r} of {vars(module)[name]!r}"
            ) from error
        for path, leaf in leaves:
            if not with_path:
                if id(leaf) in seen:
                    continue
                seen.add(id(leaf))
            if predicate(leaf):
                yield ((*base, *path), leaf) if with_path else leaf
            if recursive and isinstance(leaf, Module):
                submodules.append(((*base, *path), leaf))
    for path, submodule in submodules:
        if with_path and id(submodule) in seen:
            continue
        inner = seen | {id(submodule)} if with_path else seen
        yield from _flatten_module(submodule, recursive, predicate, key, with_path, path, inner)
