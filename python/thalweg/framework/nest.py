"""Structures of values: lists, tuples, dictionaries and the like, as deep as they go.

What is neither (a tensor, a string, a set) is a leaf. Dictionaries are walked in the order of
their sorted keys, so that equal dictionaries have equal leaves.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping, MappingView, MutableMapping, Sequence
from typing import Any, NamedTuple

__all__ = [
    "assert_same_structure",
    "flatten",
    "is_nested",
    "map_structure",
    "pack_sequence_as",
]


class Kind(NamedTuple):
    """How values of a type are taken apart and put together again."""

    children: Callable[[Any], Iterable[Any]]
    keys: Callable[[Any], Iterable[Any]]  # of the children, in the same order
    rebuild: Callable[[Any, list[Any]], Any]  # like a value, from other children
    family: str  # kinds of one family have the same structure where types are not compared
    composite: bool = False  # a leaf, unless composites are expanded


def _sorted_keys(value: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(value)
    except TypeError as e:
        raise TypeError(f"nest only supports dicts with sortable keys: {e}") from None


def _sorted_values(value: Mapping[Any, Any]) -> list[Any]:
    return [value[key] for key in _sorted_keys(value)]


def _mapping_like(value: Mapping[Any, Any], items: list[Any]) -> Any:
    """The keys keep the order they have in `value`."""
    by_key = dict(zip(_sorted_keys(value), items, strict=True))
    made: Any
    if isinstance(value, collections.defaultdict):
        made = type(value)(value.default_factory)
    elif isinstance(value, MutableMapping):
        made = type(value)()
    else:
        make: Any = type(value)
        return make({key: by_key[key] for key in value})
    for key in value:
        made[key] = by_key[key]
    return made


def _positions(value: Any) -> Iterable[int]:
    return range(len(value))


def _sequence_like(value: Any, items: list[Any]) -> Any:
    return items if isinstance(value, range) else type(value)(items)


def _fields_kind(names: Sequence[str], family: str) -> Kind:
    return Kind(
        lambda value: [getattr(value, name) for name in names],
        lambda value: names,
        lambda value, items: type(value)(*items),
        family,
    )


_LIST = Kind(iter, _positions, lambda value, items: items, "list")
_TUPLE = Kind(iter, _positions, lambda value, items: tuple(items), "sequence")
_SEQUENCE = Kind(iter, _positions, _sequence_like, "sequence")
_LIST_LIKE = _SEQUENCE._replace(family="list")
_MAPPING = Kind(_sorted_values, _sorted_keys, _mapping_like, "mapping")
_VIEW = Kind(iter, _positions, lambda value, items: items, "sequence")
_DATACLASS = Kind(
    lambda value: value.__tf_flatten__()[1],
    lambda value: range(len(value.__tf_flatten__()[1])),
    lambda value, items: value.__tf_unflatten__(value.__tf_flatten__()[0], tuple(items)),
    "dataclass",
)
_COMPOSITE = Kind(
    lambda value: value._tensor_parts(),
    lambda value: range(len(value._tensor_parts())),
    lambda value, items: value._with_tensor_parts(items),
    "composite",
    composite=True,
)

_UNSEEN: Any = object()
_MOST_TYPES = 4096  # programs that make ever new types must not fill the memory with them
_kinds: dict[type, Kind | None] = {list: _LIST, tuple: _TUPLE, dict: _MAPPING}


def _classify(cls: type) -> Kind | None:
    """The kind of a type that is met for the first time; None: its values are leaves."""
    kind: Kind | None = None
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        kind = _fields_kind(cls._fields, "namedtuple")
    elif issubclass(cls, Mapping):
        kind = _MAPPING
    elif issubclass(cls, MappingView):
        kind = _VIEW
    elif issubclass(cls, list):
        kind = _LIST_LIKE
    elif issubclass(cls, Sequence) and not issubclass(cls, (str, bytes, bytearray)):
        kind = _SEQUENCE
    elif hasattr(cls, "__attrs_attrs__"):
        kind = _fields_kind([field.name for field in cls.__attrs_attrs__], "attrs")
    elif hasattr(cls, "__tf_flatten__") and hasattr(cls, "__tf_unflatten__"):
        kind = _DATACLASS
    elif hasattr(cls, "_tensor_parts"):
        kind = _COMPOSITE
    if len(_kinds) >= _MOST_TYPES:
        _kinds.clear()
    _kinds[cls] = kind
    return kind


def _kind(value: Any, expand_composites: bool) -> Kind | None:
    kind = _kinds.get(type(value), _UNSEEN)
    if kind is _UNSEEN:
        kind = _classify(type(value))
    return None if kind is not None and kind.composite and not expand_composites else kind


def is_nested(seq: Any) -> bool:
    """Whether `seq` is a structure, not a leaf."""
    return _kind(seq, False) is not None


def is_nested_or_composite(value: Any) -> bool:
    """Whether `value` is a structure or made of several tensors."""
    return _kind(value, True) is not None


def rebuilt(container: Any, children: list[Any]) -> Any:
    """A container of the same kind with other children, in the order of `flatten`."""
    kind = _kind(container, True)
    assert kind is not None
    return kind.rebuild(container, children)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves in order; a leaf alone gives a list of one.

    expand_composites: tensors made of several, such as SparseTensor, give their parts.
    """
    leaves: list[Any] = []
    kind = _kind(structure, expand_composites)
    if kind is None:
        leaves.append(structure)
    else:
        _collect(kind.children(structure), leaves, expand_composites)
    return leaves


