"""GraphDef and the messages inside it, and tensors as TensorProto."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg.framework import dtypes
from thalweg.framework.proto import Field, Message
from thalweg.framework.shapes import TensorShape

_DATA_TYPE = {"DT_INVALID": 0} | {
    "DT_" + name.upper(): dtypes.as_dtype(kind).as_datatype_enum
    for name, kind in (
        *(
            ("float", "float32"),
            ("double", "float64"),
            ("int32", "int32"),
            ("uint8", "uint8"),
            ("int16", "int16"),
        ),
        *(
            ("int8", "int8"),
            ("string", "string"),
            ("complex64", "complex64"),
            ("int64", "int64"),
            ("bool", "bool"),
        ),
        *(("qint8", "qint8"), ("quint8", "quint8"), ("qint32", "qint32"), ("bfloat16", "bfloat16")),
        *(
            ("qint16", "qint16"),
            ("quint16", "quint16"),
            ("uint16", "uint16"),
            ("complex128", "complex128"),
        ),
        *(("half", "float16"), ("resource", "resource"), ("variant", "variant")),
        *(("uint32", "uint32"), ("uint64", "uint64")),
    )
}
_DATA_TYPE |= {name + "_REF": number + 100 for name, number in _DATA_TYPE.items() if number}


class _Dim(Message):
    fields = (Field(1, "size", "int64"), Field(2, "name", "string"))


class TensorShapeProto(Message):
    fields = (Field(2, "dim", _Dim, repeated=True), Field(3, "unknown_rank", "bool"))
    Dim = _Dim


class TensorProto(Message):
    fields = (
        Field(1, "dtype", "enum", enum=_DATA_TYPE),
        Field(2, "tensor_shape", TensorShapeProto),
        Field(3, "version_number", "int32"),
        Field(4, "tensor_content", "bytes"),
        Field(13, "half_val", "int32", repeated=True),
        Field(5, "float_val", "float", repeated=True),
        Field(6, "double_val", "double", repeated=True),
        Field(7, "int_val", "int32", repeated=True),
        Field(8, "string_val", "bytes", repeated=True),
        Field(9, "scomplex_val", "float", repeated=True),
        Field(10, "int64_val", "int64", repeated=True),
        Field(11, "bool_val", "bool", repeated=True),
        Field(12, "dcomplex_val", "double", repeated=True),
        Field(16, "uint32_val", "uint32", repeated=True),
        Field(17, "uint64_val", "uint64", repeated=True),
    )


class NameAttrList(Message):
    fields = (
        Field(1, "name", "string"),
    )  # `attr` is added below: the two messages contain each other


class _ListValue(Message):
    fields = (
        Field(2, "s", "bytes", repeated=True),
        Field(3, "i", "int64", repeated=True),
        Field(4, "f", "float", repeated=True),
        Field(5, "b", "bool", repeated=True),
        Field(6, "type", "enum", repeated=True, enum=_DATA_TYPE),
        Field(7, "shape", TensorShapeProto, repeated=True),
        Field(8, "tensor", TensorProto, repeated=True),
        Field(9, "func", NameAttrList, repeated=True),
    )


class AttrValue(Message):
    fields = (
        Field(2, "s", "bytes", oneof="value"),
        Field(3, "i", "int64", oneof="value"),
        Field(4, "f", "float", oneof="value"),
        Field(5, "b", "bool", oneof="value"),
        Field(6, "type", "enum", oneof="value", enum=_DATA_TYPE),
        Field(7, "shape", TensorShapeProto, oneof="value"),
        Field(8, "tensor", TensorProto, oneof="value"),
        Field(1, "list", _ListValue, oneof="value"),
        Field(10, "func", NameAttrList, oneof="value"),
        Field(9, "placeholder", "string", oneof="value"),
    )
    ListValue = _ListValue


NameAttrList.declare((*NameAttrList.fields, Field(2, "attr", AttrValue, key="string")))


class NodeDef(Message):
    fields = (
        Field(1, "name", "string"),
        Field(2, "op", "string"),
        Field(3, "input", "string", repeated=True),
        Field(4, "device", "string"),
        Field(5, "attr", AttrValue, key="string"),
    )


class VersionDef(Message):
    fields = (
        Field(1, "producer", "int32"),
        Field(2, "min_consumer", "int32"),
        Field(3, "bad_consumers", "int32", repeated=True),
    )


class ArgDef(Message):
    fields = (
        Field(1, "name", "string"),
        Field(2, "description", "string"),
        Field(3, "type", "enum", enum=_DATA_TYPE),
        Field(4, "type_attr", "string"),
        Field(5, "number_attr", "string"),
        Field(6, "type_list_attr", "string"),
        Field(7, "handle_data", "bytes", repeated=True),
        Field(16, "is_ref", "bool"),
        Field(17, "experimental_full_type", "bytes"),
    )


class AttrDef(Message):
    fields = (
        Field(1, "name", "string"),
        Field(2, "type", "string"),
        Field(3, "default_value", AttrValue),
        Field(4, "description", "string"),
        Field(5, "has_minimum", "bool"),
        Field(6, "minimum", "int64"),
        Field(7, "allowed_values", AttrValue),
    )


class OpDef(Message):
    """The signature of an op, or of a function."""

    fields = (
        Field(1, "name", "string"),
        Field(2, "input_arg", ArgDef, repeated=True),
        Field(3, "output_arg", ArgDef, repeated=True),
        Field(20, "control_output", "string", repeated=True),
        Field(4, "attr", AttrDef, repeated=True),
        Field(8, "deprecation", "bytes"),
        Field(5, "summary", "string"),
        Field(6, "description", "string"),
        Field(18, "is_commutative", "bool"),
        Field(16, "is_aggregate", "bool"),
        Field(17, "is_stateful", "bool"),
        Field(19, "allows_uninitialized_input", "bool"),
        Field(21, "is_distributed_communication", "bool"),
    )
    ArgDef = ArgDef
    AttrDef = AttrDef


class ArgAttrs(Message):
    fields = (Field(1, "attr", AttrValue, key="string"),)


class FunctionDef(Message):
    """A function: its nodes name their inputs "argument" or "node:output:index"."""

    fields = (
        Field(1, "signature", OpDef),
        Field(5, "attr", AttrValue, key="string"),
        Field(7, "arg_attr", ArgAttrs, key="uint32"),
        Field(8, "resource_arg_unique_id", "uint32", key="uint32"),
        Field(3, "node_def", NodeDef, repeated=True),
        Field(4, "ret", "string", key="string"),
        Field(6, "control_ret", "string", key="string"),
    )
    ArgAttrs = ArgAttrs


class GradientDef(Message):
    fields = (Field(1, "function_name", "string"), Field(2, "gradient_func", "string"))


class RegisteredGradient(Message):
    fields = (Field(1, "gradient_func", "string"), Field(2, "registered_op_type", "string"))


class FunctionDefLibrary(Message):
    fields = (
        Field(1, "function", FunctionDef, repeated=True),
        Field(2, "gradient", GradientDef, repeated=True),
        Field(3, "registered_gradients", RegisteredGradient, repeated=True),
    )


class GraphDef(Message):
    fields = (
        Field(1, "node", NodeDef, repeated=True),
        Field(4, "versions", VersionDef),
        Field(3, "version", "int32"),
        Field(2, "library", FunctionDefLibrary),
    )


# --- conversions


def shape_proto(shape: Any) -> TensorShapeProto:
    shape = (
        TensorShape._known(tuple(shape)) if isinstance(shape, (list, tuple)) else TensorShape(shape)
    )
    made = TensorShapeProto()
    if shape._dims is None:
        made.unknown_rank = True
    else:
        for d in shape._dims:
            made.dim.add(size=-1 if d is None else d)
        made.SetInParent()
    return made


def make_tensor_proto(
    values: Any,
    dtype: Any = None,
    shape: Any = None,
    verify_shape: bool = False,
    allow_broadcast: bool = False,
) -> TensorProto:
    """Python or NumPy values as a TensorProto."""
    from thalweg.framework.values import constant_array

    wanted = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
    array, found = constant_array(
        values, wanted, None if shape is None else TensorShape(shape), verify_shape
    )
    made = TensorProto(dtype=found.as_datatype_enum, tensor_shape=shape_proto(array.shape))
    if found is dtypes.string:
        made.string_val.extend(
            s.encode() if isinstance(s, str) else s for s in array.ravel().tolist()
        )
    elif array.size > 1 or found not in _SINGLE:
        made.tensor_content = np.ascontiguousarray(array).tobytes()
    else:
        getattr(made, _SINGLE[found]).extend(array.ravel().tolist())
    return made


_SINGLE = {
    dtypes.float32: "float_val",
    dtypes.float64: "double_val",
    dtypes.int64: "int64_val",
    dtypes.bool_: "bool_val",
    dtypes.uint32: "uint32_val",
    dtypes.uint64: "uint64_val",
} | dict.fromkeys((dtypes.int32, dtypes.int16, dtypes.int8, dtypes.uint8, dtypes.uint16), "int_val")


def make_ndarray(tensor: Any) -> np.ndarray[Any, Any]:
    """A TensorProto as an array."""
    dtype = dtypes.as_dtype(tensor.dtype)
    shape = [d.size for d in tensor.tensor_shape.dim]
    size = int(np.prod(shape, dtype=np.int64))
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype.as_numpy_dtype).copy().reshape(shape)
    if dtype is dtypes.string:
        values = np.array([*tensor.string_val, *[b""] * (size - len(tensor.string_val))], object)
        return values[:size].reshape(shape)
    if dtype in (dtypes.float16, dtypes.bfloat16):
        flat = np.array(tensor.half_val, np.uint16).view(dtype.as_numpy_dtype)
    elif dtype is dtypes.complex64:
        flat = np.array(tensor.scomplex_val, np.float32).view(np.complex64)
    elif dtype is dtypes.complex128:
        flat = np.array(tensor.dcomplex_val, np.float64).view(np.complex128)
    else:
        flat = np.array(getattr(tensor, _SINGLE.get(dtype, "int_val"))).astype(dtype.as_numpy_dtype)
    if len(flat) >= size:
        return flat[:size].reshape(shape)
    if not len(flat):  # protobuf leaves zeros out
        return np.zeros(shape, dtype.as_numpy_dtype)
    return np.concatenate([flat, np.full(size - len(flat), flat[-1])]).reshape(shape)


def attr_proto(value: Any, kind: str | None) -> AttrValue:
    """An attribute of the core as an AttrValue; `kind` None for attributes named '_...'."""
    made = AttrValue()
    if kind is None:
        kind = {bool: "bool", int: "int", float: "float", list: "list(string)"}.get(
            type(value), "string"
        )
    if kind.startswith("list("):
        kind = kind[5:-1]
        name = {"string": "s", "int": "i", "float": "f", "bool": "b"}.get(kind, kind)
        items = [shape_proto(v) for v in value] if kind == "shape" else value
        getattr(made.list, name).extend(items)
        made.list.SetInParent()
    elif kind == "shape":
        made.shape.CopyFrom(shape_proto(value))
        made.shape.SetInParent()
    elif kind == "tensor":
        made.tensor.CopyFrom(make_tensor_proto(value))
    elif kind == "func":
        made.func.name = value
    else:
        setattr(made, {"string": "s", "int": "i", "float": "f", "bool": "b"}.get(kind, kind), value)
    return made


def node_def(op: Any) -> NodeDef:
    """One operation as the message it would be in a GraphDef."""
    from thalweg.framework.op_spec import op_spec

    made = NodeDef(name=op.name, op=op.type, device=op.device)
    made.input.extend(t.name if t.value_index else t.op.name for t in op.inputs)
    made.input.extend("^" + c.name for c in op.control_inputs)
    kinds = op_spec(op.type).attr_kinds
    for name, value in op.graph.core.node_attrs(op._id).items():
        made.attr[name] = attr_proto(value, kinds.get(name))
    return made
