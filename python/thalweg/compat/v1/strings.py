"""`tf.strings`."""

from __future__ import annotations

from thalweg._gen.strings import *
