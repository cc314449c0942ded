"""Python structures as StructuredValue messages, and back."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

from thalweg.framework import dtypes
from thalweg.framework.graph_pb import make_ndarray, shape_proto
from thalweg.framework.shapes import TensorShape
from thalweg.framework.type_spec import TensorSpec
from thalweg.saved.messages import StructuredValue


class NotEncodable(ValueError):
    """A value that the message cannot hold."""


def encode(value: Any) -> StructuredValue:
    """NotEncodable for anything but None, bool, int, float, str, shapes, dtypes, `TensorSpec`s, and
    lists, tuples and dictionaries with keys of str of them.
    """
    made = StructuredValue()
    if value is None:
        made.none_value.SetInParent()
    elif isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise NotEncodable(f"the number {value} does not fit 64 bits")
        made.int64_value = value
    elif isinstance(value, float):
        made.float64_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, TensorShape):
        made.tensor_shape_value.CopyFrom(shape_proto(value))
    elif isinstance(value, dtypes.DType):
        made.tensor_dtype_value = value.as_datatype_enum
    elif isinstance(value, TensorSpec):
        spec = made.tensor_spec_value
        spec.name = value.name or ""
        spec.shape.CopyFrom(shape_proto(value.shape))
        spec.dtype = value.dtype.as_datatype_enum
        spec.SetInParent()
    elif isinstance(value, Mapping):
        fields = made.dict_value.fields_
        for key, item in value.items():
            if not isinstance(key, str):
                raise NotEncodable(f"a dictionary has the key {key!r}, which is no str")
            fields[key] = encode(item)
        made.dict_value.SetInParent()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        named = made.named_tuple_value
        named.name = _plain_class(value).__name__
        for key, item in zip(value._fields, value, strict=True):
            named.values.add(key=key, value=encode(item))
        named.SetInParent()
    elif isinstance(value, (list, tuple)):
        listed = made.tuple_value if isinstance(value, tuple) else made.list_value
        listed.values.extend([encode(item) for item in value])
        listed.SetInParent()
    else:
        raise NotEncodable(f"{value!r} of type {type(value).__name__} cannot be saved")
    return made


def _plain_class(value: Any) -> type:
    """The class of a named tuple, under its wrapper if it has one."""
    kinds = [k for k in type(value).__mro__ if "_fields" in vars(k)]
    return kinds[-1]


def decode(message: Any) -> Any:
    """Raises NotImplementedError for specs that are not known here, ValueError for no value."""
    kind = message.WhichOneof("kind")
    if kind is None or kind == "none_value":
        # Nothing at all is how writers without the field say None.
        return None
    value = getattr(message, kind)
    if kind == "list_value":
        return [decode(v) for v in value.values]
    if kind == "tuple_value":
        return tuple(decode(v) for v in value.values)
    if kind == "dict_value":
        return {k: decode(v) for k, v in value.fields_.items()}
    if kind == "named_tuple_value":
        names = [pair.key for pair in value.values]
        made: Any = namedtuple(value.name, names)  # type: ignore[misc]
        return made(*[decode(pair.value) for pair in value.values])
    if kind in ("tensor_spec_value", "bounded_tensor_spec_value"):
        return TensorSpec(shape_of(value.shape), dtypes.as_dtype(value.dtype), value.name or None)
    if kind == "tensor_shape_value":
        return shape_of(value)
    if kind == "tensor_dtype_value":
        return dtypes.as_dtype(value)
    if kind == "numpy_value":
        return make_ndarray(value)
    if kind == "tensor_value":
        from thalweg.framework.convert import convert_to_tensor

        return convert_to_tensor(make_ndarray(value))
    if kind == "type_spec_value":
        name = value.type_spec_class_name or f"number {value.type_spec_class}"
        raise NotImplementedError(f"arguments or results of the type spec {name}")
    return value


def shape_of(proto: Any) -> TensorShape:
    if proto.unknown_rank:
        return TensorShape(None)
    return TensorShape([None if d.size < 0 else d.size for d in proto.dim])
