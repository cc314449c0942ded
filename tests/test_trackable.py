"""Trees of objects: names, containers that track their items, modules."""

from __future__ import annotations

import copy
import pathlib
import pickle
from collections import OrderedDict, namedtuple

import pytest
from trackable_case import Leaf, Model, keys

from thalweg.module import Module
from thalweg.trackable.auto import AutoTrackable
from thalweg.trackable.base import NoDependency
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY, escape, read_graph, unescape
from thalweg.train.checkpoint import Checkpoint
from thalweg.train.checkpoint_reader import list_variables, load_variable

DATA = pathlib.Path(__file__).resolve().parent / "data" / "checkpoints"


# --- names


def test_keys_are_tensorflows(tmp_path) -> None:
    """The tree of objects-1, which TensorFlow saved: same keys, same graph."""
    model = Model()
    model.kernel = Leaf([[1.0, 2.0], [3.0, 4.0]], "kernel")
    model.layers = [Leaf(5, "Variable"), "text", Leaf([6.5], "Variable")]
    model.table = {"b": Leaf(b"bytes", "Variable"), "a.b/c": [Leaf(True, "Variable")]}
    model.pair = (Leaf(7.0, "Variable"), None)
    model.self = model
    ours = Checkpoint(model=model, twin=model.kernel, step=Leaf(8, "Variable"))
    ours._track_trackable(Leaf(1, "save_counter"), "save_counter")
    prefix = ours.write(tmp_path / "ours")
    assert list_variables(prefix) == list_variables(DATA / "objects-1")
    graphs = [read_graph(load_variable(p, OBJECT_GRAPH_KEY)) for p in (prefix, DATA / "objects-1")]
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize("name", ["plain", "a.b", "a/b", "..S", ".S/.", "a..b/S"])
def test_names_are_escaped_and_back(name: str) -> None:
    assert "/" not in escape(name)
    assert unescape(escape(name)) == name


def test_a_node_has_the_first_of_the_shortest_paths(tmp_path) -> None:
    leaf = Leaf()
    a, b = Model(), Model()
    a.deep = b
    b.leaf = a.leaf = leaf
    b.back = a
    assert keys(tmp_path, a=a, z=leaf) == ["z"]
    assert keys(tmp_path, a=a) == ["a/leaf"]


# --- containers


def test_wrapped_containers_are_what_they_wrap() -> None:
    Pair = namedtuple("Pair", "x y")
    m = Model()
    m.l, m.d, m.o = [1, [2]], {"a": {}}, OrderedDict(b=1, a=2)
    m.t, m.p, m.plain = (Leaf(), 1), Pair(Leaf(), 2), (1, "x")
    assert isinstance(m.l, list)
    assert m.l == [1, [2]]
    assert [0, *m.l] == [0, 1, [2]]
    assert isinstance(m.d, dict)
    assert m.d == {"a": {}}
    assert dict(m.d) == {"a": {}}
    assert isinstance(m.o, OrderedDict)
    assert list(m.o) == ["b", "a"]
    assert isinstance(m.t, tuple)
    assert m.t[1] == 1
    assert isinstance(m.p, Pair)
    assert m.p.y == 2
    assert type(m.plain) is tuple
    assert repr(m.l) == "ListWrapper([1, ListWrapper([2])])"
    assert repr(m.d) == "DictWrapper({'a': DictWrapper({})})"
    with pytest.raises(TypeError):
        hash(m.l)


def test_names_of_items(tmp_path) -> None:
    Pair = namedtuple("Pair", "x y")
    m = Model()
    m.l = [Leaf(), 3, [Leaf()]]
    m.d = {"q": Leaf(), "r": {"s": (Leaf(),)}}
    m.p = Pair(Leaf(), [Leaf()])
    m.none = NoDependency([Leaf()])
    assert type(m.none) is list
    assert keys(tmp_path, m=m) == ["m/d/q", "m/d/r/s/0", "m/l/0", "m/l/2/0", "m/p/x", "m/p/y/0"]


def test_changes_reach_the_container_that_was_given() -> None:
    given_list, given_dict = [1, 2], {"a": 1}
    m = Model()
    m.l, m.d = given_list, given_dict
    m.l.append(3)
    m.l[0] = 7
    m.l += [4]
    del m.l[1]
    m.l.insert(0, 0)
    m.l.sort(reverse=True)
    assert m.l.pop() == 0
    assert given_list == m.l == [7, 4, 3]
    m.d["b"] = 2
    m.d.update(c=3)
    m.d |= {"d": 4}
    del m.d["a"]
    assert m.d.pop("d") == 4
    assert m.d.setdefault("e", 5) == 5
    assert m.d.popitem() == ("e", 5)
    assert given_dict == m.d == {"b": 2, "c": 3}
    m.l.clear()
    m.d.clear()
    assert given_list == m.l == []
    assert given_dict == m.d == {}


def test_lists_grow_and_do_not_change_names(tmp_path) -> None:
    def saved(change) -> list[str]:
        m = Model()
        m.l = [Leaf(1), 5, Leaf(2)]
        change(m.l)
        return keys(tmp_path, m=m)

    assert saved(lambda x: x.append(Leaf())) == ["m/l/0", "m/l/2", "m/l/3"]
    assert saved(lambda x: x.extend([1, [Leaf()]])) == ["m/l/0", "m/l/2", "m/l/4/0"]
    assert saved(lambda x: x.__setitem__(1, 6)) == ["m/l/0", "m/l/2"]
    for change in (
        lambda x: x.pop(),
        lambda x: x.__setitem__(0, Leaf()),
        lambda x: x.__setitem__(slice(0, 1), []),
        lambda x: x.insert(0, 1),
        lambda x: x.reverse(),
        lambda x: x.remove(x[0]),
        lambda x: x.clear(),
    ):
        with pytest.raises(ValueError, match="A list element was replaced"):
            saved(change)


