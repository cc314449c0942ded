"""FTRL-Proximal: online learning with exact zeros under an L1 penalty."""

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


class FtrlOptimizer(Optimizer):
    """Follow the regularized leader, with L1 and L2 penalties and optional L2 shrinkage of the
    gradient.

    Raises:
        ValueError: a hyper-parameter is outside its range.
    """

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: Any = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:
        super().__init__(use_locking, name)
        for label, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0.0:
                raise ValueError(f"{label} {value} needs to be positive or zero")
        if learning_rate_power > 0.0:
            raise ValueError(
                f"learning_rate_power {learning_rate_power} needs to be negative or zero"
            )
        self._learning_rate, self._learning_rate_power = learning_rate, learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1, self._l2 = l1_regularization_strength, l2_regularization_strength
        self._l2_shrinkage = l2_shrinkage_regularization_strength
        self._accum_name, self._linear_name = accum_name, linear_name

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        for v in var_list:
            dtype = v.dtype.base_dtype
            start = initializers.Constant(self._initial_accumulator_value, dtype=dtype)
            accum_name = self._accum_name or self._name
            self._get_or_make_slot_with_initializer(
                v, start, v.get_shape(), dtype, "accum", accum_name
            )
            self._zeros_slot(v, "linear", self._linear_name or self._name)

    def _prepare(self) -> None:
        self._learning_rate_tensor = convert_to_tensor(
            self._call_if_callable(self._learning_rate), name="learning_rate"
        )
        self._l1_tensor = convert_to_tensor(self._l1, name="l1_regularization_strength")
        self._l2_tensor = convert_to_tensor(self._l2, name="l2_regularization_strength")
        self._l2_shrinkage_tensor = convert_to_tensor(
            self._l2_shrinkage, name="l2_shrinkage_regularization_strength"
        )
        self._learning_rate_power_tensor = convert_to_tensor(
            self._learning_rate_power, name="learning_rate_power"
        )

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        if self._l2_shrinkage <= 0.0:
            return self._apply(raw_ops.ApplyFtrl, var, grad)
        return self._apply(raw_ops.ApplyFtrlV2, var, grad)

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        if self._l2_shrinkage <= 0.0:
            return self._apply(raw_ops.SparseApplyFtrl, var, grad.values, grad.indices)
        return self._apply(raw_ops.SparseApplyFtrlV2, var, grad.values, grad.indices)

    def _apply(self, op: Any, var: Variable, *gradient: Any) -> Any:
        rates = [self._learning_rate_tensor, self._l1_tensor, self._l2_tensor]
        if self._l2_shrinkage > 0.0:
            rates.append(self._l2_shrinkage_tensor)
        rates.append(self._learning_rate_power_tensor)
        return op(
            var,
            self.get_slot(var, "accum"),
            self.get_slot(var, "linear"),
            *gradient,
            *(self._cast(r, var) for r in rates),
            use_locking=self._use_locking,
        )
