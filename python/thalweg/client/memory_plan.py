"""The memory of a run, known before it: `session.memory_plan(fetches, feed_dict)`."""

from __future__ import annotations

from typing import NamedTuple


class Intermediate(NamedTuple):
    """A value that lives between steps."""

    name: str  # of the tensor
    bytes: int  # 0 if its shape depends on data
    first_step: int  # the step that makes it
    last_step: int  # the last one that reads it; the number of steps if it is fetched
    offset: int | None  # in the arena; None: an allocation of its own
    shares: str  # the tensor whose memory it takes over or shows; "" if none


class MemoryPlan:
    """What a run holds. Bytes of values whose shape depends on data are not in it: `complete`."""

    def __init__(
        self,
        peak: int,
        arena: int,
        variables: int,
        constants: int,
        feeds: int,
        outside: int,
        steps: int,
        complete: bool,
        rows: list[tuple[str, int, int, int, int, str]],
    ) -> None:
        self.peak_bytes = peak  # the sum of the five below
        self.arena_bytes = arena  # one block in which intermediates share places
        self.variable_bytes = variables
        self.constant_bytes = constants
        self.feed_bytes = feeds  # the caller's arrays, borrowed
        self.outside_bytes = outside  # intermediates outside the arena at their fullest: fetches
        self.steps = steps
        self.complete = complete
        self.intermediates = [
            Intermediate(name, size, first, last, None if offset < 0 else offset, shares)
            for name, size, first, last, offset, shares in rows
        ]

    @property
    def total_intermediate_bytes(self) -> int:
        """What the intermediates would take if each had memory of its own."""
        return sum(row.bytes for row in self.intermediates)

    def __str__(self) -> str:
        lines = [
            f"peak {self.peak_bytes:,} bytes{'' if self.complete else ' and what depends on data'}:"
            f" arena {self.arena_bytes:,}, outside it {self.outside_bytes:,},"
            f" variables {self.variable_bytes:,}, constants {self.constant_bytes:,},"
            f" feeds {self.feed_bytes:,}",
            f"{len(self.intermediates)} intermediates of {self.total_intermediate_bytes:,} bytes"
            f" over {self.steps} steps",
            f"{'bytes':>14} {'offset':>12} {'steps':>11}  tensor",
        ]
        for row in self.intermediates:
            place = "-" if row.offset is None else f"{row.offset:,}"
            shares = f"  (in the memory of {row.shares})" if row.shares else ""
            span = f"{row.first_step}-{row.last_step}"
            lines.append(f"{row.bytes:>14,} {place:>12} {span:>11}  {row.name}{shares}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<MemoryPlan peak_bytes={self.peak_bytes} arena_bytes={self.arena_bytes}>"
