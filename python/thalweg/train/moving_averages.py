"""Exponential moving averages of variables and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import GraphKeys, Operation, Tensor
from thalweg.ops import control, initializers, state, variable_collections
from thalweg.ops.cast import cast
from thalweg.ops.variables import Variable
from thalweg.train import slots


def assign_moving_average(
    variable: Variable, value: Any, decay: Any, zero_debias: bool = False, name: str | None = None
) -> Tensor:
    """variable -= (1 - decay) * (variable - value)."""
    if zero_debias:
        raise NotImplementedError("assign_moving_average: zero_debias must be False")
    with (
        ops.name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope,
        ops.colocate_with(variable.op),
    ):
        decay = convert_to_tensor(1.0 - convert_to_tensor(decay, name="decay"))
        decay = cast(decay, variable.dtype.base_dtype)
        delta = raw_ops.Mul(raw_ops.Sub(variable, value), decay)
        return state.assign_sub(variable, delta, name=scope)


class ExponentialMovingAverage:
    """Shadow variables that follow variables (or tensors) with this decay.

    Args:
        num_updates: a step counter; the decay in use is then min(decay, (1 + n) / (10 + n)).
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        if zero_debias:
            raise NotImplementedError("ExponentialMovingAverage: zero_debias must be False")
        self._decay, self._num_updates, self._name = decay, num_updates, name
        self._averages: dict[Any, Variable] = {}

    @property
    def name(self) -> str:
        """The suffix of the shadow variables' names."""
        return self._name

    def apply(self, var_list: Sequence[Any] | None = None) -> Operation:
        """An op that updates the averages of `var_list` (the trainable variables), made where
        missing.

        A variable's average starts at its initial value, a tensor's at zero.
        """
        if var_list is None:
            var_list = variable_collections.trainable_variables()
        for v in var_list:
            if not v.dtype.base_dtype.is_floating:
                raise TypeError(f"The variables must be half, float, or double: {v.name}")
            if v in self._averages:
                continue
            with ops.control_dependencies(None):
                if isinstance(v, Variable):
                    average = slots.create_slot(v, v.initialized_value(), self.name)
                    ops.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, v)
                else:
                    zeros = initializers.Zeros()
                    average = slots.create_slot(
                        v, zeros, self.name, shape=v.get_shape(), dtype=v.dtype.base_dtype
                    )
            self._averages[v] = average
        with ops.name_scope(self.name) as scope:
            decay = convert_to_tensor(self._decay, name="decay")
            if self._num_updates is not None:
                count = cast(self._num_updates, decay.dtype, name="num_updates")
                decay = raw_ops.Minimum(decay, (1.0 + count) / (10.0 + count))
            updates = [assign_moving_average(self._averages[v], v, decay) for v in var_list]
            return control.group(*updates, name=scope)

    def average(self, var: Any) -> Variable | None:
        """The shadow of `var`; None if it has none."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name under which the average of `var` is saved."""
        if var in self._averages:
            return self._averages[var].op.name
        return ops.get_default_graph().unique_name(f"{var.op.name}/{self.name}", mark_as_used=False)

    def variables_to_restore(
        self, moving_avg_variables: Sequence[Any] | None = None
    ) -> dict[str, Any]:
        """Saved names to variables, such that averages are restored into the variables they
        follow.
        """
        averaged = set(moving_avg_variables or [])
        if moving_avg_variables is None:
            averaged = set(variable_collections.trainable_variables()) | set(
                variable_collections.moving_average_variables()
            )
        names = {self.average_name(v): v for v in averaged}
        taken = {v.op.name for v in averaged}
        for v in variable_collections.global_variables():
            if v not in averaged and v.op.name not in names and v.op.name not in taken:
                names[v.op.name] = v
        return names
