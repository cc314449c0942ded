"""Orders of dimensions."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, creation


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """Permutes dimensions by `perm`; reverses them when it is None."""
    with op_scope(name, "transpose", [a]) as scope:
        tensor = convert_to_tensor(a, name="a")
        if perm is None:
            ndims = tensor.shape.ndims
            if ndims is not None:
                perm = constant([*range(ndims - 1, -1, -1)], dtypes.int32)
            else:
                last = raw_ops.Sub(array.rank(tensor), 1)
                perm = raw_ops.Sub(last, creation.range(array.rank(tensor)))
        if conjugate and tensor.dtype.is_complex:
            tensor = raw_ops.Conj(tensor)
        return raw_ops.Transpose(tensor, perm, name=scope)


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """Swaps the last two dimensions."""
    with op_scope(name, "matrix_transpose", [a]) as scope:
        tensor = convert_to_tensor(a, name="a")
        ndims = tensor.shape.ndims
        if ndims is not None:
            if ndims < 2:
                raise ValueError(
                    f"Argument `a` should be a (batch) matrix with rank >= 2, got {ndims=}"
                )
            perm: Any = [*range(ndims - 2), ndims - 1, ndims - 2]
        else:
            n = array.rank(tensor)
            perm = array.concat(
                [
                    creation.range(raw_ops.Sub(n, 2)),
                    array.stack([raw_ops.Sub(n, 1), raw_ops.Sub(n, 2)]),
                ],
                0,
            )
        return transpose(tensor, perm, name=scope, conjugate=conjugate)
