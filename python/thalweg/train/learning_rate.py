"""Learning rates that fall with the step, as graph values."""

from __future__ import annotations

import math as pymath
from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.ops import array, indexing
from thalweg.ops.cast import cast


def _step(global_step: Any) -> Any:
    if global_step is None:
        raise ValueError("Argument `global_step` must not be None.")
    return global_step


def _progress(global_step: Any, decay_steps: Any, dtype: Any, staircase: bool) -> Tensor:
    """Step / decay_steps in the dtype of the rate, floored for a staircase."""
    ratio = raw_ops.RealDiv(cast(global_step, dtype), cast(decay_steps, dtype), name="truediv")
    return raw_ops.Floor(ratio) if staircase else ratio


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate * decay_rate ** (step / decay_steps); whole powers only for a staircase."""
    _step(global_step)
    with ops.name_scope(
        name, "ExponentialDecay", [learning_rate, global_step, decay_steps, decay_rate]
    ) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype.base_dtype
        factor = raw_ops.Pow(
            cast(decay_rate, dtype), _progress(global_step, decay_steps, dtype, staircase)
        )
        return raw_ops.Mul(rate, factor, name=scope)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate * exp(-decay_rate * step / decay_steps)."""
    _step(global_step)
    with ops.name_scope(name, "NaturalExpDecay", [learning_rate, global_step, decay_rate]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype.base_dtype
        exponent = raw_ops.Mul(
            raw_ops.Neg(cast(decay_rate, dtype)),
            _progress(global_step, decay_steps, dtype, staircase),
        )
        return raw_ops.Mul(rate, raw_ops.Exp(exponent), name=scope)


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """learning_rate / (1 + decay_rate * step / decay_steps)."""
    _step(global_step)
    with ops.name_scope(
        name, "InverseTimeDecay", [learning_rate, global_step, decay_rate]
    ) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype.base_dtype
        growth = raw_ops.Mul(
            cast(decay_rate, dtype), _progress(global_step, decay_steps, dtype, staircase)
        )
        return raw_ops.RealDiv(rate, raw_ops.AddV2(constant(1, dtype), growth), name=scope)


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """From learning_rate to end_learning_rate along (1 - step / decay_steps) ** power, then
    constant.

    Args:
        cycle: stretch decay_steps to the next multiple that the step has not passed, instead of
            stopping.
    """
    _step(global_step)
    values = [learning_rate, global_step, decay_steps, end_learning_rate, power]
    with ops.name_scope(name, "PolynomialDecay", values) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype.base_dtype
        end = cast(end_learning_rate, dtype)
        step, steps = cast(global_step, dtype), cast(decay_steps, dtype)
        if cycle:
            periods = raw_ops.Maximum(
                raw_ops.Ceil(raw_ops.RealDiv(step, steps)), constant(1, dtype)
            )
            steps = raw_ops.Mul(steps, periods)
        else:
            step = raw_ops.Minimum(step, steps)
        left = raw_ops.Sub(constant(1, dtype), raw_ops.RealDiv(step, steps))
        fall = raw_ops.Mul(raw_ops.Sub(rate, end), raw_ops.Pow(left, cast(power, dtype)))
        return raw_ops.AddV2(fall, end, name=scope)


def piecewise_constant(
    x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None
) -> Tensor:
    """values[0] up to and including boundaries[0], values[1] up to boundaries[1], ... values[-1]
    beyond.

    Raises:
        ValueError: there is not one value more than boundaries, or their dtypes differ.
    """
    if len(boundaries) != len(values) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    with ops.name_scope(name, "PiecewiseConstant", [x, *boundaries, *values]):
        x = convert_to_tensor(x)
        steps = [convert_to_tensor(b) for b in boundaries]
        for i, b in enumerate(steps):
            if b.dtype.base_dtype == x.dtype.base_dtype:
                continue
            # Python boundaries are int32; a wider or floating step takes them along.
            if b.dtype.base_dtype == dtypes.int32 and x.dtype.base_dtype in (
                dtypes.int64,
                dtypes.float32,
                dtypes.float64,
            ):
                steps[i] = cast(b, x.dtype.base_dtype)
            else:
                raise ValueError(
                    f"`boundaries` ({b.dtype.name}) must have the same dtype as x ({x.dtype.name})."
                )
        rates = [convert_to_tensor(v) for v in values]
        if any(r.dtype != rates[0].dtype for r in rates):
            raise ValueError("`values` must have elements all with the same dtype.")
        result = rates[-1]
        for boundary, rate in zip(reversed(steps), reversed(rates[:-1]), strict=True):
            result = indexing.where(raw_ops.LessEqual(x, boundary), rate, result)
        return array.identity(result)


def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """Half a cosine from learning_rate to alpha * learning_rate over decay_steps, then constant."""
    _step(global_step)
    with ops.name_scope(name, "CosineDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype.base_dtype
        steps = cast(decay_steps, dtype)
        done = raw_ops.RealDiv(raw_ops.Minimum(cast(global_step, dtype), steps), steps)
        return raw_ops.Mul(rate, _cosine(done, alpha, dtype), name=scope)


def _cosine(done: Tensor, alpha: Any, dtype: Any) -> Tensor:
    wave = raw_ops.Cos(raw_ops.Mul(constant(pymath.pi, dtype), done))
    half = raw_ops.Mul(constant(0.5, dtype), raw_ops.AddV2(constant(1.0, dtype), wave))
    alpha = cast(alpha, dtype)
    return raw_ops.AddV2(raw_ops.Mul(raw_ops.Sub(constant(1, dtype), alpha), half), alpha)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """Cosine decays in a row, each t_mul times longer and starting m_mul times as high."""
    _step(global_step)
    with ops.name_scope(name, "SGDRDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype.base_dtype
        done = raw_ops.RealDiv(cast(global_step, dtype), cast(first_decay_steps, dtype))
        one = constant(1, dtype)
        if t_mul == 1.0:
            restart = raw_ops.Floor(done)
            fraction = raw_ops.Sub(done, restart)
        else:
            grow = constant(t_mul, dtype)
            inner = raw_ops.Sub(one, raw_ops.Mul(done, raw_ops.Sub(one, grow)))
            restart = raw_ops.Floor(raw_ops.RealDiv(raw_ops.Log(inner), raw_ops.Log(grow)))
            length = raw_ops.Pow(grow, restart)
            passed = raw_ops.RealDiv(raw_ops.Sub(one, length), raw_ops.Sub(one, grow))
            fraction = raw_ops.RealDiv(raw_ops.Sub(done, passed), length)
        height = raw_ops.Pow(constant(m_mul, dtype), restart)
        wave = raw_ops.Cos(raw_ops.Mul(constant(pymath.pi, dtype), fraction))
        half = raw_ops.Mul(raw_ops.Mul(constant(0.5, dtype), height), raw_ops.AddV2(one, wave))
        alpha = cast(alpha, dtype)
        factor = raw_ops.AddV2(raw_ops.Mul(raw_ops.Sub(one, alpha), half), alpha)
        return raw_ops.Mul(rate, factor, name=scope)


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: float = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """learning_rate * ((alpha + linear) * cosine + beta), where linear falls from 1 to 0 over
    decay_steps.
    """
    _step(global_step)
    with ops.name_scope(name, "LinearCosineDecay", [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        dtype = rate.dtype.base_dtype
        steps = cast(decay_steps, dtype)
        step = raw_ops.Minimum(cast(global_step, dtype), steps)
        linear = raw_ops.RealDiv(raw_ops.Sub(steps, step), steps)
        done = raw_ops.RealDiv(step, steps)
        wave = raw_ops.Cos(raw_ops.Mul(constant(pymath.pi * 2.0 * num_periods, dtype), done))
        half = raw_ops.Mul(constant(0.5, dtype), raw_ops.AddV2(constant(1.0, dtype), wave))
        weight = raw_ops.AddV2(cast(alpha, dtype), linear)
        factor = raw_ops.AddV2(raw_ops.Mul(weight, half), cast(beta, dtype))
        return raw_ops.Mul(rate, factor, name=scope)
