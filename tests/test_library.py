"""The Python library: variables and scopes, optimizers, rates, summaries, files, flags, MNIST."""

from __future__ import annotations

import gzip
import inspect
import pathlib
import struct
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.examples.tutorials.mnist import input_data
from thalweg.platform import flags


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def names() -> list[str]:
    return [op.name for op in tf.get_default_graph().get_operations()]


# --- variables ---------------------------------------------------------------------------------


def test_a_function_as_initial_value_lives_under_the_initializer_scope() -> None:
    tf.Variable(lambda: tf.ones([2]), name="v")
    assert names() == ["v/Initializer/ones", "v", "v/Assign", "v/read"]


def test_initializers_may_depend_on_variables_in_any_order() -> None:
    a = tf.Variable([1.0, 2.0])
    b = tf.Variable(a * 2.0 + 1.0)
    c = tf.Variable(b.initialized_value() + a)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(sess.run(c), [4.0, 7.0])


def test_scope_names_count_as_in_tensorflow() -> None:
    with tf.variable_scope("a") as a:
        tf.get_variable("v", [1])
    with tf.variable_scope(a, reuse=True) as again:
        assert tf.get_variable("v", [1]).name == "a/v:0"
        assert (again.name, tf.constant(1, name="c").name) == ("a", "a_1/c:0")
    scopes = []
    for _ in range(2):
        with tf.variable_scope(None, "layer") as scope:
            scopes.append((scope.name, tf.get_variable("k", [1]).name))
    assert scopes == [("layer", "layer/k:0"), ("layer_1", "layer_1/k:0")]
    with tf.name_scope("ns"), tf.variable_scope("q"):
        assert tf.get_variable("k", [1]).name == "q/k:0"
        assert tf.Variable(1.0, name="kk").name == "ns/q/kk:0"


def test_what_cannot_be_honoured_is_refused() -> None:
    for arguments in ({"use_resource": True}, {"caching_device": "/cpu:0"}):
        with pytest.raises(NotImplementedError):
            tf.Variable(1.0, **arguments)
    with pytest.raises(NotImplementedError):
        tf.get_variable("v", [1], partitioner=lambda **_: [1])
    with pytest.raises(NotImplementedError):
        tf.enable_resource_variables()


# --- optimizers --------------------------------------------------------------------------------

OPTIMIZERS = {
    "GradientDescent": lambda: tf.train.GradientDescentOptimizer(0.1),
    "Momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "Nesterov": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_three_steps(name: str) -> None:
    w = tf.Variable([1.0, -2.0])
    train = OPTIMIZERS[name]().minimize(tf.reduce_sum(w**2))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(3):
            sess.run(train)
        got = sess.run(w)
    want = np.array([1.0, -2.0])
    velocity = np.zeros(2)
    for _ in range(3):
        gradient = 2 * want
        velocity = (0.0 if name == "GradientDescent" else 0.9) * velocity + gradient
        want = want - 0.1 * (gradient + 0.9 * velocity if name == "Nesterov" else velocity)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_adam_names_its_variables_and_ops_as_tensorflow() -> None:
    w = tf.Variable([1.0], name="w")
    step = tf.train.get_or_create_global_step()
    optimizer = tf.train.AdamOptimizer()
    with tf.name_scope("train"):
        train = optimizer.minimize(tf.reduce_sum(w * w), global_step=step)
    assert (train.name, train.type) == ("train/Adam", "AssignAdd")
    assert [v.name for v in tf.global_variables()] == [
        "w:0",
        "global_step:0",
        "train/beta1_power:0",
        "train/beta2_power:0",
        "w/Adam:0",
        "w/Adam_1:0",
    ]
    assert (optimizer.get_slot_names(), optimizer.get_slot(w, "m").name) == (["m", "v"], "w/Adam:0")


def test_a_constraint_holds_after_every_update() -> None:
    w = tf.Variable([1.0, -2.0], constraint=lambda v: tf.clip_by_value(v, -0.5, 0.5))
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(w * w))
    with tf.Session() as sess:
        sess.run(w.initializer)
        sess.run(train)
        np.testing.assert_array_equal(sess.run(w), [0.5, -0.5])


