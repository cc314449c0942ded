"""Instructions of one call of the hot paths beside those on record: no clock disturbs them.

`python tools/count_instructions.py BUILD` counts with valgrind's callgrind and fails where a path
takes over 10 % more or less than `tools/instruction_counts.txt` says; `--update` writes that file.
BUILD is a configured C++ build; the Python paths are those of the `thalweg` that is importable.
Counts depend on the compiler and on Python: rows that were recorded with others are not compared.
Without valgrind there is nothing to do.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from counted_calls import ROWS as PYTHON_ROWS

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE / "instruction_counts.txt"
BAND = 0.10
CPP_ROWS = ("null_run", "scalar_add", "chain_1000_sin")
WARM = 100  # calls that do not count: plans are made and caches filled by then
# Calls that do: some 5e8 instructions, for Python starts with millions more or less each time.
CALLS = {"chain_1000_sin": 100, "python_tape_5_ops": 5_000}
OTHER_CALLS = 200_000


def environment() -> dict[str, str]:
    """Bytecode is written and used, or Python's compiler would be most of a count."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def instructions(command: list[str], preload: pathlib.Path) -> int:
    """Of a whole process, with a library loaded before all others."""
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        env={**environment(), "LD_PRELOAD": str(preload), "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
    )
    collected = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or collected is None:
        raise SystemExit(f"{' '.join(command)}: status {run.returncode}\n{run.stderr[-2000:]}")
    return int(collected[1])


def per_call(row: str, build: pathlib.Path) -> int:
    """Two processes that differ in the number of calls alone."""
    if row in PYTHON_ROWS:
        command = [sys.executable, str(HERE / "counted_calls.py"), row]
    else:
        command = [str(build / "bench" / "session"), row, "--calls"]
    kernels = build / "bench" / "counted" / "libthalweg_kernels.so"
    calls = CALLS.get(row, OTHER_CALLS)
    few, many = (instructions([*command, str(n)], kernels) for n in (WARM, WARM + calls))
    return round((many - few) / calls)


def compiler(build: pathlib.Path) -> str:
    """The C++ compiler of a build and its version."""
    cache = (build / "CMakeCache.txt").read_text()
    found = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", cache, re.MULTILINE)
    if found is None:
        raise SystemExit(f"{build}: CMakeCache.txt names no C++ compiler")
    first = subprocess.run([found[1], "--version"], capture_output=True, text=True, check=True)
    return first.stdout.splitlines()[0]


def read_record() -> dict[str, str]:
    lines = RECORD.read_text().splitlines() if RECORD.exists() else []
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path, help="a configured C++ build")
    parser.add_argument("--update", action="store_true", help="write the counts down")
    args = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("Instructions are not counted: valgrind is not installed (apt-get install valgrind)")
        return
    build = args.build.resolve()
    targets = ["counted_kernels", "bench_session"]
    subprocess.run(["cmake", "--build", str(build), "--target", *targets], check=True)
    # The whole text: builds of one version differ by tens of percent.
    here = {"compiler": compiler(build), "python": " ".join(sys.version.split())}
    for row in PYTHON_ROWS:  # writes the bytecode
        command = [sys.executable, str(HERE / "counted_calls.py"), row, "1"]
        subprocess.run(command, env=environment(), check=True)
    rows = [*CPP_ROWS, *PYTHON_ROWS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(rows, pool.map(lambda row: per_call(row, build), rows), strict=True))
    if args.update:
        text = "# Instructions of one call; written by tools/count_instructions.py --update.\n"
        text += "".join(f"{name} {value}\n" for name, value in (here | counts).items())
        RECORD.write_text(text)
    record = read_record()
    failed = False
    for row, count in counts.items():
        needs = ("compiler", "python") if row in PYTHON_ROWS else ("compiler",)
        other = [record.get(name, "none") for name in needs if record.get(name) != here[name]]
        if row not in record or other:
            print(f"{row:24}{count:>10}  not compared: recorded with {', '.join(other) or 'none'}")
            continue
        change = count / int(record[row]) - 1
        off = abs(change) > BAND
        failed |= off
        print(
            f"{row:24}{count:>10}  {change:+7.1%} of {record[row]}{'  OUT OF BAND' if off else ''}"
        )
    if failed:
        raise SystemExit(
            "Instruction counts moved; if that is meant: count_instructions.py --update"
        )


if __name__ == "__main__":
    main()
