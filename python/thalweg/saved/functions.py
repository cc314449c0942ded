"""The graphs of a SavedModel's functions, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg.eager.concrete_function import ConcreteFunction
from thalweg.framework import errors, nest
from thalweg.framework.dtypes import as_dtype
from thalweg.framework.graph import Graph
from thalweg.framework.graph_pb import GraphDef, shape_proto
from thalweg.framework.type_spec import TensorSpec
from thalweg.saved.loaded_function import LoadedGraph, Signature
from thalweg.saved.structure import decode
from thalweg.saved.to_references import Specialiser


class FunctionLoader:
    """`saved`: SavedConcreteFunctions by name. `object_of` and `kind_of` know the objects that
    functions take besides their arguments, by number.
    """

    def __init__(
        self,
        saved: Any,
        library: Any,
        object_of: Callable[[int], Any],
        kind_of: Callable[[int], str],
    ) -> None:
        self._saved = saved
        self._object_of = object_of
        self._kind_of = kind_of
        self._specialiser = Specialiser(library)
        self._made: dict[tuple[str, bool], ConcreteFunction] = {}

    def concrete(
        self, name: str, keywords: list[str] | None = None, by_name: bool = False
    ) -> ConcreteFunction:
        """The function of that name; its arguments are called `keywords` if it says so, and may be
        given in order unless it is `by_name`.
        """
        key = name, by_name
        if key not in self._made:
            self._made[key] = self._make(name, keywords, Signature if by_name else ConcreteFunction)
        return self._made[key]

    def _make(
        self, name: str, keywords: list[str] | None, kind_of_function: type[ConcreteFunction]
    ) -> ConcreteFunction:
        if name not in self._saved:
            raise KeyError(f"there is nothing about the function '{name}'")
        saved = self._saved[name]
        definition = self._specialiser.definition(name)
        signature = decode(saved.canonicalized_input_signature)
        if not (
            isinstance(signature, tuple)
            and len(signature) == 2
            and isinstance(signature[0], tuple)
            and isinstance(signature[1], dict)
        ):
            raise ValueError(f"the arguments of function '{name}' are not known")
        specs = [s for s in nest.flatten(signature) if isinstance(s, TensorSpec)]
        arguments = list(definition.signature.input_arg)
        if len(arguments) != len(specs) + len(saved.bound_inputs):
            raise ValueError(
                f"function '{name}' takes {len(arguments)} arguments; {len(specs)} and "
                f"{len(saved.bound_inputs)} bound ones are known"
            )
        for i, spec in enumerate(specs):
            if arguments[i].type != spec.dtype.as_datatype_enum:
                raise ValueError(
                    f"argument {i} of function '{name}' is {spec.dtype.name} and of type "
                    f"{arguments[i].type}"
                )
        variables, constants = {}, []
        for i, number in enumerate(saved.bound_inputs, len(specs)):
            kind = self._kind_of(number)
            if kind == "variable":
                variables[i] = self._object_of(number)
            elif kind == "constant":
                constants.append(self._object_of(number))
            else:
                raise NotImplementedError(
                    f"function '{name}' uses object {number}, a {kind}, which is not supported"
                )
        graph = self._graph(name, variables, specs, constants)
        self._give_results(graph, name, decode(saved.output_signature))
        names = keywords or [spec.name or arguments[i].name for i, spec in enumerate(specs)]
        if len(names) != len(specs):
            raise ValueError(f"function '{name}' has {len(specs)} arguments and names {names}")
        return kind_of_function(graph, names, signature)

    def _graph(
        self, name: str, variables: dict[int, Any], specs: list[TensorSpec], constants: list[Any]
    ) -> LoadedGraph:
        special = self._specialiser.make(name, variables)
        made = GraphDef()
        made.library.function.extend(self._specialiser.with_callees(special.name))
        definition = made.library.function[0]
        shapes = [*(s.shape for s in specs), *(c.shape for c in constants)]
        arguments = list(definition.signature.input_arg)
        call = made.node.add(name="call", op="StatefulPartitionedCall")
        call.attr["f"].func.name = special.name
        call.attr["Tin"].list.type.extend(a.type for a in arguments)
        call.attr["Tin"].list.SetInParent()
        call.attr["Tout"].list.type.extend(a.type for a in definition.signature.output_arg)
        call.attr["Tout"].list.SetInParent()
        for i, (argument, shape) in enumerate(zip(arguments, shapes, strict=True)):
            described = definition.arg_attr[i].attr["_output_shapes"].list.shape
            described[:] = [shape_proto(shape)]
            placeholder = made.node.add(name=f"argument_{i}", op="Placeholder")
            placeholder.attr["dtype"].type = argument.type
            placeholder.attr["shape"].shape.CopyFrom(shape_proto(shape))
            placeholder.attr["shape"].shape.SetInParent()
            call.input.append(placeholder.name)
        scratch = Graph()
        try:
            scratch.core.import_graph_def(made.SerializeToString(), "", {})
        except (errors.UnimplementedError, NotImplementedError):
            raise
        except errors.OpError as error:
            raise errors.DataLossError(
                None, None, f"the graph of function '{name}' makes no sense: {error}"
            ) from error
        core, inputs, outputs, _ = scratch.core.function(special.name)
        graph = LoadedGraph(special.name, core, special.others)
        graph._overrides_used = any(
            "_gradient_op_type" in node.attr
            for function in made.library.function
            for node in function.node_def
        )
        graph.bind(list(variables.values()))
        tensor: Any = graph._tensor
        graph.inputs = [tensor(e) for e in inputs]
        graph.outputs = [tensor(e) for e in outputs]
        graph.set_captures(list(zip(constants, graph.inputs[len(specs) :], strict=True)))
        return graph

    def _give_results(self, graph: LoadedGraph, name: str, structure: Any) -> None:
        """The outputs in the form in which they were returned."""
        leaves = nest.flatten(structure)
        count = sum(isinstance(leaf, TensorSpec) for leaf in leaves)
        if count != len(graph.outputs):
            raise ValueError(f"function '{name}' gives {len(graph.outputs)} results, not {count}")
        results = iter(graph.outputs)
        flat: list[Any] = []
        for leaf in leaves:
            if isinstance(leaf, TensorSpec):
                tensor = next(results)
                tensor.set_shape(leaf.shape)
                if tensor.dtype.base_dtype != as_dtype(leaf.dtype):
                    raise ValueError(f"function '{name}' gives {tensor.dtype}, not {leaf}")
                flat.append(tensor)
            elif leaf is None:
                flat.append(None)
            else:
                raise ValueError(f"function '{name}' gives {leaf!r}, which is no tensor")
        graph.flat_outputs = flat
        graph.structured_outputs = nest.pack_sequence_as(structure, flat)
