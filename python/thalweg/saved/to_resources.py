"""Functions whose graphs hold variables as nodes, rewritten to take them as arguments: what
TensorFlow loads. Readers and writers become the ops that work on handles.
"""

from __future__ import annotations

from thalweg.framework import dtypes
from thalweg.framework.graph_pb import FunctionDef, FunctionDefLibrary, NodeDef, shape_proto
from thalweg.framework.op_spec import op_spec
from thalweg.saved.variable_ops import (
    CALLS,
    TO_RESOURCE,
    WITH_EFFECTS,
    WITHOUT_LOCKING,
    called,
    is_loop,
    split_inputs,
    unique,
)

_VARIABLES = ("VariableV2", "Variable")
_RESOURCE = dtypes.resource.as_datatype_enum


class Rewritten:
    """A library without variables: `library`, and what each function takes after its own arguments:
    names of variables, in order, by function.
    """

    def __init__(self, library: FunctionDefLibrary) -> None:
        self._defs = {f.signature.name: f for f in library.function}
        self.variables = self._used()
        self.library = FunctionDefLibrary()
        for name in sorted(self._defs):
            self.library.function.append(
                _Body(self._defs[name], self.variables[name], self.variables).made
            )

    def _used(self) -> dict[str, list[str]]:
        """Branches of one node take the same variables: those that any of them uses."""
        used = {name: set(map(_shared, _variables(f))) for name, f in self._defs.items()}
        together = [
            (name, [f.name for f in called(node) if f.name in used])
            for name, function in self._defs.items()
            for node in function.node_def
            if called(node)
        ]
        while True:
            before = sum(map(len, used.values()))
            for caller, functions in together:
                union = set().union(*(used[f] for f in functions))
                used[caller] |= union
                for f in functions:
                    used[f] |= union
            if before == sum(map(len, used.values())):
                return {name: sorted(shared, key=_number) for name, shared in used.items()}


def _number(shared: str) -> tuple[int, str]:
    return int(shared.rpartition("_")[2]), shared


def _variables(function: FunctionDef) -> list[NodeDef]:
    return [node for node in function.node_def if node.op in _VARIABLES]


def _shared(node: NodeDef) -> str:
    return bytes(node.attr["shared_name"].s).decode()


