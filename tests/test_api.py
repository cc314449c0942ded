"""What importing the package costs and brings along, measured in fresh processes."""

from __future__ import annotations

import subprocess
import sys


def output_of(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_importing_brings_no_third_party_module_but_numpy() -> None:
    program = """
import numpy, sys
before = set(sys.modules)
import thalweg.compat.v1
for name in sorted({m.partition(".")[0] for m in set(sys.modules) - before} - sys.stdlib_module_names):
    print(name)
"""
    assert [m for m in output_of(program) if m not in ("numpy", "thalweg")] == []


MEMORY = """
import numpy
{}
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def test_importing_takes_at_most_50_megabytes_over_numpy() -> None:
    alone, ours = (
        int(output_of(MEMORY.format(line))[0]) for line in ("", "import thalweg.compat.v1")
    )
    assert ours - alone <= 50 * 1024


def test_the_package_itself_is_lazy() -> None:
    program = "import sys, thalweg; print(thalweg.__version__, 'thalweg._core' in sys.modules)"
    version, loaded = output_of(program)
    assert version[0].isdigit()
    assert loaded == "False"
