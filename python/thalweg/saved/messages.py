"""The messages of a SavedModel: objects, functions, structures and signatures."""

from __future__ import annotations

from thalweg.framework.graph_pb import (
    _DATA_TYPE,
    TensorProto,
    TensorShapeProto,
    VersionDef,
)
from thalweg.framework.meta_graph import MetaGraphDef
from thalweg.framework.proto import Field, Message
from thalweg.trackable.object_graph import ObjectReference, SlotVariableReference


class NoneValue(Message):
    fields = ()


class TensorSpecProto(Message):
    fields = (
        Field(1, "name", "string"),
        Field(2, "shape", TensorShapeProto),
        Field(3, "dtype", "enum", enum=_DATA_TYPE),
    )


class StructuredValue(Message):
    """A Python value made of lists, tuples, dictionaries, numbers, strings and specs."""

    fields = ()  # declared below: it contains itself


class ListValue(Message):
    fields = (Field(1, "values", StructuredValue, repeated=True),)


class TupleValue(Message):
    fields = (Field(1, "values", StructuredValue, repeated=True),)


class DictValue(Message):
    fields = (Field(1, "fields_", StructuredValue, key="string"),)


class PairValue(Message):
    fields = (Field(1, "key", "string"), Field(2, "value", StructuredValue))


class NamedTupleValue(Message):
    fields = (Field(1, "name", "string"), Field(2, "values", PairValue, repeated=True))


class TypeSpecProto(Message):
    fields = (
        Field(1, "type_spec_class", "enum"),
        Field(2, "type_state", StructuredValue),
        Field(3, "type_spec_class_name", "string"),
        Field(4, "num_flat_components", "int32"),
    )


class BoundedTensorSpecProto(Message):
    fields = (
        Field(1, "name", "string"),
        Field(2, "shape", TensorShapeProto),
        Field(3, "dtype", "enum", enum=_DATA_TYPE),
        Field(4, "minimum", TensorProto),
        Field(5, "maximum", TensorProto),
    )


StructuredValue.declare(
    (
        Field(1, "none_value", NoneValue, oneof="kind"),
        Field(11, "float64_value", "double", oneof="kind"),
        Field(12, "int64_value", "sint64", oneof="kind"),
        Field(13, "string_value", "string", oneof="kind"),
        Field(14, "bool_value", "bool", oneof="kind"),
        Field(31, "tensor_shape_value", TensorShapeProto, oneof="kind"),
        Field(32, "tensor_dtype_value", "enum", oneof="kind"),
        Field(33, "tensor_spec_value", TensorSpecProto, oneof="kind"),
        Field(34, "type_spec_value", TypeSpecProto, oneof="kind"),
        Field(35, "bounded_tensor_spec_value", BoundedTensorSpecProto, oneof="kind"),
        Field(51, "list_value", ListValue, oneof="kind"),
        Field(52, "tuple_value", TupleValue, oneof="kind"),
        Field(53, "dict_value", DictValue, oneof="kind"),
        Field(54, "named_tuple_value", NamedTupleValue, oneof="kind"),
        Field(55, "tensor_value", TensorProto, oneof="kind"),
        Field(56, "numpy_value", TensorProto, oneof="kind"),
    )
)


class FunctionSpec(Message):
    fields = (
        Field(1, "fullargspec", StructuredValue),
        Field(2, "is_method", "bool"),
        Field(5, "input_signature", StructuredValue),
        Field(6, "jit_compile", "enum", enum={"DEFAULT": 0, "ON": 1, "OFF": 2}),
    )


class SavedUserObject(Message):
    fields = (
        Field(1, "identifier", "string"),
        Field(2, "version", VersionDef),
        Field(3, "metadata", "string"),
    )


class SavedAsset(Message):
    fields = (Field(1, "asset_file_def_index", "int32"),)


class SavedFunction(Message):
    fields = (
        Field(1, "concrete_functions", "string", repeated=True),
        Field(2, "function_spec", FunctionSpec),
    )


class SavedVariable(Message):
    fields = (
        Field(1, "dtype", "enum", enum=_DATA_TYPE),
        Field(2, "shape", TensorShapeProto),
        Field(3, "trainable", "bool"),
        Field(4, "synchronization", "enum"),
        Field(5, "aggregation", "enum"),
        Field(6, "name", "string"),
        Field(7, "device", "string"),
        Field(8, "experimental_distributed_variable_components", "bytes", repeated=True),
    )


class SavedBareConcreteFunction(Message):
    fields = (
        Field(1, "concrete_function_name", "string"),
        Field(2, "argument_keywords", "string", repeated=True),
        Field(3, "allowed_positional_arguments", "int64"),
        Field(4, "function_spec", FunctionSpec),
    )


class SavedConstant(Message):
    fields = (Field(1, "operation", "string"),)


class SavedResource(Message):
    fields = (Field(1, "device", "string"),)


class CapturedTensor(Message):
    fields = (Field(1, "name", "string"), Field(2, "concrete_function", "string"))


class SavedObject(Message):
    fields = (
        Field(1, "children", ObjectReference, repeated=True),
        Field(15, "dependencies", ObjectReference, repeated=True),
        Field(3, "slot_variables", SlotVariableReference, repeated=True),
        Field(4, "user_object", SavedUserObject, oneof="kind"),
        Field(5, "asset", SavedAsset, oneof="kind"),
        Field(6, "function", SavedFunction, oneof="kind"),
        Field(7, "variable", SavedVariable, oneof="kind"),
        Field(8, "bare_concrete_function", SavedBareConcreteFunction, oneof="kind"),
        Field(9, "constant", SavedConstant, oneof="kind"),
        Field(10, "resource", SavedResource, oneof="kind"),
        Field(12, "captured_tensor", CapturedTensor, oneof="kind"),
        Field(11, "saveable_objects", "bytes", key="string"),
        Field(13, "registered_name", "string"),
        Field(14, "serialized_user_proto", "bytes"),
        Field(16, "registered_saver", "string"),
    )


class SavedConcreteFunction(Message):
    """`bound_inputs` are the objects, by number, that follow the arguments."""

    fields = (
        Field(2, "bound_inputs", "int32", repeated=True),
        Field(3, "canonicalized_input_signature", StructuredValue),
        Field(4, "output_signature", StructuredValue),
    )


class SavedObjectGraph(Message):
    fields = (
        Field(1, "nodes", SavedObject, repeated=True),
        Field(2, "concrete_functions", SavedConcreteFunction, key="string"),
    )


class TensorInfo(Message):
    fields = (
        Field(1, "name", "string", oneof="encoding"),
        Field(4, "coo_sparse", "bytes", oneof="encoding"),
        Field(5, "composite_tensor", "bytes", oneof="encoding"),
        Field(2, "dtype", "enum", enum=_DATA_TYPE),
        Field(3, "tensor_shape", TensorShapeProto),
    )


class SignatureDef(Message):
    """A signature as nodes of the graph, for readers that know no objects."""

    fields = (
        Field(1, "inputs", TensorInfo, key="string"),
        Field(2, "outputs", TensorInfo, key="string"),
        Field(3, "method_name", "string"),
        Field(4, "defaults", TensorProto, key="string"),
    )


class SavedModel(Message):
    fields = (
        Field(1, "saved_model_schema_version", "int64"),
        Field(2, "meta_graphs", MetaGraphDef, repeated=True),
    )
