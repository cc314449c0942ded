"""The CUDA plugin: how it refuses, and its kernels on a GPU, or on the host where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from thalweg import _core

PACKAGE = Path(_core.__file__).resolve().parent
PLUGIN = PACKAGE / "plugins" / "libthalweg_cuda.so"
ON_HOST = PACKAGE.parents[1] / "tests" / "cpp" / "gpu_on_host.so"  # in a build tree
REFUSALS = (
    "no CUDA driver on this machine",
    "no CUDA device on this machine",
    "the CUDA driver supports CUDA",
)

LOAD = """
import sys
from thalweg import _core
import thalweg.compat.v1 as tf
try:
    assert _core.load_library(sys.argv[1]) == []
except tf.errors.FailedPreconditionError as e:
    print("refused:", e)
with tf.Session() as sess:
    print("devices:", [d.name for d in sess.list_devices()])
    print("sum:", sess.run(tf.constant([1, 2]) + 3))
"""


def run_python(*args: str) -> str:
    done = subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def loaded() -> str:
    if not PLUGIN.exists():
        pytest.skip("the CUDA plugin is not built")
    return run_python("-c", LOAD, str(PLUGIN))


def test_without_a_gpu_the_plugin_refuses_and_nothing_changes(loaded: str) -> None:
    if "device:GPU" in loaded:
        pytest.skip("this machine has a GPU")
    assert any(why in loaded for why in REFUSALS), loaded
    assert "devices: ['/job:localhost/replica:0/task:0/device:CPU:0']" in loaded
    assert "sum: [4 5]" in loaded


def test_kernels_on_the_gpu(loaded: str) -> None:
    if "device:GPU" not in loaded:
        pytest.skip("no GPU that CUDA can use")
    run_python("gpu_cases.py", str(PLUGIN))


def test_kernels_on_the_host() -> None:
    if not ON_HOST.exists():
        pytest.skip("the GPU's kernels are not built for the host")
    run_python("gpu_cases.py", str(ON_HOST))
