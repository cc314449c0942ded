"""`tf.compat`: between text and bytes, between the forms of a dimension; and TensorFlow 1."""

from __future__ import annotations

import importlib
import numbers
from typing import Any

import numpy as np

from thalweg.platform.text import as_bytes, as_str_any, as_text, path_to_str

as_str = as_text
bytes_or_text_types = (bytes, str)
integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)

__all__ = [
    "as_bytes",
    "as_str",
    "as_str_any",
    "as_text",
    "bytes_or_text_types",
    "complex_types",
    "integral_types",
    "path_to_str",
    "real_types",
]

_LAZY = {
    "dimension_at_index": "thalweg.framework.shapes",
    "dimension_value": "thalweg.framework.shapes",
}


def __getattr__(name: str) -> Any:
    """`v1` and what needs the runtime load on first use."""
    if name in ("v1", "v2"):
        return importlib.import_module("thalweg.compat.v1" if name == "v1" else "thalweg")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
