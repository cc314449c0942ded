"""Steps along the gradient: plain, and proximal."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.ops import state
from thalweg.ops.variables import Variable
from thalweg.train.optimizer import Optimizer


class GradientDescentOptimizer(Optimizer):
    """var -= learning_rate * gradient."""

    def __init__(
        self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _prepare(self) -> None:
        rate = self._call_if_callable(self._learning_rate)
        self._learning_rate_tensor = convert_to_tensor(rate, name="learning_rate")

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        rate = self._cast(self._learning_rate_tensor, var)
        return raw_ops.ApplyGradientDescent(var, rate, grad, use_locking=self._use_locking)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        step = raw_ops.Mul(grad.values, self._cast(self._learning_rate_tensor, var))
        return state.scatter_sub(var, grad.indices, step, self._use_locking)


class ProximalGradientDescentOptimizer(Optimizer):
    """Gradient descent followed by the shrinkage of L1 and L2 penalties."""

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength

    def _prepare(self) -> None:
        self._learning_rate_tensor = convert_to_tensor(
            self._call_if_callable(self._learning_rate), name="learning_rate"
        )
        self._l1_tensor = convert_to_tensor(self._l1, name="l1_regularization_strength")
        self._l2_tensor = convert_to_tensor(self._l2, name="l2_regularization_strength")

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        return raw_ops.ApplyProximalGradientDescent(
            var,
            self._cast(self._learning_rate_tensor, var),
            self._cast(self._l1_tensor, var),
            self._cast(self._l2_tensor, var),
            grad,
            use_locking=self._use_locking,
        )

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        return raw_ops.SparseApplyProximalGradientDescent(
            var,
            self._cast(self._learning_rate_tensor, var),
            self._cast(self._l1_tensor, var),
            self._cast(self._l2_tensor, var),
            grad.values,
            grad.indices,
            use_locking=self._use_locking,
        )
