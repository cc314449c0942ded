"""Random tensors: uniform, normal, truncated normal, and draws from what is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.eager_tensor import from_array
from thalweg.framework.graph import Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.framework.random_seed import get_seed
from thalweg.framework.shapes import TensorShape
from thalweg.ops import array, indexing


def shape_tensor(shape: Any) -> Tensor:
    """A shape in any form as a vector; an empty one is int32. In eager mode the op makes it one."""
    if executing_eagerly() and type(shape) in (list, tuple) and shape:
        return shape
    if isinstance(shape, TensorShape):
        shape = shape.as_list()
    dtype = dtypes.int32 if isinstance(shape, (list, tuple)) and not shape else None
    return convert_to_tensor(shape, dtype=dtype, name="shape")


_UNIFORM = (
    *(dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64),
    *(dtypes.int32, dtypes.int64),
)


def _is_number(value: Any, number: int) -> bool:
    return isinstance(value, (int, float)) and value == number


def _seeds(seed: int | None) -> dict[str, Any]:
    first, second = get_seed(seed)
    return {"seed": first or 0, "seed2": second or 0}


# The ops that draw the same numbers from the start of a stream as those that keep it.
_FROM_KEY: dict[str, Any] = {
    "RandomUniform": raw_ops.StatelessRandomUniformV2,
    "RandomStandardNormal": raw_ops.StatelessRandomNormalV2,
    "TruncatedNormal": raw_ops.StatelessTruncatedNormalV2,
    "RandomUniformInt": raw_ops.StatelessRandomUniformIntV2,
    "RandomShuffle": raw_ops.StatelessShuffle,
}


def _draw(op: str, seed: int | None, *inputs: Any, **attrs: Any) -> Tensor:
    """One random op. An eager op without a seed of its own begins a stream that is never used
    again, so it is drawn from a key: no op is kept for each of its seeds.
    """
    seeds = _seeds(seed)
    if seed is None and any(seeds.values()) and executing_eagerly():
        key = from_array(np.array([seeds["seed"]], np.uint64), dtypes.uint64)
        counter = from_array(np.array([0, seeds["seed2"]], np.uint64), dtypes.uint64)
        return _FROM_KEY[op](inputs[0], key, counter, 1, *inputs[1:], **attrs)
    return getattr(raw_ops, op)(*inputs, **seeds, **attrs)


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Uniform in [minval, maxval); maxval defaults to 1 for floats and must be given for
    integers.
    """
    dtype = dtypes.as_dtype(dtype)
    if dtype not in _UNIFORM:
        raise ValueError(
            f"Argument `dtype` got invalid value {dtype}. Accepted dtypes are {_UNIFORM}."
        )
    if maxval is None:
        if dtype.is_integer:
            raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
        maxval = 1
    with op_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        shape = shape_tensor(shape)
        if not dtype.is_integer and _is_number(minval, 0) and _is_number(maxval, 1):
            return _draw("RandomUniform", seed, shape, dtype=dtype)
        low = convert_to_tensor(minval, dtype=dtype, name="min")
        high = convert_to_tensor(maxval, dtype=dtype, name="max")
        if dtype.is_integer:
            return _draw("RandomUniformInt", seed, shape, low, high, name=scope)
        return _scaled_uniform(shape, low, high, dtype, seed, scope)


def _scaled_uniform(
    shape: Tensor, low: Tensor, high: Tensor, dtype: Any, seed: int | None, name: str
) -> Tensor:
    drawn = _draw("RandomUniform", seed, shape, dtype=dtype)
    return raw_ops.AddV2(
        raw_ops.Mul(drawn, raw_ops.Sub(high, low, name="sub"), name="mul"), low, name=name
    )


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal with this mean and standard deviation."""
    return _normal("RandomStandardNormal", "random_normal", shape, mean, stddev, dtype, seed, name)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal, redrawn beyond two standard deviations from the mean."""
    return _normal("TruncatedNormal", "truncated_normal", shape, mean, stddev, dtype, seed, name)


def _normal(
    op: str,
    label: str,
    shape: Any,
    mean: Any,
    stddev: Any,
    dtype: Any,
    seed: int | None,
    name: str | None,
) -> Tensor:
    dtype = dtypes.as_dtype(dtype)
    with op_scope(name, label, [shape, mean, stddev]) as scope:
        shape = shape_tensor(shape)
        if not executing_eagerly() or type(mean) is not float or type(stddev) is not float:
            mean = convert_to_tensor(mean, dtype=dtype, name="mean")
            stddev = convert_to_tensor(stddev, dtype=dtype, name="stddev")
        drawn = _draw(op, seed, shape, dtype=dtype)
        return raw_ops.AddV2(raw_ops.Mul(drawn, stddev, name="mul"), mean, name=scope)


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """The slices along the first dimension in random order."""
    return _draw("RandomShuffle", seed, value, name=name)


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A block of shape `size` from a uniformly random place."""
    with op_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        size = convert_to_tensor(size, dtype=dtypes.int32, name="size")
        room = raw_ops.AddV2(raw_ops.Sub(array.shape(value), size), 1)
        drawn = random_uniform(array.shape(room), 0, dtypes.int32.max, dtypes.int32, seed)
        return indexing.slice(value, raw_ops.FloorMod(drawn, room), size, name=scope)


def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:
    """`num_samples` classes for each row of unnormalised log-probabilities."""
    with op_scope(name, "multinomial", [logits]):
        want = dtypes.int64 if output_dtype is None else dtypes.as_dtype(output_dtype)
        return raw_ops.Multinomial(logits, num_samples, **_seeds(seed), output_dtype=want)


def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`multinomial` under its later name."""
    return multinomial(logits, num_samples, seed, name or "categorical", dtype)
