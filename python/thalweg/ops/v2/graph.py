"""Functions about graphs and order in TensorFlow 2's argument order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg.framework import default_graph
from thalweg.framework import gradients as differentiation
from thalweg.framework.gradients import UnconnectedGradients
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import SymbolicTensor
from thalweg.ops import control


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: UnconnectedGradients = UnconnectedGradients.NONE,
) -> list[Any]:
    """d(sum of ys)/dx for each x, as nodes of the graph; `grad_ys` weigh the ys.

    Raises:
        RuntimeError: ops run eagerly; tf.GradientTape is for that.
    """
    if executing_eagerly():
        raise RuntimeError(
            "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape "
            "instead."
        )
    return differentiation.gradients(
        ys,
        xs,
        grad_ys,
        name,
        gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        stop_gradients=stop_gradients,
        unconnected_gradients=unconnected_gradients,
    )


def hessians(
    ys: Any,
    xs: Any,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    name: str = "hessians",
) -> list[Any]:
    """The matrix of second derivatives of ys by each x, as nodes of the graph.

    Raises:
        RuntimeError: ops run eagerly; tf.GradientTape is for that.
    """
    if executing_eagerly():
        raise RuntimeError(
            "tf.hessians is not supported when eager execution is enabled. Use tf.GradientTape "
            "instead."
        )
    return differentiation.hessians(
        ys, xs, name, gate_gradients=gate_gradients, aggregation_method=aggregation_method
    )


def inside_function() -> bool:
    """Whether a function is being traced."""
    return default_graph.get_default_graph().building_function


def device(device_name: Any) -> Any:
    """A context in which ops are placed on this device; None places them as without it.

    Raises:
        RuntimeError: `device_name` is a function, as only TensorFlow 1 has it.
    """
    if callable(device_name):
        raise RuntimeError("tf.device does not support functions.")
    return default_graph.device(device_name)


def tuple(
    tensors: Sequence[Any], control_inputs: Sequence[Any] | None = None, name: str | None = None
) -> list[Any]:
    """The same values, none of which is ready before all of `tensors` are computed."""
    return control.tuple(tensors, name, control_inputs)


class name_scope:
    """`with tf.name_scope(name) as scope`: what is made inside is named under `name`."""

    __slots__ = ("_entered", "_name")

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ValueError("name for name_scope must be a string.")
        self._name = name
        self._entered: list[default_graph.name_scope] = []

    @property
    def name(self) -> str:
        return self._name

    def __enter__(self) -> str:
        scope = default_graph.name_scope(self._name)
        name = scope.__enter__()
        self._entered.append(scope)
        return name

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(*error)


def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether this is a tensor of a graph, which has no value yet."""
    return isinstance(tensor, SymbolicTensor)