def test_moving_averages_start_where_tensorflow_starts_them() -> None:
    v = tf.Variable(1.0, name="v")
    twice = v * 2.0
    average = tf.train.ExponentialMovingAverage(0.9)
    update = average.apply([v, twice])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(v.assign_add(1.0))
        sess.run(update)
        got = sess.run([average.average(v), average.average(twice)])
    np.testing.assert_allclose(got, [1.1, 0.4], rtol=1e-6)
    assert average.average_name(v) == "v/ExponentialMovingAverage"


def test_piecewise_constant_includes_the_boundary_on_the_left() -> None:
    step = tf.placeholder(tf.int64, [])
    rate = tf.train.piecewise_constant(step, [3, 5], [0.1, 0.2, 0.3])
    with tf.Session() as sess:
        got = [float(sess.run(rate, {step: i})) for i in (0, 3, 4, 5, 6)]
    np.testing.assert_allclose(got, [0.1, 0.1, 0.2, 0.2, 0.3], rtol=1e-6)


# --- composites --------------------------------------------------------------------------------


def test_old_and_new_argument_names_exclude_each_other() -> None:
    x = tf.zeros([2, 3])
    with pytest.raises(ValueError, match="Cannot specify both"):
        tf.reduce_sum(x, axis=1, reduction_indices=1)
    with pytest.raises(TypeError, match="values first and the axis second"):
        tf.concat(1, [x, x])


def test_a_row_that_is_not_looked_up_does_not_matter() -> None:
    shards = [tf.constant([[1.0], [np.nan]]), tf.constant([[np.inf], [4.0]])]
    with tf.Session() as sess:
        got = sess.run(tf.nn.embedding_lookup(shards, [0, 3]))
    np.testing.assert_array_equal(got, [[1.0], [4.0]])


def test_dropout_that_drops_nothing_is_the_tensor_itself() -> None:
    x = tf.ones([2])
    assert tf.nn.dropout(x, 1.0) is x
    assert list(inspect.signature(tf.nn.dropout).parameters)[:2] == ["x", "keep_prob"]


# --- summaries, files, flags -------------------------------------------------------------------


def test_a_summary_keeps_zero() -> None:
    summary = tf.Summary(value=[tf.Summary.Value(tag="a", simple_value=0.0)])
    assert summary.SerializeToString() == b"\n\x08\n\x01a\x15\x00\x00\x00\x00"


def test_a_closed_writer_says_so(tmp_path: pathlib.Path) -> None:
    writer = tf.summary.FileWriter(str(tmp_path))
    writer.close()
    writer.close()
    with pytest.raises(RuntimeError, match="closed"):
        writer.add_summary(tf.Summary(), 1)


def test_gfile_raises_tensorflows_errors(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "f")
    with tf.gfile.GFile(path, "w") as file:
        file.write("a\nb\n")
    assert tf.gfile.GFile(path).readlines() == ["a\n", "b\n"]
    with pytest.raises(tf.errors.NotFoundError, match="No such file"):
        tf.gfile.GFile(path + "x").read()
    with pytest.raises(tf.errors.AlreadyExistsError):
        tf.gfile.Copy(path, path)
    with pytest.raises(tf.errors.PermissionDeniedError):
        tf.gfile.GFile(path, "w").read()


def test_flags() -> None:
    values = flags.FlagValues()
    flags.DEFINE_float("rate", 0.1, "the rate", flag_values=values)
    flags.DEFINE_boolean("debug", True, "talk", flag_values=values)
    flags.DEFINE_integer("n", 3, "how many", lower_bound=0, flag_values=values)
    rest = values(["program", "--rate=0.5", "--nodebug", "-n", "4", "x"])
    assert (values.rate, values.debug, values.n, rest) == (0.5, False, 4, ["program", "x"])
    with pytest.raises(flags.UnrecognizedFlagError):
        values(["program", "--what"])
    with pytest.raises(flags.IllegalFlagValueError):
        values(["program", "--n=-1"])
    with pytest.raises(flags.DuplicateFlagError):
        flags.DEFINE_string("n", "", flag_values=values)