def test_dictionaries_may_change(tmp_path) -> None:
    m = Model()
    m.d = {"a": Leaf(), "b": Leaf(), "c": 1}
    m.d["a"] = Leaf()
    m.d["b"] = 3
    m.d["c"] = Leaf()
    assert keys(tmp_path, m=m) == ["m/d/a", "m/d/c"]
    del m.d["a"]
    m.d[3] = "not tracked"
    assert keys(tmp_path, m=m) == ["m/d/c"]
    m.d[4] = Leaf()
    with pytest.raises(ValueError, match="a non-string key which maps to a trackable object"):
        keys(tmp_path, m=m)


def test_changes_behind_the_wrapper_are_found(tmp_path) -> None:
    for given, change in (([Leaf()], lambda x: x.append(Leaf())), ({}, lambda x: x.update(a=1))):
        m = Model()
        m.x = given
        change(given)
        with pytest.raises(ValueError, match="was modified outside the wrapper"):
            keys(tmp_path, m=m)


def test_copies_and_pickles() -> None:
    m = Model()
    m.l, m.d, m.t = [Leaf(1), [2]], {"a": Leaf(3)}, (Leaf(4), 5)
    m.same = m.l[0]
    deep = copy.deepcopy(m)
    assert deep.l[0] is deep.same is not m.l[0]
    assert type(deep.l) is type(m.l)
    assert type(deep.d) is type(m.d)
    assert type(deep.t) is type(m.t)
    assert deep._lookup_dependency("l") is deep.l
    assert deep.l._lookup_dependency("0") is deep.l[0]
    deep.l.append(Leaf())
    assert len(m.l) == 2
    shallow = copy.copy(m.l)
    assert shallow == m.l
    assert shallow[0] is m.l[0]
    assert type(shallow) is type(m.l)
    assert m.d.copy()["a"] is m.d["a"]
    again = pickle.loads(pickle.dumps([m.l, m.d, m.t]))
    assert again[0][0].value == 1
    assert again[1]["a"].value == 3
    assert again[2][1] == 5
    assert again[0]._lookup_dependency("0") is again[0][0]


# --- attributes


def test_attributes_are_children(tmp_path) -> None:
    x = AutoTrackable()
    x.a, x.b, x.c = Leaf(), 3, [Leaf()]
    assert list(x._trackable_children()) == ["a", "c"]
    x.a = Leaf(5)
    assert x._lookup_dependency("a").value == 5
    del x.c
    assert keys(tmp_path, x=x) == ["x/a"]


# --- modules


def test_names_of_modules() -> None:
    class HTTPLayer2D(Module):
        pass

    class Outer_Model(Module):
        pass

    assert HTTPLayer2D().name == "http_layer2_d"
    assert Outer_Model().name == "outer__model"  # as TensorFlow
    assert Model("given").name == "given"
    for bad in ("1a", "a b", "a/b", ""):
        with pytest.raises(ValueError, match=f"'{bad}' is not a valid module name"):
            Model(bad)


def tree() -> Model:
    m = Model("p")
    m.zz, m.sub = Leaf(0, "zz"), Model("sub")
    m.sub.v = Leaf(1, "sv")
    m.aa = [Leaf(2, "a0"), Model("inl"), {"k": Model("ind"), "a": Leaf(3, "da", trainable=False)}]
    m.aa[1].v = Leaf(4, "inl_v")
    m.aa[2]["k"].w = Leaf(5, "ind_w")
    m.sub.parent = m
    m.same = m.zz
    return m


def test_variables_are_found_in_tensorflows_order() -> None:
    m = tree()
    names = [v.name for v in m.variables]
    assert names == ["a0:0", "da:0", "zz:0", "inl_v:0", "ind_w:0", "sv:0"]
    assert [v.name for v in m.trainable_variables] == [n for n in names if n != "da:0"]
    assert [v.name for v in m.non_trainable_variables] == ["da:0"]
    assert [x.name for x in m.submodules] == ["inl", "ind", "sub"]


def test_paths_of_leaves() -> None:
    m = tree()
    found = list(m._flatten(predicate=lambda x: isinstance(x, Leaf), with_path=True))
    assert [(path, leaf.name) for path, leaf in found] == [
        (("aa", 0), "a0:0"),
        (("aa", 2, "a"), "da:0"),
        (("same",), "zz:0"),
        (("zz",), "zz:0"),
        (("aa", 1, "v"), "inl_v:0"),
        (("aa", 2, "k", "w"), "ind_w:0"),
        (("sub", "v"), "sv:0"),
    ]
    assert [
        x.name for x in m._flatten(recursive=False, predicate=lambda x: isinstance(x, Leaf))
    ] == [*("a0:0", "da:0", "zz:0")]


def test_a_module_without_super_init_has_variables() -> None:
    class Lazy(Module):
        def __init__(self) -> None:
            self.v = Leaf()

    assert len(Lazy().variables) == 1
