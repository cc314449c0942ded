"""The graph of objects that a checkpoint carries: TensorFlow's message, names of keys, and how a
tree of live objects becomes one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from thalweg.framework.proto import Field, Message
from thalweg.trackable.base import VARIABLE_VALUE, Trackable

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"


class ObjectReference(Message):
    fields = (Field(1, "node_id", "int32"), Field(2, "local_name", "string"))


class SerializedTensor(Message):
    fields = (
        Field(1, "name", "string"),
        Field(2, "full_name", "string"),
        Field(3, "checkpoint_key", "string"),
    )


class SlotVariableReference(Message):
    fields = (
        Field(1, "original_variable_node_id", "int32"),
        Field(2, "slot_name", "string"),
        Field(3, "slot_variable_node_id", "int32"),
    )


class RegisteredSaver(Message):
    fields = (Field(1, "name", "string"), Field(2, "object_name", "string"))


class BoolValue(Message):
    fields = (Field(1, "value", "bool"),)


class TrackableObject(Message):
    fields = (
        Field(1, "children", ObjectReference, repeated=True),
        Field(2, "attributes", SerializedTensor, repeated=True),
        Field(3, "slot_variables", SlotVariableReference, repeated=True),
        Field(4, "registered_saver", RegisteredSaver),
        Field(5, "has_checkpoint_values", BoolValue),
    )


class TrackableObjectGraph(Message):
    fields = (Field(1, "nodes", TrackableObject, repeated=True),)


def escape(local_name: str) -> str:
    """A name as part of a key, where "/" separates names."""
    return local_name.replace(".", "..").replace("/", ".S")


def unescape(local_name: str) -> str:
    """What was escaped once."""
    return ".".join(part.replace(".S", "/") for part in local_name.split(".."))


def key_of(path: str, attribute: str) -> str:
    """The key of one value of the object at `path`."""
    return f"{path}/.ATTRIBUTES/{escape(attribute)}"


def walk(
    root: Trackable, attached: Mapping[str, Any] | None = None
) -> list[tuple[Any, str, dict[str, Any]]]:
    """(object, path, its children) for all objects below `root`, nearest first: a path is the first
    of the shortest. `attached` are further children of the root.
    """
    found = []
    paths = {id(root): ""}
    queue = deque([root])
    while queue:
        node = queue.popleft()
        children = node._trackable_children()
        if node is root and attached:
            children.update({k: v for k, v in attached.items() if k not in children})
        path = paths[id(node)]
        found.append((node, path, children))
        for name, child in children.items():
            if id(child) not in paths:
                paths[id(child)] = f"{path}/{escape(name)}" if path else escape(name)
                queue.append(child)
    return found


def full_name(node: Any) -> str:
    """The name of a variable in checkpoints without a graph of objects; "" for other objects."""
    name = getattr(node, "name", None)
    is_variable = isinstance(name, str) and hasattr(node, "assign")
    return name.removesuffix(":0") if is_variable else ""  # type: ignore[union-attr]


def saved_graph(
    root: Trackable, attached: Mapping[str, Any] | None = None
) -> tuple[TrackableObjectGraph, list[tuple[str, Any]]]:
    """The message, and the values with their keys."""
    nodes = walk(root, attached)
    number = {id(node): i for i, (node, _, _) in enumerate(nodes)}
    graph = TrackableObjectGraph()
    values = []
    for node, path, children in nodes:
        saved = graph.nodes.add()
        for name, child in children.items():
            saved.children.add(node_id=number[id(child)], local_name=name)
        for name, value in node._serialize_to_tensors().items():
            key = key_of(path, name)
            saved.attributes.add(
                name=escape(name),
                full_name=full_name(node) if name == VARIABLE_VALUE else "",
                checkpoint_key=key,
            )
            values.append((key, value))
    _mark_values(graph)
    return graph, values


def _mark_values(graph: TrackableObjectGraph) -> None:
    """Whether a node, or one below it, has values: known for all nodes, cycles or not."""
    parents: dict[int, list[int]] = {}
    for i, node in enumerate(graph.nodes):
        for child in node.children:
            parents.setdefault(child.node_id, []).append(i)
    pending = [i for i, node in enumerate(graph.nodes) if node.attributes]
    having = set(pending)
    while pending:
        for parent in parents.get(pending.pop(), ()):
            if parent not in having:
                having.add(parent)
                pending.append(parent)
    for i, node in enumerate(graph.nodes):
        if i in having:
            node.has_checkpoint_values.value = True
        node.has_checkpoint_values.SetInParent()


def read_graph(data: bytes) -> TrackableObjectGraph:
    """Parses the message. ValueError if it is malformed or refers to nodes it does not have."""
    graph: TrackableObjectGraph = TrackableObjectGraph.FromString(data)
    count = len(graph.nodes)
    if not count:
        raise ValueError("the graph of objects in the checkpoint is empty")
    for i, node in enumerate(graph.nodes):
        slots = [
            n
            for s in node.slot_variables
            for n in (s.original_variable_node_id, s.slot_variable_node_id)
        ]
        for n in [*(c.node_id for c in node.children), *slots]:
            if not 0 <= n < count:
                raise ValueError(
                    f"node {i} of the graph of objects in the checkpoint refers to node {n} "
                    f"of {count}"
                )
    return graph


def node_paths(graph: TrackableObjectGraph) -> list[str]:
    """For messages: "(root).model.kernel" of every node, "" for those that no path leads to."""
    paths = [""] * len(graph.nodes)
    paths[0] = "(root)"
    queue = deque([0])
    while queue:
        i = queue.popleft()
        for child in graph.nodes[i].children:
            if not paths[child.node_id]:
                paths[child.node_id] = f"{paths[i]}.{child.local_name}"
                queue.append(child.node_id)
    for node in graph.nodes:
        for slot in node.slot_variables:
            if not paths[slot.slot_variable_node_id]:
                owner = paths[slot.original_variable_node_id]
                paths[slot.slot_variable_node_id] = f"{owner}'s {slot.slot_name}"
    return paths
