"""Momentum: steps along a decaying sum of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.ops.variables import Variable
from thalweg.train.optimizer import Optimizer


class MomentumOptimizer(Optimizer):
    """accumulation = momentum * accumulation + gradient; var -= learning_rate * accumulation.

    Args:
        use_nesterov: step along gradient + momentum * accumulation instead.
    """

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._momentum, self._use_nesterov = (
            learning_rate,
            momentum,
            use_nesterov,
        )

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            self._zeros_slot(v, "momentum", self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = convert_to_tensor(
            self._call_if_callable(self._learning_rate), name="learning_rate"
        )
        self._momentum_tensor = convert_to_tensor(
            self._call_if_callable(self._momentum), name="momentum"
        )

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        return raw_ops.ApplyMomentum(
            var,
            self.get_slot(var, "momentum"),
            self._cast(self._learning_rate_tensor, var),
            grad,
            self._cast(self._momentum_tensor, var),
            use_locking=self._use_locking,
            use_nesterov=self._use_nesterov,
        )

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        return raw_ops.SparseApplyMomentum(
            var,
            self.get_slot(var, "momentum"),
            self._cast(self._learning_rate_tensor, var),
            grad.values,
            grad.indices,
            self._cast(self._momentum_tensor, var),
            use_locking=self._use_locking,
            use_nesterov=self._use_nesterov,
        )
