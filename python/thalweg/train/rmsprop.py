"""RMSProp: rates divided by the root of a decaying mean of squared gradients."""

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


class RMSPropOptimizer(Optimizer):
    """rms = decay * rms + (1 - decay) * gradient**2; steps of gradient / sqrt(rms + epsilon),
    with momentum.

    Args:
        centered: divide by the estimated standard deviation of the gradient instead.
    """

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate, self._decay, self._momentum = learning_rate, decay, momentum
        self._epsilon, self._centered = epsilon, centered

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            # Starting at 1 keeps the first steps small.
            start = initializers.Ones(dtype=v.dtype.base_dtype)
            self._get_or_make_slot_with_initializer(
                v, start, v.get_shape(), v.dtype.base_dtype, "rms", self._name
            )
            if self._centered:
                self._zeros_slot(v, "mg", self._name)
            self._zeros_slot(v, "momentum", self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = convert_to_tensor(
            self._call_if_callable(self._learning_rate), name="learning_rate"
        )
        self._decay_tensor = convert_to_tensor(self._call_if_callable(self._decay), name="decay")
        self._momentum_tensor = convert_to_tensor(
            self._call_if_callable(self._momentum), name="momentum"
        )
        self._epsilon_tensor = convert_to_tensor(
            self._call_if_callable(self._epsilon), name="epsilon"
        )

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        op = raw_ops.ApplyCenteredRMSProp if self._centered else raw_ops.ApplyRMSProp
        return self._apply(op, var, grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        op = raw_ops.SparseApplyCenteredRMSProp if self._centered else raw_ops.SparseApplyRMSProp
        return self._apply(op, var, grad.values, grad.indices)

    def _apply(self, op: Any, var: Variable, *gradient: Any) -> Any:
        names = ["mg", "rms", "momentum"] if self._centered else ["rms", "momentum"]
        rates = (
            self._learning_rate_tensor,
            self._decay_tensor,
            self._momentum_tensor,
            self._epsilon_tensor,
        )
        return op(
            var,
            *(self.get_slot(var, n) for n in names),
            *(self._cast(r, var) for r in rates),
            *gradient,
            use_locking=self._use_locking,
        )
