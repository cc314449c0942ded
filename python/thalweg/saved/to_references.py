"""Functions that take variables as arguments, as TensorFlow saves them, rewritten for graphs here:
a variable is a node, known by the name that a function binds it under.

The same function called with other variables is another function, so each is made once for every
set of variables that it is called with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from thalweg import _core
from thalweg.framework import dtypes
from thalweg.framework.func_graph import unique_function_name
from thalweg.framework.graph_pb import FunctionDef, FunctionDefLibrary, NodeDef, shape_proto
from thalweg.framework.op_spec import op_spec
from thalweg.saved.variable_ops import (
    CALLS,
    TO_REFERENCE,
    called,
    is_loop,
    split_inputs,
    unique,
)

_RESOURCE = dtypes.resource.as_datatype_enum
_LOADED = re.compile(r"_loaded_\d+$")
_DEEPEST = 200  # functions that call functions


class Specialised:
    """A function for certain variables. `others`: whether it has effects on anything else."""

    def __init__(self, name: str, others: bool) -> None:
        self.name = name
        self.others = others


class Specialiser:
    """Makes functions of a library for the variables that they are called with."""

    def __init__(self, library: FunctionDefLibrary) -> None:
        self._defs = {f.signature.name: f for f in library.function}
        self._made: dict[Any, Specialised] = {}
        self._making: set[Any] = set()
        self._definitions: dict[str, FunctionDef] = {}  # of what was made

    def with_callees(self, name: str) -> list[FunctionDef]:
        """The definition of a function that was made, then those of all that it calls."""
        found, pending = {}, [name]
        while pending:
            name = pending.pop()
            if name not in found:
                found[name] = self._definitions[name]
                pending += [f.name for node in found[name].node_def for f in called(node)]
        return list(found.values())

    def definition(self, name: str) -> FunctionDef:
        """KeyError if there is none of that name."""
        if name not in self._defs:
            raise KeyError(f"there is no function '{name}'")
        return self._defs[name]

    def make(self, name: str, bound: dict[int, Any]) -> Specialised:
        """`bound`: argument -> variable."""
        key = name, tuple(sorted((i, v._id) for i, v in bound.items()))
        found = self._made.get(key)
        if found is not None:
            return found
        if key in self._making:
            raise NotImplementedError(f"function {name} calls itself")
        if len(self._making) > _DEEPEST:
            raise NotImplementedError(f"functions that call each other {_DEEPEST} deep")
        self._making.add(key)
        body = _Body(self, self.definition(name), bound)
        self._making.discard(key)
        self._definitions[body.made.signature.name] = body.made
        self._made[key] = Specialised(body.made.signature.name, body.others)
        return self._made[key]


class _Body:
    def __init__(
        self, specialiser: Specialiser, source: FunctionDef, bound: dict[int, Any]
    ) -> None:
        self._specialiser = specialiser
        self._name = source.signature.name
        self.others = False
        arguments = list(source.signature.input_arg)
        self._taken = {a.name for a in arguments} | {n.name for n in source.node_def}
        #: How resource-typed values are written -> the variable, and what comes before its use.
        self._places: dict[str, tuple[Any, list[str]]] = {}
        self._nodes: dict[int, str] = {}  # variable -> its node
        self._renamed: dict[str, str] = {}
        self._controls: dict[str, list[str]] = {}  # of nodes that fall away: theirs
        self.made = FunctionDef()
        signature = self.made.signature
        signature.name = unique_function_name(_LOADED.sub("", self._name), "loaded")
        self._take_arguments(source, arguments, bound)
        for name in source.signature.control_output:
            signature.control_output.append(name)
        nodes = list(source.node_def)
        self._follow_handles(nodes)
        for node in nodes:
            self._add(node)
        for node in self.made.node_def:
            node.input[:] = self._resolved(node.input)
        self._give_results(source, bound)
        for name, text in source.control_ret.items():
            self.made.control_ret[name] = text

    def _take_arguments(
        self, source: FunctionDef, arguments: list[Any], bound: dict[int, Any]
    ) -> None:
        for i, argument in enumerate(arguments):
            if i in bound:
                self._places[argument.name] = bound[i], []
                self._node(bound[i])
            elif argument.type == _RESOURCE:
                raise NotImplementedError(
                    f"function {self._name} takes a resource that is no variable: {argument.name}"
                )
            else:
                at = len(self.made.signature.input_arg)
                self.made.signature.input_arg.add(name=argument.name, type=argument.type)
                shapes = source.arg_attr[i].attr if i in source.arg_attr else {}
                if "_output_shapes" in shapes:
                    self.made.arg_attr[at].attr["_output_shapes"].CopyFrom(shapes["_output_shapes"])

    def _node(self, variable: Any) -> str:
        """The node of a variable, as an input."""
        found = self._nodes.get(variable._id)
        if found is None:
            name = unique(variable._name.rpartition("/")[2] or "Variable", self._taken)
            node = self.made.node_def.add(name=name, op="VariableV2")
            node.attr["dtype"].type = variable.dtype.as_datatype_enum
            node.attr["shape"].shape.CopyFrom(shape_proto(variable.shape))
            node.attr["shape"].SetInParent()
            node.attr["shared_name"].s = f"variable_{variable._id}".encode()
            found = self._nodes[variable._id] = f"{name}:ref:0"
        return found

    def _follow_handles(self, nodes: list[NodeDef]) -> None:
        """Handles pass through Identity and through loops, and are variables all the way."""
        pending = [
            n
            for n in nodes
            if (n.op == "Identity" and n.attr["T"].type == _RESOURCE)
            or (is_loop(n.op) and _RESOURCE in n.attr["T"].list.type)
        ]
        while pending:
            rest = []
            for node in pending:
                data, controls = split_inputs(node)
                if node.op == "Identity":
                    place = self._places.get(data[0])
                    if place is None:
                        rest.append(node)
                        continue
                    self._places[f"{node.name}:output:0"] = place[0], [*place[1], *controls]
                    self._controls[node.name] = [*place[1], *controls]
                    continue
                handles = [i for i, t in enumerate(node.attr["T"].list.type) if t == _RESOURCE]
                if any(data[i] not in self._places for i in handles):
                    rest.append(node)
                    continue
                for i in handles:
                    variable, before = self._places[data[i]]
                    self._places[f"{node.name}:output:{i}"] = variable, [*before, f"^{node.name}"]
            if len(rest) == len(pending):
                raise NotImplementedError(
                    f"function {self._name}: node {rest[0].name} takes a resource that is no "
                    "variable it is given"
                )
            pending = rest

    def _resolved(self, inputs: Iterable[str]) -> list[str]:
        found: list[str] = []
        for text in inputs:
            gone = self._controls.get(text[1:]) if text.startswith("^") else None
            found += [self._renamed.get(text, text)] if gone is None else gone
        data = [t for t in found if not t.startswith("^")]
        return data + list(dict.fromkeys(t for t in found if t.startswith("^")))

    def _refuse(self, node: NodeDef, why: str) -> None:
        raise NotImplementedError(
            f"node {node.name} of function {self._name}, a {node.op}, {why}; it cannot be loaded"
        )

    def _add(self, node: NodeDef) -> None:
        if node.name in self._controls:
            return
        made = NodeDef()
        made.CopyFrom(node)
        _drop_hints(made)
        data, controls = split_inputs(node)
        places = [self._places.get(text) for text in data]
        if node.op in CALLS:
            data = self._call(node, made, data, places)
        elif node.op == "ReadVariableOp":
            data = [self._handle(node, places[0], controls)]
            made.op = "Identity"
            made.attr["T"].CopyFrom(made.attr.pop("dtype"))
            self._renamed[f"{node.name}:value:0"] = f"{node.name}:output:0"
        elif node.op in TO_REFERENCE:
            made.op, renamed = TO_REFERENCE[node.op]
            for there, here in renamed.items():
                made.attr[here].CopyFrom(made.attr.pop(there))
            for i, arg in enumerate(op_spec(made.op).inputs):
                if arg.is_ref:
                    data[i] = self._handle(node, places[i], controls)
            if made.op == "Assign":
                made.attr["validate_shape"].b = places[0][0].shape.is_fully_defined()  # type: ignore[index]
            if made.op == "IsVariableInitialized":
                made.attr["dtype"].type = places[0][0].dtype.as_datatype_enum  # type: ignore[index]
        elif node.op in ("ResourceGather", "ResourceGatherNd", "VariableShape"):
            data = self._with_value(node, made, data, places[0], controls)
        elif node.op in ("DisableCopyOnRead", "NoOp") and any(places):
            made.op, data = "NoOp", []
            made.attr.clear()
        elif any(places):
            self._refuse(node, "takes a variable, which this library does not know of it")
        elif _core.op_def(node.op) is None:
            self._refuse(node, "is an op that this library does not have")
        else:
            self.others |= _has_other_effect(node.op)
        made.input[:] = [*data, *controls]
        self.made.node_def.append(made)

    def _handle(self, node: NodeDef, place: Any, controls: list[str]) -> str:
        if place is None:
            self._refuse(node, "takes a resource that is no variable")
        controls += place[1]
        return self._node(place[0])

    def _with_value(
        self, node: NodeDef, made: NodeDef, data: list[str], place: Any, controls: list[str]
    ) -> list[str]:
        """Ops that read a part of a variable, as ops on its value."""
        reference = self._handle(node, place, controls)
        dtype = place[0].dtype.as_datatype_enum
        read = unique(f"{node.name}/ReadVariableOp", self._taken)
        reading = self.made.node_def.add(name=read, op="Identity")
        reading.input.extend([reference, *controls])
        reading.attr["T"].type = dtype
        value = f"{read}:output:0"
        if node.op == "VariableShape":
            made.op = "Shape"
            made.attr["T"].type = dtype
            return [value]
        made.attr.clear()
        made.attr["Tparams"].type = dtype
        made.attr["Tindices"].CopyFrom(node.attr["Tindices"])
        if node.op == "ResourceGatherNd":
            made.op = "GatherNd"
            return [value, data[1]]
        batch_dims = node.attr["batch_dims"].i if "batch_dims" in node.attr else 0
        axis = unique(f"{node.name}/axis", self._taken)
        constant = self.made.node_def.add(name=axis, op="Const")
        constant.attr["dtype"].type = "DT_INT32"
        tensor = constant.attr["value"].tensor
        tensor.dtype = "DT_INT32"
        tensor.tensor_shape.SetInParent()
        tensor.int_val.append(batch_dims)
        made.op = "GatherV2"
        made.attr["Taxis"].type = "DT_INT32"
        made.attr["batch_dims"].i = batch_dims
        return [value, data[1], f"{axis}:output:0"]

    def _call(self, node: NodeDef, made: NodeDef, data: list[str], places: list[Any]) -> list[str]:
        """Calls the functions made for the variables among the inputs, without handing them on."""
        functions, types, first = CALLS[node.op]
        bound = {i - first: p[0] for i, p in enumerate(places) if p is not None}
        for attr in functions:
            value = made.attr[attr]
            targets = [value.func] if value.WhichOneof("value") == "func" else value.list.func
            for target in targets:
                special = self._specialiser.make(target.name, bound)
                target.name = special.name
                target.attr.clear()
                self.others |= special.others
        kept = [i for i in range(len(data) - first) if i not in bound]
        kinds = list(made.attr[types].list.type)
        if len(kinds) != len(data) - first:
            raise ValueError(f"node {node.name}: {len(kinds)} types for {len(data) - first} inputs")
        made.attr[types].list.type[:] = [kinds[i] for i in kept]
        made.attr[types].list.SetInParent()
        if is_loop(node.op):
            shapes = list(made.attr["output_shapes"].list.shape)
            if shapes:
                made.attr["output_shapes"].list.shape[:] = [shapes[i] for i in kept]
                made.attr["output_shapes"].list.SetInParent()
            for to, i in enumerate(kept):
                self._renamed[f"{node.name}:output:{i}"] = f"{node.name}:output:{to}"
        elif _RESOURCE in made.attr["Tout"].list.type:
            self._refuse(node, "gives a resource")
        before = [c for p in places if p is not None for c in p[1]]
        return [*data[:first], *[data[first + i] for i in kept], *before]

    def _give_results(self, source: FunctionDef, bound: dict[int, Any]) -> None:
        signature = source.signature
        for i, result in enumerate(signature.output_arg):
            if result.name not in source.ret:
                raise KeyError(f"function {self._name} returns nothing as '{result.name}'")
            text = source.ret[result.name]
            if result.type == _RESOURCE:
                # The body of a loop: what is bound to an argument stays what it is.
                place = self._places.get(text)
                if place is None or bound.get(i) is not place[0]:
                    raise NotImplementedError(
                        f"function {self._name} returns a resource that is not the variable it "
                        "was given in that place"
                    )
                continue
            self.made.signature.output_arg.add(name=result.name, type=result.type)
            self.made.ret[result.name] = self._renamed.get(text, text)


def _drop_hints(node: NodeDef) -> None:
    """What TensorFlow's own passes note; a gradient that is asked for by name stays asked for."""
    for name in [n for n in node.attr if n.startswith("_") and n != "_gradient_op_type"]:
        del node.attr[name]


def _has_other_effect(op: str) -> bool:
    spec = op_spec(op)
    draws = "seed" in spec.attr_kinds or "seed2" in spec.attr_kinds
    return spec.stateful and not draws and bool(spec.inputs)
