"""`tf.autodiff`."""

from __future__ import annotations

from thalweg.eager.forward_accumulator import ForwardAccumulator
from thalweg.eager.gradient_tape import GradientTape

__all__ = ["ForwardAccumulator", "GradientTape"]