def _collect(children: Iterable[Any], leaves: list[Any], expand_composites: bool) -> None:
    known = _kinds
    for child in children:
        kind = known.get(type(child), _UNSEEN)
        if kind is None:
            leaves.append(child)
            continue
        if kind is _UNSEEN:
            kind = _classify(type(child))
        if kind is None or (kind.composite and not expand_composites):
            leaves.append(child)
        else:
            _collect(kind.children(child), leaves, expand_composites)


def pack_sequence_as(
    structure: Any, flat_sequence: Sequence[Any], expand_composites: bool = False
) -> Any:
    """A structure like `structure` whose leaves are those of `flat_sequence`.

    Raises:
        TypeError: `flat_sequence` is not a sequence.
        ValueError: it has more or fewer items than `structure` has leaves.
    """
    if not is_nested(flat_sequence):
        raise TypeError(
            f"Attempted to pack value:\n  {_brief(flat_sequence)}\ninto a structure, but found "
            f"incompatible type `{type(flat_sequence)}` instead."
        )
    if _kind(structure, expand_composites) is None:
        if len(flat_sequence) != 1:
            raise ValueError(
                f"The target structure is of type `{type(structure)}`\n  {_brief(structure)}\n"
                f"However the input is a sequence ({type(flat_sequence)}) of length "
                f"{len(flat_sequence)}: {_brief(flat_sequence)}"
            )
        return flat_sequence[0]
    items = iter(flat_sequence)
    fits = True
    try:
        packed = _fill(structure, items.__next__, expand_composites)
        fits = next(items, _UNSEEN) is _UNSEEN
    except StopIteration:
        fits = False
    if not fits:
        raise ValueError(
            f"Could not pack sequence. Structure had {len(flatten(structure, expand_composites))} "
            f"atoms, but flat_sequence had {len(flat_sequence)} items.  Structure: "
            f"{_brief(structure)}, flat_sequence: {_brief(flat_sequence)}."
        )
    return packed


def _fill(structure: Any, take: Callable[[], Any], expand_composites: bool) -> Any:
    kind = _kind(structure, expand_composites)
    if kind is None:
        return take()
    items = [_fill(child, take, expand_composites) for child in kind.children(structure)]
    return kind.rebuild(structure, items)


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """A structure like the first one, of `func` of the leaves that lie in the same place.

    Takes `check_types` (True) and `expand_composites` (False) as `assert_same_structure` does.
    """
    check_types = kwargs.pop("check_types", True)
    expand_composites = kwargs.pop("expand_composites", False)
    if kwargs:
        raise ValueError(
            "Only valid keyword arguments are `check_types` and `expand_composites`, not: "
            f"`{'`, `'.join(kwargs)}`"
        )
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types, expand_composites)
    columns = [flatten(s, expand_composites) for s in structure]
    return pack_sequence_as(structure[0], list(map(func, *columns)), expand_composites)


# --- comparison --------------------------------------------------------------------------------


