"""FileWriter: graphs and summaries into an event file that TensorBoard follows."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from thalweg import _core
from thalweg.framework.graph import Graph
from thalweg.summary.messages import (
    Event,
    MetaGraphDef,
    MetaInfoDef,
    SessionLog,
    Summary,
    TaggedRunMetadata,
)

_number = 0


def _path(logdir: str, suffix: str) -> str:
    """A file name that no other writer of this or another process takes."""
    global _number
    _number += 1
    stamp = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{_number}"
    return os.path.join(logdir, f"events.out.tfevents.{stamp}{suffix}")


class FileWriter:
    """Writes an event file in `logdir`, which is made if missing.

    Args:
        graph: written at once, for TensorBoard's graph page.
        flush_secs: events reach the disk no later than this after the next one is added.
        max_queue: or when this many are waiting.
    """

    def __init__(
        self,
        logdir: str,
        graph: Any = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ) -> None:
        if session is not None:
            raise NotImplementedError("FileWriter: session is not supported; leave it unset")
        if graph is not None and not isinstance(graph, Graph):
            # The oldest form passed a GraphDef here.
            graph, graph_def = None, graph
        self._logdir = os.fspath(logdir)
        self._max_queue, self._flush_secs = max(1, max_queue), flush_secs
        self._suffix = filename_suffix or ""
        self._seen_tags: set[str] = set()
        self._writer: Any = None
        self._open()
        if graph is not None or graph_def is not None:
            self.add_graph(graph, graph_def=graph_def)

    def _open(self) -> None:
        os.makedirs(self._logdir, exist_ok=True)
        self._writer = _core.EventWriter(_path(self._logdir, self._suffix))
        self._waiting, self._last_flush = 0, time.monotonic()

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def get_logdir(self) -> str:
        """The folder of the event file."""
        return self._logdir

    def add_event(self, event: Event) -> None:
        """Adds a record.

        Raises:
            RuntimeError: the writer is closed.
        """
        if self._writer is None:
            raise RuntimeError("FileWriter: the writer is closed; call reopen() first")
        self._writer.add_event(event.SerializeToString())
        self._waiting += 1
        if (
            self._waiting >= self._max_queue
            or time.monotonic() - self._last_flush >= self._flush_secs
        ):
            self.flush()

    def _add(self, global_step: Any, **content: Any) -> None:
        step = {} if global_step is None else {"step": int(global_step)}
        self.add_event(Event(wall_time=time.time(), **step, **content))

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Adds a Summary, or the bytes that a summary op gave."""
        if isinstance(summary, bytes):
            message = Summary()
            message.ParseFromString(summary)
            summary = message
        for value in summary.value:
            # A tag's metadata is needed once in a file.
            if not value.HasField("metadata"):
                continue
            if value.tag in self._seen_tags:
                value.ClearField("metadata")
            self._seen_tags.add(value.tag)
        self._add(global_step, summary=summary)

    def add_graph(self, graph: Any = None, global_step: Any = None, graph_def: Any = None) -> None:
        """Adds a graph (or a GraphDef) for TensorBoard's graph page."""
        if graph is not None and not isinstance(graph, Graph):
            graph, graph_def = None, graph
        if graph is None and graph_def is None:
            raise TypeError(
                "The passed graph must be an instance of `Graph` or the deprecated `GraphDef`"
            )
        encoded = graph.core.to_graph_def() if graph is not None else graph_def.SerializeToString()
        self._add(global_step, graph_def=encoded)
        if graph is not None:
            meta = MetaGraphDef(meta_info_def=MetaInfoDef(), graph_def=encoded)
            self._add(None, meta_graph_def=meta.SerializeToString())

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Adds the trace of a run under a tag that was not used before."""
        if tag in self._seen_tags:
            raise ValueError(f"The provided tag was already used for this event type: {tag}")
        self._seen_tags.add(tag)
        tagged = TaggedRunMetadata(tag=tag, run_metadata=run_metadata.SerializeToString())
        self._add(global_step, tagged_run_metadata=tagged)

    def add_session_log(self, session_log: SessionLog, global_step: Any = None) -> None:
        """Adds a note about the session."""
        self._add(global_step, session_log=session_log)

    def flush(self) -> None:
        """Writes what waits."""
        if self._writer is not None:
            self._writer.flush()
            self._waiting, self._last_flush = 0, time.monotonic()

    def close(self) -> None:
        """Writes what waits and closes the file; a closed writer may be closed again."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def reopen(self) -> None:
        """Starts a new file after `close`; does nothing while one is open."""
        if self._writer is None:
            self._open()
