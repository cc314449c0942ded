"""Clipping by value and by norm. IndexedSlices are clipped by their values and stay slices: a row
that occurs twice counts as two.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework.composite import IndexedSlices, on_values
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, creation, indexing, math, reduce
from thalweg.ops.cast import cast


def clip_by_value(
    t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None
) -> Tensor:
    """t limited to [clip_value_min, clip_value_max]; the limits may broadcast to t's shape."""
    with op_scope(name, "clip_by_value", [t, clip_value_min, clip_value_max]) as scope:

        def clipped(values: Tensor) -> Tensor:
            low = raw_ops.Minimum(values, clip_value_max)
            low.shape.assert_is_compatible_with(values.shape)
            result = raw_ops.Maximum(low, clip_value_min, name=scope)
            result.shape.assert_is_compatible_with(values.shape)
            return result

        return on_values(t, clipped)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """t scaled down where its Euclidean norm (over `axes`) exceeds `clip_norm`."""
    with op_scope(name, "clip_by_norm", [t, clip_norm]) as scope:

        def clipped(values: Tensor) -> Tensor:
            total = reduce.reduce_sum(raw_ops.Mul(values, values), axes, keepdims=axes is not None)
            # sqrt at 0 has an infinite slope: the gradient there would be NaN.
            positive = raw_ops.Greater(total, constant(0, values.dtype.base_dtype))
            safe = indexing.where(positive, total, creation.ones_like(total))
            norm = indexing.where(positive, raw_ops.Sqrt(safe), total)
            limit = convert_to_tensor(clip_norm, dtype=values.dtype.base_dtype)
            scaled = raw_ops.Mul(values, limit)
            return raw_ops.Identity(math.truediv(scaled, raw_ops.Maximum(norm, limit)), name=scope)

        return on_values(t, clipped)


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """t scaled down where its norm per element exceeds `clip_norm`."""
    with op_scope(name, "clip_by_average_norm", [t, clip_norm]) as scope:
        t = convert_to_tensor(t, name="t")
        count = cast(array.size(t), t.dtype.base_dtype)
        inverse = raw_ops.Rsqrt(reduce.reduce_sum(raw_ops.Mul(t, t)))
        one = constant(1, t.dtype.base_dtype)
        clip_norm = convert_to_tensor(clip_norm, dtype=t.dtype.base_dtype)
        factor = raw_ops.Minimum(raw_ops.Mul(inverse, count), math.truediv(one, clip_norm))
        return raw_ops.Mul(raw_ops.Mul(t, clip_norm), factor, name=scope)


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """Euclidean norm of all tensors together; None entries are skipped."""
    _check_list(t_list)
    with op_scope(name, "global_norm", list(t_list)):
        tensors = [
            t.values if isinstance(t, IndexedSlices) else convert_to_tensor(t)
            for t in t_list
            if t is not None
        ]
        halves = array.stack([raw_ops.L2Loss(t) for t in tensors])
        total = reduce.reduce_sum(halves)
        return raw_ops.Sqrt(raw_ops.Mul(total, constant(2, total.dtype)), name="global_norm")


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Tensor | None], Tensor]:
    """All tensors scaled by one factor so that their global norm is at most `clip_norm`; and that
    norm.

    A norm that is not finite makes every result NaN rather than hiding it.
    """
    _check_list(t_list)
    if use_norm is None:
        use_norm = global_norm(t_list)
    with op_scope(name, "clip_by_global_norm", [*t_list, clip_norm]) as scope:
        use_norm = convert_to_tensor(use_norm)
        dtype = use_norm.dtype.base_dtype
        one = constant(1, dtype)
        clip_norm = convert_to_tensor(clip_norm, dtype=dtype)
        factor = raw_ops.Minimum(raw_ops.RealDiv(one, use_norm), raw_ops.RealDiv(one, clip_norm))
        scale = raw_ops.Mul(clip_norm, factor)
        scale = raw_ops.AddV2(scale, raw_ops.Sub(use_norm, use_norm))  # 0, or NaN for inf and NaN
        clipped: list[Tensor | None] = []
        for i, t in enumerate(t_list):
            if t is None:
                clipped.append(None)
                continue
            clipped.append(
                on_values(t, functools.partial(_scaled, scale=scale, name=f"{scope}_{i}"))
            )
        return clipped, use_norm


def _scaled(values: Tensor, scale: Tensor, name: str) -> Tensor:
    with nullcontext() if executing_eagerly() else ops.colocate_with(values.op):
        scaled = raw_ops.Mul(values, cast(scale, values.dtype.base_dtype))
        return raw_ops.Identity(scaled, name=name)


def _check_list(t_list: Any) -> None:
    if not isinstance(t_list, (list, tuple)):
        raise TypeError("`t_list` should be a sequence of tensors, got " + type(t_list).__name__)
