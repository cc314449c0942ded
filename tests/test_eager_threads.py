"""Eager work on several threads: tensors, tapes, variables and random streams that they share; the interpreter lock."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from eager_case import recording

import thalweg.compat.v1 as tf
from thalweg import _core
from thalweg.framework.graph_stack import eager_mode

raw = tf.raw_ops
THREADS = 4


def on_threads(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Calls work(i) on as many threads, started together; what one raises is raised here."""
    barrier = threading.Barrier(threads)
    errors: list[BaseException] = []

    def body(i: int) -> None:
        try:
            with eager_mode():
                barrier.wait()
                work(i)
        except BaseException as error:
            errors.append(error)

    started = [threading.Thread(target=body, args=(i,)) for i in range(threads)]
    for t in started:
        t.start()
    for t in started:
        t.join()
    if errors:
        raise errors[0]


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    with eager_mode():
        yield


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def variable(value: Any) -> Any:
    v = _core.VariableBase()
    v._setup(value.dtype.as_datatype_enum, tuple(value.shape.as_list()), "shared", True)
    v._assign(value)
    return v


def test_the_mode_is_the_threads_own() -> None:
    def work(i: int) -> None:
        for _ in range(50):
            if i % 2:
                with tf.Graph().as_default(), tf.Session() as sess:
                    y = tf.constant([1.0, 2.0]) * 3.0
                    assert not hasattr(y, "numpy")
                    assert sess.run(y).tolist() == [3, 6]
            else:
                assert (tf.constant([1.0, 2.0]) * 3.0).numpy().tolist() == [3, 6]

    on_threads(work)


def test_ops_on_shared_tensors(quick_switches: None) -> None:
    rng = np.random.default_rng(0)
    xs = [tf.constant(rng.standard_normal((1 + i, 7)).astype(np.float32)) for i in range(40)]
    w = tf.constant(rng.standard_normal((7, 5)).astype(np.float32))

    def program(i: int) -> list[bytes]:
        x = xs[i % len(xs)]
        y = raw.Tanh(x @ w) + raw.LeakyRelu(x, alpha=i / 64)[:, :5]
        top = raw.TopKV2(y, 1 + i % 5)
        s = tf.concat([raw.Sum(y, [0]), raw.Mean(y, [0])], 0)
        return [t.numpy().tobytes() for t in (y, top.values, top.indices, s, x[i % 2 :, ::-1])]

    want = [program(i) for i in range(64)]
    _core.forget_eager_ops()

    def work(thread: int) -> None:
        for k in range(3):
            for i in range(64):
                at = (i * 7 + thread * 13 + k) % 64
                assert program(at) == want[at]

    on_threads(work)


def test_tapes_are_the_threads_own(quick_switches: None) -> None:
    x, v = tf.constant([1.0, 2.0, 3.0]), variable(tf.constant([2.0, 2.0, 2.0]))
    outside = _core.Tape(True, True)
    outside.watch(x)
    outside.start()
    size = outside.size()

    def work(i: int) -> None:
        for k in range(100):
            with recording(x) as tape:
                y = (x * v._read() + float(i)) * x
                if k % 10 == 0:
                    y = y + raw.Slice(x, [0], [3])
            dx, dv = tape.gradient([y], [None], [x, v])
            want = 2 * np.array([1, 2, 3]) * 2 + i + (k % 10 == 0)
            assert dx.numpy().tolist() == want.tolist()
            assert dv.numpy().tolist() == [1, 4, 9]

    on_threads(work)
    outside.stop()
    assert outside.size() == size


def test_a_persistent_tape_read_by_several_threads() -> None:
    x = tf.constant(np.linspace(0.1, 1, 50, dtype=np.float32))
    with recording(x) as tape:
        y = raw.Exp(x) * raw.Sin(x)
    want = tape.gradient([y], [None], [x])[0].numpy().tobytes()

    def work(i: int) -> None:
        for _ in range(50):
            assert tape.gradient([y], [None], [x])[0].numpy().tobytes() == want

    on_threads(work)


def test_updates_of_a_shared_variable_are_not_lost(quick_switches: None) -> None:
    counts, table = variable(tf.constant(np.zeros(3, np.int64))), variable(tf.constant([0.0] * 8))

    def work(i: int) -> None:
        for k in range(500):
            raw.AssignAdd(counts, tf.constant([1, 2, 3], tf.int64), use_locking=True)
            raw.ScatterAdd(table, [i, i, (i + k) % 8], [1.0, 1.0, 0.0], use_locking=True)

    on_threads(work)
    assert counts._read().numpy().tolist() == [500 * THREADS * k for k in (1, 2, 3)]
    assert table._read().numpy().tolist() == [1000.0] * THREADS + [0.0] * (8 - THREADS)


