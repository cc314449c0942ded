"""Times that were added up, and the rates that follow from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from thalweg.profiler.peak import Peak


@dataclasses.dataclass
class Totals:
    """One step of a plan over all its runs, or all steps of one op type."""

    name: str  # of the node; of the op where steps were added up
    op: str
    device: str
    count: int  # times it ran
    total_ns: int
    least_ns: int
    most_ns: int
    read_bytes: int  # of all the times it ran, as the next two
    written_bytes: int
    flops: int  # 0: not counted for this op

    @property
    def mean_us(self) -> float:
        return self.total_ns / max(self.count, 1) / 1e3

    @property
    def gflops(self) -> float:
        """Achieved GFLOP/s."""
        return self.flops / max(self.total_ns, 1)

    @property
    def gbytes(self) -> float:
        """Achieved GB/s. What lies in a cache may come faster than memory could send it."""
        return (self.read_bytes + self.written_bytes) / max(self.total_ns, 1)

    def share_of(self, peak: Peak) -> float:
        """Its time at the machine's limits over its time: 1 is as fast as it can be. Above 1 when
        the caches do better than memory."""
        floor = peak.floor_ns(self.flops, self.read_bytes + self.written_bytes)
        return floor / max(self.total_ns, 1)


def by_op(steps: Iterable[Totals]) -> list[Totals]:
    """Added up by op type and device."""
    ops: dict[tuple[str, str], Totals] = {}
    for step in steps:
        total = ops.get((step.op, step.device))
        if total is None:
            ops[step.op, step.device] = dataclasses.replace(step, name=step.op)
            continue
        total.least_ns = min(total.least_ns, step.least_ns)
        total.most_ns = max(total.most_ns, step.most_ns)
        for field in ("count", "total_ns", "read_bytes", "written_bytes", "flops"):
            setattr(total, field, getattr(total, field) + getattr(step, field))
    return list(ops.values())


def table(rows: Iterable[Totals], peak: Peak | None, limit: int) -> str:
    """The rows that took longest, first."""
    ordered = sorted(rows, key=lambda r: -r.total_ns)
    everything = max(sum(r.total_ns for r in ordered), 1)
    share = "" if peak is None else f" {'of peak':>8}"
    lines = [
        f"{'time':>6} {'total us':>11} {'mean us':>10} {'calls':>7} {'GFLOP/s':>9} {'GB/s':>7}"
        f"{share}  op, name"
    ]
    for r in ordered[:limit]:
        share = "" if peak is None else f" {r.share_of(peak):>8.1%}"
        gflops = f"{r.gflops:>9.1f}" if r.flops else f"{'-':>9}"
        lines.append(
            f"{r.total_ns / everything:>6.1%} {r.total_ns / 1e3:>11.1f} {r.mean_us:>10.2f}"
            f" {r.count:>7} {gflops} {r.gbytes:>7.1f}{share}"
            f"  {r.op}{'' if r.name == r.op else f', {r.name}'}"
        )
    if len(ordered) > limit:
        rest = sum(r.total_ns for r in ordered[limit:])
        lines.append(f"{rest / everything:>6.1%} {rest / 1e3:>11.1f}  {len(ordered) - limit} more")
    return "\n".join(lines)
