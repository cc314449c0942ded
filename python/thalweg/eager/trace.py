"""Tracing: a Python function runs once on placeholders, and what it does becomes a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from thalweg import _core
from thalweg.framework import gradients, nest, random_seed
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.default_graph import get_default_graph, init_scope
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.effects import Effects
from thalweg.framework.func_graph import FuncGraph, to_output
from thalweg.framework.graph import Graph
from thalweg.framework.tensor import Operation, SymbolicTensor


class TracedGraph(FuncGraph):
    """The graph of a tf.function. Eager tensors that it uses become inputs, and effects keep the
    order of the program.
    """

    _seeds_given = 0  # a function's random ops are numbered by themselves, as TensorFlow has it

    def __init__(self, name: str, outer_graph: Graph | None = None) -> None:
        super().__init__(name, outer_graph)
        if outermost():
            self.seed = random_seed.global_seed()
        self._effects = Effects(self)
        self.created: list[Any] = []  # variables made while it was traced
        self.may_create = True

    def stands_alone(self) -> bool:
        """Whether it can be called from anywhere: it takes no tensor of the function around it, and
        waits for nothing there.
        """
        values = all(isinstance(t, EagerTensor) for t in self.external_captures)
        own = len(self._variable_clones) == len(self.variables)
        return values and own and not self.control_captures

    def leave(self) -> None:
        """It is complete, and does not keep what is around it."""
        with init_scope():
            self.outer_graph = get_default_graph()

    def _take_eager(self, tensor: Any, name: str) -> SymbolicTensor:
        return self._add_capture(tensor, name)

    def variable_created(self, variable: Any) -> None:
        if not self.may_create:
            raise ValueError(
                "tf.function only supports singleton tf.Variables created on the first call. Make "
                "sure the tf.Variable is only created once or created outside tf.function."
            )
        self.created.append(variable)
        super().variable_created(variable)

    def lift(self, tensor: SymbolicTensor) -> Any:
        """The value of a tensor that depends on no argument, computed now."""
        captured = [
            (outer, inner) for outer, inner in self.captures if isinstance(outer, EagerTensor)
        ]
        argument = _argument_behind(self.capture(tensor), {id(inner.op) for _, inner in captured})
        if argument is not None:
            raise ValueError(
                "tf.function only supports singleton tf.Variables created on the first call, whose "
                f"initial values depend on no argument; this one depends on '{argument}'. Make "
                "sure the tf.Variable is only created once or created outside tf.function."
            )
        function = _core.make_function(
            self.core,
            [_endpoint(inner) for _, inner in captured],
            [_endpoint(self.capture(tensor))],
            [],
            [outer for outer, _ in captured],
            [(_endpoint(self.reference(v)), v) for v in self.variables.values()],
            0,
            self,
            None,
            None,
        )
        return function()

    def function(self, structure: Any) -> Any:
        """What the core calls: takes the tensors of the arguments, gives the results in
        `structure`.
        """
        return _core.make_function(
            self.core,
            [_endpoint(t) for t in self.inputs],
            [_endpoint(t) for t in self.outputs],
            self.effects(),
            self.external_captures,
            [(_endpoint(self.reference(v)), v) for v in self.variables.values()],
            structure,
            self,
            lambda node, core: gradients.has_python_gradient(self, core, node),
            lambda node, dys, core: gradients.call_python_gradient(self, core, node, dys),
        )


def _argument_behind(tensor: SymbolicTensor, captured: set[int]) -> str | None:
    """The name of a placeholder that it is computed from, other than those of captured values."""
    seen: set[int] = set()
    pending = [tensor.op]
    while pending:
        op = pending.pop()
        if op._id in seen:
            continue
        seen.add(op._id)
        if op.type == "Placeholder" and id(op) not in captured:
            return op.name
        pending += [t.op for t in op.inputs]
    return None


def _endpoint(t: SymbolicTensor) -> tuple[int, int]:
    return t.op._id, t.value_index


def trace(
    python_function: Callable[..., Any],
    name: str,
    leaves: list[Any],
    specs: list[tuple[int, Any, Any, str]],
    call: Callable[[Callable[..., Any], list[Any]], Any],
    may_create: bool = True,
) -> TracedGraph:
    """Runs `python_function` on placeholders.

    Args:
        leaves: the arguments, flat.
        specs: (position in leaves, dtype, shape, name) of those that become placeholders.
        call: calls a function with arguments whose leaves are given.
        may_create: whether the function may make variables.
    """
    graph = TracedGraph(name)
    graph.may_create = may_create
    values = list(leaves)
    with graph.as_default():
        for i, dtype, shape, argument in specs:
            values[i] = graph.add_input(dtype, shape, argument)
        result = call(python_function, values)
        graph.structured_outputs = result
        graph.flat_outputs = [
            _output(graph, leaf, python_function)
            for leaf in nest.flatten(result, expand_composites=True)
        ]
    graph.outputs = [t for t in graph.flat_outputs if t is not None]
    # Captures follow the arguments, however late they were met.
    inner = graph.internal_captures
    taken = set(map(id, inner))
    graph.inputs = [t for t in graph.inputs if id(t) not in taken] + inner
    if graph.stands_alone():
        graph.leave()
    return graph


def _output(graph: TracedGraph, leaf: Any, function: Callable[..., Any]) -> SymbolicTensor | None:
    if leaf is None or isinstance(leaf, Operation):
        return None
    try:
        return to_output(graph, leaf)
    except (TypeError, ValueError) as error:
        if isinstance(leaf, SymbolicTensor):
            raise
        raise TypeError(
            "To be compatible with tf.function, Python functions must return zero or more Tensors "
            "or ExtensionTypes or None values; in compilation of "
            f"{getattr(function, '__name__', function)!r}, found return value of type "
            f"{type(leaf).__name__}, which is not a Tensor or ExtensionType."
        ) from error


def structure_of(result: Any, given: Iterable[Any]) -> Any:
    """How the core builds the results: `given` has, leaf by leaf, a tensor where there is one."""
    leaves = iter(given)
    number = iter(range(1 << 30))

    def describe(value: Any) -> Any:
        if isinstance(value, IndexedSlices):
            parts = [describe(v) for v in (value.values, value.indices)]
            if value.dense_shape is not None:
                parts.append(describe(value.dense_shape))
            return "call", IndexedSlices, parts
        if isinstance(value, dict):
            keys = sorted(value) if _sortable(value) else list(value)
            by_key = {k: describe(value[k]) for k in keys}
            parts = [by_key[k] for k in value]
            if type(value) is dict:
                return "dict", tuple(value), parts
            empty = nest.rebuilt(value, [None] * len(keys))
            return "call", lambda *items: nest.rebuilt(empty, list(items)), [*by_key.values()]
        if isinstance(value, (list, tuple)):
            parts = [describe(v) for v in value]
            kind = type(value)
            if kind is tuple or not isinstance(value, tuple):
                return ("tuple" if isinstance(value, tuple) else "list"), parts
            return "call", kind, parts
        if nest.is_nested(value):
            parts = [describe(v) for v in nest.flatten(value)]
            return "call", lambda *items: nest.pack_sequence_as(value, list(items)), parts
        return None if next(leaves) is None else next(number)

    return describe(result)


def _sortable(value: dict[Any, Any]) -> bool:
    try:
        sorted(value)
    except TypeError:
        return False
    return True


def outermost() -> bool:
    """Whether no function is being traced on this thread."""
    return not get_default_graph().building_function
