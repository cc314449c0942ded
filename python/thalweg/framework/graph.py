"""Graphs: the node list of the core, and the scopes that decide names, devices and control inputs
of new nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from thalweg import _core
from thalweg.framework.device import canonical_name
from thalweg.framework.graph_keys import GraphKeys
from thalweg.framework.graph_stack import DefaultGraph
from thalweg.framework.scopes import Controller, Restore, Scopes, user_site
from thalweg.framework.tensor import Operation, SymbolicTensor, Tensor, TensorLike

__all__ = ["Graph", "GraphKeys", "Operation", "SymbolicTensor", "Tensor", "TensorLike"]

_VALID_SCOPE_NAME = re.compile(r"^[A-Za-z0-9_.\\/>-]*$")
_VALID_ROOT_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")


class Graph:
    """A dataflow program. Nodes are added through the default graph and never removed."""

    def __init__(self) -> None:
        self.core = _core.Graph()
        self._wrappers: dict[int, Operation] = {}  # made when they are first asked for
        self._scopes = Scopes()
        self._collections: dict[Any, list[Any]] = {}
        self._unfeedable: set[Any] = set()
        self._unfetchable: set[Any] = set()
        self._seeds_given = 0
        self._py_funcs: list[Any] = []  # keeps the functions of py_func nodes alive
        self._gradient_functions: dict[str, Any] = {}  # of custom_gradient nodes of this graph
        self._overrides_used = False  # whether a node may carry `_gradient_op_type`
        self._derived: Graph | None = None  # the copy that its gradients were last made in
        self._functions: dict[str, Graph] = {}  # what nodes of this graph call, by name
        self.outer_graph: Graph = self  # of a function's graph: where it is used
        self.building_function = False
        self._reads: list[tuple[int, Any]] = []  # nodes that read variables of eager mode

    # --- nodes

    def _op(self, node_id: int) -> Operation:
        op = self._wrappers.get(node_id)
        if op is None:  # setdefault: another thread may be here too
            op = self._wrappers.setdefault(node_id, Operation(self, node_id))
        return op

    def _tensor(self, endpoint: tuple[int, int]) -> Tensor:
        return self._op(endpoint[0]).outputs[endpoint[1]]

    def _add(
        self,
        op_type: str,
        name: str,
        inputs: list[tuple[int, int]],
        attrs: dict[str, Any],
        depth: int = 3,
    ) -> Operation:
        """Adds a node under the active scopes. `name` is final; `depth` frames up may be the
        user's.
        """
        scopes = self._scopes
        device, controls = scopes.device, self._controls_for(inputs) if scopes.controllers else []
        if scopes.colocation:
            attrs["_class"] = self._colocation_groups()
            device = scopes.colocation[-1].device or device
        if scopes.overrides and op_type in scopes.overrides:
            attrs["_gradient_op_type"] = scopes.overrides[op_type]
            self._overrides_used = True
        node = self.core.add_node(
            op_type, name, inputs, controls, attrs, device or "", user_site(depth)
        )
        op = self._wrappers.setdefault(node, Operation(self, node, name, op_type))
        for controller in scopes.controllers:
            controller.seen.add(node)
        if device is None:
            self._ask_device_functions(op)
        return op

    def _from_eager(self, value: Any, name: str | None = None) -> Tensor:
        """The tensor of this graph for one that has its value: a constant."""
        attrs = {"value": value.numpy(), "dtype": value.dtype.as_datatype_enum}
        return self._add("Const", self._final_name(name or "Const"), [], attrs).outputs[0]

    def create_op(
        self,
        op_type: str,
        inputs: Iterable[Tensor],
        dtypes: Any = None,
        input_types: Any = None,
        name: str | None = None,
        attrs: dict[str, Any] | None = None,
        **_: Any,
    ) -> Operation:
        """A node from tensors and attributes as they are; output types follow from them."""
        from thalweg.framework.apply import attr_value
        from thalweg.framework.op_spec import op_spec

        kinds = op_spec(op_type).attr_kinds
        values = {
            key: attr_value(op_type, key, kinds.get(key), v) for key, v in (attrs or {}).items()
        }
        captured = [self.capture(t) for t in inputs]
        endpoints = [(t.op._id, t.value_index) for t in captured]
        return self._add(op_type, self._final_name(name or op_type), endpoints, values)

    def _final_name(self, name: str) -> str:
        """A name that ends in '/' is a scope's and used as it is; others are made unique under the
        name scope.
        """
        return name[:-1] if name.endswith("/") else self.unique_name(name)

    def _controls_for(self, inputs: list[tuple[int, int]]) -> list[int]:
        """What a new node has to wait for beyond its inputs: a block whose nodes feed it is waited
        for already.
        """
        data, wanted = {node for node, _ in inputs}, []
        for controller in self._scopes.controllers:
            if data.isdisjoint(controller.seen):
                wanted += [c for c in controller.before if c not in data]
        return wanted

    def _colocation_groups(self) -> list[str]:
        groups = {g.decode() for op in self._scopes.colocation for g in op.colocation_groups()}
        return sorted(groups)

    def _ask_device_functions(self, op: Operation) -> None:
        device = ""
        for entry in reversed(self._scopes.devices):
            if entry is None:
                break
            if callable(entry):
                device = canonical_name(entry(op))
            else:
                device = _core.merge_device(device, entry)
            op._set_device(device)

    def get_operations(self) -> list[Operation]:
        return [self._op(i) for i in range(self.core.size())]

    def get_operation_by_name(self, name: str) -> Operation:
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_tensor=False)

    def get_tensor_by_name(self, name: str) -> Tensor:
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_operation=False)

    def as_graph_element(
        self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True
    ) -> Any:
        """The Tensor or Operation of this graph that `obj` is, names, or stands for."""
        if not (allow_tensor or allow_operation):
            raise ValueError("allow_tensor and allow_operation can't both be False.")
        convert = getattr(obj, "_as_graph_element", None)
        if convert is not None:
            found = convert()
            obj = obj if found is None else found
        if isinstance(obj, bytes):
            obj = obj.decode()
        if isinstance(obj, str):
            if ":" in obj and allow_tensor:
                return self._tensor_named(obj)
            if ":" in obj:
                raise ValueError(f"Name '{obj}' appears to refer to a Tensor, not an Operation.")
            return self._operation_named(obj, allow_operation)
        if (isinstance(obj, SymbolicTensor) and allow_tensor) or (
            isinstance(obj, Operation) and allow_operation
        ):
            if obj.graph is not self:
                raise ValueError(f"{type(obj).__name__} {obj} is not an element of this graph.")
            return obj
        kinds = " or ".join(
            k for k, ok in (("Tensor", allow_tensor), ("Operation", allow_operation)) if ok
        )
        raise TypeError(f"Can not convert a {type(obj).__name__} into a {kinds}.")

    def _tensor_named(self, name: str) -> Tensor:
        op_name, _, index = name.partition(":")
        if not op_name or not index.isdigit():
            raise ValueError(
                f"The name '{name}' looks a like a Tensor name, but is not a valid one. "
                'Tensor names must be of the form "<op_name>:<output_index>".'
            )
        node = self.core.find(op_name)
        missing = f"The name '{name}' refers to a Tensor which does not exist. "
        missing += f"The operation, '{op_name}', "
        if node < 0:
            raise KeyError(missing + "does not exist in the graph.")
        outputs = self._op(node).outputs
        if int(index) >= len(outputs):
            raise KeyError(missing + f"exists but only has {len(outputs)} outputs.")
        return outputs[int(index)]

    def _operation_named(self, name: str, allowed: bool) -> Operation:
        node = self.core.find(name)
        if allowed:
            if node < 0:
                raise KeyError(f"The name '{name}' refers to an Operation not in the graph.")
            return self._op(node)
        form = 'Tensor names must be of the form "<op_name>:<output_index>".'
        if node >= 0:
            raise ValueError(f"The name '{name}' refers to an Operation, not a Tensor. {form}")
        raise ValueError(
            f"The name '{name}' looks like an (invalid) Operation name, not a Tensor. {form}"
        )

    def places_of(self, tensor: Any) -> list[SymbolicTensor]:
        """What stands for a tensor, which may be of an outer graph, in this one."""
        return [self.capture(tensor)]

    def _captures(self) -> list[tuple[Any, SymbolicTensor]]:
        """Pairs of what is outside, and what stands for it here."""
        return []

    def _gradient_functions_of(self, node: int) -> dict[str, Any]:
        """Where the gradient that a node names may be."""
        return self._gradient_functions

    def outermost(self) -> Graph:
        """The graph that is in no function: variables made in functions live there."""
        graph = self
        while graph.building_function:
            graph = graph.outer_graph
        return graph

    def capture(self, tensor: Any, name: str | None = None) -> SymbolicTensor:
        """`tensor` as one of this graph; the graphs of functions take in what is outside them."""
        if tensor.op.graph is not self:
            raise ValueError(f"{tensor} must be from the same graph as the operation that uses it.")
        return tensor

    def _variables_read(self, ranges: Any) -> list[Any]:
        """Variables of eager mode that nodes in ranges of numbers read: functions have some."""
        return []

    # --- scopes

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` under the current name scope, with a number appended if it is taken."""
        scope = self._scopes.name
        return self.core.unique_name(f"{scope}/{name}" if scope else name, mark_as_used)

    def get_name_scope(self) -> str:
        return self._scopes.name

    def name_scope(self, name: str | None) -> Restore:
        """Prefixes the names of new nodes. A name that ends in '/' re-enters a scope; None leaves
        all scopes.
        """
        if not name:
            new = ""
        else:
            if not isinstance(name, str):
                raise TypeError(f"name for name_scope must be a string, got {name!r}")
            if self._scopes.name:
                if not _VALID_SCOPE_NAME.match(name):
                    raise ValueError(
                        f"'{name}' is not a valid scope name: it must match "
                        f"{_VALID_SCOPE_NAME.pattern}"
                    )
            elif not _VALID_ROOT_NAME.match(name):
                raise ValueError(
                    f"'{name}' is not a valid root scope name: it must match "
                    f"{_VALID_ROOT_NAME.pattern}"
                )
            new = name[:-1] if name.endswith("/") else self.unique_name(name)
        return Restore(self._scopes, {"name": new}, new + "/" if new else "")

    def device(self, device_name_or_function: Any) -> Restore:
        """Pins new nodes to a device: a name, a function from node to name, or None for no pin at
        all.
        """
        entry = device_name_or_function
        if entry is not None and not callable(entry):
            entry = canonical_name(entry)
        scopes = self._scopes
        merged: str | None
        if entry is None:
            merged = ""
        elif callable(entry) or scopes.device is None:
            merged = None
        else:
            merged = _core.merge_device(entry, scopes.device)
        return Restore(scopes, {"devices": (*scopes.devices, entry), "device": merged})

    def control_dependencies(self, control_inputs: Any) -> Restore:
        """New nodes wait for these operations; None drops the conditions of all enclosing
        blocks.
        """
        scopes = self._scopes
        if control_inputs is None:
            return Restore(scopes, {"controllers": ()})
        before: list[int] = []
        for item in control_inputs:
            if (
                hasattr(item, "_handle")
                and hasattr(item, "op")
                and not isinstance(item, SymbolicTensor)
            ):
                item = item.op
            element = self.as_graph_element(
                getattr(item, "values", item) if _is_slices(item) else item
            )
            node = element._id if isinstance(element, Operation) else element.op._id
            if node not in before:
                before.append(node)
        return Restore(scopes, {"controllers": (*scopes.controllers, Controller(before))})

    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Restore:
        """New nodes live where `op` lives, whatever device scopes say."""
        scopes = self._scopes
        if op is None:
            if not ignore_existing:
                raise ValueError(
                    "Trying to reset colocation (op is None) but ignore_existing is not True"
                )
            return Restore(scopes, {"colocation": ()})
        op = getattr(op, "op", op)
        existing = () if ignore_existing else scopes.colocation
        return Restore(scopes, {"colocation": (*existing, op), "devices": (), "device": op.device})

    def gradient_override_map(self, op_type_map: dict[str, str]) -> Restore:
        """New nodes of the given types use gradients registered under other names."""
        if not isinstance(op_type_map, dict):
            raise TypeError(
                f"op_type_map must be a dictionary mapping strings to strings, got {op_type_map!r}"
            )
        for key, value in op_type_map.items():
            if not isinstance(key, str) or not isinstance(value, str):
                raise TypeError(f"op_type_map must map strings to strings, got {key!r}: {value!r}")
        return Restore(self._scopes, {"overrides": {**self._scopes.overrides, **op_type_map}})

    def container(self, container_name: str) -> Restore:
        """The resource container of new stateful nodes."""
        return Restore(self._scopes, {"container": container_name}, container_name)

    def as_default(self) -> DefaultGraph:
        return DefaultGraph(self)

    # --- collections

    def add_to_collection(self, name: Any, value: Any) -> None:
        self._check_not_finalized()
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        for name in (names,) if isinstance(names, str) else set(names):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """The list itself: changes to it change the collection."""
        return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """A copy of the collection, or the items whose names match `scope` from their start."""
        items = self._collections.get(name, [])
        if scope is None:
            return list(items)
        match = re.compile(scope).match
        return [item for item in items if hasattr(item, "name") and match(item.name)]

    def get_all_collection_keys(self) -> list[str]:
        return [key for key in self._collections if isinstance(key, str)]

    def clear_collection(self, name: Any) -> None:
        self._check_not_finalized()
        self._collections.pop(name, None)

    @property
    def collections(self) -> list[Any]:
        return list(self._collections)

    # --- the rest

    @property
    def seed(self) -> int | None:
        return self.core.seed

    @seed.setter
    def seed(self, value: int | None) -> None:
        self.core.seed = value

    @property
    def version(self) -> int:
        return self.core.size()

    @property
    def _last_id(self) -> int:
        return self.core.size()

    @property
    def finalized(self) -> bool:
        return self.core.finalized

    def finalize(self) -> None:
        """Makes the graph read-only."""
        self.core.finalize()

    def _unsafe_unfinalize(self) -> None:
        self.core.unfinalize()

    def _check_not_finalized(self) -> None:
        if self.core.finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        from thalweg.framework.graph_pb import GraphDef

        return GraphDef.FromString(self.core.to_graph_def())

    def prevent_feeding(self, tensor: Tensor) -> None:
        self._unfeedable.add(tensor)

    def is_feedable(self, tensor: Tensor) -> bool:
        return tensor not in self._unfeedable

    def prevent_fetching(self, op: Operation) -> None:
        self._unfetchable.add(op)

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        return (
            tensor_or_op not in self._unfetchable
            and getattr(tensor_or_op, "op", None) not in self._unfetchable
        )

    def __enter__(self) -> Graph:
        context = self.as_default()
        self.__dict__.setdefault("_entered", []).append(context)
        return context.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.__dict__["_entered"].pop().__exit__(*error)


def _is_slices(item: Any) -> bool:
    return type(item).__name__ == "IndexedSlices"
