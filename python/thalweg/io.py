"""`tf.io`, as far as it concerns files and raw numbers."""

from __future__ import annotations

from thalweg._gen.io import matching_files, read_file, write_file
from thalweg.ops.v2.strings import decode_raw
from thalweg.platform import io_gfile as gfile
from thalweg.train.write_graph import write_graph

__all__ = ["decode_raw", "gfile", "matching_files", "read_file", "write_file", "write_graph"]