class _Body:
    """One function on its way; `made` is the result."""

    def __init__(
        self, function: FunctionDef, variables: list[str], of_function: dict[str, list[str]]
    ) -> None:
        self._source = function
        self._of_function = of_function
        self._nodes = {node.name: node for node in function.node_def}
        self._taken = {arg.name for arg in function.signature.input_arg} | set(self._nodes)
        self._argument = {v: unique(f"resource_{i}", self._taken) for i, v in enumerate(variables)}
        self._renamed: dict[str, str] = {}
        self.made = FunctionDef()
        self.made.signature.CopyFrom(function.signature)
        for key, attrs in function.arg_attr.items():
            self.made.arg_attr[key].CopyFrom(attrs)
        for v in variables:
            at = len(self.made.signature.input_arg)
            self.made.signature.input_arg.add(name=self._argument[v], type=_RESOURCE)
            self.made.arg_attr[at].attr["_output_shapes"].list.shape.append(shape_proto([]))
        if variables:
            self.made.signature.is_stateful = True
        for node in function.node_def:
            if node.op not in _VARIABLES:
                self._add(node)
        for node in self.made.node_def:
            node.input[:] = [self._renamed.get(text, text) for text in node.input]
        for name, text in function.ret.items():
            self.made.ret[name] = self._renamed.get(text, text)
        for name, text in function.control_ret.items():
            self.made.control_ret[name] = text

    def _place(self, text: str) -> tuple[str, list[str]] | None:
        """The variable that an input refers to, and the nodes that changed it on the way."""
        node = self._nodes.get(text.partition(":")[0])
        if node is None:
            return None
        if node.op in _VARIABLES:
            return _shared(node), []
        outputs = op_spec(node.op).outputs
        if not outputs or not outputs[0].is_ref:
            return None
        origin = self._place(node.input[0])
        assert origin is not None
        return origin[0], [*origin[1], f"^{node.name}"]

    def _add(self, node: NodeDef) -> None:
        made = NodeDef()
        made.CopyFrom(node)
        spec = op_spec(node.op)
        data, controls = split_inputs(node)
        places = [self._place(text) for text in data]
        if node.op == "Identity" and places[0] is not None:
            made.op = "ReadVariableOp"
            made.attr["dtype"].CopyFrom(made.attr.pop("T"))
            self._renamed[f"{node.name}:output:0"] = f"{node.name}:value:0"
            data = [self._argument[places[0][0]]]
            controls += places[0][1]
        else:
            by_handle = any(a.is_ref for a in spec.inputs)
            for i, place in enumerate(places):
                if place is None:
                    continue
                if by_handle and spec.inputs[i].is_ref:
                    data[i] = self._argument[place[0]]
                    controls += place[1]
                else:
                    data[i] = self._read(node, self._nodes[data[i].partition(":")[0]], place)
            if by_handle:
                self._by_handle(made)
        if node.op in CALLS:
            data += self._pass_variables(made)
        elif any(self._of_function.get(f.name) for f in called(node)):
            raise NotImplementedError(
                f"tf.saved_model.save: node {node.name} of function "
                f"{self._source.signature.name}, a {node.op}, calls a function that uses variables"
            )
        made.input[:] = [*data, *dict.fromkeys(controls)]
        self.made.node_def.append(made)

    def _read(self, node: NodeDef, origin: NodeDef, place: tuple[str, list[str]]) -> str:
        """A value where a node takes a variable as it is."""
        name = unique(f"{node.name}/ReadVariableOp", self._taken)
        _, controls = split_inputs(node)
        read = self.made.node_def.add(name=name, op="ReadVariableOp", device=node.device)
        read.input.extend([self._argument[place[0]], *dict.fromkeys([*controls, *place[1]])])
        dtype = origin.attr["dtype"].type if origin.op in _VARIABLES else origin.attr["T"].type
        read.attr["dtype"].type = dtype
        return f"{name}:value:0"

    def _by_handle(self, made: NodeDef) -> None:
        if made.op not in TO_RESOURCE:
            raise NotImplementedError(
                f"tf.saved_model.save: node {made.name} of function "
                f"{self._source.signature.name} changes a variable by {made.op}, which TensorFlow "
                "2 does not have"
            )
        reference = made.op
        made.op, renamed = TO_RESOURCE[reference]
        if reference in WITHOUT_LOCKING:
            made.attr.pop("use_locking", None)
        for here, there in renamed.items():
            made.attr[there].CopyFrom(made.attr.pop(here))
        if reference == "IsVariableInitialized":
            made.attr.pop("dtype", None)

    def _pass_variables(self, made: NodeDef) -> list[str]:
        """Hands a called function its variables."""
        functions, types, _ = CALLS[made.op]
        first = made.attr[functions[0]]
        name = first.func.name if first.WhichOneof("value") == "func" else first.list.func[0].name
        variables = self._of_function.get(name, [])
        if not variables:
            return []
        made.attr[types].list.type.extend([_RESOURCE] * len(variables))
        made.attr[types].list.SetInParent()
        if is_loop(made.op) and made.attr["output_shapes"].list.shape:
            made.attr["output_shapes"].list.shape.extend([shape_proto([]) for _ in variables])
        made.op = WITH_EFFECTS.get(made.op, made.op)
        return [self._argument[v] for v in variables]


def return_arguments(function: FunctionDef, count: int) -> None:
    """The body of a loop gives back its last `count` arguments, which are variables."""
    taken = {arg.name for arg in function.signature.output_arg}
    for arg in list(function.signature.input_arg)[len(function.signature.input_arg) - count :]:
        name = unique(arg.name, taken)
        function.signature.output_arg.add(name=name, type=_RESOURCE)
        function.ret[name] = arg.name


def rewritten(library: FunctionDefLibrary) -> Rewritten:
    """The library, with the bodies of loops giving their variables back."""
    made = Rewritten(library)
    bodies = {
        node.attr["body"].func.name
        for function in library.function
        for node in function.node_def
        if is_loop(node.op)
    }
    for function in made.library.function:
        if function.signature.name in bodies:
            return_arguments(function, len(made.variables[function.signature.name]))
    return made
