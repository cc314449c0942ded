"""Runs every library in a process of its own and interleaves them.

In a pass every workload is measured on one library after the other before the next begins, so
that what a neighbour takes away at some moment is taken from all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

from thalweg.bench.workloads import IMPORT

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")

Samples = dict[str, dict[str, list[float]]]  # microseconds by workload and library, one a pass


class WorkerError(RuntimeError):
    """A worker ended before it answered."""


class Worker:
    """A process that measures one library."""

    def __init__(self, library: str, python: str, threads: int) -> None:
        self.library = library
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self._process = subprocess.Popen(
            [python, WORKER, library, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=_environment(python),
        )
        try:
            self.about = self._answer()
        except WorkerError:
            self.close()
            raise

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines()
            last = said[-1] if said else "it said nothing"
            raise WorkerError(f"{self.library}: the worker ended with status {code}: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def measure(self, workload: str, seconds: float) -> dict[str, Any]:
        """`{"microseconds": ...}` or `{"error": ...}`.

        Raises:
            WorkerError: the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"workload": workload, "seconds": seconds}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer says why
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def _environment(python: str) -> dict[str, str]:
    """A foreign interpreter does not get the paths of ours."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)
    return environment


def run(
    pythons: dict[str, str],
    workloads: Iterable[str],
    *,
    passes: int,
    seconds: float,
    threads: int,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Samples, dict[str, str]]:
    """Samples, and the version of each library; a library that fails is reported and left out."""
    workers: dict[str, Worker] = {}
    samples: Samples = {workload: {} for workload in workloads}
    try:
        for library, python in pythons.items():
            try:
                workers[library] = Worker(library, python, threads)
            except WorkerError as error:
                say(str(error))
        versions = {library: worker.about["version"] for library, worker in workers.items()}
        for number in range(passes):
            say(f"pass {number + 1} of {passes}")
            for workload, row in samples.items():
                for library in list(workers):
                    try:
                        value = _measure(
                            workers[library], pythons[library], workload, seconds, threads
                        )
                    except WorkerError as error:
                        say(str(error))
                        workers.pop(library).close()
                        continue
                    if "error" in value:
                        say(f"{library}: {workload}: {value['error']}")
                    elif value:
                        row.setdefault(library, []).append(value["microseconds"])
        return samples, versions
    finally:
        for worker in workers.values():
            worker.close()


def _measure(
    worker: Worker, python: str, workload: str, seconds: float, threads: int
) -> dict[str, Any]:
    """One sample; empty where the library has nothing like the workload."""
    if workload == IMPORT:
        fresh = Worker(worker.library, python, threads)
        fresh.close()
        return {"microseconds": fresh.about["import_microseconds"]}
    if workload not in worker.about["workloads"]:
        return {}
    return worker.measure(workload, seconds)
