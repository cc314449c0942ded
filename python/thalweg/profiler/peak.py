"""What the machine can do, measured once."""

from __future__ import annotations

from typing import NamedTuple

from thalweg import _core


class Peak(NamedTuple):
    """Of all the threads that the process's pool has."""

    flops_per_second: float  # float32 multiply-adds in registers
    bytes_per_second: float  # a triad over arrays past the caches: reads and writes
    threads: int

    def floor_ns(self, flops: int, size: int) -> float:
        """The least time for so many operations on so many bytes of memory."""
        return max(flops / self.flops_per_second, size / self.bytes_per_second) * 1e9


def machine_peak() -> Peak:
    """Measured at the first call, which takes a moment; the same ever after."""
    return Peak(*_core.machine_peak())
