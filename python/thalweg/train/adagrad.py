"""Adagrad and its proximal form: rates divided by the root of all squared gradients so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.ops import initializers
from thalweg.ops.variables import Variable
from thalweg.train.optimizer import Optimizer


class AdagradOptimizer(Optimizer):
    """accumulator += gradient**2; var -= learning_rate * gradient / sqrt(accumulator)."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        super().__init__(use_locking, name)
        self._learning_rate, self._initial_accumulator_value = (
            learning_rate,
            initial_accumulator_value,
        )

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            dtype = v.dtype.base_dtype
            start = initializers.Constant(self._initial_accumulator_value, dtype=dtype)
            self._get_or_make_slot_with_initializer(
                v, start, v.get_shape(), dtype, "accumulator", self._name
            )

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        return raw_ops.ApplyAdagrad(
            var,
            self.get_slot(var, "accumulator"),
            self._cast(self._learning_rate_tensor, var),
            grad,
            use_locking=self._use_locking,
        )

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        return raw_ops.SparseApplyAdagrad(
            var,
            self.get_slot(var, "accumulator"),
            self._cast(self._learning_rate_tensor, var),
            grad.values,
            grad.indices,
            use_locking=self._use_locking,
        )


class ProximalAdagradOptimizer(AdagradOptimizer):
    """Adagrad followed by the shrinkage of L1 and L2 penalties."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        super().__init__(learning_rate, initial_accumulator_value, use_locking, name)
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _prepare(self) -> None:
        super()._prepare()
        self._l1_tensor = convert_to_tensor(self._l1, name="l1_regularization_strength")
        self._l2_tensor = convert_to_tensor(self._l2, name="l2_regularization_strength")

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        return raw_ops.ApplyProximalAdagrad(
            var,
            self.get_slot(var, "accumulator"),
            self._cast(self._learning_rate_tensor, var),
            self._cast(self._l1_tensor, var),
            self._cast(self._l2_tensor, var),
            grad,
            use_locking=self._use_locking,
        )

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        return raw_ops.SparseApplyProximalAdagrad(
            var,
            self.get_slot(var, "accumulator"),
            self._cast(self._learning_rate_tensor, var),
            self._cast(self._l1_tensor, var),
            self._cast(self._l2_tensor, var),
            grad.values,
            grad.indices,
            use_locking=self._use_locking,
        )
