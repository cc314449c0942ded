"""`tf.io`, as far as it concerns files."""

from __future__ import annotations

from thalweg.compat.v1._shared import shared
from thalweg.ops.strings import decode_raw
from thalweg.platform import io_gfile as gfile
from thalweg.train.write_graph import write_graph

__all__ = ["decode_raw", "gfile", "write_graph"]

__getattr__ = shared(__name__, "io")
