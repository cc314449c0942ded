"""`tf.train.experimental`."""

from __future__ import annotations

from thalweg.trackable.python_state import PythonState

__all__ = ["PythonState"]
