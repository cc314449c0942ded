"""A graph as a file, for other programs and for looking at it."""

from __future__ import annotations

import os
from typing import Any

from thalweg.framework.graph import Graph
from thalweg.platform.whole_file import write_whole


def write_graph(graph_or_graph_def: Any, logdir: str, name: str, as_text: bool = True) -> str:
    """Writes a graph's GraphDef, as text or bytes, to a file in `logdir`; returns its path."""
    is_graph = isinstance(graph_or_graph_def, Graph)
    graph_def = graph_or_graph_def.as_graph_def() if is_graph else graph_or_graph_def
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    write_whole(path, str(graph_def).encode() if as_text else graph_def.SerializeToString())
    return path
