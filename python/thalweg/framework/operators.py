"""Python operators on tensors, and on classes that convert to tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from thalweg.framework import dtypes
from thalweg.framework.apply import apply_op
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import name_scope
from thalweg.framework.eager_tensor import EagerTensor, fallbacks
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.shapes import Dimension, TensorShape
from thalweg.framework.tensor import SymbolicTensor, Tensor, TensorLike

Binary = Callable[[Tensor, Tensor, "str | None"], Tensor]


def _tensor(x: Any) -> Tensor:
    kind = type(x)
    if (kind is EagerTensor) if executing_eagerly() else (kind is SymbolicTensor):
        return x
    return convert_to_tensor(x)


def _simple(op_type: str) -> Binary:
    def function(x: Tensor, y: Tensor, name: str | None) -> Tensor:
        return apply_op(op_type, name, x=x, y=y)

    return function


def _add(x: Tensor, y: Tensor, name: str | None) -> Tensor:
    return apply_op("Add" if x.dtype.base_dtype is dtypes.string else "AddV2", name, x=x, y=y)


_TRUE_DIVISION = {
    **dict.fromkeys((dtypes.int8, dtypes.uint8, dtypes.int16, dtypes.uint16), dtypes.float32),
    **dict.fromkeys((dtypes.int32, dtypes.uint32, dtypes.int64, dtypes.uint64), dtypes.float64),
}


def _truediv(x: Tensor, y: Tensor, name: str | None) -> Tensor:
    """Integers divide as floating point: 8 and 16 bits as float32, wider ones as float64."""
    x_type, y_type = x.dtype.base_dtype, y.dtype.base_dtype
    if x_type is not y_type:
        raise TypeError(f"`x` and `y` must have the same dtype, got {x_type!r} != {y_type!r}.")
    wide = _TRUE_DIVISION.get(x_type)
    if x_type in (dtypes.bool_, dtypes.string):
        raise TypeError(f"Invalid dtype {x_type!r} in __truediv__. Expected numbers.")
    if wide is not None:
        with name_scope(name):
            x, y = (apply_op("Cast", x=t, DstT=wide) for t in (x, y))
    return apply_op("RealDiv", name, x=x, y=y)


def _matmul(x: Tensor, y: Tensor, name: str | None) -> Tensor:
    if any(rank is None or rank > 2 for rank in (x.shape.ndims, y.shape.ndims)):
        return apply_op("BatchMatMulV2", name, x=x, y=y)
    return apply_op("MatMul", name, a=x, b=y)


def _logical(name_if_bool: str, name_if_int: str) -> Binary:
    def function(x: Tensor, y: Tensor, name: str | None) -> Tensor:
        if x.dtype.base_dtype is dtypes.bool_:
            return apply_op(name_if_bool, name, x=x, y=y)
        with name_scope(name):
            return apply_op(name_if_int, x=x, y=y)

    return function


def _xor(x: Tensor, y: Tensor, name: str | None) -> Tensor:
    """x ^ y; for bools (x | y) & ~(x & y)."""
    if x.dtype.base_dtype is not dtypes.bool_:
        with name_scope(name):
            return apply_op("BitwiseXor", x=x, y=y)
    with name_scope(name):
        either, both = apply_op("LogicalOr", x=x, y=y), apply_op("LogicalAnd", x=x, y=y)
        not_both = apply_op("LogicalNot", x=both)
    return apply_op("LogicalAnd", name, x=either, y=not_both)


# Python's method, the name scope, the function
_BINARY: list[tuple[str, str, Binary]] = [
    ("add", "add", _add),
    ("sub", "sub", _simple("Sub")),
    ("mul", "mul", _simple("Mul")),
    ("truediv", "truediv", _truediv),
    ("floordiv", "floordiv", _simple("FloorDiv")),
    ("mod", "mod", _simple("FloorMod")),
    ("pow", "pow", _simple("Pow")),
    ("matmul", "matmul", _matmul),
    ("and", "and", _logical("LogicalAnd", "BitwiseAnd")),
    ("or", "or", _logical("LogicalOr", "BitwiseOr")),
    ("xor", "xor", _xor),
]
_COMPARE = [("lt", "Less"), ("le", "LessEqual"), ("gt", "Greater"), ("ge", "GreaterEqual")]
_PLAIN = (int, float, complex, str, bytes, list, tuple, np.ndarray, np.generic, TensorLike)


def _defers(y: Any, reflected: str) -> bool:
    """Whether y is of a class of its own that knows how to combine with a tensor."""
    return not isinstance(y, _PLAIN) and hasattr(type(y), reflected)


def _operand(value: Any, dtype: Any) -> Any:
    """In eager mode, the other side of an operator: a Python value of the tensor's own type."""
    return value if isinstance(value, TensorLike) else convert_to_tensor(value, dtype)


