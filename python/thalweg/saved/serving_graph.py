"""The graph of a SavedModel for readers that know no objects (`tf.compat.v1.saved_model.load`,
servers): a placeholder for every input of a signature, a call, and the nodes that save and restore
the variables.
"""

from __future__ import annotations

from typing import Any

from thalweg.framework import dtypes
from thalweg.framework.graph_pb import GraphDef, NodeDef, make_tensor_proto, shape_proto
from thalweg.saved.messages import SignatureDef

_RESOURCE = dtypes.resource.as_datatype_enum
_STRING = dtypes.string.as_datatype_enum


class ServingGraph:
    """`variables` and `constants` by the numbers of the objects."""

    def __init__(self, variables: dict[int, Any], constants: dict[int, Any]) -> None:
        self._graph = GraphDef()
        self._graph.versions.producer = 1882
        self._graph.versions.min_consumer = 12
        self._signatures: dict[str, SignatureDef] = {}
        self._variables = variables
        self._value: dict[int, str] = {}  # number -> node
        self._dtype = dict.fromkeys(variables, _RESOURCE)
        self._saver: tuple[str, str, str] | None = None
        for number, variable in variables.items():
            name = f"variable_{number}"
            node = self._node(name, "VarHandleOp")
            node.attr["dtype"].type = variable.dtype.as_datatype_enum
            node.attr["shape"].shape.CopyFrom(shape_proto(variable.shape))
            node.attr["shape"].SetInParent()
            node.attr["shared_name"].s = name.encode()
            self._value[number] = name
        for number, tensor in constants.items():
            self._value[number] = f"Const_{number}"
            self._dtype[number] = tensor.dtype.as_datatype_enum
            self._constant(f"Const_{number}", tensor.numpy(), tensor.dtype)

    def constant(self, number: int, tensor: Any) -> str:
        """The node that has a captured tensor's value."""
        return self._value[number]

    def _node(self, name: str, op: str, inputs: Any = ()) -> NodeDef:
        made: NodeDef = self._graph.node.add(name=name, op=op)
        made.input.extend(inputs)
        return made

    def _constant(self, name: str, value: Any, dtype: Any) -> str:
        node = self._node(name, "Const")
        node.attr["dtype"].type = dtype.as_datatype_enum
        node.attr["value"].tensor.CopyFrom(make_tensor_proto(value, dtype))
        return name

    def _placeholder(self, name: str, dtype: int, shape: Any) -> str:
        node = self._node(name, "Placeholder")
        node.attr["dtype"].type = dtype
        node.attr["shape"].shape.CopyFrom(shape_proto(shape))
        node.attr["shape"].SetInParent()
        return name

    def add_signature(self, key: str, concrete: Any, bound: list[int]) -> None:
        """`bound`: numbers of what the function takes after its arguments."""
        made = SignatureDef(method_name="tensorflow/serving/predict")
        inputs, kinds = [], []
        for name, t in zip(concrete._names, concrete.inputs, strict=False):
            kind = t.dtype.as_datatype_enum
            node = self._placeholder(f"{key}_{name}", kind, t.shape)
            inputs.append(node)
            kinds.append(kind)
            _inform(made.inputs[name], f"{node}:0", t)
        inputs += [self._value[i] for i in bound]
        kinds += [self._dtype[i] for i in bound]
        call = self._node(f"StatefulPartitionedCall_{key}", "StatefulPartitionedCall", inputs)
        _set_types(call, "Tin", kinds)
        _set_types(call, "Tout", [t.dtype.as_datatype_enum for t in concrete.outputs])
        call.attr["f"].func.name = concrete.name
        for i, name in enumerate(sorted(concrete.structured_outputs)):
            _inform(made.outputs[name], f"{call.name}:{i}", concrete.outputs[i])
        self._signatures[key] = made

    def add_saver(self, keys: dict[int, str]) -> None:
        """`keys`: of the variables' values in the checkpoint."""
        if not self._variables:
            return
        prefix = self._placeholder("saver_filename", _STRING, [])
        names = self._constant("save/tensor_names", [keys[i] for i in keys], dtypes.string)
        slices = self._constant("save/shape_and_slices", [""] * len(keys), dtypes.string)
        kinds = [self._variables[i].dtype.as_datatype_enum for i in keys]
        reads = []
        for i in keys:
            read = self._node(f"save/Read_{i}", "ReadVariableOp", [self._value[i]])
            read.attr["dtype"].type = self._variables[i].dtype.as_datatype_enum
            reads.append(read.name)
        saving = self._node("save/SaveV2", "SaveV2", [prefix, names, slices, *reads])
        _set_types(saving, "dtypes", kinds)
        saved = self._node("save/control_dependency", "Identity", [prefix, "^save/SaveV2"])
        saved.attr["T"].type = _STRING
        restoring = self._node("save/RestoreV2", "RestoreV2", [prefix, names, slices])
        _set_types(restoring, "dtypes", kinds)
        assigned = []
        for at, i in enumerate(keys):
            source = "save/RestoreV2" + (f":{at}" if at else "")
            assign = self._node(f"save/Assign_{i}", "AssignVariableOp", [self._value[i], source])
            assign.attr["dtype"].type = self._variables[i].dtype.as_datatype_enum
            assigned.append(f"^{assign.name}")
        self._node("save/restore_all", "NoOp", assigned)
        self._saver = f"{prefix}:0", "save/control_dependency:0", "save/restore_all"

    def write(self, meta: Any) -> None:
        meta.graph_def.CopyFrom(self._graph)
        for key, signature in self._signatures.items():
            meta.signature_def[key] = signature.SerializeToString()
        if self._saver is not None:
            saver = meta.saver_def
            saver.filename_tensor_name, saver.save_tensor_name, saver.restore_op_name = self._saver
            saver.version = "V2"


def _set_types(node: NodeDef, attr: str, kinds: list[int]) -> None:
    node.attr[attr].list.type.extend(kinds)
    node.attr[attr].list.SetInParent()


def _inform(info: Any, name: str, tensor: Any) -> None:
    info.name = name
    info.dtype = tensor.dtype.as_datatype_enum
    info.tensor_shape.CopyFrom(shape_proto(tensor.shape))
    info.tensor_shape.SetInParent()
