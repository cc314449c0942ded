"""The process's threads: idle when nothing runs, right after a fork, quiet at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import thalweg.compat.v1 as tf

SIZE = 700  # a product that is worth a second thread


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def product() -> tuple[tf.Tensor, tf.Tensor, np.ndarray]:
    x = tf.placeholder(tf.float32, [SIZE, SIZE])
    data = np.random.default_rng(0).standard_normal((SIZE, SIZE)).astype(np.float32)
    return x, tf.matmul(tf.nn.relu(x), x) + 1.0, data


def test_idle_threads_cost_no_time() -> None:
    x, y, data = product()
    with tf.Session() as sess:
        for _ in range(20):
            sess.run(y, {x: data})
        time.sleep(0.05)
        before = time.process_time()
        time.sleep(1.0)
        assert time.process_time() - before < 0.005


def test_a_forked_child_computes_the_same() -> None:
    x, y, data = product()
    with tf.Session() as sess:
        expected = sess.run(y, {x: data})
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                same = all(sess.run(y, {x: data}).tobytes() == expected.tobytes() for _ in range(5))
                threads = len(os.listdir("/proc/self/task"))
                os.write(write, f"{same} {threads}".encode())
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        said = b""
        while chunk := os.read(read, 100):
            said += chunk
        os.close(read)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        same, threads = said.decode().split()
        assert same == "True"
        if len(os.sched_getaffinity(0)) > 1:
            assert int(threads) > 1, "the child has workers of its own"
        assert sess.run(y, {x: data}).tobytes() == expected.tobytes()


def test_forks_while_other_threads_run() -> None:
    x, y, data = product()
    with tf.Session() as sess:
        expected = sess.run(y, {x: data}).tobytes()
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                sess.run(y, {x: data})

        threads = [threading.Thread(target=work) for _ in range(2)]
        for t in threads:
            t.start()
        children = []
        for _ in range(5):
            child = os.fork()
            if child == 0:
                with tf.Session(graph=sess.graph) as own:
                    right = own.run(y, {x: data}).tobytes() == expected
                os._exit(0 if right else 1)
            children.append(child)
        stop.set()
        for t in threads:
            t.join()
        deadline = time.monotonic() + 60
        for child in children:
            while (done := os.waitpid(child, os.WNOHANG))[0] == 0:
                assert time.monotonic() < deadline, "a child hangs"
                time.sleep(0.01)
            assert os.waitstatus_to_exitcode(done[1]) == 0


def test_loops_of_several_threads_at_once() -> None:
    x, y, data = product()
    with tf.Session() as sess:
        expected = sess.run(y, {x: data}).tobytes()
        wrong: list[int] = []

        def work() -> None:
            for i in range(10):
                if sess.run(y, {x: data}).tobytes() != expected:
                    wrong.append(i)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert not wrong


@pytest.mark.parametrize("daemon", [False, True])
def test_the_interpreter_ends_quietly(daemon: bool) -> None:
    """Even with threads in the middle of their runs."""
    code = f"""
        import threading, numpy as np
        import thalweg.compat.v1 as tf
        x = tf.placeholder(tf.float32, [{SIZE}, {SIZE}])
        y = tf.matmul(x, x)
        data = np.ones(({SIZE}, {SIZE}), np.float32)
        sess = tf.Session()
        started = threading.Semaphore(0)
        def work():
            for i in range(10**9 if {daemon} else 5):
                sess.run(y, {{x: data}})
                started.release()
        for _ in range(3):
            threading.Thread(target=work, daemon={daemon}).start()
        for _ in range(3):
            started.acquire()
    """
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_process_of_one_cpu_starts_no_worker() -> None:
    code = f"""
        import os
        os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
        import numpy as np
        import thalweg.compat.v1 as tf
        before = len(os.listdir("/proc/self/task"))
        x = tf.placeholder(tf.float32, [{SIZE}, {SIZE}])
        with tf.Session() as sess:
            sess.run(tf.matmul(x, x), {{x: np.ones(({SIZE}, {SIZE}), np.float32)}})
        assert len(os.listdir("/proc/self/task")) == before
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)
