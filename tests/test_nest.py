"""tf.nest: taking structures apart and putting them together again."""

from __future__ import annotations

import collections
import dataclasses
import types
from typing import Any

import numpy as np
import pytest

import thalweg as tf
from thalweg.framework import nest

Point = collections.namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Opaque:
    a: int


@dataclasses.dataclass
class Flat:
    mask: bool
    value: Any

    def __tf_flatten__(self) -> Any:
        return (self.mask,), (self.value,)

    @classmethod
    def __tf_unflatten__(cls, metadata: Any, components: Any) -> Flat:
        return cls(metadata[0], components[0])


class Attrs:
    """As attrs makes classes."""

    __attrs_attrs__ = (types.SimpleNamespace(name="p"), types.SimpleNamespace(name="q"))

    def __init__(self, p: Any, q: Any) -> None:
        self.p, self.q = p, q


@pytest.mark.parametrize(
    ("structure", "leaves"),
    [
        (3, [3]),
        (None, [None]),
        ("text", ["text"]),
        (b"bytes", [b"bytes"]),
        ([], []),
        ((), []),
        ([1, (2, [3])], [1, 2, 3]),
        ({"b": 1, "a": (2, [3])}, [2, 3, 1]),
        (collections.OrderedDict([("z", 1), ("a", 2)]), [2, 1]),
        (collections.defaultdict(int, b=1, a=2), [2, 1]),
        (types.MappingProxyType({"b": 1, "a": 2}), [2, 1]),
        (Point(1, [2, 3]), [1, 2, 3]),
        ({"b": 1, "a": 2}.values(), [1, 2]),
        ({"b": 1}.items(), ["b", 1]),
        (collections.deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({1, 2}, [{1, 2}]),
        (Flat(True, [4, 5]), [4, 5]),
        (Attrs(1, [2]), [1, 2]),
    ],
    ids=repr,
)
def test_flatten(structure: Any, leaves: list[Any]) -> None:
    assert tf.nest.flatten(structure) == leaves


def test_leaves_are_the_objects_themselves() -> None:
    array, opaque = np.zeros(3), Opaque(1)
    assert tf.nest.flatten([array, opaque])[0] is array
    assert tf.nest.flatten(opaque) == [opaque]


def test_keys_that_cannot_be_ordered() -> None:
    with pytest.raises(TypeError, match="not supported between"):
        tf.nest.flatten({1: 2, "a": 3})


@pytest.mark.parametrize(
    ("value", "nested"),
    [([], True), ({}, True), (Point(1, 2), True), (Flat(True, 1), True), ("a", False), (1, False)],
)
def test_is_nested(value: Any, nested: bool) -> None:
    assert tf.nest.is_nested(value) is nested


@pytest.mark.parametrize(
    ("structure", "flat", "packed"),
    [
        (7, [1], 1),
        ([0, (0, [0])], [1, 2, 3], [1, (2, [3])]),
        ({"b": 0, "a": 0}, [1, 2], {"b": 2, "a": 1}),
        (Point(0, 0), (1, 2), Point(1, 2)),
        ({"b": 0}.values(), [5], [5]),
        (collections.deque([0, 0]), [1, 2], collections.deque([1, 2])),
        (Flat(True, 0), [9], Flat(True, 9)),
    ],
)
def test_pack_sequence_as(structure: Any, flat: Any, packed: Any) -> None:
    got = tf.nest.pack_sequence_as(structure, flat)
    assert got == packed
    assert type(got) is type(packed)


def test_mappings_keep_their_type_and_order() -> None:
    ordered = collections.OrderedDict([("z", 1), ("a", 2)])
    packed = tf.nest.pack_sequence_as(ordered, ["of a", "of z"])
    assert list(packed.items()) == [("z", "of z"), ("a", "of a")]
    default = tf.nest.map_structure(lambda x: x, collections.defaultdict(list, a=1))
    assert default.default_factory is list
    assert list(tf.nest.map_structure(lambda x: x, {"b": 1, "a": 2})) == ["b", "a"]


def test_pack_errors() -> None:
    with pytest.raises(ValueError, match=r"Structure had 2 atoms, but flat_sequence had 3 items"):
        tf.nest.pack_sequence_as([1, 2], [5, 6, 7])
    with pytest.raises(ValueError, match=r"Structure had 2 atoms, but flat_sequence had 1 items"):
        tf.nest.pack_sequence_as([1, 2], [5])
    with pytest.raises(ValueError, match="target structure is of type"):
        tf.nest.pack_sequence_as(1, [5, 6])
    with pytest.raises(TypeError, match="incompatible type"):
        tf.nest.pack_sequence_as([1], 5)


def test_map_structure() -> None:
    assert tf.nest.map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 3, "b": [4]}) == {
        "a": 4,
        "b": [6],
    }
    assert tf.nest.map_structure(lambda x: x, []) == []
    assert tf.nest.map_structure(lambda x, y: x + y, (1, 2), [3, 4], check_types=False) == (4, 6)
    with pytest.raises(TypeError, match="must be callable"):
        tf.nest.map_structure(3, [1])
    with pytest.raises(ValueError, match="at least one structure"):
        tf.nest.map_structure(lambda x: x)
    with pytest.raises(ValueError, match=r"Only valid keyword arguments .* not: `bad`"):
        tf.nest.map_structure(lambda x: x, [1], bad=2)


