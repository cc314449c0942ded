"""Profiles of sessions: every run between start and stop, step by step."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from thalweg import _core
from thalweg.profiler import totals
from thalweg.profiler.peak import machine_peak
from thalweg.profiler.totals import Totals

if TYPE_CHECKING:
    from thalweg.client.session import BaseSession

_MOST_EVENTS = 1_000_000  # 16 MB


class Run(NamedTuple):
    """One call of `session.run`. Times are nanoseconds of `time.monotonic_ns`."""

    signature: int  # runs of one signature (fetches, feeds and their shapes) have the same steps
    thread: int
    start_ns: int
    end_ns: int
    steps: list[tuple[int, int]]  # (start, end)


class Profile:
    """Records the runs of a session, as a context or between `start()` and `stop()`.

    A run pays one look at the clock a step, about 30 ns with the sums; a session that is not
    profiled pays nothing. Runs past `most_events` steps count in the tables and are left out of the
    trace.
    """

    def __init__(self, session: BaseSession, *, most_events: int = _MOST_EVENTS) -> None:
        self._session = session
        self._recorder = _core.Recorder(most_events)

    def start(self) -> None:
        """Runs from here on are recorded, instead of by a profile that may be in progress."""
        self._session._session.record(self._recorder)

    def stop(self) -> None:
        self._session._session.record(None)

    def __enter__(self) -> Profile:
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    @property
    def run_count(self) -> int:
        return sum(count for count, _, _ in self._recorder.signatures())

    @property
    def run_ns(self) -> int:
        """The time of all runs: steps, and what the session does around them."""
        return sum(total for _, total, _ in self._recorder.signatures())

    @property
    def steps(self) -> list[Totals]:
        """Every step of every signature, in the order in which they run."""
        return [
            Totals(
                *(name, op, device, count, total, least, most),
                *(count * read, count * written, count * flops),
            )
            for _, _, rows in self._recorder.signatures()
            for name, op, device, read, written, flops, count, total, least, most in rows
            if count
        ]

    @property
    def ops(self) -> list[Totals]:
        """The steps, added up by op type."""
        return totals.by_op(self.steps)

    @property
    def runs(self) -> list[Run]:
        """The time line, as long as there was room for it: `dropped_runs` are not in it."""
        return [Run(*row) for row in self._recorder.runs()]

    @property
    def dropped_runs(self) -> int:
        return self._recorder.dropped()

    def table(
        self, by: Literal["step", "op"] = "step", *, limit: int = 20, peak: bool = True
    ) -> str:
        """What took longest, in a text for people. `peak`: how near that is to the machine's
        limits, which are measured the first time somebody asks.
        """
        if by not in ("step", "op"):
            raise ValueError(f"by has to be 'step' or 'op', got {by!r}")
        rows = self.steps if by == "step" else self.ops
        limits = machine_peak() if peak else None
        inside = sum(r.total_ns for r in rows)
        text = totals.table(rows, limits, limit)
        runs = max(self.run_count, 1)
        text += (
            f"\n{self.run_count} runs of {self.run_ns / runs / 1e3:.2f} us,"
            f" {inside / runs / 1e3:.2f} us of them in steps"
        )
        if limits is not None:
            text += (
                f"; peak of {limits.threads} threads: {limits.flops_per_second / 1e9:.0f} GFLOP/s,"
                f" {limits.bytes_per_second / 1e9:.0f} GB/s"
            )
        return text

    def __str__(self) -> str:
        return self.table()

    def chrome_trace(self) -> dict[str, Any]:
        """The time line in the Trace Event Format."""
        names = [
            [(name, op, read, written, flops) for name, op, _, read, written, flops, *_ in rows]
            for _, _, rows in self._recorder.signatures()
        ]
        threads: dict[int, int] = {}
        events: list[dict[str, Any]] = [
            {"name": "process_name", "ph": "M", "pid": 0, "args": {"name": "thalweg"}}
        ]
        for number, run in enumerate(self.runs):
            tid = threads.setdefault(run.thread, len(threads))
            common = {"ph": "X", "pid": 0, "tid": tid}
            events.append(
                {"name": f"run {number}", "cat": "run", **common, **_span(run.start_ns, run.end_ns)}
            )
            for (name, op, read, written, flops), (start, end) in zip(
                names[run.signature], run.steps, strict=True
            ):
                if end:  # a step that was reached
                    args = {"node": name, "read": read, "written": written, "flops": flops}
                    events.append(
                        {"name": op, "cat": "step", **common, **_span(start, end), "args": args}
                    )
        for tid in threads.values():
            args = {"name": f"thread {tid}"}
            events.append({"name": "thread_name", "ph": "M", "pid": 0, "tid": tid, "args": args})
        return {"traceEvents": events, "displayTimeUnit": "ns"}

    def export_chrome_trace(self, path: Any) -> None:
        """Writes the time line to a file for chrome://tracing or ui.perfetto.dev."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.chrome_trace(), file)


def _span(start_ns: int, end_ns: int) -> dict[str, float]:
    return {"ts": start_ns / 1e3, "dur": (end_ns - start_ns) / 1e3}  # microseconds


def profile(
    session: BaseSession,
    fetches: Any,
    feed_dict: Any = None,
    *,
    steps: int = 10,
    warmup: int = 2,
) -> Profile:
    """Profiles `steps` runs of one signature, after `warmup` runs that do not count."""
    for _ in range(warmup):
        session.run(fetches, feed_dict)
    with Profile(session) as made:
        for _ in range(steps):
            session.run(fetches, feed_dict)
    return made
