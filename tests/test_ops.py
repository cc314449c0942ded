"""Every op of the table: values against NumPy, special values, inferred shapes, gradients, threads."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from gradcheck import check_gradient
from op_case import (
    COMPLEX,
    FLOATS,
    Case,
    Op,
    assert_close,
    call,
    group_inputs,
    numpy_dtype,
    outputs_of,
    run_case,
    wide,
)
from ops import BY_NAME, TABLE

import thalweg.compat.v1 as tf
from thalweg import _core

COMPUTED = [row for row in TABLE if row.tested_by is None]
BY_DTYPE = [(row.name, d) for row in COMPUTED for d in row.kernel_dtypes()]


def reference(row: Op, case: Case) -> list[np.ndarray]:
    inputs = [wide(x) for x in case.inputs] if row.wide_ref else case.inputs
    assert row.ref is not None
    with np.errstate(all="ignore"):
        return [np.asarray(r) for r in outputs_of(row.ref(*inputs, **case.attrs))]


def test_every_op_has_a_row() -> None:
    assert {o.name for o in _core.op_defs() if not o.name.startswith("_")} == set(BY_NAME)


def test_no_op_has_two_rows() -> None:
    assert len(BY_NAME) == len(TABLE)


@pytest.mark.parametrize("name", [r.name for r in TABLE if r.tested_by])
def test_the_file_named_mentions_the_op(name: str) -> None:
    text = (Path(__file__).parent / str(BY_NAME[name].tested_by)).read_text()
    assert re.search(rf"\b{name}\b", text)


@pytest.mark.parametrize(("name", "dtype"), BY_DTYPE)
def test_forward(name: str, dtype: str) -> None:
    row = BY_NAME[name]
    cases = row.make_cases(dtype)
    assert cases, f"{name} has no case for {dtype}"
    for case in cases:
        ran = run_case(name, case)
        for i, (got, want) in enumerate(zip(ran.values, reference(row, case), strict=True)):
            what = f"{name} {dtype} {[x.shape for x in case.inputs]} {case.attrs} output {i}"
            assert_close(got, want, ran.dtypes[i], row.tol, what)
            assert ran.shapes[i].is_compatible_with(got.shape), (
                f"{what}: inferred {ran.shapes[i]}, ran {got.shape}"
            )


SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40]


@pytest.mark.parametrize("name", [r.name for r in COMPUTED if r.shapes and r.special])
def test_special_values(name: str) -> None:
    """NaN, infinities, signed zeros and denormals, in every position of a packet and its tail."""
    row = BY_NAME[name]
    arity = len(row.shapes[0])  # type: ignore[index]
    for dtype in [d for d in row.kernel_dtypes() if d in ("float32", "float64")]:
        values = np.array(SPECIAL * 5, numpy_dtype(dtype))
        if arity == 1:
            inputs = [values]
        elif arity == 2:
            inputs = [x.ravel() for x in np.meshgrid(values[:9], values[:9])]
        else:
            pytest.skip("special values of ternary ops are covered by their cases")
        case = Case(inputs, row.attrs[0])
        ran = run_case(name, case)
        for got, want in zip(ran.values, reference(row, case), strict=True):
            assert_close(
                got, want, ran.dtypes[0], max(row.tol, 4), f"{name} {dtype} special values"
            )


DIFFERENTIABLE = [
    r
    for r in COMPUTED
    if _core.op_def(r.name) is not None and _core.op_def(r.name).has_gradient and r.grad != ()
]


def gradient_cases(row: Op, dtype: str) -> list[tuple[Case, list[int]]]:
    out = []
    for case in row.make_cases(dtype):
        kinds = "c" if dtype in COMPLEX else "f"
        wrt = (
            list(row.grad)
            if row.grad is not None
            else [i for i, x in enumerate(case.inputs) if x.dtype.kind in kinds]
        )
        if wrt and all(case.inputs[i].size for i in wrt) and row.grad_attrs(case.attrs):
            out.append((case, wrt))
    return out


@pytest.mark.parametrize("name", [r.name for r in DIFFERENTIABLE if "float64" in r.kernel_dtypes()])
def test_gradient(name: str) -> None:
    cases = gradient_cases(BY_NAME[name], "float64")
    assert cases, f"{name} has a gradient but no case to check it on"
    for case, wrt in cases:
        check_gradient(name, case, wrt, constants=BY_NAME[name].constants)


@pytest.mark.parametrize(
    "name", [r.name for r in DIFFERENTIABLE if r.second_order and "float64" in r.kernel_dtypes()]
)
def test_second_order_gradient(name: str) -> None:
    case, wrt = gradient_cases(BY_NAME[name], "float64")[0]
    check_gradient(name, case, wrt, order=2, tol=1e-4, constants=BY_NAME[name].constants)


@pytest.mark.parametrize(
    "name", [r.name for r in DIFFERENTIABLE if r.complex_grad and "complex128" in r.kernel_dtypes()]
)
def test_complex_gradient(name: str) -> None:
    for case, wrt in gradient_cases(BY_NAME[name], "complex128"):
        check_gradient(name, case, wrt)


@pytest.mark.parametrize("name", [r.name for r in COMPUTED])
def test_same_bits_on_one_and_two_threads(name: str) -> None:
    row = BY_NAME[name]
    dtypes = row.kernel_dtypes()
    dtype = "float32" if "float32" in dtypes else dtypes[0]
    case = max(row.make_cases(dtype), key=lambda c: sum(x.size for x in c.inputs))
    inputs = case.inputs
    if row.shapes:  # large enough for a second thread
        shape = (257, 1031)
        inputs = [row.sample(np.random.default_rng(1), shape, dtype) for _ in inputs]
    results = []
    for threads in (1, 2):
        with tf.Graph().as_default():
            xs = [tf.placeholder(x.dtype, x.shape) for x in inputs]
            ys = outputs_of(call(name, group_inputs(name, xs), case.attrs))
            config = tf.ConfigProto(intra_op_parallelism_threads=threads)
            with tf.Session(config=config) as sess:
                results.append(sess.run(ys, dict(zip(xs, inputs))))
    for a, b in zip(*results):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_documented(name: str) -> None:
    op = _core.op_def(name)
    assert op.doc, f"{name} has no documentation"


# float32 and float64 in TensorFlow too.
WIDE_ONLY = {"IgammaGradA", "NextAfter", "Polygamma", "RandomGammaGrad", "Zeta"}


def test_floats_are_complete() -> None:
    """A row that runs on float32 runs on the other floating types too."""
    short = {
        r.name: set(FLOATS) - set(r.kernel_dtypes())
        for r in COMPUTED
        if r.shapes and "float32" in r.kernel_dtypes()
    }
    assert {n for n, missing in short.items() if missing} <= WIDE_ONLY, short