class _Mismatch(Exception):
    """Where two structures differ first, and whether it is by their types."""

    def __init__(self, text: str, by_type: bool = False) -> None:
        super().__init__(text)
        self.by_type = by_type


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Two structures are equal but for their leaves.

    check_types: sequences have the same type, too; any list equals a list, any mapping a mapping
    of the same keys, and a namedtuple one of the same name and fields.

    Raises:
        ValueError: they have different numbers of elements, keys or levels.
        TypeError: types differ.
    """
    try:
        _compare(nest1, nest2, bool(check_types), bool(expand_composites))
    except _Mismatch as e:
        error = TypeError if e.by_type else ValueError
        raise error(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {_described(nest1)}\n\nSecond structure: {_described(nest2)}\n\n"
            f"More specifically: {e}\n"
            f"Entire first structure:\n{_outline(nest1)}\n"
            f"Entire second structure:\n{_outline(nest2)}"
        ) from None


def _compare(a: Any, b: Any, check_types: bool, expand_composites: bool) -> None:
    kind_a, kind_b = _kind(a, expand_composites), _kind(b, expand_composites)
    if kind_a is None or kind_b is None:
        if kind_a is not kind_b:
            nested, leaf = (b, a) if kind_a is None else (a, b)
            raise _Mismatch(
                f'Substructure "{_described(nested)}" is a sequence, while substructure '
                f'"{_described(leaf)}" is not'
            )
        return
    if check_types:
        _compare_types(a, b, kind_a, kind_b)
    left, right = list(kind_a.children(a)), list(kind_b.children(b))
    if len(left) != len(right):
        raise _Mismatch(
            "The two structures don't have the same number of elements. First structure: "
            f"{_described(a)}. Second structure: {_described(b)}"
        )
    for x, y in zip(left, right, strict=True):
        _compare(x, y, check_types, expand_composites)


def _compare_types(a: Any, b: Any, kind_a: Kind, kind_b: Kind) -> None:
    if kind_a.family == kind_b.family == "mapping":
        if a.keys() != b.keys():
            raise _Mismatch(
                "The two dictionaries don't have the same set of keys. First structure has keys "
                f"{list(a)}, while second structure has keys {list(b)}"
            )
        return
    same = type(a) is type(b) or kind_a.family == kind_b.family == "list"
    if not same and kind_a.family == kind_b.family == "composite":  # a value and its spec
        same = _family(a) is _family(b)
    if not same and kind_a.family == kind_b.family == "namedtuple":
        same = type(a).__name__ == type(b).__name__ and a._fields == b._fields
    if not same:
        raise _Mismatch(
            "The two structures don't have the same sequence type: the first has type "
            f"{type(a).__name__}, while the second has type {type(b).__name__}",
            by_type=True,
        )


def _family(composite: Any) -> type:
    return getattr(composite, "_tensor_family", type(composite))


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 1000 else text[:1000] + " ..."


def _described(value: Any) -> str:
    return f"type={type(value).__name__} str={_brief(value)}"


def _outline(structure: Any) -> str:
    """The structure with a dot for every leaf."""
    if not is_nested(structure):
        return "."
    return _brief(map_structure(lambda leaf: _DOT, structure))


class _Dot:
    def __repr__(self) -> str:
        return "."


_DOT = _Dot()


# --- with the way to each leaf -----------------------------------------------------------------


def flatten_with_tuple_paths(
    structure: Any, expand_composites: bool = False
) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves, each behind the keys, fields and positions that lead to it."""
    found: list[tuple[tuple[Any, ...], Any]] = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        kind = _kind(value, expand_composites)
        if kind is None:
            found.append((path, value))
            return
        for key, child in zip(kind.keys(value), kind.children(value), strict=True):
            walk(child, (*path, key))

    walk(structure, ())
    return found


def flatten_with_joined_string_paths(
    structure: Any, separator: str = "/", expand_composites: bool = False
) -> list[tuple[str, Any]]:
    """The leaves, each behind its path as text, such as "a/0"."""
    return [
        (separator.join(map(str, path)), leaf)
        for path, leaf in flatten_with_tuple_paths(structure, expand_composites)
    ]


def map_structure_with_paths(func: Callable[..., Any], structure: Any) -> Any:
    """`map_structure` of one structure whose `func` takes the leaf's path as text first."""
    return pack_sequence_as(
        structure, [func(p, leaf) for p, leaf in flatten_with_joined_string_paths(structure)]
    )
