"""Runs the rows of the op table that have a GPU kernel on GPU:0, and a few programs; a process of
its own, since a plugin stays loaded. Usage: gpu_cases.py PLUGIN [OP ...]; prints what fails.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

import numpy as np
import pytest
from op_case import Case, Op, assert_close, numpy_dtype, run_case
from ops import TABLE
from test_ops import SPECIAL, reference

import thalweg.compat.v1 as tf
from thalweg import _core

# A sum in another order, and CUDA's functions of up to 2 ULP.
TOL = 4.0


def check_row(row: Op, dtype: str) -> None:
    cases = row.make_cases(dtype)
    if row.shapes and row.special and dtype in ("float32", "float64"):
        values = np.array(SPECIAL * 5, numpy_dtype(dtype))
        if len(row.shapes[0]) == 1:
            cases.append(Case([values], row.attrs[0]))
        elif len(row.shapes[0]) == 2:
            cases.append(
                Case([x.ravel() for x in np.meshgrid(values[:9], values[:9])], row.attrs[0])
            )
    for case in cases:
        ran = run_case(row.name, case)  # an op without a device goes to the GPU
        for i, (got, want) in enumerate(zip(ran.values, reference(row, case), strict=False)):
            what = f"{row.name} {dtype} {[x.shape for x in case.inputs]} {case.attrs} output {i}"
            assert_close(got, want, ran.dtypes[i], row.tol * TOL, what)


def train(device: str, optimizer: tf.train.Optimizer) -> list[np.ndarray]:
    """A few steps of a small network; the losses and the weights."""
    rng = np.random.default_rng(3)
    images, labels = rng.normal(size=(33, 20)).astype("f"), rng.integers(0, 7, 33)
    with tf.Graph().as_default(), tf.device(device):
        x, y = tf.placeholder(tf.float32, [None, 20]), tf.placeholder(tf.int64, [None])
        w1 = tf.Variable(rng.normal(size=(20, 16)).astype("f") * 0.3)
        b1 = tf.Variable(tf.zeros([16]))
        w2 = tf.Variable(rng.normal(size=(16, 7)).astype("f") * 0.3)
        step = tf.Variable(0, trainable=False)
        logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1) + b1), w2)
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        )
        loss += 0.01 * tf.nn.l2_loss(w1)
        right = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32))
        run = optimizer.minimize(loss, global_step=step)
        with tf.Session(config=tf.ConfigProto(allow_soft_placement=True)) as sess:
            sess.run(tf.global_variables_initializer())
            out = [sess.run([loss, run], {x: images, y: labels})[0] for _ in range(5)]
            out += sess.run([right, w1, b1, w2, step], {x: images, y: labels})
    return [np.asarray(v) for v in out]


def check_training() -> None:
    for make in (
        lambda: tf.train.GradientDescentOptimizer(0.5),
        lambda: tf.train.MomentumOptimizer(0.1, 0.9),
        lambda: tf.train.AdamOptimizer(0.01),
    ):
        for a, b in zip(train("/gpu:0", make()), train("/cpu:0", make()), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-5)


def check_variables() -> None:
    with tf.Graph().as_default():
        with tf.device("/gpu:0"):
            v = tf.Variable([1.0, 2.0, 3.0])
            ready = tf.is_variable_initialized(v)
            old = v.read_value() if hasattr(v, "read_value") else v + 0
            more = tf.assign_add(v, [1.0, 1.0, 1.0])
            less = tf.assign_sub(v, [0.5, 0.5, 0.5])
        with tf.Session() as sess:
            assert not sess.run(ready)
            with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized"):
                sess.run(v)
            sess.run(v.initializer)
            assert sess.run(ready)
            before = sess.run(old)
            np.testing.assert_array_equal(sess.run(more), [2, 3, 4])
            np.testing.assert_array_equal(sess.run(less), [1.5, 2.5, 3.5])
            np.testing.assert_array_equal(before, [1, 2, 3])


def check_placement() -> None:
    """What has a GPU kernel goes there; the rest stays, and values are copied."""
    with tf.Graph().as_default():
        words = tf.Variable(["a", "b"])
        rows = tf.Variable(np.arange(12.0).reshape(4, 3))
        some = tf.gather(rows, [2, 0])
        put = tf.scatter_update(rows, [1], [[7.0, 7.0, 7.0]])
        shape = tf.reshape(rows * 2, [2, -1])
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            assert sess.run(words).tolist() == [b"a", b"b"]
            np.testing.assert_array_equal(sess.run(some), [[6, 7, 8], [0, 1, 2]])
            np.testing.assert_array_equal(sess.run(put)[1], [7, 7, 7])
            assert sess.run(shape).shape == (2, 6)


def main() -> int:
    _core.load_library(sys.argv[1])
    names = sys.argv[2:]
    programs: dict[str, Callable[[], None]] = {
        "training": check_training,
        "variables": check_variables,
        "placement": check_placement,
    }
    jobs = [(n, f) for n, f in programs.items() if not names or n in names]
    for row in TABLE:
        if row.tested_by is not None or (names and row.name not in names):
            continue
        have = {tf.as_dtype(d).name for d in _core.kernel_dtypes(row.name, row.type_attr, "GPU")}
        for dtype in row.kernel_dtypes():
            if dtype in have:
                jobs.append(
                    (f"{row.name} {dtype}", lambda row=row, dtype=dtype: check_row(row, dtype))
                )
    failures = 0
    for name, job in jobs:
        try:
            job()
        except Exception:
            failures += 1
            print(f"FAILED {name}\n{traceback.format_exc(limit=-3)}", flush=True)
    print(f"{len(jobs)} jobs, {failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
