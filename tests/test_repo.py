"""The shape of the repository: layers include only what is below them, generated files are fresh."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
CPP = ROOT / "cpp" / "thalweg"

BELOW = {
    "num": set(),
    "core": {"num"},
    "registry": {"core", "num"},
    "graph": {"registry", "core", "num"},
    "ops": {"graph", "registry", "core", "num"},
    "kernels": {
        "ops",
        "registry",
        "core",
        "num",
        "formats",
    },  # of formats only codecs that know no graph
    "autodiff": {"graph", "registry", "core", "num"},
    "passes": {"graph", "registry", "core", "num"},
    "formats": {"graph", "registry", "core", "num"},
    "runtime": {"formats", "passes", "autodiff", "graph", "registry", "core", "num"},
}

SOURCES = sorted(
    p for layer in BELOW for p in (CPP / layer).rglob("*") if p.suffix in (".h", ".cpp")
)


def includes(path: pathlib.Path) -> list[str]:
    return re.findall(r'^#include "thalweg/(\w+)/', path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(CPP)))
def test_layering(path: pathlib.Path) -> None:
    layer = path.relative_to(CPP).parts[0]
    for target in includes(path):
        assert target == layer or target in BELOW[layer], f"{layer}/ may not include {target}/"


def test_kernels_read_only_op_structs_of_the_catalogue() -> None:
    """Kernels take formulas from ops/*.h; contracts and gradients stay with the graph."""
    for path in (CPP / "kernels").rglob("*"):
        if path.suffix in (".h", ".cpp"):
            assert "graph" not in includes(path), path


def test_nothing_outside_cuda_knows_of_cuda() -> None:
    for path in SOURCES:
        text = re.sub(r"//.*", "", path.read_text())  # comments may explain
        if path.parent.name == "num":
            continue  # TW_HD: the same formula is compiled for host and device
        assert not re.search(r"\bcuda|\bCUDA|__CUDACC__", text), f"{path} mentions CUDA"


def test_cuda_sources_keep_to_their_headers() -> None:
    for path in (ROOT / "cuda").rglob("*.cu*"):
        text = path.read_text()
        assert "Eigen" not in text, path
        assert "num/vec" not in text, path


def test_one_pybind_core() -> None:
    """Only the front-end's own modules import the extension."""
    outside = [
        p
        for p in (ROOT / "python" / "bindings").glob("*.cpp")
        if "namespace thalweg" not in p.read_text()
    ]
    assert [p.name for p in outside if p.name != "module.cpp"] == []


def test_generated_is_fresh() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "gen_ops.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(CPP)))
def test_files_open_with_what_they_are(path: pathlib.Path) -> None:
    """Headers open with a comment; a source may leave that to the header of its name."""
    first = path.read_text().splitlines()[0]
    assert first.startswith("//") or (
        path.suffix == ".cpp" and path.with_suffix(".h").name in first
    ), path