def test_readers_see_whole_values(quick_switches: None) -> None:
    n = 20_000
    v = variable(tf.constant(np.zeros(n, np.float32)))

    def work(i: int) -> None:
        for k in range(100):
            if i == 0:
                raw.AssignAdd(v, np.ones(n, np.float32))
            elif i == 1:
                v._assign(tf.fill([n], float(k)))
            else:
                seen = v._read().numpy()
                assert seen.min() == seen.max()

    on_threads(work)


def test_a_tensor_that_was_read_never_changes() -> None:
    v = variable(tf.constant(np.zeros(1000, np.float32)))
    held = [v._read()]

    def work(i: int) -> None:
        for _ in range(100):
            raw.AssignAdd(v, np.ones(1000, np.float32))

    on_threads(work)
    assert not held[0].numpy().any()


def test_a_random_stream_is_shared_out() -> None:
    seeds = {"seed": 3, "seed2": 5, "dtype": tf.float32}
    _core.forget_eager_ops()
    want = {raw.RandomUniform([4], **seeds).numpy().tobytes() for _ in range(100 * THREADS)}
    _core.forget_eager_ops()
    raw_draws: list[bytes] = []

    def work(i: int) -> None:
        drawn = [raw.RandomUniform([4], **seeds).numpy().tobytes() for _ in range(100)]
        raw_draws.extend(drawn)

    # The op is made by one thread: two that make it at once would each begin a stream.
    first = raw.RandomUniform([4], **seeds).numpy().tobytes()
    on_threads(work)
    assert first in want
    assert len(set(raw_draws)) == len(raw_draws)
    assert len(want & set(raw_draws)) >= len(want) - 1


def test_ops_are_forgotten_while_they_run(quick_switches: None) -> None:
    def work(i: int) -> None:
        for k in range(300):
            if i == 0:
                _core.forget_eager_ops()
            x = raw.LeakyRelu([-1.0, 1.0], alpha=k / 512)
            assert x.numpy().tolist() == [-k / 512, 1.0]

    on_threads(work)


def test_tensors_die_on_other_threads(quick_switches: None) -> None:
    slots: list[Any] = [None] * 16

    def work(i: int) -> None:
        for k in range(2000):
            slots[(k * (i + 1)) % 16] = tf.constant([float(k)] * (1 + k % 50)) + 1.0

    on_threads(work)


# --- the interpreter lock


def progress_during(call: Callable[[], Any]) -> int:
    """How often another thread got to run while `call` did: never, if that keeps the lock to itself.

    No thread is interrupted in this test, so the other one runs only where the lock is given up.
    """
    count, stop = [0], threading.Event()

    def other() -> None:
        while not stop.is_set():
            count[0] += 1
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=other)
    thread.start()
    try:
        while count[0] == 0:
            time.sleep(0)
        before = count[0]
        call()
        return count[0] - before
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)


LARGE = np.ones((1200, 1200), np.float32)


@pytest.mark.parametrize(
    "name",
    ["operator", "op", "reduction", "elementwise", "stateful", "gradient", "subscript", "random"],
)
def test_long_kernels_let_others_run(name: str) -> None:
    x = tf.constant(LARGE)
    v = variable(x)
    with recording(x) as tape:
        y = x @ x
    calls: dict[str, Callable[[], Any]] = {
        "operator": lambda: x @ x,
        "op": lambda: raw.MatMul(x, x),
        "reduction": lambda: [raw.Prod(raw.Sin(x), [0]) for _ in range(10)],
        "elementwise": lambda: [raw.Tanh(x) for _ in range(10)],
        "stateful": lambda: [raw.AssignAdd(v, x) for _ in range(10)],
        "gradient": lambda: tape.gradient([y], [None], [x]),
        "subscript": lambda: [x[::-1, ::-1] for _ in range(10)],
        "random": lambda: raw.RandomStandardNormal([2000, 1000], dtype=tf.float32),
    }
    calls[name]()
    # Where the kernels are brief the other thread may wake up too late, but not every time.
    assert any(progress_during(calls[name]) for _ in range(50))


def test_short_kernels_keep_the_lock() -> None:
    """Giving it up costs more than they do; this also shows that the tests above can fail."""
    x = tf.constant([1.0, 2.0])
    assert progress_during(lambda: [x * x + x for _ in range(100)]) == 0
