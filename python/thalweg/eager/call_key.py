"""What tells calls of a function apart: two calls with equal keys are served by one graph."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from thalweg import _core
from thalweg.framework import dtypes, nest
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.tensor import Tensor
from thalweg.framework.type_spec import TensorSpec

Key = Any  # hashable


class Same:
    """Equal to itself and to others of the same object; does not keep it alive if it need not."""

    __slots__ = ("_hash", "_held")

    def __init__(self, value: Any) -> None:
        self._hash = id(value)
        try:
            self._held: Any = weakref.ref(value)
        except TypeError:
            self._held = lambda: value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Same) or self._hash != other._hash:
            return False
        mine = self._held()
        return mine is not None and mine is other._held()

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return repr(self._held())


def leaf_key(leaf: Any) -> Key:
    """Of a leaf that is already a tensor where it should be one."""
    if isinstance(leaf, Tensor):
        return "tensor", leaf.dtype.as_datatype_enum, leaf.shape._dims
    if isinstance(leaf, _core.VariableBase):
        return "variable", leaf._id
    if isinstance(leaf, TensorSpec):
        return "tensor", leaf.dtype.as_datatype_enum, leaf.shape._dims
    if leaf is None or isinstance(leaf, (bool, int, float, complex, str, bytes, dtypes.DType)):
        return type(leaf), leaf
    return Same(leaf)


def converted(leaf: Any) -> Any:
    """Arrays become tensors; other Python values stay."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return convert_to_tensor(leaf)
    return leaf


def structure_key(value: Any) -> Key:
    """Of the containers around the leaves."""
    if isinstance(value, dict):
        try:
            keys = sorted(value)
        except TypeError:
            keys = list(value)
        return (type(value), *[(k, structure_key(value[k])) for k in keys])
    if isinstance(value, (list, tuple)):
        return (type(value), *[structure_key(v) for v in value])
    if nest.is_nested(value):
        return (type(value), *[structure_key(v) for v in nest.flatten(value)])
    return None
