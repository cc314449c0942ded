"""Samples as a table for people and as a value for machines."""

from __future__ import annotations

import statistics
from typing import Any

from thalweg.bench.driver import Samples
from thalweg.bench.peers import LIBRARIES

OURS = "thalweg"


def summary(samples: Samples) -> dict[str, dict[str, Any]]:
    """By workload: each library's best and median microseconds, and the ratios.

    `ratio` is the best peer's time over Thalweg's: of the best passes, and of the medians.
    `over_session` of a `function_` row is the function's time over that of the session's run of
    the same step, pass by pass.
    """
    rows: dict[str, dict[str, Any]] = {}
    for workload, by_library in samples.items():
        times = {
            library: {"best": min(values), "median": statistics.median(values)}
            for library, values in by_library.items()
        }
        row: dict[str, Any] = {"microseconds": times}
        peers = [time for library, time in times.items() if library != OURS]
        if OURS in times and peers:
            row["ratio"] = {
                kind: min(peer[kind] for peer in peers) / times[OURS][kind]
                for kind in ("best", "median")
            }
        session = samples.get(workload.removeprefix("function_"), {})
        if workload.startswith("function_train") and OURS in session and OURS in by_library:
            pairs = zip(by_library[OURS], session[OURS])  # noqa: B905
            row["over_session"] = statistics.median(ours / run for ours, run in pairs)
        rows[workload] = row
    return rows


def number(value: float) -> str:
    """Three digits that matter, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def text(rows: dict[str, dict[str, Any]], libraries: list[str]) -> str:
    """Microseconds, `best (median)` of the passes, in columns of equal width."""
    lines = [
        ["microseconds", *(LIBRARIES[library] for library in libraries), "best peer / Thalweg"]
    ]
    for workload, row in rows.items():
        cells = [workload]
        for library in libraries:
            time = row["microseconds"].get(library)
            cells.append(f"{number(time['best'])} ({number(time['median'])})" if time else "-")
        ratio = row.get("ratio")
        cells.append(f"{ratio['best']:.2f} ({ratio['median']:.2f})" if ratio else "-")
        if "over_session" in row:
            cells.append(f"{row['over_session']:.1%} of the session's step")
        lines.append(cells)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(widths[i]) if i == 0 else cell.rjust(widths[i]) if i < len(widths) else cell
            for i, cell in enumerate(line)
        ).rstrip()
        for line in lines
    )
