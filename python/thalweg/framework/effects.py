"""The order of effects inside a function: what a program writes one after the other happens one
after the other.

A graph orders nodes by their inputs alone. In a function, reads and changes of a variable keep the
order in which the program has them, and so do other effects (printing, assertions, calls of
Python) among each other: as control inputs, which are added here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thalweg.framework.op_spec import op_spec
from thalweg.framework.tensor import Operation

if TYPE_CHECKING:
    from thalweg.framework.func_graph import FuncGraph


class _Uses:
    """Who has read a variable since it was last changed, and who changed it."""

    __slots__ = ("change", "reads")

    def __init__(self) -> None:
        self.change: int | None = None
        self.reads: list[int] = []


class Effects:
    """Of the nodes of one function's graph."""

    def __init__(self, graph: FuncGraph) -> None:
        self._graph = graph
        self._uses: dict[str, _Uses] = {}
        self._references: dict[int, str] = {}  # node -> the variable that its output refers to
        self._last: int | None = None  # the last effect that is none on a variable

    @property
    def any_other(self) -> bool:
        """Whether there is an effect that is none on a variable."""
        return self._last is not None

    def refers(self, op: Operation, variable: str) -> None:
        """A node that is a variable's place in the graph."""
        self._references[op._id] = variable

    def last_change(self, variable: str) -> int | None:
        uses = self._uses.get(variable)
        return None if uses is None else uses.change

    def added(self, op: Operation, inputs: list[tuple[int, int]], attrs: dict[str, Any]) -> None:
        """Orders a new node after what it has to come after."""
        spec = op_spec(op.type)
        reads, writes, other = self._of(op, spec, inputs, attrs)
        before: set[int] = set()
        for variable in reads | writes:
            uses = self._uses.setdefault(variable, _Uses())
            if uses.change is not None:
                before.add(uses.change)
            if variable in writes:
                before.update(uses.reads)
                uses.change, uses.reads = op._id, []
            else:
                uses.reads.append(op._id)
        if other:
            if self._last is not None:
                before.add(self._last)
            self._last = op._id
        for node in sorted(before - {node for node, _ in inputs} - {op._id}):
            self._graph.core.add_control_input(op._id, node)

    def _of(
        self, op: Operation, spec: Any, inputs: list[tuple[int, int]], attrs: dict[str, Any]
    ) -> tuple[set[str], set[str], bool]:
        """Variables read and written, and whether there is any other effect."""
        reads: set[str] = set()
        writes: set[str] = set()
        changes = any(a.is_ref for a in spec.inputs) and op.type != "IsVariableInitialized"
        for node, _ in inputs:
            variable = self._references.get(node)
            if variable is not None:
                (writes if changes else reads).add(variable)
        if changes and spec.outputs and spec.outputs[0].is_ref and writes:
            self._references[op._id] = next(iter(writes))
        called = self._called(attrs)
        if called:
            for function in called:
                reads |= function.reads - writes
                writes |= function.writes
            return reads - writes, writes, any(f.has_other_effects for f in called)
        draws = "seed" in spec.attr_kinds or "seed2" in spec.attr_kinds
        other = spec.stateful and not changes and not draws and bool(spec.inputs)
        return reads, writes, other and not reads

    def _called(self, attrs: dict[str, Any]) -> list[FuncGraph]:
        functions: Any = self._graph._functions
        names = [v for v in attrs.values() if isinstance(v, str) and v in functions]
        for value in attrs.values():
            if isinstance(value, list):
                names += [v for v in value if isinstance(v, str) and v in functions]
        return [functions[name] for name in names]
