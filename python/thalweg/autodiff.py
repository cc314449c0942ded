"""`tf.autodiff`."""

from __future__ import annotations

from thalweg.eager.gradient_tape import GradientTape

__all__ = ["GradientTape"]
