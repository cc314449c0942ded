"""`tf.test.TestCase`: what its assertions accept and refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tf


class Case(tf.test.TestCase):
    def runTest(self) -> None:
        self.assertAllClose(tf.constant([1.0]) + 1.0, [2.0])


case = Case()
ONE = tf.constant([1.0, 2.0])

HOLDS: list[Callable[[], Any]] = [
    lambda: case.assertAllClose(ONE, [1.0, 2.0]),
    lambda: case.assertAllClose(tf.Variable([1.0]), ONE[:1]),
    lambda: case.assertAllClose({"a": [ONE], "b": 1}, {"b": 1, "a": [[1.0, 2.0]]}),
    lambda: case.assertAllClose([ONE, ONE[:1]], [[1.0, 2.0], [1.0]]),
    lambda: case.assertAllCloseAccordingToType(tf.constant(1.0, tf.float16), 1.0005),
    lambda: case.assertNotAllClose(ONE, [1.0, 2.1]),
    lambda: case.assertAllEqual(tf.constant([1, 2]), [1, 2]),
    lambda: case.assertNotAllEqual([1, 2], [1, 3]),
    lambda: case.assertAllGreater(ONE, 0.5),
    lambda: case.assertAllGreaterEqual(ONE, 1),
    lambda: case.assertAllLess(ONE, 3),
    lambda: case.assertAllLessEqual(ONE, 2),
    lambda: case.assertAllInRange(ONE, 1, 2),
    lambda: case.assertAllInSet(ONE, [1, 2, 3]),
    lambda: case.assertDTypeEqual(ONE, np.float32),
    lambda: case.assertShapeEqual(np.zeros(2), ONE),
    lambda: case.assertStartsWith("thalweg", "thal"),
]
FAILS: list[Callable[[], Any]] = [
    lambda: case.assertAllClose(ONE, [1.0, 2.1]),
    lambda: case.assertAllClose(ONE, [1.0]),
    lambda: case.assertAllClose({"a": ONE}, {"b": ONE}),
    lambda: case.assertAllClose([ONE, ONE[:1]], [[1.0, 2.0], [1.5]]),
    lambda: case.assertAllCloseAccordingToType(ONE, [1.0, 2.001]),
    lambda: case.assertNotAllClose(ONE, [1.0, 2.0]),
    lambda: case.assertAllEqual([1, 2], [1, 3]),
    lambda: case.assertNotAllEqual([1, 2], [1, 2]),
    lambda: case.assertAllGreater(ONE, 1),
    lambda: case.assertAllGreaterEqual(ONE, 1.5),
    lambda: case.assertAllLess(ONE, 2),
    lambda: case.assertAllLessEqual(ONE, 1.5),
    lambda: case.assertAllInRange(ONE, 1, 2, open_upper_bound=True),
    lambda: case.assertAllInSet(ONE, [1]),
    lambda: case.assertDTypeEqual(ONE, np.float64),
    lambda: case.assertShapeEqual(np.zeros(3), ONE),
    lambda: case.assertStartsWith("thalweg", "weg"),
]


@pytest.mark.parametrize("assertion", HOLDS)
def test_what_holds(assertion: Callable[[], Any]) -> None:
    assertion()


@pytest.mark.parametrize("assertion", FAILS)
def test_what_does_not(assertion: Callable[[], Any]) -> None:
    with pytest.raises(AssertionError):
        assertion()


def test_values_of_structures() -> None:
    got = case.evaluate({"a": (tf.Variable(1), ONE), "b": 5})
    assert got["a"][0] == 1
    assert got["b"] == 5
    np.testing.assert_array_equal(got["a"][1], [1, 2])


def test_a_test_runs() -> None:
    result = Case().run()
    assert result is not None
    assert result.wasSuccessful()
