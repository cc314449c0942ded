"""Initializers of TensorFlow 2: `initializer(shape, dtype)` gives the first value of a variable."""

from __future__ import annotations

from typing import Any

from thalweg.framework import dtypes
from thalweg.framework.tensor import Tensor
from thalweg.ops import creation, random, stateless_random
from thalweg.ops.v2 import array as array_v2


def _no_options(options: dict[str, Any]) -> None:
    """Parts of a variable are made for partitioned variables, which are not supported."""
    if options:
        raise TypeError(f"Unknown keyword arguments: {', '.join(options)}")


class Initializer:
    """Base of the initializers."""

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, from which `from_config` makes an equal initializer."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """The initializer that `get_config` described."""
        config = dict(config)
        config.pop("dtype", None)
        return cls(**config)


def _plain(dtype: Any) -> dtypes.DType:
    dtype = dtypes.as_dtype(dtype)
    if not dtype.is_numpy_compatible or dtype == dtypes.string:
        raise ValueError(f"Argument `dtype` expected to be numeric or boolean. Received {dtype!r}.")
    return dtype


def _floating(dtype: Any) -> dtypes.DType:
    dtype = dtypes.as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"Argument `dtype` is expected to be floating point. Received: {dtype!r}.")
    return dtype


class Zeros(Initializer):
    """Zeros."""

    def __call__(self, shape: Any, dtype: Any = dtypes.float32, **kwargs: Any) -> Tensor:
        _no_options(kwargs)
        return creation.zeros(shape, _plain(dtype))


class Ones(Initializer):
    """Ones."""

    def __call__(self, shape: Any, dtype: Any = dtypes.float32, **kwargs: Any) -> Tensor:
        _no_options(kwargs)
        return creation.ones(shape, _plain(dtype))


class Constant(Initializer):
    """One value everywhere, or the listed values in row-major order."""

    def __init__(self, value: Any = 0, support_partition: bool = False) -> None:
        self.value = value
        self.support_partition = support_partition

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        _no_options(kwargs)
        return array_v2.constant(self.value, dtype, shape)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


class RandomNormal(Initializer):
    """Normal numbers; with a seed the same at every call."""

    def __init__(self, mean: Any = 0.0, stddev: Any = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Any, dtype: Any = dtypes.float32, **kwargs: Any) -> Tensor:
        _no_options(kwargs)
        kind = _floating(dtype)
        if self.seed is None:
            return random.random_normal(shape, self.mean, self.stddev, kind)
        place = [self.seed, 0]
        return stateless_random.stateless_normal(shape, place, self.mean, self.stddev, kind)

    def get_config(self) -> dict[str, Any]:
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class RandomUniform(Initializer):
    """Uniform numbers in [minval, maxval); with a seed the same at every call."""

    def __init__(self, minval: Any = -0.05, maxval: Any = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Any, dtype: Any = dtypes.float32, **kwargs: Any) -> Tensor:
        _no_options(kwargs)
        kind = dtypes.as_dtype(dtype)
        if not kind.is_floating and not kind.is_integer:
            raise ValueError(f"Argument `dtype` expected to be numeric. Received {kind!r}.")
        if self.seed is None:
            return random.random_uniform(shape, self.minval, self.maxval, kind)
        place = [self.seed, 0]
        return stateless_random.stateless_uniform(shape, place, self.minval, self.maxval, kind)

    def get_config(self) -> dict[str, Any]:
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}
