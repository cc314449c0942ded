"""Functions on variables: assignment, scattered updates, counters."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework.graph import Tensor


def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Tensor:
    """Gives a variable a value; the result is the variable after that.

    Raises:
        ValueError: the shapes differ, unless `validate_shape` is False.
    """
    return raw_ops.Assign(
        ref,
        value,
        validate_shape=validate_shape is not False,
        use_locking=use_locking is not False,
        name=name,
    )


def assign_add(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Adds to a variable."""
    return raw_ops.AssignAdd(ref, value, use_locking=bool(use_locking), name=name)


def assign_sub(
    ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Subtracts from a variable."""
    return raw_ops.AssignSub(ref, value, use_locking=bool(use_locking), name=name)


def scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """ref[indices] = updates."""
    return raw_ops.ScatterUpdate(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """ref[indices] += updates; repeated indices add up."""
    return raw_ops.ScatterAdd(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """ref[indices] -= updates; repeated indices add up."""
    return raw_ops.ScatterSub(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_mul(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """ref[indices] *= updates."""
    return raw_ops.ScatterMul(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_div(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """ref[indices] /= updates."""
    return raw_ops.ScatterDiv(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_min(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """ref[indices] = min(ref[indices], updates)."""
    return raw_ops.ScatterMin(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_max(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """ref[indices] = max(ref[indices], updates)."""
    return raw_ops.ScatterMax(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_nd_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """`scatter_update` at index tuples, the last dimension of `indices`."""
    return raw_ops.ScatterNdUpdate(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_nd_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """`scatter_add` at index tuples, the last dimension of `indices`."""
    return raw_ops.ScatterNdAdd(ref, indices, updates, use_locking=use_locking, name=name)


def scatter_nd_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """`scatter_sub` at index tuples, the last dimension of `indices`."""
    return raw_ops.ScatterNdSub(ref, indices, updates, use_locking=use_locking, name=name)


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """Returns the variable's value and adds one; OutOfRangeError once it has reached `limit`."""
    return raw_ops.CountUpTo(ref, limit=limit, name=name)


def is_variable_initialized(ref: Any, name: str | None = None) -> Tensor:
    """Whether a variable has a value in the session that runs this."""
    return raw_ops.IsVariableInitialized(ref, name=name)
