"""Trees of objects: containers that track their items, modules, and walking a tree with a saved one.
What stands at the leaves here is a stand-in for a variable: a tree does not care.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import pathlib
import pickle
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from thalweg.framework import errors
from thalweg.module import Module
from thalweg.trackable.auto import AutoTrackable
from thalweg.trackable.base import NoDependency, Trackable
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY, escape, read_graph, unescape
from thalweg.trackable.python_state import PythonState
from thalweg.train.checkpoint import Checkpoint, write_values
from thalweg.train.checkpoint_options import CheckpointOptions
from thalweg.train.checkpoint_reader import list_variables, load_checkpoint, load_variable
from thalweg.train.checkpoint_view import CheckpointView, TrackableView

DATA = pathlib.Path(__file__).resolve().parent / "data" / "checkpoints"


class Leaf(Trackable):
    def __init__(self, value=0.0, name: str = "leaf", trainable: bool = True) -> None:
        self.value = np.asarray(value)
        self.name = f"{name}:0"
        self.trainable = trainable

    @property
    def dtype(self):
        return self.value.dtype

    def assign(self, value) -> None:
        self.value = np.asarray(value)

    def numpy(self):
        return self.value

    def _serialize_to_tensors(self):
        return {"VARIABLE_VALUE": self.value}

    def _restore_from_tensors(self, restored_tensors) -> None:
        self.value = np.asarray(restored_tensors["VARIABLE_VALUE"])

    def __repr__(self) -> str:
        return f"<Leaf {self.value}>"


class Model(Module):
    pass


def keys(tmp_path, **objects) -> list[str]:
    """The keys of a saved tree, without what all have in common."""
    prefix = Checkpoint(**objects).write(tmp_path / "keys")
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    return [k.removesuffix(end) for k, _ in list_variables(prefix) if k != OBJECT_GRAPH_KEY]


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


# --- restoring


def saved(tmp_path) -> str:
    m = Model()
    m.a, m.b, m.l = Leaf(1.0), Leaf([2.0, 3.0]), [Leaf(4), Leaf(5)]
    return Checkpoint(m=m, x=Leaf(6)).write(tmp_path / "saved")


def test_what_exists_is_restored_at_once(tmp_path) -> None:
    m = Model()
    m.a, m.b, m.l = Leaf(), Leaf(), [Leaf(), Leaf()]
    c = Checkpoint(m=m, x=Leaf())
    status = c.read(saved(tmp_path))
    assert [v.value.tolist() for v in (m.a, m.b, *m.l, c.x)] == [1.0, [2.0, 3.0], 4, 5, 6]
    status.assert_consumed().assert_existing_objects_matched().assert_nontrivial_match()


def test_what_comes_later_is_restored_when_it_is_attached(tmp_path) -> None:
    c = Checkpoint()
    status = c.read(saved(tmp_path))
    c.m = Model()
    c.m.a = Leaf()
    assert c.m.a.value == 1.0
    c.m.l = []
    c.m.l.append(Leaf())
    c.m.l += [Leaf()]
    assert [v.value for v in c.m.l] == [4, 5]
    inner = Model()
    inner.b = Leaf()
    with pytest.raises(AssertionError, match=r"Unresolved object in checkpoint \(root\).x"):
        status.assert_consumed()
    c.x, c.m.b = Leaf(), Leaf()
    status.assert_consumed()
    assert c.m.b.value.tolist() == [2.0, 3.0]


def test_a_whole_branch_may_come_later(tmp_path) -> None:
    c = Checkpoint()
    c.read(saved(tmp_path)).expect_partial()
    m = Model()
    m.a, m.l = Leaf(), [Leaf(), Leaf(), Leaf(9)]
    c.m = m
    assert m.a.value == 1.0
    assert [v.value for v in m.l] == [4, 5, 9]


def test_the_later_restoration_wins(tmp_path) -> None:
    one = Checkpoint(x=Leaf(1)).write(tmp_path / "one")
    two = Checkpoint(x=Leaf(2)).write(tmp_path / "two")
    c = Checkpoint()
    c.read(one)
    c.read(two)
    c.x = Leaf()
    assert c.x.value == 2
    c.read(one)
    assert c.x.value == 1


def test_questions_about_the_match(tmp_path) -> None:
    path = saved(tmp_path)

    def status(**objects):
        return Checkpoint(**objects).read(path).expect_partial()

    status(x=Leaf()).assert_existing_objects_matched()
    with pytest.raises(AssertionError, match=r"Unresolved object in checkpoint \(root\).m.a"):
        status(x=Leaf()).assert_consumed()
    with pytest.raises(
        AssertionError, match=r"Found 1 Python objects that were not bound .*<Leaf 7>"
    ):
        status(x=Leaf(), new=Leaf(7)).assert_existing_objects_matched()
    status(x=Leaf(), new=Leaf(7)).assert_nontrivial_match()
    with pytest.raises(AssertionError, match=r"Nothing except the root object matched .*<Leaf 7>"):
        status(new=Leaf(7)).assert_nontrivial_match()
    with pytest.raises(AssertionError, match=r"Nothing to load\. No dependencies have been added"):
        status().assert_nontrivial_match()
    full = Model()
    full.a, full.b, full.l = Leaf(), Leaf(), [Leaf(), Leaf()]
    with pytest.raises(AssertionError, match=r"Unused attributes .*\n\(root\).x .*VARIABLE_VALUE"):
        status(m=full, x=Model()).assert_consumed()


def test_restoring_nothing() -> None:
    status = Checkpoint(x=Leaf()).read(None)
    for question in (
        "assert_consumed",
        "assert_existing_objects_matched",
        "assert_nontrivial_match",
    ):
        with pytest.raises(AssertionError, match="No checkpoint specified"):
            getattr(status, question)()
    assert status.expect_partial() is status
    assert status.initialize_or_restore() is None
    with pytest.raises(AssertionError, match="no restore ops are available"):
        status.run_restore_ops()


def test_values_that_nothing_took_are_warned_of(tmp_path, caplog) -> None:
    path = saved(tmp_path)
    Checkpoint(x=Leaf()).read(path).expect_partial()
    gc.collect()
    assert caplog.text == ""
    Checkpoint(x=Leaf()).read(path)
    gc.collect()
    assert "is being deleted with unrestored values" in caplog.text
    assert "could not be found in the restored object: (root).m.l.1" in caplog.text
    assert "(root).x" not in caplog.text


def test_one_object_in_the_checkpoint_two_in_the_program(tmp_path, caplog) -> None:
    leaf = Leaf(5)
    path = Checkpoint(a=leaf, b=leaf).write(tmp_path / "x")
    c = Checkpoint(a=Leaf(1), b=Leaf(2))
    status = c.read(path)
    assert (c.a.value, c.b.value) == (5, 2)
    assert "Inconsistent references when loading the checkpoint" in caplog.text
    with pytest.raises(AssertionError, match="Found 1 Python objects"):
        status.assert_existing_objects_matched()


def test_a_root_has_no_name(tmp_path) -> None:
    m = Model()
    m.a, m.l = Leaf(1), [Leaf(2)]
    path = Checkpoint(m, step=Leaf(3)).write(tmp_path / "x")
    assert [k for k, _ in list_variables(path)] == [OBJECT_GRAPH_KEY] + [
        f"{n}/.ATTRIBUTES/VARIABLE_VALUE" for n in ("a", "l/0", "step")
    ]
    again = Model()
    again.a, again.l = Leaf(), [Leaf()]
    c = Checkpoint(again, step=Leaf())
    c.read(path).assert_consumed()
    assert (again.a.value, again.l[0].value, c.step.value) == (1, 2, 3)
    with pytest.raises(ValueError, match=r"keyword argument a if root\.a already exists"):
        Checkpoint(again, a=Leaf())


def test_what_is_no_trackable_is_refused() -> None:
    for bad in (3, "x", np.zeros(3), None):
        with pytest.raises(
            ValueError, match="`Checkpoint` was expecting a to be a trackable object"
        ):
            Checkpoint(a=bad)
    with pytest.raises(ValueError, match="expecting root to be a trackable object"):
        Checkpoint(3)
    Checkpoint(a=[1], b={"x": 2})


def test_values_of_other_objects(tmp_path) -> None:
    class Two(Trackable):
        def __init__(self, x, y) -> None:
            self.x, self.y = x, y

        def _serialize_to_tensors(self):
            return {"x": self.x, "y/z": self.y}

        def _restore_from_tensors(self, restored_tensors) -> None:
            self.x, self.y = restored_tensors["x"], restored_tensors["y/z"]

    class Counter(PythonState):
        def __init__(self, n: int) -> None:
            self.n = n

        def serialize(self) -> str:
            return str(self.n)

        def deserialize(self, string_value: bytes) -> None:
            self.n = int(string_value)

    path = Checkpoint(two=Two(1.5, np.arange(3)), n=Counter(4)).write(tmp_path / "x")
    assert [k for k, _ in list_variables(path)][1:] == [
        *("n/.ATTRIBUTES/py_state", "two/.ATTRIBUTES/x", "two/.ATTRIBUTES/y.Sz")
    ]
    c = Checkpoint(two=Two(0, 0), n=Counter(0))
    c.read(path).assert_consumed()
    assert float(np.asarray(c.two.x)) == 1.5
    assert np.asarray(c.two.y).tolist() == [0, 1, 2]
    assert c.n.n == 4


def test_names_instead_of_a_graph(tmp_path) -> None:
    """Checkpoints of a graph-mode program have names alone."""
    write_values(str(tmp_path / "x"), [("w", np.array([7.0, 8.0])), ("later", 9.0)])
    c = Checkpoint(w=Leaf(0, "w"))
    status = c.read(tmp_path / "x")
    assert c.w.value.tolist() == [7.0, 8.0]
    status.assert_consumed().assert_existing_objects_matched().assert_nontrivial_match()
    c.m = Model()
    c.m.v = Leaf(0, "later")
    assert c.m.v.value == 9.0
    c.u = Leaf(0, "u")
    with pytest.raises(
        AssertionError, match=r"(?s)Some objects had attributes which were not restored.*\['u'\]"
    ):
        status.assert_consumed()


def test_options(tmp_path) -> None:
    called = []
    options = CheckpointOptions(
        experimental_write_callbacks=[called.append, lambda: called.append("plain")]
    )
    path = Checkpoint(x=Leaf()).write(tmp_path / "deep" / "x", options)
    assert called == [path, "plain"]
    for refused in (
        {"enable_async": True},
        {"experimental_enable_async_checkpoint": True},
        {"experimental_io_device": "/job:worker"},
        {"experimental_sharding_callback": print},
    ):
        with pytest.raises(NotImplementedError, match="CheckpointOptions: "):
            CheckpointOptions(**refused)


def test_a_damaged_graph_is_data_loss(tmp_path) -> None:
    good = load_checkpoint(saved(tmp_path)).get_tensor(OBJECT_GRAPH_KEY)
    c = Checkpoint(x=Leaf())
    random = np.random.default_rng(0)
    for i in range(300):
        bad = bytearray(good)
        for at in random.integers(0, len(bad), 1 + i % 3):
            bad[at] = random.integers(0, 256)
        write_values(str(tmp_path / "bad"), [(OBJECT_GRAPH_KEY, bytes(bad))])
        with contextlib.suppress(errors.DataLossError, errors.NotFoundError):
            c.read(tmp_path / "bad").expect_partial()
    for bad in (b"", b"\x0a\x04\x0a\x02\x08\x05", b"\x0a\x7f"):
        write_values(str(tmp_path / "bad"), [(OBJECT_GRAPH_KEY, bad)])
        with pytest.raises(errors.DataLossError, match="bad: "):
            c.read(tmp_path / "bad")


def test_looking_at_trees(tmp_path) -> None:
    m = Model()
    m.a, m.l = Leaf(1), [Leaf(2)]
    m.s = m
    path = Checkpoint(m=m).write(tmp_path / "x")
    view = CheckpointView(path)
    assert view.children(0) == {"m": 1}
    assert view.children(1) == {"a": 2, "l": 3, "s": 1}
    assert view.descendants() == [0, 1, 2, 3, 4]
    other = Model()
    other.a, other.b = Leaf(), Leaf()
    c = Checkpoint(m=other)
    assert view.match(c) == {0: c, 1: other, 2: other.a}
    matched, nodes, objects = view.diff(c)
    assert (matched, nodes, objects) == (view.match(c), [3, 4], [other.b])
    live = TrackableView(c)
    assert live.root is c
    assert live.children(other) == {"a": other.a, "b": other.b}
    assert live.descendants() == [c, other, other.a, other.b]
    write_values(str(tmp_path / "names"), [("w", 1.0)])
    with pytest.raises(ValueError, match="does not appear to be object-based"):
        CheckpointView(tmp_path / "names")
