"""`tf.summary`."""

from __future__ import annotations

from thalweg.summary.messages import Event, SessionLog, Summary, TaggedRunMetadata
from thalweg.summary.ops import histogram, image, merge, merge_all, scalar
from thalweg.summary.writer import FileWriter

__all__ = [
    "Event",
    "FileWriter",
    "SessionLog",
    "Summary",
    "TaggedRunMetadata",
    "histogram",
    "image",
    "merge",
    "merge_all",
    "scalar",
]
