"""Adadelta: rates from the ratio of past updates to past gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.ops.variables import Variable
from thalweg.train.optimizer import Optimizer


class AdadeltaOptimizer(Optimizer):
    """update = sqrt(past updates**2 + epsilon) / sqrt(past gradients**2 + epsilon) * gradient,
    with decay rho.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr, self._rho, self._epsilon = learning_rate, rho, epsilon

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "accum", self._name)
            self._zeros_slot(v, "accum_update", self._name)

    def _prepare(self) -> None:
        self._lr_t = convert_to_tensor(self._call_if_callable(self._lr), name="lr")
        self._rho_t = convert_to_tensor(self._call_if_callable(self._rho), name="rho")
        self._epsilon_t = convert_to_tensor(self._call_if_callable(self._epsilon), name="epsilon")

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        return self._apply(raw_ops.ApplyAdadelta, var, grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        return self._apply(raw_ops.SparseApplyAdadelta, var, grad.values, grad.indices)

    def _apply(self, op: Any, var: Variable, *gradient: Any) -> Any:
        return op(
            var,
            self.get_slot(var, "accum"),
            self.get_slot(var, "accum_update"),
            *(self._cast(rate, var) for rate in (self._lr_t, self._rho_t, self._epsilon_t)),
            *gradient,
            use_locking=self._use_locking,
        )
