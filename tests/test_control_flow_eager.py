"""Control flow where ops run when they are called: it is Python's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as v1
from thalweg.framework.graph_stack import eager_mode


@pytest.fixture(autouse=True)
def _eager() -> Any:
    with eager_mode():
        yield


def test_one_branch_is_called() -> None:
    x = v1.constant(3.0)
    called = []
    y = v1.cond(x > 2, lambda: called.append(1) or x * 2, lambda: called.append(2) or x)
    assert (float(y), called) == (6, [1])
    assert v1.cond(False, lambda: 1, lambda: 2) == 2
    assert float(v1.switch_case(v1.constant(5), [lambda: x, lambda: -x])) == -3
    assert float(v1.case([(x < 0, lambda: x), (x < 5, lambda: x * 10)])) == 30
    with pytest.raises(v1.errors.InvalidArgumentError, match="None of the conditions"):
        v1.case([(x < 0, lambda: x)])


def test_loops_are_loops() -> None:
    i, y = v1.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), [v1.constant(0), v1.constant(1.0)]
    )
    assert (int(i), float(y)) == (3, 8)
    assert (
        int(v1.while_loop(lambda i: i < 9, lambda i: i + 1, [v1.constant(0)], maximum_iterations=4))
        == 4
    )
    with pytest.raises(ValueError, match="same nested structure"):
        v1.while_loop(lambda i: i < 3, lambda i: (i, i), [v1.constant(0)])


def test_a_tensor_array_is_a_list() -> None:
    ta = v1.TensorArray(v1.float32, 2, dynamic_size=True, clear_after_read=False)
    _, ta = v1.while_loop(
        lambda i, t: i < 4,
        lambda i, t: (i + 1, t.write(i, v1.cast(i, v1.float32))),
        [v1.constant(0), ta],
    )
    np.testing.assert_array_equal(ta.stack().numpy(), [0, 1, 2, 3])
    assert int(ta.size()) == 4
    assert float(ta.read(2)) == 2
    np.testing.assert_array_equal(ta.gather([3, 0]).numpy(), [3, 0])
    rows = v1.TensorArray(v1.float32, 2).unstack(v1.constant([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(rows.read(1).numpy(), [3, 4])
    with pytest.raises(v1.errors.InvalidArgumentError, match="twice"):
        rows.read(1)
    with pytest.raises(v1.errors.OutOfRangeError, match="Tried to write to index 5"):
        v1.TensorArray(v1.float32, 2).write(5, 1.0)


def test_maps_and_folds() -> None:
    x = v1.constant([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(v1.map_fn(lambda v: v * v, x).numpy(), [1, 4, 9])
    np.testing.assert_array_equal(v1.scan(lambda a, v: a + v, x).numpy(), [1, 3, 6])
    assert float(v1.foldl(lambda a, v: a * 2 + v, x)) == 11
    assert float(v1.foldr(lambda a, v: a * 2 + v, x)) == 17
