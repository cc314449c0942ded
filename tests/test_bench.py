"""`python -m thalweg.bench`: structure of what it prints, ratios, errors. Nothing here is timed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.bench import driver, peers, table, workloads


def bench(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "thalweg.bench", *args], capture_output=True, text=True
    )


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Thalweg, whatever else is installed."""
    monkeypatch.setattr(peers, "LIBRARIES", {"thalweg": "Thalweg"})


def run(names: list[str], passes: int = 2) -> driver.Samples:
    pythons, missing = peers.find({})
    assert missing == []
    said: list[str] = []
    samples, versions = driver.run(
        pythons, names, passes=passes, seconds=1e-3, threads=1, say=said.append
    )
    assert said == [f"pass {i + 1} of {passes}" for i in range(passes)]  # no library failed
    assert list(versions) == list(pythons)
    return samples


def test_every_pass_gives_a_sample_of_every_workload(alone: None) -> None:
    names = ["import", "run_scalar_var_add", "eager_scalar_add"]
    samples = run(names)
    assert list(samples) == names
    for row in samples.values():
        assert list(row) == ["thalweg"]
        assert len(row["thalweg"]) == 2
        assert all(value > 0 for value in row["thalweg"])


def test_thalweg_has_every_workload(alone: None) -> None:
    """Each is made and called; the network steps are the lectures'."""
    for name, row in run(list(workloads.NAMES), passes=1).items():
        assert row, name


def test_json() -> None:
    done = bench("--workloads", "eager_scalar_add", "function_scalar_add", "--seconds", "0.001",
                 "--passes", "2", "--threads", "1", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert (result["threads"], result["passes"], result["seconds"]) == (1, 2, 0.001)
    assert {"thalweg", *result["missing"]} | set(result["versions"]) == set(peers.LIBRARIES)
    assert list(result["workloads"]) == ["eager_scalar_add", "function_scalar_add"]
    for row in result["workloads"].values():
        time = row["microseconds"]["thalweg"]
        assert 0 < time["best"] <= time["median"]


def test_the_table_names_who_is_missing() -> None:
    done = bench("--workloads", "eager_scalar_add", "--seconds", "0.001", "--passes", "1")
    assert done.returncode == 0, done.stderr
    first, head, row, *rest = done.stdout.splitlines()
    assert first.startswith("Thalweg ")
    assert head.split()[:2] == ["microseconds", "Thalweg"]
    assert row.split()[0] == "eager_scalar_add"
    _, missing = peers.find({})
    if missing:
        assert rest == [
            f"Not installed here: {', '.join(peers.LIBRARIES[name] for name in missing)} "
            "(--python LIBRARY=INTERPRETER points at another place)"
        ]
    else:
        assert rest == []


def test_a_library_that_fails_is_reported_and_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such library >&2\nexit 3\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    said: list[str] = []
    samples, versions = driver.run(
        {"thalweg": sys.executable, "torch": str(broken)},
        ["eager_scalar_add"],
        passes=1,
        seconds=1e-3,
        threads=1,
        say=said.append,
    )
    assert list(versions) == ["thalweg"]
    assert list(samples["eager_scalar_add"]) == ["thalweg"]
    assert said[0] == "torch: the worker ended with status 3: no such library"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--workloads", "nothing_like_it"], "no workload's name contains nothing_like_it"),
        (["--python", "numpy=/bin/sh"], "expected one of thalweg, tensorflow, torch, jax"),
        (["--python", "torch=/nowhere/python"], "there is no interpreter at '/nowhere/python'"),
        (["--python", "torch"], "expected LIBRARY=INTERPRETER, got 'torch'"),
        (["--passes", "0"], "expected 1 or more, got 0"),
        (["--seconds", "0"], "expected more than 0, got 0"),
    ],
)
def test_arguments_are_checked(args: list[str], message: str) -> None:
    done = bench(*args)
    assert done.returncode == 2
    assert message in done.stderr


def test_ratios_are_of_the_best_peer() -> None:
    rows = table.summary(
        {
            "train_x": {
                "thalweg": [2.0, 4.0, 3.0],
                "torch": [9.0, 6.0, 8.0],
                "jax": [7.0, 7.0, 9.0],
            },
            "function_train_x": {"thalweg": [2.2, 4.0, 3.6]},
        }
    )
    assert rows["train_x"]["microseconds"]["thalweg"] == {"best": 2.0, "median": 3.0}
    assert rows["train_x"]["ratio"] == {"best": 3.0, "median": 7 / 3}
    assert "ratio" not in rows["function_train_x"]
    assert rows["function_train_x"]["over_session"] == pytest.approx(1.1)  # of 1.1, 1.0 and 1.2
    lines = table.text(rows, ["thalweg", "torch", "jax"]).splitlines()
    assert lines[1].split() == ["train_x", "2.00", "(3.00)", "6.00", "(8.00)", "7.00", "(7.00)",
                                "3.00", "(2.33)"]  # fmt: skip
    assert lines[2].endswith("110.0% of the session's step")


def test_networks_are_those_of_the_lectures() -> None:
    networks = {network.name: network for network in workloads.NETWORKS}
    assert networks["mlp_784_128_32_10_b100"].shapes() == [
        (784, 128), (128,), (128, 32), (32,), (32, 10), (10,)]  # fmt: skip
    assert networks["cnn_big_b100"].shapes()[:6] == [
        (6, 6, 1, 6), (6,), (5, 5, 6, 12), (12,), (4, 4, 12, 24), (24,)]  # fmt: skip
    for network in networks.values():
        images, labels = network.data()
        assert len(images) == len(labels) == network.batch
        np.testing.assert_array_equal(labels.sum(axis=1), 1)
        assert [value.shape for value in network.parameters()] == network.shapes()


def test_workers_need_no_thalweg(tmp_path: Path) -> None:
    """The folder loads by path, in an interpreter that sees NumPy alone."""
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('worker', {driver.WORKER!r})\n"
        "worker = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(worker)\n"
        "package = worker._load_folder()\n"
        "importlib.import_module(package + '.tensorflow_api')\n"
        "print('thalweg' in sys.modules)\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.stdout == "False\n", done.stderr
