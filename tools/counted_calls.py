"""`python tools/counted_calls.py ROW CALLS`: calls a hot path, for who counts instructions."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import thalweg as tf

v1 = tf.compat.v1


def session_run() -> Callable[[], object]:
    with tf.Graph().as_default():
        sum_ = v1.Variable(1.0) + 1.0
        session = v1.Session()
        session.run(v1.global_variables_initializer())
    return lambda: session.run(sum_)


def function_call() -> Callable[[], object]:
    function = tf.function(lambda x: x + 1.0)
    x = tf.constant(1.0)
    return lambda: function(x)


def eager_add() -> Callable[[], object]:
    a, b = tf.constant(1.0), tf.constant(2.0)
    return lambda: a + b


def tape() -> Callable[[], object]:
    x = tf.constant(0.5)

    def gradient() -> object:
        with tf.GradientTape() as recorded:
            recorded.watch(x)
            y = tf.tanh(x * x + tf.sin(x)) * x
        return recorded.gradient(y, x)

    return gradient


ROWS = {
    "python_session_run": session_run,
    "python_function_call": function_call,
    "python_eager_add": eager_add,
    "python_tape_5_ops": tape,
}

if __name__ == "__main__":
    call = ROWS[sys.argv[1]]()
    for _ in itertools.repeat(None, int(sys.argv[2])):
        call()