def _binary(method: str, scope: str, function: Binary) -> tuple[Any, Any]:
    reflected_name = f"__r{method}__"
    adapts = method == "add"  # where the op itself says what does not go together

    def forward(x: Any, y: Any) -> Any:
        if type(y) is not SymbolicTensor and _defers(y, reflected_name):
            return NotImplemented
        x = _tensor(x)
        if executing_eagerly():
            if adapts or isinstance(y, TensorLike):
                return function(x, convert_to_tensor(y, preferred_dtype=x.dtype), None)
            return function(x, _operand(y, x.dtype), None)
        with name_scope(None, scope, (x, y)) as name:
            if type(y) is not SymbolicTensor:
                y = convert_to_tensor(y, name="y", preferred_dtype=x.dtype.base_dtype)
            return function(x, y, name)

    def reflected(y: Any, x: Any) -> Any:
        y = _tensor(y)
        if executing_eagerly():
            return function(_operand(x, y.dtype), y, None)
        with name_scope(None, scope, (x, y)) as name:
            return function(convert_to_tensor(x, y.dtype.base_dtype, "x"), y, name)

    return forward, reflected


def _comparison(op_type: str) -> Any:
    def compare(x: Any, y: Any) -> Tensor:
        x = _tensor(x)
        return apply_op(op_type, x=x, y=_operand(y, x.dtype) if executing_eagerly() else y)

    return compare


def _abs(x: Any) -> Tensor:
    x = _tensor(x)
    if x.dtype.is_complex:
        return apply_op("ComplexAbs", "Abs", x=x, Tout=x.dtype.real_dtype)
    return apply_op("Abs", x=x)


def _neg(x: Any) -> Tensor:
    return apply_op("Neg", x=_tensor(x))


def _invert(x: Any) -> Tensor:
    x = _tensor(x)
    return apply_op("LogicalNot" if x.dtype.base_dtype is dtypes.bool_ else "Invert", x=x)


# --- indexing


def _may_be_scalar(x: Any) -> bool:
    return getattr(x, "shape", TensorShape(None)).ndims in (0, None)


def _check_index(i: Any) -> None:
    if isinstance(i, (int, np.integer, Dimension)) and not isinstance(i, bool):
        return
    integers = (dtypes.int16, dtypes.int32, dtypes.int64, dtypes.uint16)
    if isinstance(i, TensorLike) and i.dtype.base_dtype in integers and _may_be_scalar(i):
        return
    if isinstance(i, np.ndarray) and i.ndim == 0 and i.dtype.kind in "iu":
        return
    raise TypeError(
        "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar "
        f"tf.int32/tf.int64 tensors are valid indices, got {i!r}"
    )


def _stack(parts: list[Any], name: str | None) -> Tensor:
    """Bounds as one vector; int64 as soon as one of them is."""
    tensors = [p for p in parts if isinstance(p, TensorLike)]
    wide = any(t.dtype.base_dtype is dtypes.int64 for t in tensors)
    if not wide:
        return convert_to_tensor(parts, dtypes.int32 if not tensors else None, name)
    as_int64 = [
        apply_op("Cast", x=p, DstT=dtypes.int64)
        if isinstance(p, TensorLike) and p.dtype.base_dtype is not dtypes.int64
        else p
        for p in parts
    ]
    return convert_to_tensor(as_int64, dtypes.int64, name)


