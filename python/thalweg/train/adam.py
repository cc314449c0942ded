"""Adam: momentum and scale from decaying means of the gradient and its square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import Operation, Tensor
from thalweg.ops import control
from thalweg.ops.variables import Variable
from thalweg.train import slots
from thalweg.train.optimizer import Optimizer


class AdamOptimizer(Optimizer):
    """var -= rate * m / (sqrt(v) + epsilon), where rate = learning_rate * sqrt(1 - beta2**t) / (1
    - beta1**t).
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon

    def _powers(self) -> tuple[Any, Any]:
        """The variables that hold beta1**t and beta2**t."""
        return self._get_non_slot_variable("beta1_power"), self._get_non_slot_variable(
            "beta2_power"
        )

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        first = min(var_list, key=lambda v: v.name)
        self._create_non_slot_variable(self._call_if_callable(self._beta1), "beta1_power", first)
        self._create_non_slot_variable(self._call_if_callable(self._beta2), "beta2_power", first)
        for v in var_list:
            self._zeros_slot(v, "m", self._name)
            self._zeros_slot(v, "v", self._name)

    def _prepare(self) -> None:
        self._lr_t = convert_to_tensor(self._call_if_callable(self._lr), name="learning_rate")
        self._beta1_t = convert_to_tensor(self._call_if_callable(self._beta1), name="beta1")
        self._beta2_t = convert_to_tensor(self._call_if_callable(self._beta2), name="beta2")
        self._epsilon_t = convert_to_tensor(self._call_if_callable(self._epsilon), name="epsilon")

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        beta1_power, beta2_power = self._powers()
        return raw_ops.ApplyAdam(
            var,
            self.get_slot(var, "m"),
            self.get_slot(var, "v"),
            self._cast(beta1_power, var),
            self._cast(beta2_power, var),
            self._cast(self._lr_t, var),
            self._cast(self._beta1_t, var),
            self._cast(self._beta2_t, var),
            self._cast(self._epsilon_t, var),
            grad,
            use_locking=self._use_locking,
        )

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        # The moments of rows without a gradient decay all the same, and move them.
        return self._apply_dense(convert_to_tensor(grad), var)

    def _finish(self, update_ops: Sequence[Operation], name_scope: str) -> Operation:
        # The powers belong to the step after all variables have used them.
        with ops.control_dependencies([u for u in update_ops if u is not None]):
            beta1_power, beta2_power = self._powers()
            with slots.beside(beta1_power):
                first = beta1_power.assign(
                    raw_ops.Mul(beta1_power, self._beta1_t, name="mul"), self._use_locking
                )
                second = beta2_power.assign(
                    raw_ops.Mul(beta2_power, self._beta2_t, name="mul"), self._use_locking
                )
        return control.group(*update_ops, first, second, name=name_scope)
