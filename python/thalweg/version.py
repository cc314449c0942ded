"""`tf.version`."""

from __future__ import annotations

from thalweg import __version__ as VERSION

GIT_VERSION = VERSION
GRAPH_DEF_VERSION = 2474  # of the GraphDefs that are written
GRAPH_DEF_VERSION_MIN_PRODUCER = 0
GRAPH_DEF_VERSION_MIN_CONSUMER = 0

__all__ = [
    "GIT_VERSION",
    "GRAPH_DEF_VERSION",
    "GRAPH_DEF_VERSION_MIN_CONSUMER",
    "GRAPH_DEF_VERSION_MIN_PRODUCER",
    "VERSION",
]
