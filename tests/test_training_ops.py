"""Optimizer updates against their formulas in NumPy, three steps each, in every floating type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from op_case import TOLERANCE, numpy_dtype, round_to_bfloat16, wide

import thalweg.compat.v1 as tf

State = dict[str, np.ndarray]
LR, RHO, EPS, MOM = 0.1, 0.9, 1e-3, 0.8


def soft(x: np.ndarray, by: Any) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - by, 0)


def descent(s: State, g: np.ndarray, t: int) -> None:
    s["var"] -= LR * g


def momentum(s: State, g: np.ndarray, t: int) -> None:
    s["accum"] = MOM * s["accum"] + g
    s["var"] -= LR * s["accum"]


def nesterov(s: State, g: np.ndarray, t: int) -> None:
    s["accum"] = MOM * s["accum"] + g
    s["var"] -= LR * (g + MOM * s["accum"])


def adam(s: State, g: np.ndarray, t: int) -> None:
    s["m"] = 0.9 * s["m"] + 0.1 * g
    s["v"] = 0.99 * s["v"] + 0.01 * g * g
    s["var"] -= LR * np.sqrt(1 - 0.99**t) / (1 - 0.9**t) * s["m"] / (np.sqrt(s["v"]) + EPS)


def adamax(s: State, g: np.ndarray, t: int) -> None:
    s["m"] = 0.9 * s["m"] + 0.1 * g
    s["v"] = np.maximum(0.99 * s["v"], np.abs(g))
    s["var"] -= LR / (1 - 0.9**t) * s["m"] / (s["v"] + EPS)


def adagrad(s: State, g: np.ndarray, t: int) -> None:
    s["accum"] += g * g
    s["var"] -= LR * g / np.sqrt(s["accum"])


def adagrad_v2(s: State, g: np.ndarray, t: int) -> None:
    s["accum"] += g * g
    s["var"] -= LR * g / (np.sqrt(s["accum"]) + EPS)


def rmsprop(s: State, g: np.ndarray, t: int) -> None:
    s["ms"] += (g * g - s["ms"]) * (1 - RHO)
    s["mom"] = MOM * s["mom"] + LR * g / np.sqrt(s["ms"] + EPS)
    s["var"] -= s["mom"]


def centered(s: State, g: np.ndarray, t: int) -> None:
    s["ms"] += (g * g - s["ms"]) * (1 - RHO)
    s["mg"] += (g - s["mg"]) * (1 - RHO)
    s["mom"] = MOM * s["mom"] + LR * g / np.sqrt(s["ms"] - s["mg"] ** 2 + EPS)
    s["var"] -= s["mom"]


def adadelta(s: State, g: np.ndarray, t: int) -> None:
    s["accum"] = RHO * s["accum"] + (1 - RHO) * g * g
    update = np.sqrt(s["accum_update"] + EPS) / np.sqrt(s["accum"] + EPS) * g
    s["accum_update"] = RHO * s["accum_update"] + (1 - RHO) * update * update
    s["var"] -= LR * update


def ftrl(
    s: State, g: np.ndarray, t: int, l1: float = 0.01, l2: float = 0.02, shrink: float = 0.0
) -> None:
    shrunk = g + 2 * shrink * s["var"]
    new = s["accum"] + g * g
    s["linear"] += shrunk - (np.sqrt(new) - np.sqrt(s["accum"])) / LR * s["var"]
    quadratic = np.sqrt(new) / LR + 2 * l2
    s["var"] = np.where(
        np.abs(s["linear"]) > l1, (np.sign(s["linear"]) * l1 - s["linear"]) / quadratic, 0
    )
    s["accum"] = new


def ftrl_v2(s: State, g: np.ndarray, t: int) -> None:
    ftrl(s, g, t, shrink=0.03)


def proximal_descent(s: State, g: np.ndarray, t: int) -> None:
    s["var"] = soft(s["var"] - LR * g, LR * 0.01) / (1 + LR * 0.02)


def proximal_adagrad(s: State, g: np.ndarray, t: int) -> None:
    s["accum"] += g * g
    rate = LR / np.sqrt(s["accum"])
    s["var"] = soft(s["var"] - rate * g, rate * 0.01) / (1 + rate * 0.02)


def power_sign(s: State, g: np.ndarray, t: int) -> None:
    s["m"] = RHO * s["m"] + (1 - RHO) * g
    s["var"] -= LR * np.exp(0.5 * 0.7 * np.sign(g) * np.sign(s["m"])) * g


def add_sign(s: State, g: np.ndarray, t: int) -> None:
    s["m"] = RHO * s["m"] + (1 - RHO) * g
    s["var"] -= LR * (1.5 + 0.7 * np.sign(g) * np.sign(s["m"])) * g


Scalars = Callable[[int], dict[str, float]]
RULES: dict[
    str, tuple[str, list[str], dict[str, Any], Scalars, Callable[[State, np.ndarray, int], None]]
] = {
    "descent": ("ApplyGradientDescent", [], {}, lambda t: {"alpha": LR}, descent),
    "momentum": ("ApplyMomentum", ["accum"], {}, lambda t: {"lr": LR, "momentum": MOM}, momentum),
    "nesterov": (
        "ApplyMomentum",
        ["accum"],
        {"use_nesterov": True},
        lambda t: {"lr": LR, "momentum": MOM},
        nesterov,
    ),
    "adam": (
        "ApplyAdam",
        ["m", "v"],
        {},
        lambda t: {
            "beta1_power": 0.9**t,
            "beta2_power": 0.99**t,
            "lr": LR,
            "beta1": 0.9,
            "beta2": 0.99,
            "epsilon": EPS,
        },
        adam,
    ),
    "adamax": (
        "ApplyAdaMax",
        ["m", "v"],
        {},
        lambda t: {"beta1_power": 0.9**t, "lr": LR, "beta1": 0.9, "beta2": 0.99, "epsilon": EPS},
        adamax,
    ),
    "adagrad": ("ApplyAdagrad", ["accum"], {}, lambda t: {"lr": LR}, adagrad),
    "adagrad_v2": (
        "ApplyAdagradV2",
        ["accum"],
        {},
        lambda t: {"lr": LR, "epsilon": EPS},
        adagrad_v2,
    ),
    "rmsprop": (
        "ApplyRMSProp",
        ["ms", "mom"],
        {},
        lambda t: {"lr": LR, "rho": RHO, "momentum": MOM, "epsilon": EPS},
        rmsprop,
    ),
    "centered": (
        "ApplyCenteredRMSProp",
        ["mg", "ms", "mom"],
        {},
        lambda t: {"lr": LR, "rho": RHO, "momentum": MOM, "epsilon": EPS},
        centered,
    ),
    "adadelta": (
        "ApplyAdadelta",
        ["accum", "accum_update"],
        {},
        lambda t: {"lr": LR, "rho": RHO, "epsilon": EPS},
        adadelta,
    ),
    "ftrl": (
        "ApplyFtrl",
        ["accum", "linear"],
        {},
        lambda t: {"lr": LR, "l1": 0.01, "l2": 0.02, "lr_power": -0.5},
        ftrl,
    ),
    "ftrl_v2": (
        "ApplyFtrlV2",
        ["accum", "linear"],
        {},
        lambda t: {"lr": LR, "l1": 0.01, "l2": 0.02, "l2_shrinkage": 0.03, "lr_power": -0.5},
        ftrl_v2,
    ),
    "proximal_descent": (
        "ApplyProximalGradientDescent",
        [],
        {},
        lambda t: {"alpha": LR, "l1": 0.01, "l2": 0.02},
        proximal_descent,
    ),
    "proximal_adagrad": (
        "ApplyProximalAdagrad",
        ["accum"],
        {},
        lambda t: {"lr": LR, "l1": 0.01, "l2": 0.02},
        proximal_adagrad,
    ),
    "power_sign": (
        "ApplyPowerSign",
        ["m"],
        {},
        lambda t: {"lr": LR, "logbase": 0.5, "sign_decay": 0.7, "beta": RHO},
        power_sign,
    ),
    "add_sign": (
        "ApplyAddSign",
        ["m"],
        {},
        lambda t: {"lr": LR, "alpha": 1.5, "sign_decay": 0.7, "beta": RHO},
        add_sign,
    ),
}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
def test_update(rule: str, dtype: str) -> None:
    op, slots, attrs, scalars, reference = RULES[rule]
    rng = np.random.default_rng(3)
    t = numpy_dtype(dtype)
    shape = (5, 7)
    # Squares start well above zero, where 16-bit types cannot resolve them.
    start = {"var": rng.standard_normal(shape)} | {s: rng.uniform(0.5, 1.0, shape) for s in slots}
    if "mg" in start:
        start["mg"] = rng.uniform(0, 0.1, shape)
    narrow = round_to_bfloat16 if dtype == "bfloat16" else np.asarray
    start = {k: narrow(v.astype(t)) for k, v in start.items()}
    want = {k: wide(v).copy() for k, v in start.items()}
    gradient = "delta" if "alpha" in scalars(1) and "sign_decay" not in scalars(1) else "grad"
    with tf.Graph().as_default(), tf.Session() as sess:
        variables = {k: tf.Variable(tf.cast(v, dtype)) for k, v in start.items()}
        refs = {k: v._ref() for k, v in variables.items()}
        sess.run(tf.global_variables_initializer())
        for step in range(1, 4):
            g = narrow(rng.standard_normal(shape).astype(t))
            values = {k: tf.constant(v, tf.as_dtype(dtype)) for k, v in scalars(step).items()}
            apply = getattr(tf.raw_ops, op)(
                **refs, **values, **{gradient: tf.cast(g, dtype)}, **attrs
            )
            out = sess.run(tf.cast(apply, t))
            reference(want, wide(g), step)
            eps = TOLERANCE[dtype] * 8
            np.testing.assert_allclose(wide(np.asarray(out)), want["var"], rtol=eps, atol=eps)
        for k, v in variables.items():
            np.testing.assert_allclose(
                wide(sess.run(tf.cast(v, t))), want[k], rtol=eps, atol=eps, err_msg=k
            )


def test_an_uninitialised_slot_is_named() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        v, m = tf.Variable([1.0], name="v"), tf.Variable([0.0], name="slot")
        step = tf.raw_ops.ApplyMomentum(
            var=v._ref(), accum=m._ref(), lr=0.1, grad=[1.0], momentum=0.9
        )
        sess.run(v.initializer)
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value slot"):
            sess.run(step)
        assert sess.run(v) == [1.0]


def test_shapes_must_agree() -> None:
    with tf.Graph().as_default():
        v = tf.Variable([1.0, 2.0])
        with pytest.raises(ValueError, match="must be equal"):
            tf.raw_ops.ApplyGradientDescent(var=v._ref(), alpha=0.1, delta=[1.0, 2.0, 3.0])


def _op_names(prefix: str) -> set[str]:
    from thalweg import _core

    return {o.name for o in _core.op_defs() if o.name.startswith(prefix)}


def test_every_apply_op_has_a_rule() -> None:
    assert _op_names("Apply") == {r[0] for r in RULES.values()}


SPARSE = {
    "momentum": "SparseApplyMomentum",
    "nesterov": "SparseApplyMomentum",
    "adagrad": "SparseApplyAdagrad",
    "adagrad_v2": "SparseApplyAdagradV2",
    "rmsprop": "SparseApplyRMSProp",
    "centered": "SparseApplyCenteredRMSProp",
    "adadelta": "SparseApplyAdadelta",
    "ftrl": "SparseApplyFtrl",
    "ftrl_v2": "SparseApplyFtrlV2",
    "proximal_descent": "SparseApplyProximalGradientDescent",
    "proximal_adagrad": "SparseApplyProximalAdagrad",
}


def test_every_sparse_op_has_a_rule() -> None:
    assert _op_names("SparseApply") == set(SPARSE.values())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("rule", SPARSE)
def test_update_of_rows(rule: str, index: str, dtype: str) -> None:
    """The rule on the rows that are named, in this order; nothing happens to the others."""
    _, slots, attrs, scalars, reference = RULES[rule]
    rng = np.random.default_rng(4)
    t = numpy_dtype(dtype)
    shape, rows = (6, 3, 5), [4, 0, 4]
    start = {"var": rng.standard_normal(shape)} | {s: rng.uniform(0.5, 1.0, shape) for s in slots}
    if "mg" in start:
        start["mg"] = rng.uniform(0, 0.1, shape)
    narrow = round_to_bfloat16 if dtype == "bfloat16" else np.asarray
    start = {k: narrow(v.astype(t)) for k, v in start.items()}
    g = narrow(rng.standard_normal((3, 3, 5)).astype(t))
    want = {k: wide(v).copy() for k, v in start.items()}
    for row, of_row in zip(rows, wide(g), strict=True):
        state = {k: v[row].copy() for k, v in want.items()}
        reference(state, of_row, 1)
        for k, v in state.items():
            want[k][row] = v
    with tf.Graph().as_default(), tf.Session() as sess:
        variables = {k: tf.Variable(tf.cast(v, dtype)) for k, v in start.items()}
        refs = {k: v._ref() for k, v in variables.items()}
        sess.run(tf.global_variables_initializer())
        values = {k: tf.constant(v, tf.as_dtype(dtype)) for k, v in scalars(1).items()}
        apply = getattr(tf.raw_ops, SPARSE[rule])(
            **refs, **values, grad=tf.cast(g, dtype), indices=tf.constant(rows, index), **attrs
        )
        sess.run(apply.op)
        eps = TOLERANCE[dtype] * 8
        for k, v in variables.items():
            got = wide(sess.run(tf.cast(v, t)))
            np.testing.assert_allclose(got, want[k], rtol=eps, atol=eps, err_msg=k)
            np.testing.assert_array_equal(got[[1, 2, 3, 5]], wide(start[k])[[1, 2, 3, 5]])


def test_rows_are_checked_before_anything_changes() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        v, m = tf.Variable(tf.ones([3, 2])), tf.Variable(tf.zeros([3, 2]))
        at = tf.placeholder(tf.int32, [None])
        grad = tf.placeholder(tf.float32, [None, None])
        step = tf.raw_ops.SparseApplyMomentum(
            var=v._ref(), accum=m._ref(), lr=1.0, grad=grad, indices=at, momentum=0.9
        )
        sess.run(tf.global_variables_initializer())
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"Index 3 at offset 1 in indices is out of range"
        ):
            sess.run(step, {at: [0, 3], grad: np.ones((2, 2))})
        with pytest.raises(tf.errors.InvalidArgumentError, match="a row of the shape of var's"):
            sess.run(step, {at: [0], grad: np.ones((1, 3))})
        np.testing.assert_array_equal(sess.run(v), np.ones((3, 2)))
        np.testing.assert_array_equal(sess.run(m), np.zeros((3, 2)))
        sess.run(step.op, {at: [], grad: np.ones((0, 2))})
    with tf.Graph().as_default():
        v = tf.Variable(tf.ones([3, 2]))
        for grad_shape, rows in (([2, 3], 2), ([1, 2], 2), ([2], 2)):
            with pytest.raises(ValueError, match=r"must be"):
                tf.raw_ops.SparseApplyProximalGradientDescent(
                    var=v._ref(),
                    alpha=1.0,
                    l1=0.0,
                    l2=0.0,
                    grad=tf.ones(grad_shape),
                    indices=tf.zeros([rows], tf.int32),
                )
