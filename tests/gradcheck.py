"""Gradients checked against central differences along one random direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from op_case import Case, call, group_inputs, outputs_of

import thalweg.compat.v1 as tf

STEP = 1e-5


def check_gradient(
    name: str,
    case: Case,
    wrt: list[int],
    order: int = 1,
    tol: float = 1e-5,
    constants: Sequence[int] = (),
) -> None:
    """d<u, f(x)>/dx along v, by tf.gradients and by differences of f; order 2 checks the gradient's gradient."""
    rng = np.random.default_rng(7)
    with tf.Graph().as_default(), tf.Session() as sess:
        xs = [
            tf.constant(x) if i in constants else tf.placeholder(x.dtype, x.shape)
            for i, x in enumerate(case.inputs)
        ]
        ys = [
            y
            for y in outputs_of(call(name, group_inputs(name, xs), case.attrs))
            if y.dtype.is_floating or y.dtype.is_complex
        ]
        feed = {x: v for i, (x, v) in enumerate(zip(xs, case.inputs)) if i not in constants}
        shapes = [np.shape(v) for v in sess.run(ys, feed)]
        scalar = _project(ys, shapes, rng)
        targets = [xs[i] for i in wrt]
        for _ in range(order - 1):
            first = [g for g in _dense(tf.gradients(scalar, targets)) if g is not None]
            assert first, f"{name}: no gradient reaches its inputs"
            scalar = _project(first, [np.shape(v) for v in sess.run(first, feed)], rng)
        grads = _dense(tf.gradients(scalar, targets))
        if order > 1 and all(g is None for g in grads):
            return  # linear in its inputs
        directions = [_unit(rng, case.inputs[i]) for i in wrt]
        exact = 0.0
        for g, v in zip(sess.run([_zero(g, t) for g, t in zip(grads, targets)], feed), directions):
            exact += float(np.real(np.vdot(g, v)))

        def at(step: float) -> float:
            moved = dict(feed)
            for t, i, v in zip(targets, wrt, directions):
                moved[t] = case.inputs[i] + step * v
            return float(np.real(sess.run(scalar, moved)))

        numeric = (at(STEP) - at(-STEP)) / (2 * STEP)
    scale = max(1.0, abs(exact), abs(numeric))
    assert abs(exact - numeric) <= tol * scale, (
        f"{name} {case.attrs} order {order}: {exact=} {numeric=}"
    )


def _unit(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    v = rng.standard_normal(x.shape)
    return v + 1j * rng.standard_normal(x.shape) if x.dtype.kind == "c" else v


def _dense(gradients: list[Any]) -> list[Any]:
    """IndexedSlices as whole tensors."""
    return [None if g is None else tf.convert_to_tensor(g) for g in gradients]


def _zero(g: Any, like: Any) -> Any:
    return tf.zeros_like(like) if g is None else g


def _project(ys: list[Any], shapes: list[tuple[int, ...]], rng: np.random.Generator) -> Any:
    """The real inner product of ys with fixed random arrays."""
    parts = []
    for y, shape in zip(ys, shapes):
        u = rng.standard_normal(shape)
        if y.dtype.is_complex:
            w = u + 1j * rng.standard_normal(shape)
            parts.append(tf.reduce_sum(tf.real(y * tf.constant(np.conj(w), y.dtype))))
        else:
            parts.append(tf.reduce_sum(y * tf.constant(u, y.dtype)))
    return tf.add_n(parts)
