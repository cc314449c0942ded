"""`tf.recompute_grad`: memory for time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg.eager.gradient_tape import GradientTape
from thalweg.framework import nest
from thalweg.framework.apply import apply_op
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.custom_gradient import hidden_custom_gradient
from thalweg.framework.default_graph import control_dependencies


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f`, of which nothing but the arguments is kept for its gradient: it is called once more when
    that is asked for.

    `f` takes tensors and structures of tensors as positional arguments and gives such; trainable
    variables that it reads get their gradients too. It has to compute the same both times: random
    numbers have to come from stateless ops.
    """

    @hidden_custom_gradient
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        def grad(*dys: Any, variables: Any = ()) -> Any:
            # Behind what arrives: not merged with the first call, nor run ahead of its time.
            with control_dependencies([dy for dy in dys if dy is not None]):
                again = nest.map_structure(
                    lambda t: apply_op("Identity", input=convert_to_tensor(t)), args
                )
            with GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([t for t in nest.flatten(again) if _differentiable(t)])
                tape.watch(list(variables))
                values = [convert_to_tensor(v) for v in nest.flatten(f(*again, **kwargs))]
            kept = [(v, dy) for v, dy in zip(values, dys, strict=True) if dy is not None]
            of_args, of_variables = tape.gradient(
                [v for v, _ in kept], (again, list(variables)), [dy for _, dy in kept]
            )
            return (of_args, of_variables) if variables else of_args

        return f(*args, **kwargs), grad

    return recomputed


def _differentiable(t: Any) -> bool:
    return t.dtype.is_floating or t.dtype.is_complex