class Listlike(list):  # type: ignore[type-arg]
    pass


SAME = [
    ([1, 2], [3, 4]),
    ([1], Listlike([1])),
    ({"a": 1}, collections.OrderedDict(a=2)),
    (Point(1, 2), collections.namedtuple("Point", ["x", "y"])(3, 4)),
    (Flat(True, 1), Flat(True, 2)),
    (1, "leaf"),
]
DIFFERENT = [
    ([1, 2], [1], ValueError, "same number of elements"),
    ([1, 2], (1, 2), TypeError, "same sequence type"),
    ([1, 2], [1, [2]], ValueError, "is a sequence, while substructure"),
    (1, [1], ValueError, "is a sequence, while substructure"),
    ({"a": 1}, {"b": 1}, ValueError, "same set of keys"),
    (Point(1, 2), (1, 2), TypeError, "same sequence type"),
    (
        Point(1, 2),
        collections.namedtuple("Other", ["x", "y"])(1, 2),
        TypeError,
        "same sequence type",
    ),
    (Flat(True, 1), [1], TypeError, "same sequence type"),
]


@pytest.mark.parametrize(("a", "b"), SAME, ids=repr)
def test_same_structure(a: Any, b: Any) -> None:
    tf.nest.assert_same_structure(a, b)


@pytest.mark.parametrize(("a", "b", "error", "words"), DIFFERENT, ids=repr)
def test_different_structure(a: Any, b: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match="don't have the same nested structure") as caught:
        tf.nest.assert_same_structure(a, b)
    assert words in str(caught.value)
    assert "Entire first structure" in str(caught.value)


def test_types_may_be_left_out_of_the_comparison() -> None:
    tf.nest.assert_same_structure([1, 2], (1, 2), check_types=False)
    with pytest.raises(ValueError, match="number of elements"):
        tf.nest.assert_same_structure([1, 2], (1,), check_types=False)


def test_paths() -> None:
    structure = {"a": [1, {"b": 2}], "c": Point(3, 4)}
    assert nest.flatten_with_joined_string_paths(structure) == [
        ("a/0", 1),
        ("a/1/b", 2),
        ("c/x", 3),
        ("c/y", 4),
    ]
    assert nest.flatten_with_tuple_paths(structure)[1] == (("a", 1, "b"), 2)
    assert nest.flatten_with_joined_string_paths(5) == [("", 5)]
    assert nest.map_structure_with_paths(lambda p, x: (p, x), {"a": [1]}) == {"a": [("a/0", 1)]}


def test_tensors_made_of_several_are_leaves_unless_expanded() -> None:
    sparse = tf.SparseTensor([[0]], [1.0], [3])
    assert tf.nest.flatten([sparse]) == [sparse]
    parts = tf.nest.flatten(sparse, expand_composites=True)
    assert [p.shape.as_list() for p in parts] == [[1, 1], [1], [1]]
    again = tf.nest.map_structure(lambda x: x, sparse, expand_composites=True)
    assert isinstance(again, tf.SparseTensor)
    assert again is not sparse
    slices = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
    assert len(tf.nest.flatten(slices, expand_composites=True)) == 2
    tf.nest.assert_same_structure(sparse, tf.SparseTensorSpec([3]), expand_composites=True)
    with pytest.raises(TypeError, match="same sequence type"):
        tf.nest.assert_same_structure(sparse, [1], expand_composites=True)
    with pytest.raises(ValueError, match="is a sequence"):
        tf.nest.assert_same_structure(sparse, tf.constant(1), expand_composites=True)


def test_ever_new_types_do_not_fill_the_memory() -> None:
    for i in range(5000):
        assert tf.nest.flatten([type(f"T{i}", (list,), {})([i])]) == [i]
    assert len(nest._kinds) <= nest._MOST_TYPES
