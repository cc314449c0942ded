"""Random tensors that are functions of a seed: two integers, which may be a tensor."""

from __future__ import annotations

import enum
from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array
from thalweg.ops.random import shape_tensor

_INTEGERS = (dtypes.int32, dtypes.int64, dtypes.uint32, dtypes.uint64)
_FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


class Algorithm(enum.Enum):
    """The algorithms of random numbers in TensorFlow; Philox is the one that is supported."""

    PHILOX = 1
    THREEFRY = 2
    AUTO_SELECT = 3


def algorithm_number(alg: Any) -> int:
    """1, Philox, for every name of it and of the automatic choice.

    Raises:
        ValueError: there is no such algorithm.
        NotImplementedError: it is ThreeFry.
    """
    names = {a.name.lower(): a for a in Algorithm}
    numbers = {a.value: a for a in Algorithm}
    if isinstance(alg, str):
        found = names.get(alg)
    elif isinstance(alg, Algorithm):
        found = alg
    else:
        found = numbers.get(int(alg))
    if found is None:
        raise ValueError(
            f"Argument `alg` got unsupported value {alg}. Supported values are philox for the "
            "Philox algorithm and auto_select for auto-selection."
        )
    if found is Algorithm.THREEFRY:
        raise NotImplementedError(
            "the ThreeFry algorithm is not supported; alg must be 'philox' or 'auto_select'"
        )
    return Algorithm.PHILOX.value


def _key_counter(seed: Any, alg: Any) -> tuple[Tensor, Tensor, int]:
    number = algorithm_number(alg)
    found = raw_ops.StatelessRandomGetKeyCounter(seed)
    return found[0], found[1], number


def uniform_from_key(
    shape: Any, place: tuple[Any, Any, int], minval: Any, maxval: Any, dtype: Any, scope: str | None
) -> Tensor:
    """Uniform in [minval, maxval) from a (key, counter, algorithm); integers over their whole range
    where both are None.
    """
    if dtype.is_integer and minval is None:
        return raw_ops.StatelessRandomUniformFullIntV2(shape, *place, dtype=dtype, name=scope)
    low = convert_to_tensor(minval, dtype=dtype, name="min")
    high = convert_to_tensor(maxval, dtype=dtype, name="max")
    if dtype.is_integer:
        return raw_ops.StatelessRandomUniformIntV2(shape, *place, low, high, name=scope)
    drawn = raw_ops.StatelessRandomUniformV2(shape, *place, dtype=dtype)
    return raw_ops.AddV2(raw_ops.Mul(drawn, raw_ops.Sub(high, low)), low, name=scope)


def scaled(drawn: Tensor, mean: Any, stddev: Any, name: str | None) -> Tensor:
    """Standard normal numbers with another mean and deviation."""
    dtype = drawn.dtype.base_dtype
    stddev = convert_to_tensor(stddev, dtype=dtype, name="stddev")
    mean = convert_to_tensor(mean, dtype=dtype, name="mean")
    return raw_ops.AddV2(raw_ops.Mul(drawn, stddev), mean, name=name)


def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Uniform in [minval, maxval). maxval defaults to 1 for floats; integers need both, or None for
    both, which means their whole range.
    """
    dtype = dtypes.as_dtype(dtype)
    if dtype not in (*_FLOATS, *_INTEGERS):
        raise ValueError(
            f"Argument `dtype` got invalid value {dtype!r}. Accepted dtypes are "
            f"{tuple(d.name for d in (*_FLOATS, *_INTEGERS))}."
        )
    if dtype.is_integer:
        if (minval is None) != (maxval is None):
            raise ValueError(
                f"For integer `dtype` argument {dtype!r}, argument `minval` and `maxval` must be "
                f"both None or not None. Got `minval`={minval} and `maxval`={maxval}."
            )
        if minval is not None and dtype.is_unsigned:
            raise ValueError(
                f"Argument `dtype` got invalid value {dtype!r} when argument `minval` is not None. "
                "Unsigned integers are drawn over their whole range only."
            )
    else:
        minval = 0 if minval is None else minval
        maxval = 1 if maxval is None else maxval
    with op_scope(name, "stateless_random_uniform", [shape, seed, minval, maxval]) as scope:
        place = _key_counter(seed, alg)
        return uniform_from_key(shape_tensor(shape), place, minval, maxval, dtype, scope)


def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normal with this mean and standard deviation."""
    with op_scope(name, "stateless_random_normal", [shape, seed, mean, stddev]) as scope:
        place = _key_counter(seed, alg)
        drawn = raw_ops.StatelessRandomNormalV2(shape_tensor(shape), *place, dtype=dtype)
        return scaled(drawn, mean, stddev, scope)


def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
    alg: Any = "auto_select",
) -> Tensor:
    """Normal, redrawn beyond two standard deviations from the mean."""
    with op_scope(name, "stateless_truncated_normal", [shape, seed, mean, stddev]) as scope:
        place = _key_counter(seed, alg)
        drawn = raw_ops.StatelessTruncatedNormalV2(shape_tensor(shape), *place, dtype=dtype)
        return scaled(drawn, mean, stddev, scope)


def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """`num_samples` classes for each row of unnormalised log-probabilities."""
    with op_scope(name, "stateless_categorical", [logits, seed]):
        return raw_ops.StatelessMultinomial(logits, num_samples, seed, output_dtype=dtype)


def stateless_multinomial(
    logits: Any,
    num_samples: Any,
    seed: Any,
    output_dtype: Any = dtypes.int64,
    name: str | None = None,
) -> Tensor:
    """`stateless_categorical` under its first name."""
    return stateless_categorical(logits, num_samples, seed, output_dtype, name)


def stateless_shuffle(
    value: Any, seed: Any, alg: Any = "auto_select", name: str | None = None
) -> Tensor:
    """The slices along the first dimension in random order."""
    with op_scope(name, "stateless_shuffle", [value, seed]):
        return raw_ops.StatelessShuffle(value, *_key_counter(seed, alg))


def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Tensor:
    """`num` new seeds from one, as rows."""
    seed = convert_to_tensor(seed)
    return stateless_uniform(
        array.stack([num, 2]), seed, None, None, dtype=seed.dtype.base_dtype, alg=alg
    )


def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Tensor:
    """A new seed from one and an integer, such as the number of a step."""
    data = convert_to_tensor(data)
    dtype = data.dtype.base_dtype
    first = stateless_uniform(constant([], dtypes.int32), seed, None, None, dtype=dtype, alg=alg)
    return array.stack([first, data])
