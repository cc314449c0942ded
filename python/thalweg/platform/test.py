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

from thalweg import _core
from thalweg.client.session import Session
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes, nest, random_seed
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.graph import Graph
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import TensorLike


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
        """Values of eager tensors and variables; of a graph's tensors in the default session."""
        from thalweg.framework.default_session import get_default_session

        if executing_eagerly():
            return nest.map_structure(_value, tensors)

        session = get_default_session()
        if session is None:
            with Session() as fresh:
                return fresh.run(tensors)
        return session.run(tensors)

    def _array(self, value: Any) -> Any:
        held = hasattr(value, "op") or isinstance(value, TensorLike)
        return np.asarray(self.evaluate(value) if held else value)

    def assertAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Same shape, and values within |a - b| <= atol + rtol * |b|; of structures in every
        place.
        """
        if isinstance(a, dict) or isinstance(b, dict):
            self.assertIsInstance(a, dict, msg)
            self.assertIsInstance(b, dict, msg)
            self.assertCountEqual(list(a), list(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, msg)
            return
        try:
            x, y = self._array(a), self._array(b)
        except ValueError:  # rows of different lengths: a structure
            self.assertEqual(len(a), len(b), msg)
            for one, other in zip(a, b, strict=True):
                self.assertAllClose(one, other, rtol, atol, msg)
            return
        self.assertEqual(x.shape, y.shape, msg)
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol, err_msg=msg or "")

    def assertAllCloseAccordingToType(
        self,
        a: Any,
        b: Any,
        rtol: float = 1e-6,
        atol: float = 1e-6,
        float_rtol: float = 1e-6,
        float_atol: float = 1e-6,
        half_rtol: float = 1e-3,
        half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2,
        bfloat16_atol: float = 1e-2,
        msg: str | None = None,
    ) -> None:
        """assertAllClose, within what the narrower of both types allows."""
        kinds = {
            dtypes.as_dtype(getattr(v, "dtype", None) or self._array(v).dtype).name for v in (a, b)
        }
        for name, relative, absolute in (
            ("float32", float_rtol, float_atol),
            ("complex64", float_rtol, float_atol),
            ("float16", half_rtol, half_atol),
            ("bfloat16", bfloat16_rtol, bfloat16_atol),
        ):
            if name in kinds:
                rtol, atol = max(rtol, relative), max(atol, absolute)
        self.assertAllClose(a, b, rtol, atol, msg)

    def assertNotAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """assertAllClose would fail."""
        try:
            self.assertAllClose(a, b, rtol, atol)
        except AssertionError:
            return
        raise self.failureException(msg or f"The two values are close at all elements: {a}, {b}")

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Same shape and values."""
        x, y = self._array(a), self._array(b)
        self.assertEqual(x.shape, y.shape, msg)
        np.testing.assert_array_equal(x, y, err_msg=msg or "")

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Some value, or the shape, differs."""
        x, y = self._array(a), self._array(b)
        self.assertFalse(x.shape == y.shape and bool((x == y).all()), msg or "all values are equal")

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """Every element is greater."""
        self._all(self._array(a) > comparison_target, a, ">", comparison_target)

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """No element is less."""
        self._all(self._array(a) >= comparison_target, a, ">=", comparison_target)

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """Every element is less."""
        self._all(self._array(a) < comparison_target, a, "<", comparison_target)

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """No element is greater."""
        self._all(self._array(a) <= comparison_target, a, "<=", comparison_target)

    def assertAllInRange(
        self,
        target: Any,
        lower_bound: Any,
        upper_bound: Any,
        open_lower_bound: bool = False,
        open_upper_bound: bool = False,
    ) -> None:
        """Every element lies between the bounds, which belong to the range unless it is open."""
        x = self._array(target)
        above = x > lower_bound if open_lower_bound else x >= lower_bound
        below = x < upper_bound if open_upper_bound else x <= upper_bound
        self._all(above & below, target, "in", (lower_bound, upper_bound))

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        """Every element is one of these."""
        self._all(np.isin(self._array(target), list(expected_set)), target, "in", expected_set)

    def _all(self, holds: Any, values: Any, what: str, other: Any) -> None:
        self.assertTrue(bool(np.all(holds)), f"not all of {values} are {what} {other}")

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """The target is of this type, which may be one of NumPy."""
        kind = target.dtype if hasattr(target, "dtype") else self._array(target).dtype
        self.assertEqual(dtypes.as_dtype(kind), dtypes.as_dtype(expected_dtype))

    def assertStartsWith(self, actual: Any, expected_start: Any, msg: str | None = None) -> None:
        """The text begins with this one."""
        self.assertTrue(actual.startswith(expected_start), msg or f"{actual!r}: {expected_start!r}")

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


def _value(x: Any) -> Any:
    held: Any = x
    return held.numpy() if isinstance(x, (EagerTensor, _core.VariableBase)) else x


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
    with Session(graph=Graph()) as session:
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
