"""Optimizer updates: test_training_ops.py has their formulas."""

from __future__ import annotations

from op_case import Op

NAMES = """ApplyGradientDescent ApplyMomentum ApplyAdam ApplyAdaMax ApplyAdagrad ApplyAdagradV2 ApplyRMSProp
ApplyCenteredRMSProp ApplyAdadelta ApplyFtrl ApplyFtrlV2 ApplyProximalGradientDescent ApplyProximalAdagrad
ApplyPowerSign ApplyAddSign SparseApplyMomentum SparseApplyAdagrad SparseApplyAdagradV2 SparseApplyRMSProp
SparseApplyCenteredRMSProp SparseApplyAdadelta SparseApplyFtrl SparseApplyFtrlV2 SparseApplyProximalGradientDescent
SparseApplyProximalAdagrad"""
ROWS = [Op(name, tested_by="test_training_ops.py") for name in NAMES.split()]