def strided_slice_index(tensor: Any, index: Any, var: Any = None) -> Any:
    """tensor[index]: Python's slices, `...`, `None` and integers, each of which may be a scalar
    tensor.
    """
    mask = isinstance(index, TensorLike) and index.dtype.base_dtype is dtypes.bool_
    if mask or isinstance(index, bool) or (isinstance(index, np.ndarray) and index.dtype == bool):
        from thalweg.ops.indexing import boolean_mask

        return boolean_mask(tensor, index)
    tensor = _tensor(tensor)
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
    masks = dict.fromkeys(
        ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
    )
    for i, part in enumerate(index if isinstance(index, (tuple, list)) else [index]):
        bit = 1 << i
        if isinstance(part, slice):
            for bound in (part.start, part.stop, part.step):
                if bound is not None:
                    _check_index(bound)
            begin.append(0 if part.start is None else part.start)
            end.append(0 if part.stop is None else part.stop)
            strides.append(1 if part.step is None else part.step)
            masks["begin_mask"] |= bit if part.start is None else 0
            masks["end_mask"] |= bit if part.stop is None else 0
            continue
        if part is Ellipsis or part is None:
            masks["ellipsis_mask" if part is Ellipsis else "new_axis_mask"] |= bit
            begin.append(0)
            end.append(0)
        else:
            _check_index(part)
            begin.append(part)
            end.append(part + 1)
            masks["shrink_axis_mask"] |= bit
        strides.append(1)
    with name_scope(None, "strided_slice", (tensor, *begin, *end, *strides)) as name:
        bounds = [_stack(part, "stack") for part in (begin, end, strides)]
        if any(b.dtype.base_dtype is dtypes.int64 for b in bounds):
            bounds = [
                b
                if b.dtype.base_dtype is dtypes.int64
                else apply_op("Cast", x=b, DstT=dtypes.int64)
                for b in bounds
            ]
        return apply_op(
            "StridedSlice",
            name,
            input=tensor,
            begin=bounds[0],
            end=bounds[1],
            strides=bounds[2],
            **masks,
        )


def overload_all(cls: type) -> None:
    """Gives a class that converts to a tensor the operators of Tensor."""
    for method, scope, function in _BINARY:
        forward, reflected = _binary(method, scope, function)
        setattr(cls, f"__{method}__", forward)
        setattr(cls, f"__r{method}__", reflected)
    for method, op_type in _COMPARE:
        setattr(cls, f"__{method}__", _comparison(op_type))
    for method, unary in (("neg", _neg), ("abs", _abs), ("invert", _invert)):
        setattr(cls, f"__{method}__", unary)
    setattr(cls, "__getitem__", strided_slice_index)  # noqa: B010


overload_all(Tensor)


# --- tensors that have a value


def _either(forward: Any, reflected: Any) -> Any:
    """A function of both operands in their order, of which one is an eager tensor."""

    def operate(a: Any, b: Any) -> Any:
        return forward(a, b) if isinstance(a, TensorLike) else reflected(b, a)

    return operate


def _equality(op_type: str, if_unlike: bool) -> Any:
    """== and != of eager tensors; values whose shapes do not go together are unequal."""

    def compare(a: Any, b: Any) -> Any:
        if a is None or b is None:
            return if_unlike
        x, y = (a, b) if isinstance(a, EagerTensor) else (b, a)
        x = _tensor(x)
        if not isinstance(y, _PLAIN):
            return NotImplemented
        y = convert_to_tensor(_operand(y, x.dtype))
        if executing_eagerly() and not _broadcast(x.shape._dims, y.shape._dims):
            return convert_to_tensor(if_unlike)
        return apply_op(op_type, x=x, y=y)

    return compare


def _broadcast(a: Any, b: Any) -> bool:
    return all(m == n or m == 1 or n == 1 for m, n in zip(a[::-1], b[::-1], strict=False))


for _method, _scope, _function in _BINARY:
    fallbacks[_method] = _either(*_binary(_method, _scope, _function))
for _method, _op in _COMPARE:
    fallbacks[_method] = _comparison(_op)
fallbacks["eq"], fallbacks["ne"] = _equality("Equal", False), _equality("NotEqual", True)
for _method, _unary in (("neg", _neg), ("abs", _abs), ("invert", _invert)):
    fallbacks[_method] = lambda a, _, f=_unary: f(a)
fallbacks["getitem"] = strided_slice_index
