"""`tf.experimental.dlpack`."""

from __future__ import annotations

from thalweg.eager.dlpack import from_dlpack, to_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
