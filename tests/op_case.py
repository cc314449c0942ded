"""What a row of the op table is, and how one of its cases is run through the public API."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import thalweg.compat.v1 as tf
from thalweg import _core

Arrays = Sequence[np.ndarray]

FLOATS = ("float16", "bfloat16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

# Shapes of odd sizes: not a multiple of any packet, one packet and a bit, empty, 0-d, rank 5.
UNARY_SHAPES = [((17,),), ((3, 5),), ((0, 4),), ((),), ((2, 1, 3, 1, 5),), ((67,),)]
BINARY_SHAPES = [
    ((17,), (17,)),
    ((3, 5), (5,)),
    ((3, 1), (1, 5)),
    ((), (7,)),
    ((4, 3), ()),
    ((0, 3), (1, 3)),
    ((2, 1, 3), (4, 1)),
    ((2, 3, 1, 2, 2), (3, 4, 1, 2)),
    ((67,), (67,)),
]

# Relative and absolute tolerance of one rounded operation.
TOLERANCE = {
    "float16": 2e-3,
    "bfloat16": 1.6e-2,
    "float32": 2e-6,
    "float64": 1e-13,
    "complex64": 4e-6,
    "complex128": 1e-13,
}


def numpy_dtype(name: str) -> np.dtype[Any]:
    return np.dtype(tf.as_dtype(name).as_numpy_dtype)


def wide(x: np.ndarray) -> np.ndarray:
    """x in the widest type of its kind, where the reference is computed."""
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    if x.dtype.kind in "fV" or x.dtype.name == "bfloat16":
        return x.astype(np.float64)
    return x


@dataclasses.dataclass
class Case:
    """One call: input arrays and attributes."""

    inputs: list[np.ndarray]
    attrs: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Op:
    """A row: an op, an independent NumPy reference, and what to try it on.

    ref:     arrays in the widest type, attributes by keyword -> array or tuple of arrays
    shapes:  for elementwise rows, the input shapes to draw from `domain`
    cases:   for structured rows, (rng, numpy dtype) -> list of Case
    dtypes:  values of the type attribute to run; default: all that have a CPU kernel
    kinks:   points where the derivative jumps; samples keep away from them
    grad:    input positions checked by finite differences; None: all floating inputs if the op has a gradient
    tol:     factor on the rounding tolerance, only with a reason beside it
    """

    name: str
    ref: Callable[..., Any] | None = None
    shapes: list[tuple[tuple[int, ...], ...]] | None = None
    domain: tuple[float, float] = (-3.0, 3.0)
    cases: Callable[[np.random.Generator, np.dtype[Any]], list[Case]] | None = None
    attrs: list[dict[str, Any]] = dataclasses.field(default_factory=lambda: [{}])
    dtypes: Sequence[str] | None = None
    type_attr: str = "T"
    kinks: tuple[float, ...] = ()
    grad: tuple[int, ...] | None = None
    tol: float = 1.0
    special: bool = True
    second_order: bool = True
    wide_ref: bool = True
    tested_by: str | None = None  # a test file that covers an op which is more than a function of its inputs

    def kernel_dtypes(self) -> list[str]:
        if self.dtypes is not None:
            return list(self.dtypes)
        have = _core.kernel_dtypes(self.name, self.type_attr, "CPU")
        return [tf.as_dtype(d).name for d in have if d not in (7, 20, 21)]

    def make_cases(self, dtype: str) -> list[Case]:
        rng = np.random.default_rng(zlib.crc32(f"{self.name}/{dtype}".encode()))
        if self.cases is not None:
            return self.cases(rng, numpy_dtype(dtype))
        out = []
        for shapes in self.shapes or []:
            for attrs in self.attrs:
                out.append(Case([self.sample(rng, s, dtype) for s in shapes], attrs))
        return out

    def sample(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        low, high = self.domain
        if dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if dtype in INTS:
            if dtype.startswith("u"):
                low = max(low, 0)
            return rng.integers(int(np.ceil(low)), int(high) + 1, shape).astype(dtype)
        x = rng.uniform(low, high, shape)
        for k in self.kinks:
            x = np.where(np.abs(x - k) < 0.05, x + 0.1, x)
        if dtype in COMPLEX:
            x = x + 1j * rng.uniform(max(low, -1.5), min(high, 1.5), shape)
        return np.asarray(x).astype(numpy_dtype(dtype))


def call(name: str, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """raw_ops.<name> on tensors."""
    return getattr(tf.raw_ops, name)(*inputs, **attrs)


def outputs_of(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (list, tuple)) else [result]


def group_inputs(name: str, flat: Sequence[Any]) -> list[Any]:
    """Lists where the op takes lists: the first list argument takes what the single arguments leave over."""
    args = _core.op_def(name).inputs
    lists = [a for a in args if a.number_attr or a.type_list_attr]
    if not lists:
        return list(flat)
    spare = len(flat) - (len(args) - len(lists))
    out: list[Any] = []
    at = 0
    for a in args:
        if a.number_attr or a.type_list_attr:
            n = spare // len(lists)
            out.append(list(flat[at : at + n]))
            at += n
        else:
            out.append(flat[at])
            at += 1
    return out


def run_case(name: str, case: Case) -> tuple[list[np.ndarray], list[Any]]:
    """Runs an op on fed placeholders of unknown shape; returns results and the shapes inferred from known ones."""
    with tf.Graph().as_default():
        known = [tf.placeholder(x.dtype, x.shape) for x in case.inputs]
        fixed = outputs_of(call(name, group_inputs(name, known), case.attrs))
        free = [tf.placeholder(x.dtype) for x in case.inputs]
        loose = outputs_of(call(name, group_inputs(name, free), case.attrs))
        with tf.Session() as sess:
            first = sess.run(fixed, dict(zip(known, case.inputs)))
            second = sess.run(loose, dict(zip(free, case.inputs)))
        for a, b in zip(first, second):
            np.testing.assert_array_equal(a, b)
        return [np.asarray(r) for r in first], [t.shape for t in fixed]


def assert_close(got: np.ndarray, want: np.ndarray, dtype: str, tol: float, what: str) -> None:
    want = np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, want {want.shape}"
    if got.dtype.kind in "biuSO" and got.dtype.name != "bfloat16":
        np.testing.assert_array_equal(got, want.astype(got.dtype), err_msg=what)
        return
    with np.errstate(all="ignore"):
        want = wide(want.astype(got.dtype))  # what does not fit overflows in both
    eps = TOLERANCE.get(got.dtype.name, 1e-12) * tol
    np.testing.assert_allclose(wide(got), want, rtol=eps, atol=eps, equal_nan=True, err_msg=what)
