"""The example projects, configured, built and run as their users would."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed"),
]


def run(*command: str, expect: int = 0) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == expect, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def prefix() -> str:
    return run(sys.executable, "-m", "thalweg", "--cmake-dir").strip()


def build(name: str, prefix: str, folder: pathlib.Path) -> pathlib.Path:
    source = str(EXAMPLES / name)
    run(
        "cmake",
        "-S",
        source,
        "-B",
        str(folder),
        "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_PREFIX_PATH={prefix}",
    )
    run("cmake", "--build", str(folder))
    return folder


@pytest.fixture(scope="module")
def embed(prefix: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return build("embed", prefix, tmp_path_factory.mktemp("embed"))


@pytest.fixture(scope="module")
def own_op(prefix: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return build("own_op", prefix, tmp_path_factory.mktemp("own_op"))


def test_training_in_cpp(embed: pathlib.Path) -> None:
    assert "y = 3.0" in run(str(embed / "train"))


def test_loading_in_cpp_what_python_wrote(embed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    graph = str(tmp_path / "graph.pb")
    run(sys.executable, str(EXAMPLES / "embed" / "write_graph.py"), graph)
    values = [float(v) for v in run(str(embed / "load"), graph).split()]
    z = np.array([1 + 3 - 4, 2 + 3 - 5.0])
    np.testing.assert_allclose(values, np.exp(z) / np.exp(z).sum(), atol=1e-4)


def test_a_damaged_graph_is_refused_in_cpp(embed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    bad = tmp_path / "bad.pb"
    bad.write_bytes(b"\x0a\xff\xff\xff\xff\x0fnot a graph")
    assert "error:" in run(str(embed / "load"), str(bad), expect=1)


def test_own_op_from_python(own_op: pathlib.Path) -> None:
    out = run(sys.executable, str(EXAMPLES / "own_op" / "use.py"), str(own_op / "zero_out.so"))
    assert "Keeps the first element" in out
    assert "[[5.0, 0.0], [0.0, 0.0]] [[10.0, 0.0], [0.0, 0.0]]" in out


def test_the_first_graph_of_the_readme() -> None:
    import re

    text = (EXAMPLES.parent / "README.md").read_text()
    match = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert match is not None
    loss = float(run(sys.executable, "-c", match.group(1)))
    assert loss < 0.01
