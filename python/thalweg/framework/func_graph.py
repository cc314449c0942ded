"""Graphs that are functions: their inputs are placeholders, and what they use of outer graphs
becomes an input by itself.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable
from typing import Any

from thalweg.framework.graph import Graph, GraphKeys, get_default_graph
from thalweg.framework.scopes import Restore, user_site
from thalweg.framework.tensor import Operation, SymbolicTensor

_numbers = itertools.count()
_by_number: weakref.WeakValueDictionary[int, FuncGraph] = weakref.WeakValueDictionary()
_SHARED_COLLECTIONS = (
    GraphKeys.GLOBAL_VARIABLES,
    GraphKeys.LOCAL_VARIABLES,
    GraphKeys.TRAINABLE_VARIABLES,
)
_VARIABLES = ("VariableV2", "Variable")


def unique_function_name(scope: str, part: str) -> str:
    """A name that no other function of the process has: 'cond_true_12'."""
    return f"{scope.rstrip('/').replace('/', '_')}_{part}_{next(_numbers)}"


class FuncGraph(Graph):
    """The graph of a function. While it is the default graph, tensors of outer graphs may be used
    as if they were its own: each becomes a placeholder.

    Attributes:
        inputs: placeholders, in the order of the arguments.
        outputs: what the function returns, flat; Nones are left out.
        structured_outputs: what it returns, in the form in which it was returned.
        flat_outputs: the leaves of that as tensors of this graph.
        captures: pairs (outer tensor, placeholder); these placeholders are `inputs` too.
        control_captures: operations of outer graphs that what is inside has to wait for.
    """

    building_function = True

    def __init__(self, name: str, outer_graph: Graph | None = None) -> None:
        super().__init__()
        self.building_function = True
        _by_number[self.core.number] = self
        self.name = name
        self.outer_graph = get_default_graph() if outer_graph is None else outer_graph
        self.inputs: list[SymbolicTensor] = []
        self.outputs: list[SymbolicTensor] = []
        self.structured_outputs: Any = None
        self.flat_outputs: list[SymbolicTensor | None] = []
        self.control_captures: list[Operation] = []
        self._captured: dict[int, tuple[Any, SymbolicTensor]] = {}  # by id of the outer value
        self._variable_clones: dict[str, SymbolicTensor] = {}
        outer = self.outer_graph
        self.seed = outer.seed
        scopes, around = self._scopes, outer._scopes
        scopes.devices, scopes.device = around.devices, around.device
        scopes.overrides, scopes.container = around.overrides, around.container
        for key, items in outer._collections.items():
            self._collections[key] = items if key in _SHARED_COLLECTIONS else list(items)
        for key in _SHARED_COLLECTIONS:
            self._collections.setdefault(key, outer._collections.setdefault(key, []))

    # --- captures

    @property
    def captures(self) -> list[tuple[Any, SymbolicTensor]]:
        return list(self._captured.values())

    @property
    def external_captures(self) -> list[Any]:
        return [outer for outer, _ in self._captured.values()]

    @property
    def internal_captures(self) -> list[SymbolicTensor]:
        return [inner for _, inner in self._captured.values()]

    def outer_graphs(self) -> Iterable[Graph]:
        graph: Graph = self
        while isinstance(graph, FuncGraph):
            graph = graph.outer_graph
            yield graph

    def capture(self, tensor: Any, name: str | None = None) -> SymbolicTensor:
        """The tensor of this graph that stands for `tensor`, which may be of an outer one."""
        if isinstance(tensor, SymbolicTensor):
            if tensor.op.graph is self:
                return tensor
            held = self._captured.get(id(tensor))
            if held is not None:
                return held[1]
            origin = self._counterpart(tensor)
            if origin is not None:
                return origin
            if not any(tensor.op.graph is g for g in self.outer_graphs()):
                raise ValueError(
                    f"{tensor} is out of scope: it must be from the same graph as {self.name}, or "
                    "from one outside it. A tensor that was made inside a function or a branch "
                    "can be used outside only as something that the function returns."
                )
            if tensor.dtype._is_ref_dtype:
                return self._capture_reference(tensor)
            if _is_small_constant(tensor):
                return self._copy_constant(tensor)
            return self._add_capture(tensor, name or tensor.op.name.rpartition("/")[2])
        raise TypeError(f"cannot capture {tensor!r}: it is no tensor of a graph")

    def _counterpart(self, tensor: SymbolicTensor) -> SymbolicTensor | None:
        """For graphs that are derived from another: what a tensor of that one is here."""
        return None

    def _add_capture(self, outer: Any, name: str) -> SymbolicTensor:
        inner = self.add_input(outer.dtype.base_dtype, outer.shape, name)
        self._captured[id(outer)] = outer, inner
        return inner

    def add_input(self, dtype: Any, shape: Any, name: str) -> SymbolicTensor:
        """A placeholder more."""
        from thalweg.framework.apply import create

        with self.as_default(), self._at_root():
            inner = create("Placeholder", name, dtype=dtype, shape=shape).outputs[0]
        self.inputs.append(inner)
        return inner

    def _at_root(self) -> Restore:
        """Nodes made inside belong to no scope that happens to be active."""
        return Restore(
            self._scopes,
            {"name": "", "controllers": (), "colocation": (), "overrides": {}},
        )

    def _capture_reference(self, tensor: SymbolicTensor) -> SymbolicTensor:
        """A variable is the same variable inside: sessions know it by its name."""
        op = tensor.op
        while op.type not in _VARIABLES and op.inputs and op.inputs[0].dtype._is_ref_dtype:
            op = op.inputs[0].op
        if op.type not in _VARIABLES:
            raise ValueError(f"{tensor} is a reference to something that is no variable")
        if op is not tensor.op:
            self.add_control_capture(tensor.op)  # an assignment outside, which comes first
        attrs = op.graph.core.node_attrs(op._id)
        shared = attrs.get("shared_name") or op.name
        shared = shared.decode() if isinstance(shared, bytes) else shared
        clone = self._variable_clones.get(shared)
        if clone is None:
            node = self.core.add_node(
                op.type,
                self.core.unique_name(op.name),
                [],
                [],
                {"dtype": attrs["dtype"], "shape": attrs["shape"], "shared_name": shared},
                op.device,
                user_site(4),
            )
            clone = self._variable_clones[shared] = self._op(node).outputs[0]
        return clone

    def _copy_constant(self, tensor: SymbolicTensor) -> SymbolicTensor:
        from thalweg.framework.convert import constant, constant_value

        with self.as_default(), self._at_root():
            inner = constant(
                constant_value(tensor),
                tensor.dtype.base_dtype,
                name=tensor.op.name.rpartition("/")[2],
            )
        return inner

    def add_control_capture(self, op: Operation) -> None:
        if op not in self.control_captures:
            self.control_captures.append(op)

    def control_dependencies(self, control_inputs: Any) -> Restore:
        if control_inputs is None:
            return super().control_dependencies(None)
        mine = []
        for item in control_inputs:
            op = item if isinstance(item, Operation) else getattr(item, "op", None)
            if isinstance(op, Operation) and op.graph is not self:
                self.add_control_capture(op)
            else:
                mine.append(item)
        return super().control_dependencies(mine)

    # --- the function

    def define_in(self, graph: Graph) -> bool:
        """Lets nodes of `graph` call this one, which is complete with that; whether it has effects
        or draws on state.
        """
        self.core.finalize()
        _, _, stateful = graph.core.define_function(
            self.name,
            self.core,
            [(t.op._id, t.value_index) for t in self.inputs],
            [(t.op._id, t.value_index) for t in self.outputs],
            self.effects(),
        )
        graph._functions[self.name] = self
        return bool(stateful)

    def effects(self) -> list[int]:
        """Operations that must run whether or not an output needs them."""
        return self.core.effects()

    def __repr__(self) -> str:
        return f"<tf.FuncGraph {self.name} with {self.core.size()} operations>"


def _is_small_constant(tensor: SymbolicTensor) -> bool:
    """Known values of types without gradients: inside they go on deciding shapes."""
    dtype = tensor.dtype
    if tensor.op.type != "Const" or dtype.is_floating or dtype.is_complex:
        return False
    size = tensor.shape.num_elements()
    return size is not None and size <= 1024


def to_output(graph: FuncGraph, value: Any) -> SymbolicTensor | None:
    """A value as something that a function of this graph can return."""
    from thalweg.framework.apply import apply_op
    from thalweg.framework.convert import convert_to_tensor

    if value is None:
        return None
    tensor = graph.capture(convert_to_tensor(value))
    if tensor.dtype._is_ref_dtype:
        tensor = apply_op("Identity", input=tensor)
    return tensor


class _Derived(FuncGraph):
    """A copy of a function's graph that a gradient is made in. Tensors of the function may be used
    in it: each is what it was copied to.
    """

    def __init__(self, core: Any) -> None:
        origins = {core.node_origin(i): i for i in range(core.size() - 1, -1, -1)}
        numbers = {number for number, _ in origins} - {core.number}
        sources = [g for g in map(_by_number.get, numbers) if g is not None]
        super().__init__("gradient", sources[0].outer_graph if sources else None)
        self.core = core
        self._origins = origins
        self._sources = sources  # keeps them alive
        self._overrides_used = any(g._overrides_used for g in sources)

    def _gradient_functions_of(self, node: int) -> dict[str, Any]:
        source = _by_number.get(self.core.node_origin(node)[0])
        return self._gradient_functions if source is None else source._gradient_functions

    def _counterpart(self, tensor: SymbolicTensor) -> SymbolicTensor | None:
        node = self._origins.get((tensor.op.graph.core.number, tensor.op._id))
        return None if node is None else self._op(node).outputs[tensor.value_index]

    def _add_capture(self, outer: Any, name: str) -> SymbolicTensor:
        raise NotImplementedError(
            f"a gradient written in Python, of a node inside a function, uses {outer}, which the "
            "function itself does not use; make it an input of the node"
        )


_derived: weakref.WeakValueDictionary[int, _Derived] = weakref.WeakValueDictionary()


def derived_graph(core: Any) -> FuncGraph:
    """The front-end of a graph that the core made as a copy of a function's."""
    found = _derived.get(core.number)
    if found is None:
        found = _derived[core.number] = _Derived(core)
    return found
