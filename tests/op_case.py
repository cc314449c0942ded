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
NUMBERS = ("bool", *INTS, *FLOATS, *COMPLEX)

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
    """What samples and references of a type are made of. NumPy has no bfloat16: its values are held in float32."""
    return np.dtype({"bfloat16": "float32", "string": "object"}.get(name, name))


def round_to_bfloat16(x: np.ndarray) -> np.ndarray:
    """float32 values rounded to 8 bits of precision, ties to even."""
    x = np.asarray(x, np.float32)
    bits = x.view(np.uint32)
    kept = (bits + (0x7FFF + (bits >> 16 & 1)).astype(np.uint32)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), x, np.asarray(kept, np.uint32).view(np.float32))


def wide(x: np.ndarray) -> np.ndarray:
    """x in the widest type of its kind, where the reference is computed."""
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    if x.dtype.kind == "f":
        return x.astype(np.float64)
    return x


@dataclasses.dataclass
class Case:
    """One call: input arrays and attributes; `narrow` are the float32 inputs that are fed as bfloat16."""

    inputs: list[np.ndarray]
    attrs: dict[str, Any] = dataclasses.field(default_factory=dict)
    narrow: Sequence[int] = ()


@dataclasses.dataclass
class Op:
    """A row: an op, an independent NumPy reference, and what to try it on.

    ref:     arrays in the widest type, attributes by keyword -> array or tuple of arrays
    shapes:  for elementwise rows, the input shapes to draw from `domain`
    cases:   for structured rows, (rng, numpy dtype) -> list of Case
    dtypes:  values of the type attribute to run; default: all that have a CPU kernel
    kinks:   points where the derivative jumps; samples keep away from them
    grad_attrs: which attributes to check gradients under
    constants: inputs that the gradient needs to know while the graph is built
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
    complex_grad: bool = True
    grad_attrs: Callable[[dict[str, Any]], bool] = lambda attrs: True
    constants: tuple[int, ...] = ()
    wide_ref: bool = True
    strings: bool = False  # its cases can be made of strings
    tested_by: str | None = (
        None  # a test file that covers an op which is more than a function of its inputs
    )

    def kernel_dtypes(self) -> list[str]:
        if self.dtypes is not None:
            return list(self.dtypes)
        have = [tf.as_dtype(d).name for d in _core.kernel_dtypes(self.name, self.type_attr, "CPU")]
        allowed = [
            tf.as_dtype(d).name
            for a in _core.op_def(self.name).attrs
            if a.name == self.type_attr
            for d in a.allowed
        ]
        usable = NUMBERS + ("string",) * self.strings
        return [d for d in have or usable if d in usable and (not allowed or d in allowed)]

    def make_cases(self, dtype: str) -> list[Case]:
        rng = np.random.default_rng(zlib.crc32(f"{self.name}/{dtype}".encode()))
        cases = (
            self.cases(rng, numpy_dtype(dtype))
            if self.cases is not None
            else self._elementwise(rng, dtype)
        )
        return [self._narrowed(c) for c in cases] if dtype == "bfloat16" else cases

    def _narrowed(self, case: Case) -> Case:
        at = [
            i
            for i, arg in enumerate(flat_args(self.name, len(case.inputs)))
            if arg.type_attr == self.type_attr
        ]
        inputs = [round_to_bfloat16(x) if i in at else x for i, x in enumerate(case.inputs)]
        return Case(inputs, case.attrs, at)

    def _elementwise(self, rng: np.random.Generator, dtype: str) -> list[Case]:
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


def flat_args(name: str, n: int) -> list[Any]:
    """The argument that each of n flat inputs belongs to."""
    out: list[Any] = []
    for arg, group in zip(_core.op_def(name).inputs, group_inputs(name, range(n))):
        out += [arg] * (len(group) if isinstance(group, (list, range)) else 1)
    return out


@dataclasses.dataclass
class Ran:
    """Results (bfloat16 as float32), the types of the outputs and the shapes inferred for them."""

    values: list[np.ndarray]
    dtypes: list[str]
    shapes: list[Any]


def _placed(name: str, case: Case, known: bool) -> tuple[list[Any], list[Any]]:
    """Placeholders of the case's shapes, or of unknown shapes, and the outputs."""
    feeds = [tf.placeholder(x.dtype, x.shape if known else None) for x in case.inputs]
    xs = [tf.cast(x, tf.bfloat16) if i in case.narrow else x for i, x in enumerate(feeds)]
    return feeds, outputs_of(call(name, group_inputs(name, xs), case.attrs))


def run_case(name: str, case: Case) -> Ran:
    """Runs an op on fed placeholders, of known shapes and of unknown ones: the results must be the same."""
    with tf.Graph().as_default(), tf.Session() as sess:
        results = []
        for known in (False, True):
            feeds, outputs = _placed(name, case, known)
            fetched = [
                tf.cast(y, tf.float32) if y.dtype.base_dtype == tf.bfloat16 else y for y in outputs
            ]
            results.append(sess.run(fetched, dict(zip(feeds, case.inputs))))
        for a, b in zip(*results):
            np.testing.assert_array_equal(a, b)
        values = [
            np.asarray(r, object) if isinstance(r, bytes) else np.asarray(r) for r in results[1]
        ]
        return Ran(values, [y.dtype.base_dtype.name for y in outputs], [y.shape for y in outputs])


def assert_close(got: np.ndarray, want: np.ndarray, dtype: str, tol: float, what: str) -> None:
    """Equal to within `tol` roundings of `dtype`, the output's type; exactly for what is not floating."""
    want = np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, want {want.shape}"
    if got.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want.astype(got.dtype), err_msg=what)
        return
    with np.errstate(all="ignore"):
        want = wide(want.astype(got.dtype))  # what does not fit overflows in both
    eps = TOLERANCE[dtype] * tol
    np.testing.assert_allclose(wide(got), want, rtol=eps, atol=eps, equal_nan=True, err_msg=what)
