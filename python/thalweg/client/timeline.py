"""StepStats as a trace that chrome://tracing and Perfetto show."""

from __future__ import annotations

import json
from typing import Any


class Timeline:
    """`Timeline(run_metadata.step_stats).generate_chrome_trace_format()` is the text of a trace
    file.
    """

    def __init__(self, step_stats: Any, graph: Any = None) -> None:
        self._step_stats = step_stats

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False, op_time: str = "schedule"
    ) -> str:
        events: list[dict[str, Any]] = []
        for pid, device in enumerate(self._step_stats.dev_stats):
            name = {"name": device.device + " Compute"}
            events.append({"name": "process_name", "ph": "M", "pid": pid, "args": name})
            lanes: list[
                int
            ] = []  # when each lane is free again: nodes that overlap go side by side
            for stats in sorted(device.node_stats, key=lambda s: s.all_start_micros):
                start, took = stats.all_start_micros, stats.all_end_rel_micros
                lane = next((i for i, free in enumerate(lanes) if free <= start), len(lanes))
                lanes[lane : lane + 1] = [start + max(took, 1)]
                _, _, call = stats.timeline_label.partition(" = ")
                op = call.partition("(")[0] or "unknown"
                args: dict[str, Any] = {"name": stats.node_name, "op": op}
                if show_memory:
                    args["bytes"] = sum(m.total_bytes for m in stats.memory)
                event = {"ph": "X", "cat": "Op", "name": op, "pid": pid, "tid": lane, "args": args}
                events.append(event | {"ts": start, "dur": took})
        return json.dumps({"traceEvents": events}, indent=2)
