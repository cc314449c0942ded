"""`tf.train.Checkpoint` over variables and modules, and folders of checkpoints."""

from __future__ import annotations

import os
import pathlib
import threading

import numpy as np
import pytest

import thalweg as tf

DATA = pathlib.Path(__file__).resolve().parent / "data" / "checkpoints"


class Dense(tf.Module):
    def __init__(self, units: int, name: str | None = None) -> None:
        super().__init__(name)
        self.units = units
        self.w = None
        self.b = tf.Variable(tf.zeros([units]), name="b")

    def __call__(self, x):
        if self.w is None:
            self.w = tf.Variable(tf.ones([x.shape[-1], self.units]), name="w")
        return tf.matmul(x, self.w) + self.b


class Network(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [Dense(3), Dense(2)]
        self.scale = {"out": tf.Variable(1.0)}

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x * self.scale["out"]


def trained() -> Network:
    net = Network()
    net(tf.ones([1, 4]))
    for i, v in enumerate(net.variables):
        v.assign(tf.random.stateless_normal(v.shape, [i, 1]))
    return net


X = np.arange(8, dtype=np.float32).reshape(2, 4)


# --- saving and restoring


def test_a_network_comes_back_as_it_was(tmp_path) -> None:
    net = trained()
    path = tf.train.Checkpoint(net=net).save(tmp_path / "deep" / "ckpt")
    assert path == str(tmp_path / "deep" / "ckpt-1")
    other = Network()
    other(tf.ones([1, 4]))
    tf.train.Checkpoint(net=other).restore(path).assert_consumed()
    np.testing.assert_array_equal(other(X), net(X))
    keys = [name for name, _ in tf.train.list_variables(path)]
    assert keys[1:] == [
        f"{name}/.ATTRIBUTES/VARIABLE_VALUE"
        for name in (
            *("net/layers/0/b", "net/layers/0/w", "net/layers/1/b", "net/layers/1/w"),
            *("net/scale/out", "save_counter"),
        )
    ]


def test_variables_that_a_first_call_makes_have_their_values_at_once(tmp_path) -> None:
    net = trained()
    path = tf.train.Checkpoint(net=net).write(tmp_path / "x")
    other = Network()
    status = tf.train.Checkpoint(net=other).read(path)
    np.testing.assert_array_equal(other.layers[0].b, net.layers[0].b)
    with pytest.raises(AssertionError, match=r"Unresolved object .* \(root\).net.layers.0.w"):
        status.assert_consumed()
    np.testing.assert_array_equal(other(X), net(X))
    status.assert_consumed()


def test_a_checkpoint_that_tensorflow_wrote() -> None:
    class Model(tf.Module):
        pass

    model = Model()
    model.kernel = tf.Variable(tf.zeros([2, 2]))
    model.layers = [tf.Variable(0), "text", tf.Variable([0.0])]
    model.table = {"b": tf.Variable(b""), "a.b/c": [tf.Variable(False)]}
    model.pair = (tf.Variable(0.0, dtype=tf.bfloat16), None)
    model.self = model
    c = tf.train.Checkpoint(model=model, twin=model.kernel, step=tf.Variable(0, dtype=tf.int64))
    c.restore(DATA / "objects-1").assert_consumed()
    np.testing.assert_array_equal(model.kernel, [[1, 2], [3, 4]])
    assert model.layers[0].numpy() == 5
    assert model.layers[2].numpy().tolist() == [6.5]
    assert model.table["b"].numpy() == b"bytes"
    assert model.table["a.b/c"][0].numpy()
    assert float(tf.cast(model.pair[0], tf.float32)) == 7.0
    assert (int(c.step), int(c.save_counter)) == (8, 1)


TYPES = """bfloat16 float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 complex64 complex128 bool
string"""


@pytest.mark.parametrize("name", TYPES.split())
def test_variables_of_every_type(name: str, tmp_path) -> None:
    values = [b"a", b"", b"xyz"] if name == "string" else tf.cast([1, 0, 3], name)
    v = tf.Variable(values, dtype=name)
    path = tf.train.Checkpoint(v=v).write(tmp_path / "x")
    again = tf.Variable([b""] * 3 if name == "string" else tf.cast([0, 0, 0], name))
    tf.train.Checkpoint(v=again).read(path).assert_consumed()
    assert again.dtype == v.dtype == name
    assert again.numpy().tolist() == v.numpy().tolist()
    assert tf.train.load_checkpoint(path).get_variable_to_dtype_map()[
        "v/.ATTRIBUTES/VARIABLE_VALUE"
    ] == tf.as_dtype(name)


def test_what_is_saved_is_the_value_then(tmp_path) -> None:
    v = tf.Variable([1.0, 2.0])
    c = tf.train.Checkpoint(v=v)
    path = c.write(tmp_path / "x")
    v.assign_add([10.0, 10.0])
    c.read(path)
    assert v.numpy().tolist() == [1.0, 2.0]
    v.assign_add([1.0, 1.0])  # a restored value is the variable's own
    w = tf.Variable([0.0, 0.0])
    tf.train.Checkpoint(v=w).read(path)
    assert (v.numpy().tolist(), w.numpy().tolist()) == ([2.0, 3.0], [1.0, 2.0])


def test_shapes_and_types_must_match(tmp_path) -> None:
    path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write(tmp_path / "x")
    with pytest.raises(
        ValueError, match=r"incompatible tensor with shape \(2,\) .* shape \(3,\) and"
    ):
        tf.train.Checkpoint(v=tf.Variable([0.0, 0.0, 0.0])).read(path).expect_partial()
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected dtype int32 does not equal"):
        tf.train.Checkpoint(v=tf.Variable([0, 0])).read(path).expect_partial()
    free = tf.Variable([0.0], shape=[None])
    tf.train.Checkpoint(v=free).read(path)
    assert free.numpy().tolist() == [1.0, 2.0]


def test_the_counter_counts_and_is_restored(tmp_path) -> None:
    c = tf.train.Checkpoint(v=tf.Variable(1.0))
    paths = [c.save(tmp_path / "ckpt") for _ in range(3)]
    assert [p.rpartition("-")[2] for p in paths] == ["1", "2", "3"]
    assert tf.train.latest_checkpoint(tmp_path) == paths[-1]
    again = tf.train.Checkpoint(v=tf.Variable(0.0))
    again.restore(paths[1])
    assert again.save(tmp_path / "ckpt") == paths[2]
    assert (tmp_path / "checkpoint").read_text() == (
        'model_checkpoint_path: "ckpt-3"\nall_model_checkpoint_paths: "ckpt-3"\n'
    )
    path = tf.train.Checkpoint(v=tf.Variable(2.0)).write(tmp_path / "w")  # has no counter
    fresh = tf.train.Checkpoint(v=tf.Variable(0.0))
    with pytest.raises(AssertionError, match="Found 1 Python objects"):
        fresh.restore(path).assert_consumed()


def test_a_path_that_is_none(tmp_path) -> None:
    c = tf.train.Checkpoint(v=tf.Variable(1.0))
    c.restore(tf.train.latest_checkpoint(tmp_path))
    with pytest.raises(tf.errors.NotFoundError, match=r"(?s)restoring .* at .*ckpt: .* '-1' in"):
        c.restore(tmp_path / "ckpt")
    with pytest.raises(tf.errors.NotFoundError, match=r"^Unsuccessful TensorSliceReader"):
        c.read(tmp_path / "ckpt")


def test_the_variables_of_a_saved_model(tmp_path) -> None:
    tf.train.Checkpoint(v=tf.Variable(4.0)).write(tmp_path / "m" / "variables" / "variables")
    (tmp_path / "m" / "saved_model.pb").write_bytes(b"")
    c = tf.train.Checkpoint(v=tf.Variable(0.0))
    c.restore(tmp_path / "m").expect_partial()
    assert float(c.v) == 4.0


def test_training_goes_on_where_it_stopped(tmp_path) -> None:
    def step(net: Network, momentum: list[tf.Variable]) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(net(X) ** 2) * 1e-5
        for v, m, g in zip(
            net.variables, momentum, tape.gradient(loss, net.variables), strict=True
        ):
            m.assign(0.9 * m + g)
            v.assign_sub(m)

    def fresh() -> tuple[Network, list[tf.Variable]]:
        net = trained()
        return net, [tf.Variable(tf.zeros(v.shape)) for v in net.variables]

    net, momentum = fresh()
    c = tf.train.Checkpoint(net=net, momentum=momentum)
    for i in range(6):
        step(net, momentum)
        if i == 2:
            path = c.save(tmp_path / "ckpt")
    again, slots = fresh()
    tf.train.Checkpoint(net=again, momentum=slots).restore(path).assert_consumed()
    for _ in range(3):
        step(again, slots)
    for a, b in zip(net.variables, again.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_threads_may_save_and_restore(tmp_path) -> None:
    failed: list[BaseException] = []

    def work(i: int) -> None:
        try:
            c = tf.train.Checkpoint(v=tf.Variable(tf.fill([50_000], float(i))))
            path = c.save(tmp_path / str(i) / "x")
            c.v.assign(tf.zeros([50_000]))
            c.restore(path).assert_consumed()
            assert (c.v.numpy() == i).all()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failed == []


# --- modules


def test_names_of_variables_follow_the_module() -> None:
    class Scoped(tf.Module):
        def __init__(self) -> None:
            super().__init__("scoped")
            with self.name_scope:
                self.v = tf.Variable(1.0, name="v")

        @tf.Module.with_name_scope
        def make(self) -> tf.Variable:
            return tf.Variable(2.0, name="w")

    m = Scoped()
    assert m.name_scope.name == "scoped/"
    assert (m.v.name, m.make().name, m.make.__name__) == ("scoped/v:0", "scoped/w:0", "make")


def test_variables_of_a_module() -> None:
    net = trained()
    net.extra = tf.Variable(0.0, trainable=False, name="extra")
    names = [v.name for v in net.variables]
    assert names == ["extra:0", "Variable:0", "b:0", "w:0", "b:0", "w:0"]
    assert [v.name for v in net.trainable_variables] == names[1:]
    assert [v.name for v in net.non_trainable_variables] == ["extra:0"]
    assert [m.name for m in net.submodules] == ["dense", "dense"]


# --- managers


def manager(tmp_path, **options) -> tf.train.CheckpointManager:
    c = tf.train.Checkpoint(v=tf.Variable(1.0))
    return tf.train.CheckpointManager(c, tmp_path, **{"max_to_keep": 2} | options)


def files(folder: pathlib.Path) -> list[str]:
    return sorted(f.removesuffix(".index") for f in os.listdir(folder) if f.endswith(".index"))


def test_a_manager_keeps_the_last(tmp_path) -> None:
    m = manager(tmp_path / "new")
    assert (m.latest_checkpoint, m.checkpoints) == (None, [])
    paths = [m.save() for _ in range(4)]
    assert m.checkpoints == paths[2:]
    assert m.latest_checkpoint == paths[3] == tf.train.latest_checkpoint(tmp_path / "new")
    assert files(tmp_path / "new") == ["ckpt-3", "ckpt-4"]
    state = tf.train.get_checkpoint_state(tmp_path / "new")
    assert list(state.all_model_checkpoint_paths) == paths[2:]
    assert len(state.all_model_checkpoint_timestamps) == 2
    assert state.last_preserved_timestamp <= min(state.all_model_checkpoint_timestamps)


def test_a_manager_takes_over_what_is_there(tmp_path) -> None:
    paths = [manager(tmp_path).save(), manager(tmp_path, checkpoint_name="other").save()]
    m = manager(tmp_path)
    assert m.checkpoints == paths
    m.checkpoint.v.assign(5.0)
    assert m.restore_or_initialize() == paths[1]
    assert float(m.checkpoint.v) == 1.0
    assert m.save() == str(tmp_path / "ckpt-2")
    assert files(tmp_path) == ["ckpt-2", "other-1"]
    (tmp_path / "other-1.index").unlink()
    assert manager(tmp_path).checkpoints == [str(tmp_path / "ckpt-2")]


def test_numbers_and_intervals(tmp_path) -> None:
    step = tf.Variable(0, dtype=tf.int64)
    m = manager(tmp_path, max_to_keep=None, step_counter=step, checkpoint_interval=3)
    saved = []
    for _ in range(7):
        saved.append(m.save(checkpoint_number=step))
        step.assign_add(1)
    assert [s and s.rpartition("-")[2] for s in saved] == ["0", None, None, "3", None, None, "6"]
    assert m.save(checkpoint_number=70, check_interval=False) == str(tmp_path / "ckpt-70")
    assert m.save() is None
    again = manager(tmp_path, step_counter=step, checkpoint_interval=3)
    again.restore_or_initialize()
    assert again.save() is None
    for bad, message in (
        ({"max_to_keep": 0}, "Expected a positive integer or `None` for `max_to_keep`, got 0"),
        ({"checkpoint_interval": 3}, "`step_counter` should be passed"),
    ):
        with pytest.raises(ValueError, match=message):
            manager(tmp_path, **bad)


def test_one_by_the_hour_is_preserved(tmp_path) -> None:
    m = manager(tmp_path, max_to_keep=1, keep_checkpoint_every_n_hours=1e-9)
    for _ in range(3):
        m.save()
    assert m.checkpoints == [str(tmp_path / "ckpt-3")]
    assert files(tmp_path) == ["ckpt-1", "ckpt-2", "ckpt-3"]
    never = manager(tmp_path / "b", max_to_keep=1, keep_checkpoint_every_n_hours=1)
    for _ in range(3):
        never.save()
    assert files(tmp_path / "b") == ["ckpt-3"]


def test_without_a_checkpoint_the_program_begins(tmp_path) -> None:
    called = []
    m = manager(tmp_path, init_fn=lambda: called.append(1))
    assert m.restore_or_initialize() is None
    assert called == [1]


# --- the ops


def test_the_ops_run_eagerly(tmp_path) -> None:
    path = tf.raw_ops.ShardedFilename(basename=str(tmp_path / "m"), shard=1, num_shards=2)
    assert path.numpy() == str(tmp_path / "m-00001-of-00002").encode()
    values = [tf.range(4.0), tf.constant(["x", ""])]
    tf.raw_ops.SaveV2(
        prefix=path, tensor_names=["a", "b"], shape_and_slices=["", ""], tensors=values
    )
    back = tf.raw_ops.RestoreV2(
        prefix=path,
        tensor_names=["b", "a"],
        shape_and_slices=["", ""],
        dtypes=[tf.string, tf.float32],
    )
    assert back[0].numpy().tolist() == [b"x", b""]
    assert back[1].numpy().tolist() == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(tf.errors.NotFoundError, match="Key c not found in checkpoint"):
        tf.raw_ops.RestoreV2(
            prefix=path, tensor_names=["c"], shape_and_slices=[""], dtypes=[tf.int32]
        )


def test_a_function_is_given_what_was_saved(tmp_path) -> None:
    """The variable that its first call makes, while it is traced."""

    class Scale(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = None

        @tf.function
        def __call__(self, x):
            if self.w is None:
                self.w = tf.Variable(tf.ones([3]))
            return x * self.w

    m = Scale()
    m(tf.ones([3]))
    m.w.assign([1.0, 2.0, 3.0])
    path = tf.train.Checkpoint(m=m).write(tmp_path / "x")
    again = Scale()
    status = tf.train.Checkpoint(m=again, f=tf.function(lambda x: x)).read(path)
    assert again(tf.ones([3])).numpy().tolist() == [1.0, 2.0, 3.0]
    status.assert_consumed()
