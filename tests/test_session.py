"""Sessions as users meet them: state, feeds and fetches, order of effects, threads, devices, memory."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg import _core


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def test_a_run_reads_variables_as_they_were_before_it() -> None:
    v = tf.Variable([1.0, 2.0])
    bump = tf.assign_add(v, [10.0, 10.0])
    double = v * 2.0
    with tf.Session() as sess:
        sess.run(v.initializer)
        for i in range(3):
            base = np.array([1.0, 2.0]) + 10 * i
            before, twice, after = sess.run([v.value(), double, bump])
            np.testing.assert_array_equal(before, base)
            np.testing.assert_array_equal(twice, 2 * base)
            np.testing.assert_array_equal(after, base + 10)


def test_control_dependencies_order_a_read_after_a_write() -> None:
    v = tf.Variable(1.0)
    with tf.control_dependencies([tf.assign(v, 5.0)]):
        after = v.read_value()
    with tf.Session() as sess:
        sess.run(v.initializer)
        assert sess.run(after) == 5.0


def test_two_variables_each_updated_from_the_other() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    swap = tf.group(tf.assign(a, b.value()), tf.assign(b, a.value()))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(swap)
        values = sess.run([a, b])
        assert values == [2.0, 1.0]


def test_a_failed_step_changes_no_variable() -> None:
    v, w = tf.Variable([1.0]), tf.Variable([1.0])
    x = tf.placeholder(tf.float32)
    bad = tf.check_numerics(tf.log(x), "log")
    step = tf.group(tf.assign_add(v, [1.0]), tf.assign_add(w, tf.reshape(bad, [1])))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="log : Tensor had"):
            sess.run(step, {x: -1.0})
        assert sess.run([v, w]) == [[1.0], [1.0]]
        sess.run(step, {x: 1.0})
        assert sess.run([v, w]) == [[2.0], [1.0]]


def test_fetches_belong_to_the_caller() -> None:
    c = tf.constant([1.0, 2.0])
    v = tf.Variable([3.0, 4.0])
    x = tf.placeholder(tf.float32, [2])
    same = tf.identity(x)
    with tf.Session() as sess:
        sess.run(v.initializer)
        feed = np.array([5.0, 6.0], np.float32)
        for t in (c, v, same, tf.reshape(v, [2, 1]), x):
            out = sess.run(t, {x: feed})
            out += 100
        assert feed.tolist() == [5.0, 6.0]
        np.testing.assert_array_equal(sess.run(c), [1, 2])
        np.testing.assert_array_equal(sess.run(v), [3, 4])
        a, b = sess.run([c * 2.0, c * 2.0])
        a += 1
        np.testing.assert_array_equal(b, [2, 4])


def test_an_array_outlives_its_session() -> None:
    with tf.Session() as sess:
        out = sess.run(tf.fill([1000], 7.0))
    assert out.sum() == 7000


@pytest.mark.parametrize(
    "make", [np.asfortranarray, lambda a: a[::-1][::-1], lambda a: np.repeat(a, 2, 1)[:, ::2]]
)
def test_feeds_need_not_be_contiguous(make) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    data = np.arange(12, dtype=np.float32).reshape(4, 3)
    with tf.Session() as sess:
        np.testing.assert_array_equal(sess.run(x + 1.0, {x: make(data)}), data + 1)


def test_shapes_of_feeds_may_change() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    y = tf.reduce_sum(tf.nn.relu(x) * 2.0, 1)
    with tf.Session() as sess:
        for n in [1, 5, 2, 0, 5, *range(40)]:
            data = np.random.default_rng(n).standard_normal((n, 3)).astype(np.float32)
            np.testing.assert_allclose(
                sess.run(y, {x: data}), 2 * np.maximum(data, 0).sum(1), rtol=1e-5
            )


def test_shapes_may_depend_on_data() -> None:
    x = tf.placeholder(tf.float32, [None])
    picked = tf.gather(x, tf.squeeze(tf.where(x > 0.0), [1]))
    y = tf.reduce_sum(picked * picked)
    with tf.Session() as sess:
        for seed in range(5):
            data = np.random.default_rng(seed).standard_normal(50).astype(np.float32)
            got, total = sess.run([picked, y], {x: data})
            np.testing.assert_array_equal(got, data[data > 0])
            np.testing.assert_allclose(total, (data[data > 0] ** 2).sum(), rtol=1e-5)


def test_a_fed_shape_decides() -> None:
    shape = tf.placeholder(tf.int32, [None])
    y = tf.reshape(tf.range(12), shape) * 1
    with tf.Session() as sess:
        for s in ([3, 4], [12], [2, 2, 3], [3, 4]):
            assert sess.run(y, {shape: s}).shape == tuple(s)


def train_step():
    x = tf.placeholder(tf.float32, [None, 64])
    y = tf.placeholder(tf.float32, [None, 10])
    w, b = tf.Variable(tf.truncated_normal([64, 10], seed=1)), tf.Variable(tf.zeros([10]))
    loss = tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits_v2(logits=tf.matmul(x, w) + b, labels=y)
    )
    return x, y, loss, tf.train.AdamOptimizer(0.01).minimize(loss), (w, b)


def batch(seed: int, n: int = 100) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 64)).astype(np.float32), np.eye(10, dtype=np.float32)[
        rng.integers(0, 10, n)
    ]


def test_a_steady_training_step_asks_for_no_memory() -> None:
    x, y, _, step, _ = train_step()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        feed = dict(zip((x, y), batch(0)))
        for _ in range(5):
            sess.run(step, feed)
        before = _core.cpu_allocations()
        for _ in range(50):
            sess.run(step, feed)
        assert _core.cpu_allocations() == before


def test_the_same_bits_with_one_thread_and_two() -> None:
    x, y, _, step, params = train_step()
    results = []
    for threads in (1, 2):
        with tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=threads)) as sess:
            sess.run(tf.global_variables_initializer())
            for i in range(10):
                sess.run(step, dict(zip((x, y), batch(i, 300))))
            results.append([p.tobytes() for p in sess.run(params)])
    assert results[0] == results[1]


def test_one_session_from_several_threads() -> None:
    counter = tf.Variable(np.zeros(1000, np.float32))
    bump = tf.assign_add(counter, np.ones(1000, np.float32), use_locking=True)
    torn: list[np.ndarray] = []
    with tf.Session() as sess:
        sess.run(counter.initializer)

        def write() -> None:
            for _ in range(200):
                sess.run(bump.op)

        def read() -> None:
            for _ in range(200):
                seen = sess.run(counter)
                if (seen != seen[0]).any():
                    torn.append(seen)

        threads = [threading.Thread(target=f) for f in (write, write, read, read)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert (sess.run(counter) == 400).all()
    assert not torn, "a reader saw a half-written variable"


def test_sessions_of_several_graphs_at_once() -> None:
    def work(n: int, out: list[float]) -> None:
        with tf.Graph().as_default(), tf.Session() as sess:
            total = tf.constant(0.0)
            for i in range(n):
                total = total + float(i)
            out.append(float(sess.run(total)))

    out: list[float] = []
    threads = [threading.Thread(target=work, args=(n, out)) for n in (5, 10, 20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(out) == [10.0, 45.0, 190.0]


def test_virtual_cpu_devices_copy_between_each_other() -> None:
    x = tf.placeholder(tf.float32, [3])
    with tf.device("/cpu:0"):
        a = x * 2.0
    with tf.device("/cpu:1"):
        b = a + 1.0
    with tf.device("/cpu:0"):
        c = b * a
    config = tf.ConfigProto(device_count={"CPU": 2})
    with tf.Session(config=config) as sess:
        meta = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        out = sess.run(c, {x: [1, 2, 3]}, options=options, run_metadata=meta)
        np.testing.assert_array_equal(out, [6, 20, 42])
        assert sorted(d.device.rsplit("/", 1)[1] for d in meta.step_stats.dev_stats) == [
            "device:CPU:0",
            "device:CPU:1",
        ]


def test_variables_keep_their_users_beside_them() -> None:
    with tf.device("/cpu:1"):
        v = tf.Variable([1.0])
    bump = tf.assign_add(v, [1.0])
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as sess:
        sess.run(v.initializer)
        np.testing.assert_array_equal(sess.run(bump), [2.0])


def test_nested_run_from_a_python_function() -> None:
    v = tf.Variable(3.0)
    with tf.Session() as sess:
        sess.run(v.initializer)
        asks = tf.py_func(lambda: np.float32(sess.run(v)), [], tf.float32)
        assert sess.run(asks * 2.0) == 6.0


def test_python_function_errors_reach_the_caller() -> None:
    def broken(x: np.ndarray) -> np.ndarray:
        raise ValueError("no such luck")

    y = tf.py_func(broken, [tf.constant(1.0)], tf.float32)
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError, match="no such luck"):
        sess.run(y)


def test_constants_are_folded_and_results_unchanged() -> None:
    a = tf.constant([1.0, 2.0])
    x = tf.placeholder(tf.float32, [2])
    y = (a * 3.0 + 1.0) * x + (a * 3.0 + 1.0)
    with tf.Session() as sess:
        np.testing.assert_allclose(sess.run(y, {x: [1.0, 1.0]}), [8.0, 14.0])
        np.testing.assert_allclose(sess.run(y, {x: [1.0, 1.0], a: [0.0, 1.0]}), [2.0, 8.0])


def test_a_timeout_stops_a_run() -> None:
    import time

    y = tf.identity(tf.py_func(lambda: (time.sleep(0.2), np.float32(1))[1], [], tf.float32)) + 1.0
    with tf.Session() as sess, pytest.raises(tf.errors.DeadlineExceededError):
        sess.run(y, options=tf.RunOptions(timeout_in_ms=50))
