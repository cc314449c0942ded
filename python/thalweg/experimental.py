"""`tf.experimental`: what of it exists."""

from __future__ import annotations

from thalweg import _dlpack as dlpack

__all__ = ["dlpack"]
