"""Ops that change state: test_state.py has their rules."""

from __future__ import annotations

from op_case import Op

NAMES = """VariableV2 Variable IsVariableInitialized Assign AssignAdd AssignSub ScatterUpdate ScatterAdd ScatterSub
ScatterMul ScatterDiv ScatterMin ScatterMax ScatterNdUpdate ScatterNdAdd ScatterNdSub CountUpTo"""
ROWS = [Op(name, tested_by="test_state.py") for name in NAMES.split()]
