"""`tf.config.optimizer`: graphs are always optimized here; there is no compiler to switch on."""

from __future__ import annotations

from typing import Any


def get_jit() -> str:
    """'': nothing is compiled at run time."""
    return ""


def set_jit(enabled: Any) -> None:
    """Raises NotImplementedError unless it switches off what there is not."""
    if enabled:
        raise NotImplementedError(
            f"config.optimizer.set_jit: there is no compiler at run time, got {enabled=}"
        )


__all__ = ["get_jit", "set_jit"]
