"""One graph of a tf.function: for arguments of certain types, shapes and Python values."""

from __future__ import annotations

import weakref
from typing import Any

from thalweg import _core
from thalweg.eager import function_type
from thalweg.eager.trace import TracedGraph, structure_of
from thalweg.framework import dtypes, nest, random_seed
from thalweg.framework.apply import create
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.errors import InvalidArgumentError
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import SymbolicTensor, Tensor
from thalweg.framework.type_spec import TensorSpec


class ConcreteFunction:
    """A traced function. Called with tensors for its placeholders (positionally or by the names of
    the arguments), or with the arguments it was traced for.
    """

    def __init__(
        self,
        graph: TracedGraph,
        argument_names: list[str],
        signature: Any,
        parameters: list[function_type.Parameter] | None = None,
    ) -> None:
        self.graph = graph
        self._names = argument_names  # of placeholders
        self._parameters = parameters or function_type.parameters(None, *signature)
        self.structured_input_signature = signature
        self._structure = structure_of(graph.structured_outputs, graph.flat_outputs)
        self._function = graph.function(self._structure)
        _live.add(self)

    def draws(self) -> bool:
        """Whether random ops in it, or in what it calls, keep a stream from call to call."""
        core = self.graph.core
        return any(_keeps_a_stream(core.node_op(i)) for i in range(core.size()))

    # --- what it is

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """Placeholders of the arguments, then of what is captured."""
        return list(self.graph.inputs)

    @property
    def outputs(self) -> list[SymbolicTensor]:
        return list(self.graph.outputs)

    @property
    def structured_outputs(self) -> Any:
        """What it returns, as specs."""
        leaves = [
            None if t is None else TensorSpec(t.shape, t.dtype) for t in self.graph.flat_outputs
        ]
        return nest.pack_sequence_as(self.graph.structured_outputs, leaves, expand_composites=True)

    @property
    def output_shapes(self) -> Any:
        return nest.map_structure(lambda s: s.shape, self.structured_outputs)

    @property
    def output_dtypes(self) -> Any:
        return nest.map_structure(lambda s: s.dtype, self.structured_outputs)

    @property
    def captured_inputs(self) -> list[Any]:
        """Tensors from outside that it uses, and variables."""
        return [*self.graph.external_captures, *self.graph.variables.values()]

    @property
    def variables(self) -> tuple[Any, ...]:
        return tuple(self.graph.variables.values())

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        return tuple(v for v in self.graph.variables.values() if v.trainable)

    def pretty_printed_signature(self, verbose: bool = True) -> str:
        """Arguments, results and, if verbose, what is captured, as text."""
        if not verbose:
            return function_type.short_text(self._parameters, self.structured_outputs)
        captures = [(id(v), TensorSpec([], dtypes.resource)) for v in self.graph.variables.values()]
        captures += [(id(t), TensorSpec(t.shape, t.dtype)) for t in self.graph.external_captures]
        return function_type.long_text(self._parameters, self.structured_outputs, captures)

    def __repr__(self) -> str:
        return f"<ConcreteFunction {self.pretty_printed_signature(False)} at {id(self):#X}>"

    def __str__(self) -> str:
        return f"ConcreteFunction {self.pretty_printed_signature()}"

    # --- calling it

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises TypeError for a number, a dtype or a name of arguments that does not fit."""
        given = [v for v in nest.flatten(args, expand_composites=True) if _may_be_tensor(v)]
        named = self._without_constants(kwargs)
        tensors: list[Any] = []
        for i, name in enumerate(self._names):
            if given:
                tensors.append(given.pop(0))
            elif name in named:
                tensors.append(named.pop(name))
            else:
                raise TypeError(f"{self._text()} missing required arguments: {name}")
            tensors[-1] = self._fitting(tensors[-1], i)
        if given or named:
            raise TypeError(f"{self._text()} got {len(given) + len(named)} arguments too many")
        return self.call_flat(tensors)

    def _text(self) -> str:
        return self.graph.name.rpartition("/")[2] + function_type.parameters_text(self._parameters)

    def _without_constants(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments but those that are a part of the graph, which have to have its value."""
        values = {name: value for name, _, value in self._parameters}
        named = dict(kwargs)
        for name, given in kwargs.items():
            leaves = nest.flatten(values.get(name), expand_composites=True)
            if name not in values or any(isinstance(v, TensorSpec) for v in leaves):
                continue
            if not _same(values[name], given):
                raise TypeError(
                    f"Binding inputs to tf.function failed due to `Can not cast {given!r} to "
                    f"{function_type.type_text(values[name])}`. Received kwargs: {kwargs} for "
                    f"signature: {self._text()}."
                )
            del named[name]
        return named

    def _fitting(self, value: Any, i: int) -> Any:
        placeholder = self.inputs[i]
        if isinstance(value, Tensor) and value.dtype.base_dtype is not placeholder.dtype:
            raise InvalidArgumentError(
                None,
                None,
                f"cannot compute {self.name} as input #{i}(zero-based) was expected to be a "
                f"{placeholder.dtype.name} tensor but is a {value.dtype.name} tensor",
            )
        tensor = convert_to_tensor(value, placeholder.dtype)
        if not placeholder.shape.is_compatible_with(tensor.shape):
            raise TypeError(
                f"argument '{self._names[i]}' of {self.name}: expected shape {placeholder.shape}, "
                f"got {tensor.shape}"
            )
        return tensor

    def call_flat(self, tensors: list[Any]) -> Any:
        """With the tensors of its placeholders, in order."""
        if executing_eagerly():
            return self._function(*tensors)
        return self._call_in_graph(tensors)

    def _call_in_graph(self, tensors: list[Any]) -> Any:
        """As a node of the graph being built."""
        graph = get_default_graph()
        captured = [convert_to_tensor(t) for t in self.graph.external_captures]
        inputs = [graph.capture(convert_to_tensor(t)) for t in [*tensors, *captured]]
        for v in self.graph.variables.values():
            graph.reference(v)  # type: ignore[attr-defined]
        stateful = self.graph.define_in(graph)
        op = create(
            "StatefulPartitionedCall" if stateful else "PartitionedCall",
            args=inputs,
            Tout=[t.dtype for t in self.graph.outputs],
            f=self.graph.name,
        )
        results = iter(op.outputs)
        leaves: list[Any] = []
        for t in self.graph.flat_outputs:
            if t is None:
                leaves.append(None)
                continue
            made = next(results)
            made.set_shape(t.shape)
            leaves.append(made)
        return nest.pack_sequence_as(self.graph.structured_outputs, leaves, expand_composites=True)


def _may_be_tensor(value: Any) -> bool:
    return not (value is None or isinstance(value, (str, bool, _core.VariableBase)))


_live: weakref.WeakSet[ConcreteFunction] = weakref.WeakSet()


def _keeps_a_stream(op_type: str) -> bool:
    calls = ("StatefulPartitionedCall", "If", "While", "Case")
    draws = ("TruncatedNormal", "Multinomial", "ParameterizedTruncatedNormal")
    return op_type.startswith("Random") or op_type in calls or op_type in draws


def _start_streams_anew() -> None:
    """Random ops begin again at the seeds that they were traced with."""
    for concrete in list(_live):
        if concrete.draws():
            concrete._function = concrete.graph.function(concrete._structure)


random_seed.on_set_seed(_start_streams_anew)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        return False
