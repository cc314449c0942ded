"""Every op of the table called eagerly: the bits of the same op in a session, and gradients by tape as by graph."""

from __future__ import annotations

import numpy as np
import pytest
from eager_case import Gradients, assert_same_bits, run_eagerly, run_in_function
from op_case import TOLERANCE, Case, numpy_dtype, run_case
from ops import BY_NAME, TABLE
from test_ops import SPECIAL

from thalweg import _core

COMPUTED = [row for row in TABLE if row.tested_by is None]
# The second derivative by an input has three parts or more. A graph sums them at once; a tape has, in the way back
# through a way back, the sum of some of them, and adds the others to that. A sum in a 16-bit type is rounded once,
# so the bits may differ; in wider types both are the same additions.
SUMS_OF_THREE = ("BesselI1e", "Pow", "SoftmaxCrossEntropyWithLogits")
INEXACT = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")


def described(name: str, case: Case) -> str:
    shapes = [f"{x.dtype}{list(x.shape)}" for x in case.inputs]
    return f"{name}({', '.join(shapes)}) {case.attrs}"


@pytest.mark.parametrize(
    ("name", "dtype"), [(r.name, d) for r in COMPUTED for d in r.kernel_dtypes()]
)
def test_forward(name: str, dtype: str) -> None:
    for case in BY_NAME[name].make_cases(dtype):
        got, dtypes = run_eagerly(name, case)
        ran = run_case(name, case)
        what = f"{dtype} {described(name, case)}"
        assert dtypes == ran.dtypes, what
        assert_same_bits(got, ran.values, what)


@pytest.mark.parametrize("name", [r.name for r in COMPUTED])
def test_inside_of_a_function(name: str) -> None:
    for dtype in BY_NAME[name].kernel_dtypes():
        for case in BY_NAME[name].make_cases(dtype):
            got, dtypes = run_in_function(name, case)
            want, eagerly = run_eagerly(name, case)
            what = f"{dtype} {described(name, case)}"
            assert dtypes == eagerly, what
            assert_same_bits(got, want, what)


@pytest.mark.parametrize("name", [r.name for r in COMPUTED if r.shapes and len(r.shapes[0]) <= 2])
def test_special_values(name: str) -> None:
    row = BY_NAME[name]
    for dtype in row.kernel_dtypes():
        if dtype not in ("float32", "float64"):
            continue
        values = np.array(SPECIAL * 5, numpy_dtype(dtype))
        assert row.shapes
        inputs = (
            [values]
            if len(row.shapes[0]) == 1
            else [x.ravel() for x in np.meshgrid(values[:9], values[:9])]
        )
        case = Case(inputs, row.attrs[0])
        assert_same_bits(
            run_eagerly(name, case)[0], run_case(name, case).values, described(name, case)
        )


def cases_by_kind(name: str) -> list[tuple[str, Case]]:
    row = BY_NAME[name]
    return [(d, c) for d in row.kernel_dtypes() if d in INEXACT for c in row.make_cases(d)]


DIFFERENTIABLE = [
    r.name
    for r in COMPUTED
    if (_core.op_def(r.name).has_gradient and set(r.kernel_dtypes()) & set(INEXACT))
]


def check(name: str, case: Case, dtype: str, order: int) -> None:
    g = Gradients(name, case, BY_NAME[name].constants, order)
    got = g.by_tape()
    want = g.by_graph()
    what = f"{dtype} {described(name, case)} order {order}"
    if isinstance(got, str) or isinstance(want, str):
        assert got == want, what
        return
    assert [x is None for x in got] == [x is None for x in want], what
    pairs = [(a, b) for a, b in zip(got, want) if a is not None]
    if order == 2 and name in SUMS_OF_THREE and dtype in ("float16", "bfloat16"):
        for a, b in pairs:
            rounding = TOLERANCE[dtype] * np.max(np.abs(b))
            np.testing.assert_allclose(a, b, rtol=0, atol=rounding, err_msg=what)
        return
    assert_same_bits([a for a, _ in pairs], [b for _, b in pairs], what)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name: str) -> None:
    for dtype, case in cases_by_kind(name):
        check(name, case, dtype, 1)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_second_order_gradients(name: str) -> None:
    seen = set()
    for dtype, case in cases_by_kind(name):
        if dtype in seen or not all(x.size for x in case.inputs):
            continue
        seen.add(dtype)
        check(name, case, dtype, 2)
