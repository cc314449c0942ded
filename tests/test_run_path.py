"""The way of a run from Python to the plan and back: structures, identity, borrowed memory, no
allocations, the interpreter lock.
"""

from __future__ import annotations

import collections
import gc
import subprocess
import sys
import threading
import time
import weakref
from typing import Any, NamedTuple

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg import _core


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


class Pair(NamedTuple):
    first: Any
    second: Any


def test_every_structure_comes_back_again_and_again() -> None:
    a, b = tf.constant(1.0) + 1.0, tf.constant([2.0, 3.0]) * 1.0
    nothing = tf.no_op()
    sparse = tf.SparseTensor([[0], [2]], [5.0, 6.0], [4])
    with tf.Session() as sess:
        for _ in range(3):
            assert sess.run(a) == 2.0
            assert sess.run([a]) == [2.0]
            assert sess.run((a, nothing)) == (2.0, None)
            assert sess.run(nothing) is None
            assert sess.run([]) == []
            assert sess.run({"x": a, "y": [nothing, (a,)]}) == {"x": 2.0, "y": [None, (2.0,)]}
            pair = sess.run(Pair(a, [nothing, a]))
            assert type(pair) is Pair
            assert pair == Pair(2.0, [None, 2.0])
            ordered = sess.run(collections.OrderedDict([("z", a), ("a", nothing)]))
            assert type(ordered) is collections.OrderedDict
            assert list(ordered.items()) == [("z", 2.0), ("a", None)]
            value = sess.run(sparse)
            assert type(value) is tf.SparseTensorValue
            np.testing.assert_array_equal(value.values, [5.0, 6.0])
            assert sess.run([a.name, a])[0] == 2.0
            twice = sess.run([b, b])
            np.testing.assert_array_equal(twice[0], twice[1])


def test_structures_that_change_are_seen() -> None:
    """A signature is known by the objects in it, not by the container they came in."""
    a, b = tf.constant(1.0) + 0.0, tf.constant(2.0) + 0.0
    with tf.Session() as sess:
        fetches: list[Any] = [a]
        assert sess.run(fetches) == [1.0]
        assert sess.run(fetches) == [1.0]
        fetches[0] = b
        assert sess.run(fetches) == [2.0]
        fetches.append(a)
        assert sess.run(fetches) == [2.0, 1.0]
        named = {"x": a}
        assert sess.run(named) == {"x": 1.0}
        named["x"] = b
        assert sess.run(named) == {"x": 2.0}
        inner = [a]
        assert sess.run(Pair(inner, b)) == Pair([1.0], 2.0)
        inner[0] = b
        assert sess.run(Pair(inner, b)) == Pair([2.0], 2.0)
        assert sess.run([[a], b]) == [[1.0], 2.0]
        assert sess.run([a, [b]]) == [1.0, [2.0]]
        assert sess.run([a, b]) == [1.0, 2.0]
        assert sess.run((a, b)) == (1.0, 2.0)


def test_feeds_are_told_from_fetches_and_may_come_in_any_order() -> None:
    x, y = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    z = x - y
    with tf.Session() as sess:
        for _ in range(2):
            assert sess.run(z, {x: 5.0, y: 2.0}) == 3.0
            assert sess.run(z, {y: 2.0, x: 5.0}) == 3.0
            assert sess.run([z, x], feed_dict={x: 1.0, y: 1.0}) == [0.0, 1.0]
            assert sess.run(x, {x: 4.0}) == 4.0
            assert sess.run(z, {"Placeholder:0": 5.0, y: 1.0}) == 4.0
            assert sess.run(z, {z: 9.0}) == 9.0
            assert sess.run(z, collections.OrderedDict([(y, 1.0), (x, 3.0)])) == 2.0
            assert sess.run([z], {(x, y): (7.0, 3.0)}) == [4.0]
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError, match="placeholder"):
        sess.run(z, {})


def test_arguments_are_checked_like_a_functions() -> None:
    a = tf.constant(1.0)
    with tf.Session() as sess:
        assert sess.run(fetches=a) == 1.0
        assert sess.run(a, None, None, None) == 1.0
        assert sess.run(run_metadata=None, options=None, feed_dict=None, fetches=a) == 1.0
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'fetches'"):
            sess.run()
        with pytest.raises(TypeError, match="unexpected keyword argument 'feeds'"):
            sess.run(a, feeds={})
        with pytest.raises(TypeError, match="multiple values for argument 'fetches'"):
            sess.run(a, fetches=a)
        with pytest.raises(TypeError, match="from 2 to 5 positional arguments"):
            sess.run(a, None, None, None, None)
        with pytest.raises(TypeError, match="has to be a dictionary"):
            sess.run(a, [1])


