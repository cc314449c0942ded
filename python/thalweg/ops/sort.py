"""Order along an axis: sorting, places in sorted rows."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, constant_value, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array
from thalweg.ops.transpose import transpose


def sort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None
) -> Tensor:
    """The values in order along `axis`, 'ASCENDING' or 'DESCENDING'."""
    with op_scope(name, "sort"):
        return _ordered(values, axis, direction, 0)


def argsort(
    values: Any,
    axis: Any = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Tensor:
    """The places of the values in their order along `axis`, as int32; always a stable order."""
    with op_scope(name, "argsort"):
        return _ordered(values, axis, direction, 1)


def _ordered(values: Any, axis: Any, direction: str, output: int) -> Tensor:
    """Output 0 (values) or 1 (places) of the selection of all elements along the axis."""
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            "Argument `direction` should be one of 'ASCENDING' or 'DESCENDING'. Received: "
            f"direction={direction}"
        )
    x = convert_to_tensor(values, name="values")
    at = constant_value(convert_to_tensor(axis))
    if at is None:
        raise ValueError("sort: axis must be known when the graph is built")
    at, ndims = int(at), x.shape.ndims
    if ndims is None and at != -1:
        raise ValueError(f"sort: the rank of values must be known for {axis=}")
    if ndims is not None and not -ndims <= at < ndims:
        raise ValueError(f"Argument `axis` = {at} not in range [{-ndims}, {ndims})")
    order = None
    if ndims is not None and at % ndims != ndims - 1:
        order = list(range(ndims))
        order[at], order[-1] = order[-1], order[at]
        x = transpose(x, order)
    keys = x if direction == "DESCENDING" else _reversed_order(x)
    found = raw_ops.TopKV2(keys, array.shape(x)[-1], sorted=True)[output]
    if output == 0 and direction == "ASCENDING":
        found = _reversed_order(found)
    return found if order is None else transpose(found, order)


def _reversed_order(x: Tensor) -> Tensor:
    """Values whose order is the opposite one; the same function leads back."""
    dtype = x.dtype.base_dtype
    if dtype.is_unsigned:
        return raw_ops.Sub(constant(dtype.max, dtype), x)
    if dtype.is_integer:  # the negative of the least integer does not exist
        return raw_ops.Sub(constant(-1, dtype), x)
    return raw_ops.Neg(x)


def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """Where each value would go into its sorted row: before equal elements ('left') or after
    ('right').

    sorted_sequence and values have the same dimensions but the last.
    """
    if side not in ("left", "right"):
        raise ValueError(
            f"Argument `side` must be either 'right' or 'left'. Received: side='{side}'."
        )
    with op_scope(name, "searchsorted"):
        rows = convert_to_tensor(sorted_sequence)
        wanted = convert_to_tensor(values, dtype=rows.dtype.base_dtype)
        op = raw_ops.LowerBound if side == "left" else raw_ops.UpperBound
        flat_rows = array.reshape(rows, [-1, array.shape(rows)[-1]])
        flat = array.reshape(wanted, [array.shape(flat_rows)[0], -1])
        found = array.reshape(op(flat_rows, flat, out_type=out_type), array.shape(wanted))
        found.set_shape(wanted.shape)
        return found
