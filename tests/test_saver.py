"""Saving the variables of a session: the ops, what is kept, graphs beside checkpoints."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg import raw_ops

DATA = pathlib.Path(__file__).resolve().parent / "data" / "checkpoints"


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def initialized() -> tf.Session:
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return sess


# --- the ops


def test_ops_round_trip(tmp_path) -> None:
    path = str(tmp_path / "x")
    values = [np.arange(4, dtype=np.float32), np.array([[b"a"], [b""]], object), np.array(True)]
    names = ["a", "b", "c"]
    save = raw_ops.SaveV2(path, names, ["", "", ""], [tf.constant(v) for v in values])
    dtypes = [tf.float32, tf.string, tf.bool]
    back = raw_ops.RestoreV2(path, names[::-1], ["", "", ""], dtypes=dtypes[::-1])
    with tf.Session() as sess:
        sess.run(save)
        for expected, got in zip(values[::-1], sess.run(list(back)), strict=True):
            np.testing.assert_array_equal(got, expected)
    assert tf.train.list_variables(path) == [("a", [4]), ("b", [2, 1]), ("c", [])]


def test_errors_of_the_ops(tmp_path) -> None:
    path = str(DATA / "two_shards")

    def restore(names, slices, dtypes):
        with tf.Session() as sess:
            return sess.run(list(raw_ops.RestoreV2(path, names, slices, dtypes=dtypes)))

    np.testing.assert_array_equal(restore(["a"], [""], [tf.float32])[0], np.arange(4))
    with pytest.raises(tf.errors.NotFoundError, match="Key nobody not found in checkpoint"):
        restore(["nobody"], [""], [tf.float32])
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="tensor_name = a; expected dtype int32 does not equal original dtype float",
    ):
        restore(["a"], [""], [tf.int32])
    with pytest.raises(tf.errors.UnimplementedError, match="slices are not supported, got '4 0,2'"):
        restore(["a"], ["4 0,2"], [tf.float32])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Got 2 tensor names but 1 tensors"):
        restore(["a", "b"], ["", ""], [tf.float32])


def test_names_of_several_files() -> None:
    with tf.Session() as sess:
        assert sess.run(raw_ops.ShardedFilename("m", 3, 12)) == b"m-00003-of-00012"


# --- Saver


def test_values_and_names(tmp_path) -> None:
    a = tf.Variable(1.5, name="a")
    b = tf.Variable([[1, 2], [3, 4]], name="scope/b", trainable=False)
    saver = tf.train.Saver()
    path = str(tmp_path / "m")
    with initialized() as sess:
        assert saver.save(sess, path) == path
        sess.run([a.assign(9.0), b.assign(b * 0)])
        saver.restore(sess, path)
        assert sess.run(a) == 1.5
        np.testing.assert_array_equal(sess.run(b), [[1, 2], [3, 4]])
    with tf.Session() as sess:  # restored variables need no initialization
        saver.restore(sess, path)
        assert sess.run(a) == 1.5
    assert tf.train.list_variables(path) == [("a", []), ("scope/b", [2, 2])]
    assert tf.train.latest_checkpoint(tmp_path) == path


def test_the_graph_gets_tensorflows_nodes() -> None:
    tf.Variable(1.0, name="a")
    tf.Variable(2.0, name="b")
    definition = tf.train.Saver(max_to_keep=3).as_saver_def()
    assert (definition.filename_tensor_name, definition.save_tensor_name) == (
        *("save/Const:0", "save/control_dependency:0"),
    )
    assert (definition.restore_op_name, definition.max_to_keep) == ("save/restore_all", 3)
    names = {op.name for op in tf.get_default_graph().get_operations() if op.name[:5] == "save/"}
    assert names == {
        *("save/filename/input", "save/filename", "save/Const", "save/SaveV2/tensor_names"),
        *("save/SaveV2/shape_and_slices", "save/SaveV2", "save/control_dependency"),
        *("save/RestoreV2/tensor_names", "save/RestoreV2/shape_and_slices", "save/RestoreV2"),
        *("save/Assign", "save/Assign_1", "save/restore_all"),
    }


def test_the_last_are_kept(tmp_path) -> None:
    step = tf.Variable(0, name="step")
    saver = tf.train.Saver(max_to_keep=2)
    path = str(tmp_path / "m")
    with initialized() as sess:
        for i in range(4):
            sess.run(step.assign(i))
            saver.save(sess, path, global_step=step)
        assert saver.last_checkpoints == [f"{path}-2", f"{path}-3"]
        ends = (".data-00000-of-00001", ".index", ".meta")
        assert sorted(os.listdir(tmp_path)) == [
            "checkpoint",
            *(f"m-{i}{e}" for i in (2, 3) for e in ends),
        ]
        state = tf.train.get_checkpoint_state(tmp_path)
        assert list(state.all_model_checkpoint_paths) == saver.last_checkpoints
        again = tf.train.Saver(max_to_keep=2)
        again.recover_last_checkpoints([f"{path}-1", *state.all_model_checkpoint_paths])
        again.save(sess, path, global_step=9, write_meta_graph=False)
        assert again.last_checkpoints == [f"{path}-3", f"{path}-9"]
        assert not (tmp_path / "m-2.index").exists()


def test_one_by_the_hour_is_preserved(tmp_path) -> None:
    tf.Variable(0, name="v")
    saver = tf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=1e-9)
    with initialized() as sess:
        for i in range(3):
            saver.save(sess, tmp_path / "m", global_step=i, write_meta_graph=False)
    assert saver.last_checkpoints == [str(tmp_path / "m-2")]
    assert (tmp_path / "m-0.index").exists()


def test_options_of_saving(tmp_path) -> None:
    tf.Variable(1.0, name="v")
    saver = tf.train.Saver(pad_step_number=True, save_relative_paths=True)
    with initialized() as sess:
        path = saver.save(
            sess, tmp_path / "m", 7, latest_filename="mine", meta_graph_suffix="graph"
        )
        assert path == str(tmp_path / "m-00000007")
        assert (tmp_path / "mine").read_text().startswith('model_checkpoint_path: "m-00000007"')
        assert (tmp_path / "m-00000007.graph").exists()
        saver.save(sess, tmp_path / "n", write_state=False, write_meta_graph=False)
        assert saver.last_checkpoints == [path]
        for arguments, message in (
            ({"latest_filename": "a/b"}, "'latest_filename' must not contain path components"),
            ({"latest_filename": "m"}, "'latest_filename' collides with 'save_path'"),
        ):
            with pytest.raises(ValueError, match=message):
                saver.save(sess, tmp_path / "m", **arguments)
        with pytest.raises(ValueError, match=r"Parent directory of .*none/m doesn't exist"):
            saver.save(sess, tmp_path / "none" / "m")
        for refused in ({"strip_default_attrs": True}, {"save_debug_info": True}):
            with pytest.raises(NotImplementedError, match=r"Saver\.save: "):
                saver.save(sess, tmp_path / "m", **refused)


def test_some_variables_under_other_names(tmp_path) -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
    with initialized() as sess:
        path = tf.train.Saver({"x": a, "y": b}).save(sess, tmp_path / "m")
    assert [name for name, _ in tf.train.list_variables(path)] == ["x", "y"]
    with tf.Session() as sess:
        tf.train.Saver({"y": a}).restore(sess, path)
        assert sess.run(a) == 2.0
        assert sess.run(tf.report_uninitialized_variables()).tolist() == [b"b"]
    with initialized() as sess:
        path = tf.train.Saver([b]).save(sess, tmp_path / "n")
    assert [name for name, _ in tf.train.list_variables(path)] == ["b"]


def test_shapes_must_match_unless_reshaped(tmp_path) -> None:
    v = tf.Variable([1.0, 2.0, 3.0, 4.0], name="v")
    with initialized() as sess:
        path = tf.train.Saver([v]).save(sess, tmp_path / "m")
    w = tf.Variable([[0.0, 0.0], [0.0, 0.0]], name="w")
    with initialized() as sess:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Assign requires shapes of both"):
            tf.train.Saver({"v": w}).restore(sess, path)
        tf.train.Saver({"v": w}, reshape=True, restore_sequentially=True).restore(sess, path)
        np.testing.assert_array_equal(sess.run(w), [[1, 2], [3, 4]])


def test_errors(tmp_path) -> None:
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()
    empty = tf.train.Saver(allow_empty=True)
    with tf.Session() as sess:
        assert empty.save(sess, tmp_path / "m", write_meta_graph=False) is None
        assert empty.restore(sess, tmp_path / "m") is None
    v, w = tf.Variable(1.0, name="v"), tf.Variable(1, name="w")
    with pytest.raises(ValueError, match="At least two variables have the same name: v"):
        tf.train.Saver([v, v])
    with pytest.raises(TypeError, match="Variable to save is not a Variable: "):
        tf.train.Saver([tf.constant(1)])
    with pytest.raises(TypeError, match="it is not a list"):
        tf.train.Saver(3)
    for refused in ({"sharded": True}, {"write_version": 1}, {"builder": object()}):
        with pytest.raises(NotImplementedError, match="Saver: "):
            tf.train.Saver(**refused)
    saver = tf.train.Saver([v])
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value v"):
            saver.save(sess, tmp_path / "m")
        assert os.listdir(tmp_path) == []
        with pytest.raises(ValueError, match="Can't load save_path when it is None"):
            saver.restore(sess, None)
        with pytest.raises(ValueError, match="The passed save_path is not a valid checkpoint: "):
            saver.restore(sess, tmp_path / "m")
    with initialized() as sess:
        path = saver.save(sess, tmp_path / "m")
        with pytest.raises(
            tf.errors.NotFoundError, match=r"(?s)missing from the checkpoint.*Key w not"
        ):
            tf.train.Saver([w]).restore(sess, path)
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"(?s)mismatch between.*expected dtype"
        ):
            tf.train.Saver({"v": w}).restore(sess, path)


def test_building_may_wait(tmp_path) -> None:
    saver = tf.train.Saver(defer_build=True)
    v = tf.Variable(3.0, name="v")
    with initialized() as sess:
        with pytest.raises(RuntimeError, match=r"`build\(\)` should be called before save"):
            saver.save(sess, tmp_path / "m")
        saver.build()
        saver.restore(sess, saver.save(sess, tmp_path / "m"))
        assert sess.run(v) == 3.0


# --- graphs


def test_a_graph_is_rebuilt_from_its_file(tmp_path) -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    with tf.variable_scope("layer"):
        w = tf.get_variable("w", initializer=[[1.0], [2.0]])
        bias = tf.get_variable("b", initializer=[0.5], trainable=False)
    y = tf.add(tf.matmul(x, w), bias, name="y")
    tf.add_to_collection("outputs", y)
    tf.add_to_collection("names", "first")
    tf.add_to_collection("sizes", 3)
    with initialized() as sess:
        path = tf.train.Saver(max_to_keep=7).save(sess, tmp_path / "m", global_step=1)
        expected = sess.run(y, {x: [[3, 4]]})
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        saver = tf.train.import_meta_graph(f"{path}.meta")
        saver.restore(sess, path)
        assert saver.as_saver_def().max_to_keep == 7
        np.testing.assert_array_equal(sess.run("y:0", {"x:0": [[3, 4]]}), expected)
        assert [v.name for v in tf.global_variables()] == ["layer/w:0", "layer/b:0"]
        assert [v.name for v in tf.trainable_variables()] == ["layer/w:0"]
        assert tf.global_variables()[0] is tf.trainable_variables()[0]
        assert tf.get_collection("outputs")[0] is graph.get_tensor_by_name("y:0")
        assert (tf.get_collection("names"), tf.get_collection("sizes")) == ([b"first"], [3])
        sess.run(tf.global_variables_initializer())
        again = saver.save(sess, tmp_path / "again")
        assert tf.train.list_variables(again) == tf.train.list_variables(path)
    with tf.Graph().as_default(), tf.Session() as sess:
        saver = tf.train.import_meta_graph(f"{path}.meta", import_scope="in")
        saver.restore(sess, path)
        np.testing.assert_array_equal(sess.run("in/y:0", {"in/x:0": [[3, 4]]}), expected)
        assert tf.global_variables()[0].name == "in/layer/w:0"


def test_graphs_without_a_saver_and_as_text(tmp_path) -> None:
    with tf.name_scope("part"):
        v = tf.Variable(2.0, name="v")
    other = tf.Variable(3.0, name="other")
    meta = tf.train.export_meta_graph(tmp_path / "g.txt", as_text=True)
    assert not meta.HasField("saver_def")
    with tf.Graph().as_default():
        saver = tf.train.import_meta_graph(tmp_path / "g.txt")
        assert {v.name for v in tf.global_variables()} == {"part/v:0", "other:0"}
        with initialized() as sess:
            path = saver.save(sess, tmp_path / "m")
    assert [name for name, _ in tf.train.list_variables(path)] == ["other", "part/v"]
    scoped = tf.train.export_meta_graph(export_scope="part")
    with tf.Graph().as_default():
        tf.train.import_meta_graph(scoped)
        assert [v.name for v in tf.global_variables()] == ["v:0"]
        with initialized() as sess:
            assert sess.run("v:0") == 2.0
    assert (v.name, other.name) == ("part/v:0", "other:0")
    assert tf.train.import_meta_graph(tf.train.export_meta_graph(graph=tf.Graph())) is None
    with pytest.raises(OSError, match="File does not exist"):
        tf.train.import_meta_graph(tmp_path / "none.meta")
    (tmp_path / "bad").write_bytes(b"\xff{")
    with pytest.raises(OSError, match="Cannot parse file"):
        tf.train.import_meta_graph(tmp_path / "bad")


def test_checkpoints_of_objects_by_name() -> None:
    """objects-1, which TensorFlow's Checkpoint wrote, knows the variables' names."""
    kernel = tf.Variable(np.zeros((2, 2), np.float32), name="kernel")
    counter = tf.Variable(np.int64(0), name="save_counter")
    with tf.Session() as sess:
        tf.train.Saver().restore(sess, DATA / "objects-1")
        np.testing.assert_array_equal(sess.run(kernel), [[1, 2], [3, 4]])
        assert sess.run(counter) == 1


def test_a_graph_that_tensorflow_wrote() -> None:
    with tf.Session() as sess:
        saver = tf.train.import_meta_graph(DATA / "saver.meta")
        saver.restore(sess, DATA / "saver")
        assert sess.run("a:0") == 1.0
        np.testing.assert_array_equal(sess.run("scope/b:0"), [[1, 2]])
        assert [v.name for v in tf.global_variables()] == ["a:0", "scope/b:0"]
        assert [v.name for v in tf.trainable_variables()] == ["a:0"]


def test_functions_go_with_a_graph(tmp_path) -> None:
    """Branches and bodies of loops are functions, and know variables."""
    x = tf.placeholder(tf.float32, [], name="x")
    v = tf.Variable(2.0, name="v")
    y = tf.cond(x > 0.0, lambda: x * v, lambda: x - v)
    _steps, power = tf.while_loop(
        lambda i, p: i < 3,
        lambda i, p: (i + 1, tf.cond(p > 100.0, lambda: p, lambda: p * v)),
        (0, y),
    )
    tf.identity(power, name="power")
    tf.identity(tf.gradients(power, v)[0], name="slope")
    feeds = [{"x:0": value} for value in (3.0, -3.0, 90.0)]
    with initialized() as sess:
        path = tf.train.Saver().save(sess, tmp_path / "m")
        expected = [sess.run(["power:0", "slope:0"], feed) for feed in feeds]
        tf.train.export_meta_graph(tmp_path / "text.meta", as_text=True)
    assert expected[0] == [48.0, 96.0]
    text = str(tmp_path / "text.meta")
    for scope, prefix, file in (
        (None, "", f"{path}.meta"),
        ("in", "in/", f"{path}.meta"),
        (None, "", text),
    ):
        with tf.Graph().as_default(), tf.Session() as sess:
            saver = tf.train.import_meta_graph(file, import_scope=scope)
            saver.restore(sess, path)
            for feed, wanted in zip(feeds, expected, strict=True):
                fetched = [f"{prefix}power:0", f"{prefix}slope:0"]
                assert sess.run(fetched, {prefix + k: f for k, f in feed.items()}) == wanted
            sess.run(tf.global_variables()[0].assign(1.0))
            assert sess.run(f"{prefix}power:0", {f"{prefix}x:0": 3.0}) == 3.0


def test_variables_that_begin_with_a_checkpoints_values(tmp_path) -> None:
    old = [tf.get_variable("old/a", initializer=[1.0, 2.0])]
    old += [tf.get_variable("old/sub/b", initializer=3.0), tf.get_variable("c", initializer=5)]
    with initialized() as sess:
        path = tf.train.Saver().save(sess, tmp_path / "m")

    def values(assignment_map):
        with tf.Graph().as_default():
            with tf.variable_scope("new"):
                made = [tf.get_variable("a", initializer=[0.0, 0.0])]
                made += [tf.get_variable("sub/b", initializer=0.0)]
            made.append(tf.get_variable("other", initializer=0))
            tf.train.init_from_checkpoint(tmp_path, assignment_map(made))
            with initialized() as sess:
                return [np.asarray(x).tolist() for x in sess.run(made)]

    assert values(lambda v: {"old/": "new/"}) == [[1.0, 2.0], 3.0, 0]
    assert values(lambda v: {"old/a": "new/a", "c": v[2]}) == [[1.0, 2.0], 0.0, 5]
    assert values(lambda v: [("old/a", v[0])]) == [[1.0, 2.0], 0.0, 0]
    for bad, message in (
        (lambda v: {"/": "new/"}, rf"Tensor a \(a in /\) is not found in {path} checkpoint"),
        (lambda v: {"old/a": v[1]}, r"Shape of variable new/sub/b:0 .*of tensor old/a \(\[2\]\)"),
        (lambda v: {"nope": v[1]}, "Tensor nope is not found in .* checkpoint {'c': "),
        (lambda v: {"old/a": "nope"}, "Should be 'scope/': 'other_scope/'"),
    ):
        with pytest.raises(ValueError, match=message):
            values(bad)
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected dtype float does not equal"):
        values(lambda v: {"c": v[1]})
