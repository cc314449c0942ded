"""From Python values to tensors: constants, the conversion registry, and the way back for values
known statically.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from thalweg import _core
from thalweg.framework import dtypes
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.dtypes import DType
from thalweg.framework.eager_tensor import EagerTensor, from_array
from thalweg.framework.errors import InaccessibleTensorError
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.shapes import Dimension, TensorShape
from thalweg.framework.tensor import Operation, SymbolicTensor, Tensor, TensorLike
from thalweg.framework.values import (
    MIXED_TYPES,
    OUT_OF_RANGE,
    constant_array,
    eager_dtype,
    value_leaves,
)

ConversionFunction = Callable[..., Any]
_tensor_from_numbers = _core.tensor_from_numbers
_PLAIN = (int, float, bool, list, tuple)  # what it may take
_registry: list[tuple[int, int, Any, ConversionFunction]] = []
_by_type: dict[type, list[ConversionFunction]] = {}


def register_tensor_conversion_function(
    base_type: type | tuple[type, ...], conversion_func: ConversionFunction, priority: int = 100
) -> None:
    """`conversion_func(value, dtype=None, name=None, as_ref=False)` gives a Tensor, or
    NotImplemented to pass.
    """
    if not callable(conversion_func):
        raise TypeError(f"Argument `conversion_func` must be callable, got {conversion_func!r}")
    _registry.append((priority, len(_registry), base_type, conversion_func))
    _registry.sort(key=lambda row: row[:2])
    _by_type.clear()


def _functions_for(kind: type) -> list[ConversionFunction]:
    found = _by_type.get(kind)
    if found is None:
        found = _by_type[kind] = [f for _, _, base, f in _registry if issubclass(kind, base)]
    return found


def convert_to_tensor(
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    preferred_dtype: Any = None,
    as_ref: bool = False,
    dtype_hint: Any = None,
) -> Tensor:
    """`value` as a tensor of the default graph: of `dtype` or not at all, of the preferred dtype
    if possible.
    """
    kind = type(value)
    if kind is EagerTensor:
        if not executing_eagerly():
            value = get_default_graph()._from_eager(value, name)
        if dtype is None or dtype is value.dtype:
            return value
    elif kind is SymbolicTensor:
        if executing_eagerly():
            raise _out_of_scope(value)
        if dtype is None:
            return value
    elif kind in _PLAIN and executing_eagerly():
        hint = dtype_hint if preferred_dtype is None else preferred_dtype
        found = _tensor_from_numbers(value, _number_of(dtype), _number_of(hint))
        if found is not None:
            return found
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor):
        if wanted is not None and not wanted.is_compatible_with(value.dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype "
                f"{value.dtype.name}: {value!r}"
            )
        return value
    hint = dtype_hint if preferred_dtype is None else preferred_dtype
    for convert in _functions_for(type(value)):
        if wanted is None and hint is not None:
            try:
                result = convert(value, dtype=dtypes.as_dtype(hint), name=name, as_ref=as_ref)
                if (
                    result is not NotImplemented
                    and result.dtype.base_dtype == dtypes.as_dtype(hint).base_dtype
                ):
                    return result
            except (TypeError, ValueError):
                pass
        result = convert(value, dtype=wanted, name=name, as_ref=as_ref)
        if result is NotImplemented:
            continue
        if not isinstance(result, Tensor):
            raise RuntimeError(
                f"conversion function {convert} for type {type(value)} returned non-Tensor: "
                f"{result!r}"
            )
        if wanted is not None and not wanted.is_compatible_with(result.dtype):
            raise RuntimeError(
                f"conversion function {convert} for type {type(value)} returned incompatible "
                f"dtype: requested = {wanted.name}, actual = {result.dtype.name}"
            )
        return result
    if wanted is None and hint is not None:
        array = _preferred(value, dtypes.as_dtype(hint).base_dtype)
    else:
        array = _array(value, None if wanted is None else wanted.base_dtype)
    return _const(array, name or "Const")


def _number_of(dtype: Any) -> int:
    return 0 if dtype is None else dtypes.as_dtype(dtype).base_dtype.as_datatype_enum


def _preferred(value: Any, hint: DType) -> tuple[np.ndarray[Any, Any], DType]:
    """The value in a type that is not asked for, only better than others that hold it."""
    try:
        found = constant_array(value, hint)
    except (TypeError, ValueError):
        return _array(value, None)
    if hint.is_integer and hint.size < 8:  # where integers that do not fit are wrapped
        own = constant_array(value, None)
        if own[1].is_integer and own[1].size > hint.size and not np.array_equal(own[0], found[0]):
            return own
    return found


def _array(
    value: Any, dtype: DType | None, shape: TensorShape | None = None, verify: bool = False
) -> tuple[np.ndarray[Any, Any], DType]:
    """constant_array, with the errors that eager programs see."""
    if not executing_eagerly():
        return constant_array(value, dtype, shape, verify)
    if dtype is None and isinstance(value, (list, tuple, int, float)):
        dtype = eager_dtype(value)
    try:
        array, found = constant_array(value, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise _eager_error(value, dtype, error) from None
    if shape is None or array.size in (1, shape.num_elements()):
        return (array, found) if shape is None else constant_array(array, found, shape, verify)
    raise TypeError(
        f"Eager execution of tf.constant with unsupported shape. Tensor {array} (converted from "
        f"{value!r}) has {array.size} elements, but got `shape` {shape} with "
        f"{shape.num_elements()} elements)."
    )


def _eager_error(value: Any, dtype: DType | None, error: Exception) -> Exception:
    leaves = list(value_leaves(value))
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "OMmV":
            return error
        odd = [v for v in value.flat if not isinstance(v, (str, bytes))]
        kind = f"object type {type(odd[0]).__name__}" if odd else f"numpy type: {value.dtype}"
        return ValueError(f"Failed to convert a NumPy array to a Tensor (Unsupported {kind}).")
    odd = [v for v in leaves if not isinstance(v, (*_PLAIN, complex, str, bytes, np.generic))]
    if odd and leaves[0] is odd[0]:
        return ValueError(
            f"Attempt to convert a value ({odd[0]!r}) with an unsupported type ({type(odd[0])}) to "
            "a Tensor."
        )
    if not isinstance(value, (*_PLAIN, complex, str, bytes)):
        return error
    if any(isinstance(v, int) and not -(2**63) <= v < 2**64 for v in leaves):
        return ValueError(OUT_OF_RANGE)
    if dtype is not None and isinstance(error, TypeError):
        return TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}")
    if odd or len({isinstance(v, (str, bytes)) for v in leaves}) > 1:
        return ValueError(MIXED_TYPES)
    if isinstance(value, (list, tuple)):
        return ValueError("Can't convert non-rectangular Python sequence to Tensor.")
    return error


def _out_of_scope(value: Any) -> InaccessibleTensorError:
    return InaccessibleTensorError(
        f"{value!r} is out of scope and cannot be used here. Use return values, explicit Python "
        "locals or TensorFlow collections to access it."
    )


def convert_n_to_tensor(
    values: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> list[Tensor]:
    return [
        convert_to_tensor(v, dtype, None if name is None else f"{name}_{i}", preferred_dtype)
        for i, v in enumerate(values)
    ]


def convert_to_tensor_or_operation(
    value: Any, dtype: Any = None, name: str | None = None
) -> Tensor | Operation:
    return value if isinstance(value, Operation) else convert_to_tensor(value, dtype, name)


def is_tensor(x: Any) -> bool:
    return isinstance(x, TensorLike) or hasattr(x, "_as_graph_element")


def constant(
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Tensor:
    """A tensor with a fixed value; the last element fills what `shape` leaves over."""
    if isinstance(value, TensorLike):
        if executing_eagerly():
            return _constant_of_tensor(value, dtype, shape)
        raise TypeError("Expected any non-tensor type, but got a tensor instead.")
    if shape is None and type(value) in _PLAIN and executing_eagerly():
        found = _tensor_from_numbers(value, _number_of(dtype), 0)
        if found is not None:
            return found
    wanted = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
    array = _array(value, wanted, None if shape is None else TensorShape(shape), verify_shape)
    return _const(array, name or "Const")


def _constant_of_tensor(value: Any, dtype: Any, shape: Any) -> Tensor:
    """A tensor that has its value may stand for it."""
    from thalweg.framework.apply import apply_op

    value = convert_to_tensor(value)
    if dtype is not None and dtypes.as_dtype(dtype).base_dtype != value.dtype:
        raise TypeError(
            f"Expected tensor {value} with dtype {dtypes.as_dtype(dtype)!r}, but got dtype "
            f"{value.dtype!r}."
        )
    if shape is None or value.shape.as_list() == TensorShape(shape).as_list():
        return value
    if value.shape.num_elements() == 1:
        return apply_op(
            "Fill",
            dims=list(TensorShape(shape).as_list()),
            value=apply_op("Reshape", tensor=value, shape=[]),
        )
    return apply_op("Reshape", tensor=value, shape=TensorShape(shape).as_list())


def _const(typed: tuple[np.ndarray[Any, Any], DType], name: str) -> Tensor:
    array, dtype = typed
    if executing_eagerly():
        return from_array(array, dtype)
    graph = get_default_graph()
    attrs = {"value": array, "dtype": dtype.as_datatype_enum}
    return graph._add("Const", graph._final_name(name), [], attrs).outputs[0]


# --- lists that contain tensors


def _has_tensor(values: Any) -> bool:
    for v in values:
        if isinstance(v, TensorLike):
            return True
        if isinstance(v, (list, tuple)) and v and _has_tensor(v):
            return True
    return False


def _first_dtype(values: Any) -> DType | None:
    for v in values:
        found = v.dtype.base_dtype if isinstance(v, TensorLike) else None
        if found is None and isinstance(v, (list, tuple)):
            found = _first_dtype(v)
        if found is not None:
            return found
    return None


def _pack(values: Any, dtype: DType, name: str) -> Tensor:
    from thalweg.framework.apply import apply_op

    with get_default_graph().name_scope(name) as scope:
        parts = []
        for i, v in enumerate(values):
            if isinstance(v, TensorLike):
                part = convert_to_tensor(v)
                if part.dtype.base_dtype != dtype:
                    raise TypeError(
                        f"Cannot convert a list containing a tensor of dtype {part.dtype} to "
                        f"{dtype} (Tensor is: {part!r})"
                    )
            elif isinstance(v, (list, tuple)) and _has_tensor(v):
                part = _pack(v, dtype, str(i))
            else:
                part = convert_to_tensor(v, dtype, str(i))
            parts.append(part)
        return apply_op("Pack", scope, values=parts)


def _from_list(
    value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if not _has_tensor(value):
        return NotImplemented
    inferred = _first_dtype(value)
    assert inferred is not None
    if dtype is not None and dtype.base_dtype != inferred:
        from thalweg.framework.apply import apply_op

        packed = _pack(value, inferred, name or "packed")
        return apply_op("Cast", x=packed, DstT=dtype.base_dtype)
    return _pack(value, inferred, name or "packed")


def _from_shape(
    value: TensorShape, dtype: DType | None = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if not value.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape {value} to a Tensor.")
    if dtype not in (None, dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert shape to dtype {dtype}")
    sizes = value.as_list()
    if dtype is None and any(d >= 2**31 for d in sizes if d is not None):
        raise ValueError(f"Cannot convert shape {value} to int32: a size is too large")
    return constant(sizes, dtype or dtypes.int32, name=name or "shape_as_tensor")


def _from_dimension(
    value: Dimension, dtype: DType | None = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if value.value is None:
        raise ValueError(f"Cannot convert unknown Dimension {value} to a Tensor.")
    if dtype not in (None, dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert dimension to dtype {dtype}")
    return constant(value.value, dtype or dtypes.int32, name=name or "shape_as_tensor")


def _from_graph_element(
    value: Any, dtype: DType | None = None, name: str | None = None, as_ref: bool = False
) -> Any:
    raise TypeError(
        f"Can't convert Operation '{value.name}' to Tensor (target dtype={dtype!r}, name={name!r})"
    )


register_tensor_conversion_function((list, tuple), _from_list, 99)
register_tensor_conversion_function(TensorShape, _from_shape, 98)
register_tensor_conversion_function(Dimension, _from_dimension, 98)
register_tensor_conversion_function(Operation, _from_graph_element, 98)


# --- values known while the graph is built


def constant_value(tensor: Any, partial: bool = False) -> Any:
    """The tensor's value as an array if it can be told without running the graph, else None."""
    if isinstance(tensor, EagerTensor):
        return tensor.numpy()
    if not isinstance(tensor, Tensor):
        return tensor if isinstance(tensor, (np.ndarray, np.generic, int, float)) else None
    op, core = tensor.op, tensor.op.graph.core
    if op.type == "Const":
        return core.node_attrs(op._id)["value"]
    values = core.output_values(op._id, tensor.value_index)
    if values is not None and None not in values and tensor.shape.is_fully_defined():
        return np.array(values, tensor.dtype.base_dtype.as_numpy_dtype).reshape(
            tensor.shape.as_list()
        )
    if op.type in (
        "Identity",
        "StopGradient",
        "Reshape",
        "Cast",
        "Fill",
        "Pack",
        "Equal",
        "NotEqual",
    ):
        return _fold(tensor)
    return None


