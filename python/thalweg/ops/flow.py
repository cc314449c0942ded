"""Control flow as TensorFlow 2 calls it: the arguments that only TensorFlow 1 has are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg.ops import cond as _cond
from thalweg.ops import while_loop as _while


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """What `true_fn()` returns where the scalar `pred` holds, else what `false_fn()` returns."""
    return _cond.cond(pred, true_fn=true_fn, false_fn=false_fn, strict=True, name=name)


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """`loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds; the structure of
    `loop_vars` is kept.
    """
    return _while.while_loop(
        cond,
        body,
        loop_vars,
        shape_invariants=shape_invariants,
        parallel_iterations=parallel_iterations,
        back_prop=back_prop,
        swap_memory=swap_memory,
        name=name,
        maximum_iterations=maximum_iterations,
        return_same_structure=True,
    )