def test_a_closed_session_says_so_on_every_way() -> None:
    a = tf.constant(1.0) + 1.0
    sess = tf.Session()
    call = sess.make_callable(a)
    assert sess.run(a) == call() == 2.0
    sess.close()
    for run in (lambda: sess.run(a), call, lambda: sess.memory_plan(a)):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            run()


def test_fed_arrays_are_borrowed_and_results_handed_over() -> None:
    """By address: no copy of a feed reaches a Python function's input, none of a result leaves."""
    x = tf.placeholder(tf.float32, [None, 784])
    same = tf.reshape(x, [-1, 28, 28])
    data = np.ones((100, 784), np.float32)
    with tf.Session() as sess:
        y = x + 1.0
        before = sess.run(y, {x: data})
        at = address(before)
        np.testing.assert_array_equal(before, 2.0)
        del before  # its memory is the session's again, and the next result's
        assert address(sess.run(y, {x: data})) == at
        out = sess.run(same, {x: data})
        assert address(out) != address(data), "a result never shows the caller's feed"
        assert out.flags.writeable
        assert out.flags.c_contiguous
        assert out.flags.aligned
        assert type(out.base).__name__ == "TensorMemory"


def test_a_borrowed_feed_is_not_copied() -> None:
    """A feed of a gigabyte costs no memory of its own: nothing of it is touched."""
    x = tf.placeholder(tf.uint8, [None])
    first = x[0]
    huge = np.zeros(1 << 30, np.uint8)  # pages that nobody has written do not exist

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    with tf.Session() as sess:
        sess.run(first, {x: huge[:10]})
        before = resident()
        assert sess.run(first, {x: huge}) == 0
        assert resident() - before < 64 << 20


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (tf.float32, 1.5, 1.5),
        (tf.float32, 3, 3.0),
        (tf.float32, [1, 2.5], [1.0, 2.5]),
        (tf.float32, ((1.0, 2.0), [3.0, 4.0]), [[1.0, 2.0], [3.0, 4.0]]),
        (tf.float32, 1e300, np.inf),
        (tf.float32, 2**60 + 1, float(np.float32(2**60 + 1))),
        (tf.float64, [], []),
        (tf.float64, [[], []], [[], []]),
        (tf.float64, 0.1, 0.1),
        (tf.float64, np.float64(2.5), 2.5),
        (tf.float32, np.float32(2.5), 2.5),
        (tf.float32, np.float64(2.5), 2.5),
        (tf.int32, -(2**31), -(2**31)),
        (tf.int32, [1, 2, 3], [1, 2, 3]),
        (tf.int32, [1.9, 2.1], [1, 2]),
        (tf.int32, True, 1),
        (tf.int64, 2**62, 2**62),
        (tf.int64, [[1], [2]], [[1], [2]]),
        (tf.int64, np.int64(7), 7),
        (tf.bool, True, True),
        (tf.bool, [True, False], [True, False]),
        (tf.bool, np.bool_(True), True),
        (tf.string, "text", b"text"),
        (tf.complex64, 1 + 2j, 1 + 2j),
    ],
)
def test_numbers_and_lists_are_converted_as_numpy_does(
    dtype: Any, value: Any, expected: Any
) -> None:
    x = tf.placeholder(dtype)
    y = tf.identity(x)
    with tf.Session() as sess:
        for _ in range(2):
            out = sess.run(y, {x: value})
            if dtype is tf.string:
                assert out == expected
                continue
            assert out.dtype == dtype.as_numpy_dtype
            assert out.shape == np.shape(expected)
            np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(
    ("dtype", "shape", "value", "error"),
    [
        (tf.int32, [], 2**31, TypeError),
        (tf.int32, [], 2**70, TypeError),
        (tf.float32, [2], 1.0, ValueError),
        (tf.float32, [], [1.0], ValueError),
        (tf.float32, [2, 2], [[1.0, 2.0], [3.0]], ValueError),
        (tf.float32, [None, 3], np.ones((2, 2), np.float32), ValueError),
        (tf.float32, [], "three", ValueError),
    ],
)
def test_what_cannot_be_fed_is_refused_every_time(
    dtype: Any, shape: Any, value: Any, error: Any
) -> None:
    x = tf.placeholder(dtype, shape)
    y = tf.identity(x)
    with tf.Session() as sess:
        for _ in range(2):
            with pytest.raises(error):
                sess.run(y, {x: value})


def test_scalars_are_numpys() -> None:
    with tf.Session() as sess:
        for dtype in (tf.float32, tf.float64, tf.int8, tf.uint16, tf.int64, tf.bool, tf.complex64):
            x = tf.placeholder(dtype, [])
            out = sess.run(tf.identity(x), {x: np.array(1).astype(dtype.as_numpy_dtype)})
            assert type(out) is dtype.as_numpy_dtype
            assert out == 1


