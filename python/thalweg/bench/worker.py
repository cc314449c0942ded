"""A library's own process: `python worker.py LIBRARY THREADS` measures what it is asked for.

It is started by its path, so that an interpreter without Thalweg can run it. A request is a line
of standard input, `{"workload": name, "seconds": budget}`, an answer is a line of standard output:
first what the library is, then `{"microseconds": median}` or `{"error": text}` for each request.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

Workload = Callable[[], object]  # one call is what is timed
Makers = dict[str, Callable[[], Workload]]  # by name; making one is not timed

_BATCH_SECONDS = 0.005  # long beside the clock, short beside a neighbour's time slice
_BATCHES = 5

# What a program has done before its first op: some libraries load parts on first use.
_IMPORTS = {
    "thalweg": "import thalweg; thalweg.constant",
    "tensorflow": "import tensorflow; tensorflow.constant",
    "torch": "import torch; torch.tensor",
    "jax": "import jax.numpy; jax.numpy.asarray",
}


def median_microseconds(call: Workload, seconds: float) -> float:
    """The median over batches of calls that fill the budget; at least five batches."""
    for _ in range(3):
        call()
    clock = time.perf_counter
    start = clock()
    call()
    once = max(clock() - start, 1e-8)
    calls = max(1, int(min(_BATCH_SECONDS, seconds / _BATCHES) / once))
    samples: list[float] = []
    end = clock() + seconds
    while len(samples) < _BATCHES or clock() < end:
        start = clock()
        for _ in itertools.repeat(None, calls):
            call()
        samples.append((clock() - start) / calls)
    return statistics.median(samples) * 1e6


def _load_folder() -> str:
    """Makes this file's folder a package of its own; returns its name."""
    here = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == here:
        del sys.path[0]  # our modules are not top-level ones
    name = "_thalweg_bench"
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    return name


def main() -> None:
    library, threads = sys.argv[1], int(sys.argv[2])
    # What libraries print goes to standard error; the answers keep the pipe.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")

    package = _load_folder()
    importlib.import_module("numpy")
    start = time.perf_counter()
    exec(_IMPORTS[library], {})
    imported = (time.perf_counter() - start) * 1e6
    makers: Makers = importlib.import_module(f"{package}.in_{library}").workloads(threads)
    version = sys.modules[library].__version__
    answer({"version": version, "workloads": list(makers), "import_microseconds": imported})
    made: dict[str, Workload] = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request["workload"]
        try:
            if name not in made:
                made[name] = makers[name]()
            answer({"microseconds": median_microseconds(made[name], request["seconds"])})
        except Exception as error:  # another workload may do: the driver reports this one
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