# --- MNIST -------------------------------------------------------------------------------------


def idx(array: np.ndarray[Any, Any]) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "offset 0"),
        (gzip.compress(b"\0\0\x08"), "offset 3"),
        (gzip.compress(idx(np.zeros(5))), "magic number 2049, expected 2051"),
        (gzip.compress(idx(np.zeros((2, 3, 3))))[:-9], "broken gzip"),
        (gzip.compress(idx(np.zeros((2, 3, 3)))[:-1]), r"ends at offset 33, but shape \(2, 3, 3\)"),
        (gzip.compress(struct.pack(">4I", 2051, 2**31, 2**31, 2**31)), "ends at offset 16"),
    ],
)
def test_a_damaged_file_is_named_with_the_offset(
    tmp_path: pathlib.Path, content: bytes, message: str
) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        input_data.read_idx(str(path), 3)
    assert str(path) in str(caught.value)


def test_a_batch_across_the_end_of_an_epoch_goes_on_with_the_next() -> None:
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    data = input_data.DataSet(images, np.arange(5), dtype=tf.uint8, seed=1)
    dealt = np.concatenate([data.next_batch(3)[1] for _ in range(5)])
    for epoch in dealt.reshape(3, 5):
        assert sorted(epoch) == list(range(5))
    assert data.epochs_completed == 2


# --- layers ------------------------------------------------------------------------------------


def test_layers_name_and_share_their_variables() -> None:
    x = tf.placeholder(tf.float32, [None, 8, 8, 1])

    def network(reuse: bool | None) -> Any:
        h = tf.layers.conv2d(x, 4, 3, padding="same", activation=tf.nn.relu, name="c", reuse=reuse)
        h = tf.layers.flatten(tf.layers.max_pooling2d(h, 2, 2))
        return tf.layers.dense(h, 10, name="d", reuse=reuse)

    first, second = network(None), network(True)
    assert [v.name for v in tf.trainable_variables()] == [
        "c/kernel:0",
        "c/bias:0",
        "d/kernel:0",
        "d/bias:0",
    ]
    assert first.name == "d/BiasAdd:0"
    assert first.shape.as_list() == [None, 10]
    assert [tf.layers.dense(first, 2).name, tf.layers.dense(first, 2).name] == [
        "dense/BiasAdd:0",
        "dense_1/BiasAdd:0",
    ]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        a, b = sess.run([first, second], {x: np.ones((3, 8, 8, 1))})
    np.testing.assert_array_equal(a, b)


def test_layer_dropout_follows_a_fed_switch() -> None:
    x = tf.ones([100, 100])
    training = tf.placeholder(tf.bool, [])
    y = tf.layers.dropout(x, 0.4, training=training)
    with tf.Session() as sess:
        assert (sess.run(y, {training: False}) == 1).all()
        dropped = sess.run(y, {training: True})
    assert abs((dropped == 0).mean() - 0.4) < 0.03
    np.testing.assert_allclose(dropped[dropped > 0], 1 / 0.6, rtol=1e-6)


def test_a_dense_layer_applies_to_the_last_dimension() -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    y = tf.layers.dense(x, 1, kernel_initializer=tf.ones_initializer(), use_bias=False)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(sess.run(y), x.sum(-1, keepdims=True))


def test_a_mask_indexes() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.constant([1.0, -2.0, 3.0])
        assert sess.run(x[x > 0.0]).tolist() == [1.0, 3.0]
        assert sess.run(x[np.array([False, True, True])]).tolist() == [-2.0, 3.0]