def test_a_steady_run_allocates_nothing_in_python_or_the_core() -> None:
    x = tf.placeholder(tf.float32, [None, 784])
    v = tf.Variable(1.0)
    fetches, feed = [x * 2.0, v + 1.0], {x: np.ones((1, 784), np.float32)}
    with tf.Session() as sess:
        sess.run(v.initializer)
        for _ in range(10):
            sess.run(fetches, feed)
        gc.collect()
        objects, blocks, core = (
            len(gc.get_objects()),
            sys.getallocatedblocks(),
            _core.cpu_allocations(),
        )
        for _ in range(1000):
            sess.run(fetches, feed)
        assert _core.cpu_allocations() == core
        assert sys.getallocatedblocks() - blocks < 20
        assert len(gc.get_objects()) - objects < 5


def test_many_signatures_are_remembered_and_forgotten() -> None:
    x = tf.constant(1.0)
    tensors = [x + float(i) for i in range(30)]
    with tf.Session() as sess:
        for _ in range(2):
            for i in range(30):
                for j in range(30):
                    assert sess.run([tensors[i], tensors[j]]) == [1.0 + i, 1.0 + j]
        many = [tensors[i % 30] for i in range(200)]
        assert sess.run(many) == [1.0 + i % 30 for i in range(200)]


def test_a_dropped_session_is_freed() -> None:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.placeholder(tf.float32, [])
        y = x + 1.0
        sess = tf.Session(graph=graph)
        assert sess.run(y, {x: 1.0}) == 2.0
        assert sess.make_callable(y, [x])(2.0) == 3.0
    graph.held_by = sess  # a cycle: session, runner, tensors, graph, session
    gone = weakref.ref(sess)
    del sess, graph, x, y
    gc.collect()
    assert gone() is None


def test_callables_take_their_values_in_order() -> None:
    x, y = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [])
    with tf.Session() as sess:
        call = sess.make_callable([x * y, tf.no_op()], [x, y])
        out, nothing = call([1.0, 2.0], 3.0)
        np.testing.assert_array_equal(out, [3.0, 6.0])
        assert nothing is None
        with pytest.raises(TypeError, match="expected 2 feeds, got 1"):
            call([1.0, 2.0])
        with pytest.raises(TypeError, match="unexpected arguments"):
            call([1.0, 2.0], 3.0, options=None)
        with_options = sess.make_callable(x * y, [x, y], accept_options=True)
        metadata = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        with_options([1.0, 2.0], 3.0, options=options, run_metadata=metadata)
        assert metadata.step_stats.dev_stats


def test_errors_name_their_operation() -> None:
    x = tf.placeholder(tf.float32, [])
    y = tf.check_numerics(x, "seen", name="checked")
    with tf.Session() as sess:
        for run in (lambda: sess.run(y, {x: np.nan}), lambda: sess.make_callable(y, [x])(np.nan)):
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                run()
            assert caught.value.op is y.op


def test_a_subclass_may_override_run() -> None:
    class Counting(tf.Session):
        count = 0

        def run(self, *args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return super().run(*args, **kwargs)

    a = tf.constant(1.0) + 1.0
    with Counting() as sess:
        assert sess.run(a) == a.eval() == 2.0
        assert sess.count == 2


def test_a_long_run_lets_other_threads_work() -> None:
    """A run gives up the interpreter lock, unless it is over at once."""
    x = tf.placeholder(tf.float32, [1500, 1500])
    y = tf.reduce_sum(tf.matmul(x, tf.matmul(x, x)))
    data = np.ones((1500, 1500), np.float32)
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0)

    with tf.Session() as sess:
        sess.run(y, {x: data})
        thread = threading.Thread(target=tick)
        thread.start()
        start = time.perf_counter()
        sess.run(y, {x: data})
        end = time.perf_counter()
        done.set()
        thread.join()
    assert len([t for t in ticks if start < t < end]) > 3


def test_importing_brings_little_along() -> None:
    """Only what runs a program is imported with compat.v1; the rest waits for its first use."""
    code = (
        "import sys, numpy; before = set(sys.modules)\n"
        "import thalweg.compat.v1\n"
        "print('\\n'.join(set(sys.modules) - before))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(out.stdout.split())
    late = {
        *("thalweg.profiler", "thalweg.client.timeline", "thalweg.examples", "unittest", "asyncio"),
        *("multiprocessing", "urllib.request", "http.client", "tempfile", "zipfile"),
    }
    assert not imported & late
