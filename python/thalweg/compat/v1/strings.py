"""`tf.strings`."""

# ruff: noqa: F401, F403
from __future__ import annotations

from thalweg._gen.strings import *
from thalweg.compat.v1._shared import shared
from thalweg.ops.strings import string_to_number as to_number
from thalweg.ops.v2.strings import regex_full_match, regex_replace

__getattr__ = shared(__name__, "strings")
