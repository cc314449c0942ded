"""`tf.test`: a TestCase that starts from an empty graph and compares arrays."""

# ruff: noqa: PT009, PT027 -- this is a unittest.TestCase
from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import unittest
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from thalweg.client.session import Session
from thalweg.framework import graph as ops
from thalweg.framework import random_seed


class TestCase(unittest.TestCase):
    """Each test begins with a fresh default graph and fixed seeds."""

    __test__ = False
    _temp_dir: str | None = None

    def setUp(self) -> None:
        ops.reset_default_graph()
        random_seed.set_random_seed(87654321)
        np.random.seed(87654321)

    def get_temp_dir(self) -> str:
        """A folder of this test, deleted after it."""
        if self._temp_dir is None:
            self._temp_dir = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, self._temp_dir, True)
        return self._temp_dir

    @contextlib.contextmanager
    def session(
        self, graph: Any = None, config: Any = None, use_gpu: bool = True, force_gpu: bool = False
    ) -> Iterator[Session]:
        """A default session on `graph` (the default graph)."""
        del use_gpu, force_gpu
        with Session(graph=graph, config=config) as session:
            yield session

    test_session = cached_session = session

    def evaluate(self, tensors: Any) -> Any:
        """Values in the default session."""
        from thalweg.framework.default_session import get_default_session

        session = get_default_session()
        if session is None:
            with Session() as fresh:
                return fresh.run(tensors)
        return session.run(tensors)

    def _array(self, value: Any) -> Any:
        return np.asarray(self.evaluate(value) if hasattr(value, "op") else value)

    def assertAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Same shape, and values within |a - b| <= atol + rtol * |b|."""
        x, y = self._array(a), self._array(b)
        self.assertEqual(x.shape, y.shape, msg)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=msg or "")

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Same shape and values."""
        x, y = self._array(a), self._array(b)
        self.assertEqual(x.shape, y.shape, msg)
        np.testing.assert_array_equal(x, y, err_msg=msg or "")

    def assertNear(self, f1: float, f2: float, err: float, msg: str | None = None) -> None:
        """Two numbers no further apart than `err`."""
        self.assertTrue(f1 == f2 or abs(f1 - f2) <= err, msg or f"{f1} != {f2} +/- {err}")

    def assertArrayNear(
        self, farray1: Sequence[float], farray2: Sequence[float], err: float, msg: str | None = None
    ) -> None:
        """Sequences of numbers, each no further apart than `err`."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for f1, f2 in zip(farray1, farray2, strict=True):
            self.assertNear(float(f1), float(f2), err, msg)

    def assertShapeEqual(self, np_array: Any, tf_tensor: Any, msg: str | None = None) -> None:
        """The static shape of a tensor is an array's."""
        self.assertEqual(list(np_array.shape), tf_tensor.shape.as_list(), msg)

    @contextlib.contextmanager
    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Iterator[None]:
        """The body raises an OpError whose message matches."""
        from thalweg.framework import errors

        with self.assertRaisesRegex(errors.OpError, expected_err_re_or_predicate):
            yield


def main(argv: list[str] | None = None) -> None:
    """Runs the tests of __main__."""
    unittest.main(argv=argv or sys.argv)


def get_temp_dir() -> str:
    """A folder for test files."""
    folder = os.environ.get("TEST_TMPDIR") or os.path.join(
        tempfile.gettempdir(), f"thalweg_{os.getpid()}"
    )
    os.makedirs(folder, exist_ok=True)
    return folder


def _gpus() -> list[str]:
    with Session(graph=ops.Graph()) as session:
        return [d.name for d in session.list_devices() if d.device_type == "GPU"]


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether a session has a GPU."""
    del cuda_only, min_cuda_compute_capability
    return bool(_gpus())


def gpu_device_name() -> str:
    """The short name of the first GPU, such as '/device:GPU:0'; empty without one."""
    found = _gpus()
    return "/device:" + found[0].split("device:")[1] if found else ""


def is_built_with_cuda() -> bool:
    """Whether a session here can have a GPU."""
    return bool(_gpus())
