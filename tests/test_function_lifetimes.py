"""How long functions and their graphs live, and calls on several threads."""

from __future__ import annotations

import gc
import resource
import sys
import threading
import weakref

import pytest

import thalweg as tf


def test_functions_are_freed():
    v = tf.Variable(1.0)

    def make():
        @tf.function
        def f(x):
            if x > 0:
                return x * v
            return x

        f(tf.constant(2.0))
        with tf.GradientTape() as tape:
            y = f(tf.constant(3.0))
        tape.gradient(y, v)
        return f

    f = make()
    refs = [weakref.ref(f), weakref.ref(f.get_concrete_function(tf.constant(1.0)).graph)]
    del f
    gc.collect()
    assert [r() for r in refs] == [None, None]


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.slow
def test_ten_thousand_functions_in_flat_memory():
    x = tf.constant(2.0)

    def one(n):
        @tf.function
        def plain(y):
            return y * n

        @tf.function
        def converted(y):
            if y > n:
                y = y * n
            return y

        return plain(x), converted(x) if n % 10 == 0 else None

    for n in range(2000):
        one(n)
    gc.collect()
    before = peak()
    for n in range(8000):
        one(n)
    gc.collect()
    assert peak() - before < 20


def test_graphs_of_one_function_are_bounded():
    @tf.function
    def f(n):
        return tf.constant(n)

    for n in range(400):
        assert f(n).numpy() == n
    assert len(f.pretty_printed_concrete_signatures().split("\n\n")) <= 256
    assert f(0).numpy() == 0


def test_threads():
    results = []

    @tf.function
    def f(x, k):
        if x > 0:
            x = x * k
        return x + k

    def work(k):
        for _ in range(20):
            for n in range(1, 5):
                results.append(f(tf.ones([]) * n, k).numpy() == n * k + k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(results) == 320
    assert all(results)
    assert f.experimental_get_tracing_count() == 4
