"""tf.train.Coordinator: threads that stop together."""

from __future__ import annotations

import re
import threading
import time

import pytest

import thalweg as tf
import thalweg.compat.v1 as tf1


def start(*targets: object) -> list[threading.Thread]:
    threads = [threading.Thread(target=t, daemon=True) for t in targets]  # type: ignore[arg-type]
    for t in threads:
        t.start()
    return threads


def test_one_thread_stops_all() -> None:
    coord = tf.train.Coordinator()
    seen: list[int] = []

    def work() -> None:
        while not coord.should_stop():
            seen.append(1)
            time.sleep(0.001)

    def stop() -> None:
        while len(seen) < 3:
            time.sleep(0.001)
        coord.request_stop()

    threads = start(work, stop)
    coord.join(threads)
    assert coord.joined
    assert coord.should_stop()
    assert len(seen) >= 3
    assert not any(t.is_alive() for t in threads)


def test_join_raises_what_a_thread_raised_with_its_traceback() -> None:
    coord = tf.train.Coordinator()

    def fail() -> None:
        with coord.stop_on_exception():
            raise KeyError("lost")

    threads = start(fail)
    coord.register_thread(threads[0])
    with pytest.raises(KeyError, match="lost") as caught:
        coord.join()
    assert caught.traceback[-1].name == "fail"
    with pytest.raises(KeyError):
        coord.raise_requested_exception()


def test_the_first_exception_counts_and_the_end_of_data_is_none() -> None:
    coord = tf.train.Coordinator()
    coord.request_stop(ValueError("first"))
    coord.request_stop(TypeError("second"))
    with pytest.raises(ValueError, match="first"):
        coord.join([])
    coord.clear_stop()
    assert not coord.should_stop()
    assert not coord.joined
    coord.request_stop(tf.errors.OutOfRangeError(None, None, "end"))
    coord.join([])
    own = tf.train.Coordinator(clean_stop_exception_types=(KeyError,))
    own.request_stop(KeyError("end"))
    own.join([])


def test_an_exception_after_join_is_raised_at_once() -> None:
    coord = tf.train.Coordinator()
    coord.request_stop()
    coord.join([])
    coord.request_stop()
    with pytest.raises(ValueError, match="late"):
        coord.request_stop(ValueError("late"))


def test_threads_that_do_not_stop() -> None:
    coord, go = tf.train.Coordinator(), threading.Event()
    threads = start(go.wait)
    coord.request_stop()
    with pytest.raises(RuntimeError, match=re.escape(f"threads still running: {threads[0].name}")):
        coord.join(threads, stop_grace_period_secs=0.05)
    coord.clear_stop()
    coord.request_stop()
    coord.join(threads, stop_grace_period_secs=0.05, ignore_live_threads=True)
    go.set()


def test_wait_for_stop() -> None:
    coord = tf.train.Coordinator()
    assert not coord.wait_for_stop(0.01)
    start(coord.request_stop)
    assert coord.wait_for_stop(10)


def test_loopers() -> None:
    coord = tf1.train.Coordinator()
    calls: list[tuple[int, int]] = []

    def call(a: int, b: int = 0) -> None:
        calls.append((a, b))
        if len(calls) == 5:
            coord.request_stop()

    tf1.train.LooperThread.loop(coord, None, call, (1,), {"b": 2})
    coord.join()
    assert calls == [(1, 2)] * 5
    with pytest.raises(ValueError, match="must be a Coordinator"):
        tf1.train.LooperThread("no", 1.0)


def test_loopers_keep_time_and_have_ends() -> None:
    coord, log = tf1.train.Coordinator(), []

    class Looper(tf1.train.LooperThread):
        def start_loop(self) -> None:
            log.append("start")

        def run_loop(self) -> None:
            log.append("run")
            if len(log) == 4:
                coord.request_stop()

        def stop_loop(self) -> None:
            log.append("stop")

    begin = time.monotonic()
    Looper(coord, 0.02).start()
    coord.join()
    assert log == ["start", "run", "run", "run", "stop"]
    assert time.monotonic() - begin > 0.035
