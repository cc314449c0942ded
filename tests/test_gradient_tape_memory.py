"""What tapes keep and for how long, and how the time to go back grows."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
import weakref
from typing import Any

import numpy as np
import pytest
from tape_case import A, X, derivative

import thalweg as tf

# By step, how many of its arrays a chain of it keeps.
KEPT = {
    "x + 1.0": 0,
    "x * 0.5": 0,
    "tf.exp(x)": 1,  # the result
    "tf.tanh(x)": 1,
    "tf.sin(x)": 1,  # the argument
    "tf.exp(x + 1.0)": 1,
    "tf.tanh(tf.sin(x))": 1,  # the same tensor twice
    "tf.sin(tf.tanh(x))": 1,
    "tf.sin(x + 1.0) * 2.0": 1,
    "tf.sin(tf.exp(x))": 1,
    "tf.sin(tf.sin(x))": 2,
}
CHAIN = """
import sys
import thalweg as tf

def resident():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096

for step in sys.argv[1:]:
    f = eval(f"lambda x: {step}")
    x = tf.zeros([2**20])
    with tf.GradientTape() as t:
        t.watch(x)
        y = f(f(x))
        before = resident()
        for _ in range(60):
            y = f(y)
        print((resident() - before) / 2**22 / 60)
    assert t.gradient(y, x) is not None
    del t, x, y
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_only_what_derivatives_need_is_kept() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CHAIN, *KEPT],
        check=True,
        capture_output=True,
        text=True,
        # What the C library frees it gives back at once; the allocator keeps a few blocks.
        env={**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"},
    )
    found = [float(line) for line in run.stdout.split()]
    for (step, want), got in zip(KEPT.items(), found, strict=True):
        assert abs(got - want) < 0.4, f"a chain of {step} keeps {got} arrays a step"


def test_a_tape_frees_what_it_has_passed() -> None:
    gone: list[int] = []
    held: list[Any] = []

    @tf.custom_gradient
    def f(x: Any) -> Any:
        marker = np.ones(1)
        held.append(weakref.finalize(marker, lambda: gone.append(1)))

        def grad(dy: Any) -> Any:
            return dy * float(marker[0])

        return x * 1.0, grad

    with tf.GradientTape() as t:
        t.watch(X)
        y = f(f(X))
    gc.collect()
    assert gone == []
    t.gradient(y, X)
    gc.collect()
    assert gone == [1, 1]


def test_persistent_tapes_keep_until_they_go() -> None:
    x = tf.constant(np.ones(10))
    with tf.GradientTape(persistent=True) as t:
        t.watch(x)
        y = x * x
    for _ in range(3):
        np.testing.assert_array_equal(t.gradient(y, x), np.full(10, 2.0))
    held = weakref.ref(t)
    del t
    gc.collect()
    assert held() is None


def test_derivatives_of_long_functions() -> None:
    """Each of n nodes was asked about in a view of all of them, made anew: 64 times the work for
    eight times the nodes.
    """

    def seconds(n: int) -> float:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = x * 1.001 + 0.5
            return x

        taken = []
        for _ in range(3):
            g = tf.function(f, autograph=False)
            g(A)
            started = time.process_time()
            derivative(g)(A)
            taken.append(time.process_time() - started)
        return min(taken)

    short = seconds(100)
    assert seconds(800) < 24 * short
