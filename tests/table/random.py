"""Ops that change state: each is covered by the test file named."""

from __future__ import annotations

from op_case import Op

ROWS: list[Op] = []
