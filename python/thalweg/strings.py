"""`tf.strings`, as far as there are ops."""

from __future__ import annotations

from thalweg._gen.strings import as_string, lower, strip, upper
from thalweg.ops.v2.strings import (
    format,
    join,
    length,
    reduce_join,
    regex_full_match,
    regex_replace,
    substr,
    to_number,
)

__all__ = [
    "as_string",
    "format",
    "join",
    "length",
    "lower",
    "reduce_join",
    "regex_full_match",
    "regex_replace",
    "strip",
    "substr",
    "to_number",
    "upper",
]
