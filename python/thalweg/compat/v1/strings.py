"""`tf.strings`."""

# ruff: noqa: F403
from __future__ import annotations

from thalweg._gen.strings import *
