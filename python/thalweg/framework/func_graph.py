"""Graphs that are functions: their inputs are placeholders, and what they use of outer graphs
becomes an input by itself.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable
from typing import Any

from thalweg import _core
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.effects import Effects
from thalweg.framework.errors import InaccessibleTensorError
from thalweg.framework.graph import Graph, GraphKeys
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
        self._constants: dict[int, tuple[Any, SymbolicTensor]] = {}  # eager tensors copied in
        self._variable_clones: dict[str, SymbolicTensor] = {}
        self.variables: dict[str, Any] = {}  # of eager mode, by the name sessions know them by
        # Variables that a call reads and changes, and whether it does anything else; known once
        # the function is defined.
        self.reads: set[str] = set()
        self.writes: set[str] = set()
        self.has_other_effects = False
        self.stateful = False
        outer = self.outer_graph
        in_order = isinstance(outer, FuncGraph) and outer._effects is not None
        self._effects: Effects | None = Effects(self) if in_order else None
        self.seed = outer.seed
        scopes, around = self._scopes, outer._scopes
        scopes.devices, scopes.device = around.devices, around.device
        scopes.overrides, scopes.container = around.overrides, around.container
        for key, items in outer._collections.items():
            self._collections[key] = items if key in _SHARED_COLLECTIONS else list(items)
        for key in _SHARED_COLLECTIONS:
            self._collections.setdefault(key, outer._collections.setdefault(key, []))

    @property
    def _seeds_given(self) -> int:
        """Random ops inside and outside are numbered together: equal numbers are equal streams."""
        outer = self.__dict__.get("outer_graph", self)
        return 0 if outer is self else outer._seeds_given

    @_seeds_given.setter
    def _seeds_given(self, value: int) -> None:
        outer = self.__dict__.get("outer_graph", self)
        if outer is not self:
            outer._seeds_given = value

    # --- captures

    @property
    def captures(self) -> list[tuple[Any, SymbolicTensor]]:
        return list(self._captured.values())

    def _captures(self) -> list[tuple[Any, SymbolicTensor]]:
        return [*self._captured.values(), *self._constants.values()]

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
        """The tensor of this graph that stands for `tensor`, which may be of an outer one, or an
        eager tensor.
        """
        if isinstance(tensor, EagerTensor):
            return self._capture_eager(tensor, name)
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
                raise InaccessibleTensorError(
                    f"{tensor!r} is out of scope and cannot be used here: it must be from the same "
                    f"graph as {self.name}, or from one outside it. A tensor that was made inside "
                    "a function or a branch can be used outside only as something that the "
                    "function returns."
                )
            if tensor.dtype._is_ref_dtype:
                return self._capture_reference(tensor)
            if _is_small_constant(tensor):
                return self._copy_constant(tensor)
            return self._add_capture(tensor, name or tensor.op.name.rpartition("/")[2])
        raise TypeError(f"cannot capture {tensor!r}: it is no tensor of a graph")

    def _capture_eager(self, tensor: Any, name: str | None) -> SymbolicTensor:
        held = self._captured.get(id(tensor)) or self._constants.get(id(tensor))
        if held is not None:
            return held[1]
        if _is_small(tensor.dtype, tensor.shape):  # goes on deciding shapes
            with self.as_default(), self._at_root():
                inner: Any = super()._from_eager(tensor, name)
            self._constants[id(tensor)] = tensor, inner
            return inner
        return self._take_eager(tensor, name or "captured")

    def _take_eager(self, tensor: Any, name: str) -> SymbolicTensor:
        outer = self.outer_graph
        inner = outer.capture(tensor) if isinstance(outer, FuncGraph) else outer._from_eager(tensor)
        return self.capture(inner)

    def _from_eager(self, value: Any, name: str | None = None) -> Any:
        return self.capture(value, name)

    def places_of(self, tensor: Any) -> list[SymbolicTensor]:
        """A variable may be here twice: as itself, and as its value outside, which was captured."""
        here = self.capture(tensor)
        if not tensor.dtype._is_ref_dtype:
            return [here]
        read = [
            inner
            for outer, inner in self._captured.values()
            if isinstance(outer, SymbolicTensor)
            and outer.op.type == "Identity"
            and outer.op.inputs[0] is tensor
        ]
        return [here, *read]

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

    # --- variables of eager mode

    def reference(self, variable: Any) -> SymbolicTensor:
        """A variable's place in this graph: what ops that change it take."""
        known_as = f"variable_{variable._id}"
        held = self._variable_clones.get(known_as)
        if held is None:
            if isinstance(self.outer_graph, FuncGraph):
                self.outer_graph.reference(variable)  # the outermost function binds it
            attrs = {
                "dtype": variable.dtype.as_datatype_enum,
                "shape": variable.shape._dims,
                "shared_name": known_as,
            }
            name = self.core.unique_name(variable._name)
            node = self.core.add_node("VariableV2", name, [], [], attrs, "", user_site(4))
            held = self._variable_clones[known_as] = self._op(node).outputs[0]
            self.variables[known_as] = variable
            if self._effects is not None:
                self._effects.refers(held.op, known_as)
        return held

    def read(self, variable: Any) -> Any:
        """The value of a variable at this place of the function."""
        from thalweg.framework.apply import apply_op

        read = apply_op("Identity", "ReadVariableOp", input=self.reference(variable))
        self._reads.append((read.op._id, variable))
        return read

    def last_change(self, variable: Any) -> Operation:
        """The operation that last changed a variable here, or its place if none has."""
        place = self.reference(variable).op
        found = self._effects.last_change(f"variable_{variable._id}") if self._effects else None
        return place if found is None else self._op(found)

    def variable_created(self, variable: Any) -> None:
        """A variable was made while this graph was built."""
        if isinstance(self.outer_graph, FuncGraph):
            self.outer_graph.variable_created(variable)

    def lift(self, tensor: SymbolicTensor) -> Any:
        """The value of a tensor of this graph that depends on no argument, for a variable's
        initial value.
        """
        raise ValueError(
            f"a variable cannot be made here from {tensor}: make it outside of conditions and "
            "loops, or give a function that makes its initial value"
        )

    def _variables_read(self, ranges: Any) -> list[Any]:
        """Trainable variables read by nodes in ranges of numbers, each once."""
        found: dict[int, Any] = {}
        for node, variable in self._reads:
            if variable.trainable and any(first <= node < last for first, last in ranges):
                found.setdefault(id(variable), variable)
        return list(found.values())

    def _add(
        self,
        op_type: str,
        name: str,
        inputs: list[tuple[int, int]],
        attrs: dict[str, Any],
        depth: int = 3,
    ) -> Operation:
        op = super()._add(op_type, name, inputs, attrs, depth + 1)
        if self._effects is not None:
            self._effects.added(op, inputs, attrs)
        return op

    def _copy_constant(self, tensor: SymbolicTensor) -> SymbolicTensor:
        from thalweg.framework.convert import constant, constant_value

        with self.as_default(), self._at_root():
            name = tensor.op.name.rpartition("/")[2]
            inner = constant(constant_value(tensor), tensor.dtype.base_dtype, name=name)
        assert isinstance(inner, SymbolicTensor)
        return inner

    def add_control_capture(self, op: Operation) -> None:
        if op not in self.control_captures:
            self.control_captures.append(op)

    def control_dependencies(self, control_inputs: Any) -> Restore:
        if control_inputs is None:
            return super().control_dependencies(None)
        mine = []
        for item in control_inputs:
            if isinstance(item, _core.VariableBase):
                item = self.last_change(item)
            op = item if isinstance(item, Operation) else getattr(item, "op", None)
            if isinstance(op, Operation) and op.graph is not self:
                self.add_control_capture(op)
            else:
                mine.append(item)
        return super().control_dependencies(mine)

    # --- the function

    def define_in(self, graph: Graph) -> bool:
        """Lets nodes of `graph` call this one, which is complete with that; whether it has effects
        or draws on state. A graph that knows it already keeps what it has.
        """
        if graph._functions.get(self.name) is self:
            return self.stateful
        self.core.finalize()
        reads, writes, stateful = graph.core.define_function(
            self.name,
            self.core,
            [(t.op._id, t.value_index) for t in self.inputs],
            [(t.op._id, t.value_index) for t in self.outputs],
            self.effects(),
        )
        graph._functions[self.name] = self
        self.reads, self.writes = set(reads), set(writes)
        self.has_other_effects = self._effects is not None and self._effects.any_other
        self.stateful = bool(stateful)
        return self.stateful

    def effects(self) -> list[int]:
        """Operations that must run whether or not an output needs them."""
        return self.core.effects()

    def __repr__(self) -> str:
        return f"<tf.FuncGraph {self.name} with {self.core.size()} operations>"


def _is_small_constant(tensor: SymbolicTensor) -> bool:
    """Known values of types without gradients: inside they go on deciding shapes."""
    return tensor.op.type == "Const" and _is_small(tensor.dtype, tensor.shape)


def _is_small(dtype: Any, shape: Any) -> bool:
    if dtype.is_floating or dtype.is_complex or not dtype.is_numpy_compatible:
        return False
    size = shape.num_elements()
    return size is not None and size <= 1024


def to_output(graph: FuncGraph, value: Any) -> SymbolicTensor | None:
    """A value as something that a function of this graph can return."""
    from thalweg.framework.apply import apply_op
    from thalweg.framework.convert import convert_to_tensor

    if value is None:
        return None
    tensor = graph.capture(convert_to_tensor(value))
    return apply_op("Identity", input=tensor) if tensor.dtype._is_ref_dtype else tensor


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


def derived_graph(core: Any, graph: Graph) -> FuncGraph:
    """The front-end of a graph that the core made as a copy of a function's. `graph` keeps it: one
    takes as long as the graph is large, and is asked for with every node of it.
    """
    found = _derived.get(core.number)
    if found is None:
        found = _derived[core.number] = _Derived(core)
    graph._derived = found
    return found
