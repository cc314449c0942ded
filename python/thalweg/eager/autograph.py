"""Python's control flow over tensors as operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def convert_if_needed(function: Callable[..., Any], options: Any = None) -> Callable[..., Any]:
    return function
