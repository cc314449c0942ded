"""Graphs from GraphDef messages."""

from __future__ import annotations

from typing import Any

from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import get_default_graph


def import_graph_def(
    graph_def: Any,
    input_map: dict[str, Any] | None = None,
    return_elements: Any = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Adds the nodes of a GraphDef to the default graph under `name` ('import' if None, '' for
    none).
    """
    if not hasattr(graph_def, "SerializeToString"):
        raise TypeError(f"Argument `graph_def` must be a GraphDef proto, got {graph_def!r}")
    graph = get_default_graph()
    if return_elements is not None:
        names = {node.name for node in graph_def.node}
        for element in return_elements:
            if element.partition(":")[0] not in names:
                raise ValueError(f"Requested return_element {element!r} not found in graph_def.")
    data = graph_def.SerializeToString()
    mapped = {}
    for key, value in (input_map or {}).items():
        tensor = convert_to_tensor(value)
        mapped[key if ":" in key or key.startswith("^") else key + ":0"] = (
            tensor.op._id,
            tensor.value_index,
        )
    prefix = "import" if name is None else name
    if prefix:
        prefix = prefix[:-1] if prefix.endswith("/") else graph.unique_name(prefix)
    nodes = graph.core.import_graph_def(data, prefix, mapped)
    graph._overrides_used = graph._overrides_used or b"_gradient_op_type" in data
    if return_elements is None:
        return None
    found: list[Any] = []
    for element in return_elements:
        op_name, _, index = element.partition(":")
        op = graph._op(nodes[op_name])
        if index and int(index) >= len(op.outputs):
            raise ValueError(f"Requested return_element {element!r} not found in graph_def.")
        found.append(op.outputs[int(index)] if index else op)
    return found
