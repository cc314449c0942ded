"""`tf.io`, as far as it concerns files."""

from __future__ import annotations

from thalweg.platform import io_gfile as gfile
from thalweg.train.write_graph import write_graph

__all__ = [
    "gfile",
    "write_graph",
]
