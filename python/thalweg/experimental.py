"""`tf.experimental`: what of it exists."""

from __future__ import annotations

from thalweg.eager import dlpack

__all__ = ["dlpack"]
