"""Arithmetic whose TensorFlow form is more than one raw op: division rules, products, powers."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.api import endpoint
from thalweg.framework.composite import IndexedSlices, on_values
from thalweg.framework.convert import constant, constant_value, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, creation, indexing
from thalweg.ops.cast import cast
from thalweg.ops.transpose import transpose

# --- one op under another name -----------------------------------------------------------------


def add(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x + y, elementwise with broadcasting; strings are joined."""
    if _is_text(x) or _is_text(y):
        return raw_ops.Add(x, y, name=name or "Add")
    return raw_ops.AddV2(x, y, name=name or "Add")


def _is_text(value: Any) -> builtins.bool:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "OSU"
    return isinstance(value, (str, bytes)) or getattr(value, "dtype", None) is dtypes.string


def mod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x % y with the sign of the divisor, as in Python."""
    return raw_ops.FloorMod(x, y, name=name)


def arg_max(
    input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Index of the largest value along `dimension`; the first among equals."""
    return raw_ops.ArgMax(input, dimension, output_type=output_type, name=name)


def arg_min(
    input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Index of the smallest value along `dimension`; the first among equals."""
    return raw_ops.ArgMin(input, dimension, output_type=output_type, name=name)


def equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x == y, elementwise."""
    return raw_ops.Equal(x, y, name=name)


def not_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Whether x != y, elementwise."""
    return raw_ops.NotEqual(x, y, name=name)


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Tensor:
    """Whether exactly one of x and y is true."""
    either = raw_ops.LogicalOr(x, y)
    return raw_ops.LogicalAnd(either, raw_ops.LogicalNot(raw_ops.LogicalAnd(x, y)), name=name)


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, and 0 where y is 0."""
    with op_scope(name, "div_no_nan", [x, y]) as scope:
        x, y = _pair(x, y)
        return raw_ops.DivNoNan(x, y, name=scope)


def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x * y, and 0 where y is 0 even if x is infinite or NaN."""
    with op_scope(name, "multiply_no_nan", [x, y]) as scope:
        x, y = _pair(x, y)
        return raw_ops.MulNoNan(x, y, name=scope)


def abs(x: Any, name: str | None = None) -> Tensor:
    """Absolute value; the modulus of complex numbers."""
    with op_scope(name, "Abs", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex:
            return raw_ops.ComplexAbs(x, Tout=x.dtype.real_dtype, name=scope)
        return raw_ops.Abs(x, name=scope)


def round(x: Any, name: str | None = None) -> Tensor:
    """To the nearest integer, halves to even; integers are returned as they are."""
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else raw_ops.Round(x, name=name)


def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x to the power y, elementwise."""
    with op_scope(name, "Pow", [x]) as scope:
        return raw_ops.Pow(x, y, name=scope)


@endpoint
def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """1 / (1 + exp(-x))."""
    with op_scope(name, "Sigmoid", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return raw_ops.Sigmoid(x, name=scope)


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """log(sigmoid(x)), finite for every finite x."""
    with op_scope(name, "LogSigmoid", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return raw_ops.Neg(raw_ops.Softplus(raw_ops.Neg(x)), name=scope)


def complex(real: Any, imag: Any, name: str | None = None) -> Tensor:
    """real + 1j * imag."""
    with op_scope(name, "Complex", [real, imag]) as scope:
        real = convert_to_tensor(real, name="real")
        imag = convert_to_tensor(imag, name="imag")
        kinds = {dtypes.float32: dtypes.complex64, dtypes.float64: dtypes.complex128}
        if real.dtype.base_dtype not in kinds or real.dtype.base_dtype != imag.dtype.base_dtype:
            raise TypeError(
                f"The real and imag arguments must both be float32 or float64, got "
                f"{real.dtype.name} and {imag.dtype.name}"
            )
        return raw_ops.Complex(real, imag, Tout=kinds[real.dtype.base_dtype], name=scope)


def real(input: Any, name: str | None = None) -> Tensor:
    """The real part; a real tensor is returned as it is."""
    return _part("Real", input, name)


def imag(input: Any, name: str | None = None) -> Tensor:
    """The imaginary part; zeros for a real tensor."""
    x = convert_to_tensor(input, name="input")
    return _part("Imag", x, name) if x.dtype.is_complex else creation.zeros_like(x, name=name)


def conj(x: Any, name: str | None = None) -> Tensor:
    """The complex conjugate; a real tensor is returned as it is."""
    x = convert_to_tensor(x, name="x")
    return raw_ops.Conj(x, name=name) if x.dtype.is_complex else x


def _part(op: str, input: Any, name: str | None) -> Tensor:
    with op_scope(name, op, [input]) as scope:
        x = convert_to_tensor(input, name="input")
        if not x.dtype.is_complex:
            return x
        return getattr(raw_ops, op)(x, Tout=x.dtype.real_dtype, name=scope)


# --- division ----------------------------------------------------------------------------------

# Integers divide in a float type wide enough for them, as Python's / does.
_TRUE_DIVISION = {
    dtypes.uint8: dtypes.float32,
    dtypes.int8: dtypes.float32,
    dtypes.uint16: dtypes.float32,
    dtypes.int16: dtypes.float32,
    dtypes.int32: dtypes.float64,
    dtypes.uint32: dtypes.float64,
    dtypes.int64: dtypes.float64,
    dtypes.uint64: dtypes.float64,
}


def _pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Both operands as tensors; a Python number takes the dtype of the tensor beside it."""
    if not hasattr(x, "dtype") and hasattr(y, "dtype"):
        y = convert_to_tensor(y, name="y")
        x = convert_to_tensor(x, dtype=y.dtype.base_dtype, name="x")
    else:
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(
            y, dtype=None if hasattr(y, "dtype") else x.dtype.base_dtype, name="y"
        )
    if x.dtype.base_dtype != y.dtype.base_dtype:
        raise TypeError(f"`x` and `y` must have the same dtype, got {x.dtype!r} != {y.dtype!r}.")
    return x, y


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python 3 divides: int32 and int64 give float64, smaller integers float32."""
    with op_scope(name, "truediv", [x, y]) as scope:
        x, y = _pair(x, y)
        if not (x.dtype.is_floating or x.dtype.is_complex or x.dtype.is_integer):
            raise TypeError(f"Invalid dtype {x.dtype!r} in __truediv__. Expected numbers.")
        wide = _TRUE_DIVISION.get(x.dtype.base_dtype)
        if wide is not None:
            x, y = cast(x, wide), cast(y, wide)
        return raw_ops.RealDiv(x, y, name=scope)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y as Python 2 divides: integers floor, floats divide."""
    with op_scope(name, "div", [x, y]) as scope:
        x, y = _pair(x, y)
        if x.dtype.is_floating or x.dtype.is_complex:
            return raw_ops.RealDiv(x, y, name=scope)
        return raw_ops.FloorDiv(x, y, name=scope)


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """x / y, as the operator does."""
    return truediv(x, y, name=name)


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Floor of x / y, also for negative numbers."""
    with op_scope(name, "floordiv", [x, y]) as scope:
        return raw_ops.FloorDiv(x, y, name=scope)


# --- products ----------------------------------------------------------------------------------


def matmul(
    a: Any,
    b: Any,
    transpose_a: builtins.bool = False,
    transpose_b: builtins.bool = False,
    adjoint_a: builtins.bool = False,
    adjoint_b: builtins.bool = False,
    a_is_sparse: builtins.bool = False,
    b_is_sparse: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """Matrix product over the last two dimensions; earlier ones are a batch and broadcast.

    `a_is_sparse` and `b_is_sparse` are hints, and hints only.
    """
    if transpose_a and adjoint_a:
        raise ValueError("Only one of `transpose_a` and `adjoint_a` can be True.")
    if transpose_b and adjoint_b:
        raise ValueError("Only one of `transpose_b` and `adjoint_b` can be True.")
    with op_scope(name, "MatMul", [a, b]) as scope:
        if isinstance(b, Tensor) and not hasattr(a, "dtype"):
            a = convert_to_tensor(a, dtype=b.dtype.base_dtype, name="a")
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(
            b, dtype=None if hasattr(b, "dtype") else a.dtype.base_dtype, name="b"
        )
        rank_a, rank_b = a.shape.ndims, b.shape.ndims
        if (rank_a or 0) > 2 or (rank_b or 0) > 2 or (rank_a is None and rank_b is None):
            if transpose_a:
                a, adjoint_a = conj(a), True
            if transpose_b:
                b, adjoint_b = conj(b), True
            return raw_ops.BatchMatMulV2(a, b, adj_x=adjoint_a, adj_y=adjoint_b, name=scope)
        if adjoint_a:
            a, transpose_a = conj(a), True
        if adjoint_b:
            b, transpose_b = conj(b), True
        return raw_ops.MatMul(a, b, transpose_a=transpose_a, transpose_b=transpose_b, name=scope)


def matvec(a: Any, b: Any, transpose_a: builtins.bool = False, name: str | None = None) -> Tensor:
    """Matrix times vector over the last dimensions."""
    with op_scope(name, "MatVec", [a, b]) as scope:
        column = array.expand_dims(b, -1)
        return array.squeeze(matmul(a, column, transpose_a=transpose_a), axis=[-1], name=scope)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Sums products over pairs of axes: the last n of a with the first n of b, or [axes_a,
    axes_b].
    """
    with op_scope(name, "Tensordot", [a, b, axes]) as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(
            b, dtype=None if hasattr(b, "dtype") else a.dtype.base_dtype, name="b"
        )
        na, nb = a.shape.ndims, b.shape.ndims
        if na is None or nb is None:
            raise ValueError(
                "tensordot: the ranks of a and b must be known when the graph is built"
            )
        if isinstance(axes, Tensor):
            axes = constant_value(axes)
            if axes is None:
                raise ValueError("tensordot: axes must be known when the graph is built")
        if np.ndim(axes) == 0:
            n = int(axes)
            if not 0 <= n <= builtins.min(na, nb):
                raise ValueError(
                    f"tensordot: `axes` must be in [0, {builtins.min(na, nb)}], got {n}"
                )
            axes_a, axes_b = list(builtins.range(na - n, na)), list(builtins.range(n))
        else:
            axes_a, axes_b = ([int(i) for i in np.atleast_1d(side)] for side in axes)
            if len(axes_a) != len(axes_b):
                raise ValueError(
                    f"Different number of contraction axes `a` and `b`, {len(axes_a)} != "
                    f"{len(axes_b)}."
                )
        axes_a, axes_b = [i % na for i in axes_a], [i % nb for i in axes_b]
        left, a_free = _as_matrix(a, axes_a, contracted_last=True)
        right, b_free = _as_matrix(b, axes_b, contracted_last=False)
        product = raw_ops.MatMul(left, right)
        sides = [a.shape.as_list()[i] for i in a_free] + [b.shape.as_list()[i] for i in b_free]
        if None not in sides:
            return array.reshape(product, sides, name=scope)
        full = [array.shape(a)[i] for i in a_free] + [array.shape(b)[i] for i in b_free]
        result = array.reshape(product, array.stack(full), name=scope)
        result.set_shape(sides)
        return result


def _as_matrix(
    x: Tensor, axes: list[int], *, contracted_last: builtins.bool
) -> tuple[Tensor, list[int]]:
    """x as a matrix of its free dimensions by its contracted ones, and the free dimensions."""
    sides = x.shape.as_list()
    free = [i for i in builtins.range(len(sides)) if i not in axes]
    order = free + axes if contracted_last else axes + free
    if order != list(builtins.range(len(sides))):
        x = transpose(x, order)

    def length(which: list[int]) -> int | None:
        total = 1
        for i in which:
            side = sides[i]
            if side is None:
                return None
            total *= side
        return total

    inner, outer = length(axes), length(free)
    if inner is None and outer is None:
        shape = array.shape(x)
        count = len(free) if contracted_last else len(axes)
        first = raw_ops.Prod(shape[:count], [0])
        second = raw_ops.Prod(shape[count:], [0])
        return array.reshape(x, array.stack([first, second])), free
    rows, columns = (outer, inner) if contracted_last else (inner, outer)
    target = [-1 if rows is None else rows, -1 if columns is None else columns]
    return array.reshape(x, target), free


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """The sum of tensors of one shape and dtype."""
    inputs = array.unstack(inputs) if isinstance(inputs, Tensor) else list(inputs)
    if not inputs:
        raise ValueError(
            "Inputs must be an iterable of at least one Tensor/IndexedSlices with the same "
            f"dtype and shape, got {inputs}"
        )
    if len(inputs) == 1:
        only = convert_to_tensor(inputs[0])
        return array.identity(only, name=name) if name else only
    return raw_ops.AddN(array._same_dtype(inputs), name=name)


def accumulate_n(
    inputs: Sequence[Any], shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Tensor:
    """The sum of tensors of one shape; `shape` adds what their own shapes do not say."""
    tensors = [convert_to_tensor(t, dtype=tensor_dtype) for t in inputs]
    result = add_n(tensors, name=name)
    if shape is not None:
        result.set_shape(shape)
    return result


def cumsum(
    x: Any,
    axis: Any = 0,
    exclusive: builtins.bool = False,
    reverse: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """Running sums along `axis`; exclusive ones start from 0, reversed ones from the end."""
    with op_scope(name, "Cumsum", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return raw_ops.Cumsum(x, axis, exclusive=exclusive, reverse=reverse, name=scope)


def cumprod(
    x: Any,
    axis: Any = 0,
    exclusive: builtins.bool = False,
    reverse: builtins.bool = False,
    name: str | None = None,
) -> Tensor:
    """Running products along `axis`; exclusive ones start from 1, reversed ones from the end."""
    with op_scope(name, "Cumprod", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return raw_ops.Cumprod(x, axis, exclusive=exclusive, reverse=reverse, name=scope)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Tensor:
    """A scalar times a tensor or IndexedSlices."""
    if not isinstance(x, IndexedSlices):
        x = convert_to_tensor(x)
    scalar = convert_to_tensor(scalar, dtype=x.dtype.base_dtype, name="scalar")
    if scalar.shape.ndims not in (None, 0):
        raise ValueError(f"The input scalar must be a 0-D value. Received shape {scalar.shape}.")
    return on_values(x, lambda values: raw_ops.Mul(scalar, values, name=name))


def polyval(coeffs: Sequence[Any], x: Any, name: str | None = None) -> Tensor:
    """The polynomial with these coefficients, highest power first, at x."""
    with op_scope(name, "polyval", [*coeffs, x]):
        x = convert_to_tensor(x, name="x")
        if not coeffs:
            return creation.zeros_like(x)
        total: Any = convert_to_tensor(coeffs[0], dtype=x.dtype.base_dtype)
        for c in coeffs[1:]:
            total = raw_ops.AddV2(
                convert_to_tensor(c, dtype=x.dtype.base_dtype), raw_ops.Mul(total, x)
            )
        return total


def trace(x: Any, name: str | None = None) -> Tensor:
    """Sum of the main diagonal of the last two dimensions."""
    with op_scope(name, "Trace", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        sides = array.shape(x)
        diagonal = creation.eye(sides[-2], sides[-1], dtype=x.dtype.base_dtype)
        kept = indexing.where(
            raw_ops.BroadcastTo(cast(diagonal, dtypes.bool), sides), x, creation.zeros_like(x)
        )
        return raw_ops.Sum(kept, [-2, -1], name=scope)


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: int | None = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    weights: Any = None,
) -> Tensor:
    """Counts (or weights) of (label, prediction) pairs: row = label, column = prediction."""
    with op_scope(name, "confusion_matrix", [labels, predictions]):
        labels = cast(convert_to_tensor(labels), dtypes.int64)
        predictions = cast(convert_to_tensor(predictions), dtypes.int64)
        classes: Any = num_classes
        if classes is None:
            top = raw_ops.Maximum(raw_ops.Max(labels, [0]), raw_ops.Max(predictions, [0]))
            classes = cast(raw_ops.AddV2(top, constant(1, dtypes.int64)), dtypes.int32)
        rows = indexing.one_hot(labels, classes, dtype=dtypes.float64)
        columns = indexing.one_hot(predictions, classes, dtype=dtypes.float64)
        if weights is not None:
            columns = raw_ops.Mul(columns, array.expand_dims(cast(weights, dtypes.float64), -1))
        return cast(matmul(rows, columns, transpose_a=True), dtype)
