"""Trees of objects that take values from a saved tree: at once, later, by name, in part."""

from __future__ import annotations

import contextlib
import gc

import numpy as np
import pytest
from trackable_case import Leaf, Model

from thalweg.framework import errors
from thalweg.trackable.base import Trackable
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY
from thalweg.trackable.python_state import PythonState
from thalweg.train.checkpoint import Checkpoint, write_values
from thalweg.train.checkpoint_options import CheckpointOptions
from thalweg.train.checkpoint_reader import list_variables, load_checkpoint
from thalweg.train.checkpoint_view import CheckpointView, TrackableView


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