def _fold(tensor: Tensor) -> Any:
    parts = [constant_value(t) for t in tensor.op.inputs]
    if any(p is None for p in parts):
        return None
    match tensor.op.type:
        case "Identity" | "StopGradient":
            return parts[0]
        case "Reshape":
            return parts[0].reshape(parts[1])
        case "Cast":
            return parts[0].astype(tensor.dtype.as_numpy_dtype)
        case "Fill":
            return np.full(parts[0], parts[1])
        case "Pack":
            return np.stack(parts, tensor.op.get_attr("axis"))
        case "Equal":
            return np.equal(*parts)
        case _:
            return np.not_equal(*parts)


get_static_value = constant_value


def constant_value_as_shape(tensor: Any) -> TensorShape:
    """What is known of the shape that a 1-D integer tensor holds; -1 stands for an unknown size."""
    if isinstance(tensor, (TensorShape, list, tuple)) and not _has_tensor(tensor):
        return TensorShape(tensor)
    tensor = convert_to_tensor(tensor)
    values = constant_value(tensor)
    if values is not None:
        return TensorShape(
            [None if v < 0 else int(v) for v in np.atleast_1d(values)] if values.ndim else None
        )
    known = tensor.op.graph.core.output_values(tensor.op._id, tensor.value_index)
    if known is not None:
        return TensorShape([None if v is None or v < 0 else v for v in known])
    length = tensor.shape.with_rank(1).as_list()[0]
    return TensorShape(None if length is None else [None] * length)
