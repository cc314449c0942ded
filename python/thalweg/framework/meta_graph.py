"""Graphs with their collections as messages: MetaGraphDef, written by `Saver.save` beside each
checkpoint and read by `import_meta_graph`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from thalweg.framework import errors, importer
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.graph import Graph, GraphKeys, Operation, Tensor
from thalweg.framework.graph_pb import GraphDef
from thalweg.framework.proto import Field, Message
from thalweg.framework.scope_names import prepend_name_scope, strip_name_scope
from thalweg.framework.text_format import message_text
from thalweg.framework.text_parse import ParseError, parse_text
from thalweg.platform import logging
from thalweg.platform.whole_file import write_whole


class SaverDef(Message):
    """How to save and restore: names of a graph's nodes."""

    fields = (
        Field(1, "filename_tensor_name", "string"),
        Field(2, "save_tensor_name", "string"),
        Field(3, "restore_op_name", "string"),
        Field(4, "max_to_keep", "int32"),
        Field(5, "sharded", "bool"),
        Field(6, "keep_checkpoint_every_n_hours", "float"),
        Field(7, "version", "enum", enum={"LEGACY": 0, "V1": 1, "V2": 2}),
    )


class VariableDef(Message):
    """A variable of graph mode: names of the nodes it is made of."""

    fields = (
        Field(1, "variable_name", "string"),
        Field(6, "initial_value_name", "string"),
        Field(2, "initializer_name", "string"),
        Field(3, "snapshot_name", "string"),
        Field(4, "save_slice_info_def", "bytes"),
        Field(5, "is_resource", "bool"),
        Field(7, "trainable", "bool"),
        Field(8, "synchronization", "enum"),
        Field(9, "aggregation", "enum"),
    )


class NodeList(Message):
    fields = (Field(1, "value", "string", repeated=True),)


class BytesList(Message):
    fields = (Field(1, "value", "bytes", repeated=True),)


class Int64List(Message):
    fields = (Field(1, "value", "int64", repeated=True),)


class FloatList(Message):
    fields = (Field(1, "value", "float", repeated=True),)


class AnyList(Message):
    fields = (Field(1, "value", "bytes", repeated=True),)


class CollectionDef(Message):
    fields = (
        Field(1, "node_list", NodeList, oneof="kind"),
        Field(2, "bytes_list", BytesList, oneof="kind"),
        Field(3, "int64_list", Int64List, oneof="kind"),
        Field(4, "float_list", FloatList, oneof="kind"),
        Field(5, "any_list", AnyList, oneof="kind"),
    )


class MetaInfoDef(Message):
    fields = (
        Field(1, "meta_graph_version", "string"),
        Field(2, "stripped_op_list", "bytes"),
        Field(3, "any_info", "bytes"),
        Field(4, "tags", "string", repeated=True),
        Field(5, "tensorflow_version", "string"),
        Field(6, "tensorflow_git_version", "string"),
        Field(7, "stripped_default_attrs", "bool"),
        Field(8, "function_aliases", "string", key="string"),
    )


class MetaGraphDef(Message):
    """A GraphDef, how to save its variables, and its collections. Signatures, assets and objects
    are kept as bytes.
    """

    fields = (
        Field(1, "meta_info_def", MetaInfoDef),
        Field(2, "graph_def", GraphDef),
        Field(3, "saver_def", SaverDef),
        Field(4, "collection_def", CollectionDef, key="string"),
        Field(5, "signature_def", "bytes", key="string"),
        Field(6, "asset_file_def", "bytes", repeated=True),
        Field(7, "object_graph_def", "bytes"),
    )
    MetaInfoDef = MetaInfoDef


VARIABLE_COLLECTIONS = (
    GraphKeys.GLOBAL_VARIABLES,
    GraphKeys.TRAINABLE_VARIABLES,
    GraphKeys.LOCAL_VARIABLES,
    GraphKeys.MODEL_VARIABLES,
    GraphKeys.MOVING_AVERAGE_VARIABLES,
    GraphKeys.METRIC_VARIABLES,
    GraphKeys.GLOBAL_STEP,
)


def _collection_def(key: str, items: list[Any], scope: str | None) -> CollectionDef | None:
    """The items as a message; None if they cannot be one."""
    from thalweg.ops.variables import Variable

    made = CollectionDef()
    if items and all(isinstance(i, Variable) for i in items):
        protos = [i.to_proto(export_scope=scope) for i in items]
        made.bytes_list.value.extend(p.SerializeToString() for p in protos if p is not None)
    elif all(isinstance(i, (Tensor, Operation)) for i in items):
        inside = [i for i in items if not scope or i.name.startswith(f"{scope}/")]
        made.node_list.value.extend(strip_name_scope(i.name, scope) for i in inside)
    elif all(isinstance(i, (str, bytes)) for i in items):
        made.bytes_list.value.extend(i.encode() if isinstance(i, str) else i for i in items)
    elif all(isinstance(i, int) for i in items):
        made.int64_list.value.extend(items)
    elif all(isinstance(i, float) for i in items):
        made.float_list.value.extend(items)
    else:
        logging.warning(
            f"Issue encountered when serializing {key}.\nType is unsupported, or the types of the "
            "items don't match field type in CollectionDef. Note this is a warning and probably "
            "safe to ignore."
        )
        return None
    return made


def _scoped(graph_def: GraphDef, scope: str) -> GraphDef:
    """The nodes below a name scope, without it; what they take from outside is refused."""
    made = GraphDef()
    made.versions.CopyFrom(graph_def.versions)
    for node in graph_def.node:
        if not node.name.startswith(f"{scope}/"):
            continue
        copied = made.node.add()
        copied.CopyFrom(node)
        copied.name = strip_name_scope(node.name, scope)
        for i, source in enumerate(node.input):
            bare = source.removeprefix("^")
            if not bare.startswith(f"{scope}/"):
                raise ValueError(
                    f"export_scoped_meta_graph: node {node.name} takes {bare}, which lies outside "
                    f"of the scope '{scope}'"
                )
            control = "^" if source.startswith("^") else ""
            copied.input[i] = control + strip_name_scope(bare, scope)
        if "_class" in copied.attr:
            groups = copied.attr["_class"].list.s
            groups[:] = [
                b"loc:@" + strip_name_scope(g[5:].decode(), scope).encode() for g in list(groups)
            ]
    return made


def export_meta_graph(
    filename: Any = None,
    meta_info_def: MetaInfoDef | None = None,
    graph_def: GraphDef | None = None,
    saver_def: SaverDef | None = None,
    collection_list: Sequence[str] | None = None,
    as_text: bool = False,
    graph: Graph | None = None,
    export_scope: str | None = None,
    clear_devices: bool = False,
) -> MetaGraphDef:
    """The graph (the default one) and its collections as a message, also written to `filename`.
    With `export_scope` only what lies below that name scope.
    """
    graph = graph or get_default_graph()
    scope = export_scope.rstrip("/") if export_scope else None
    made = MetaGraphDef()
    if meta_info_def is not None:
        made.meta_info_def.CopyFrom(meta_info_def)
    nodes = graph.as_graph_def() if graph_def is None else graph_def
    nodes = _scoped(nodes, scope) if scope else nodes
    made.graph_def.CopyFrom(nodes)
    if clear_devices:
        for node in made.graph_def.node:
            node.device = ""
    keys = graph.get_all_collection_keys() if collection_list is None else collection_list
    for key in keys:
        items = graph.get_collection(key)
        collection = _collection_def(key, items, scope) if items else None
        if collection is not None:
            made.collection_def[key].CopyFrom(collection)
    if saver_def is not None:
        made.saver_def.CopyFrom(saver_def)
    if filename is not None:
        write_message(os.fspath(filename), made, as_text)
    return made


def write_message(path: str, message: Message, as_text: bool) -> None:
    """A message as a file, whole or not at all."""
    write_whole(path, message_text(message).encode() if as_text else message.SerializeToString())


def read_meta_graph_file(filename: Any) -> MetaGraphDef:
    """A MetaGraphDef from a file of bytes or text. OSError if it is neither."""
    path = os.fspath(filename)
    if not os.path.isfile(path):
        raise OSError(f"File does not exist. Received: {path}.")
    with open(path, "rb") as f:
        data = f.read()
    try:
        made: MetaGraphDef = MetaGraphDef.FromString(data)
        return made
    except (ValueError, UnicodeDecodeError):
        pass
    try:
        text = MetaGraphDef()
        parse_text(data.decode(), text)
        return text
    except (ParseError, UnicodeDecodeError) as error:
        raise OSError(f"Cannot parse file {path}: {error}.") from None


def import_collections(graph: Graph, meta: MetaGraphDef, scope: str) -> list[Any]:
    """Adds the message's collections to the graph; the variables among them."""
    from thalweg.ops.variables import Variable

    variables: dict[str, Any] = {}  # one object a variable, however many collections have it
    for key, collection in meta.collection_def.items():
        kind = collection.WhichOneof("kind")
        if kind == "bytes_list" and key in VARIABLE_COLLECTIONS:
            for data in collection.bytes_list.value:
                proto = VariableDef.FromString(data)
                name = proto.variable_name
                if name not in variables:
                    variables[name] = Variable.from_proto(proto, import_scope=scope or None)
                graph.add_to_collection(key, variables[name])
        elif kind == "node_list":
            for name in collection.node_list.value:
                full = prepend_name_scope(name, scope or None)
                graph.add_to_collection(key, graph.as_graph_element(full))
        elif kind in ("bytes_list", "int64_list", "float_list"):
            for value in getattr(collection, kind).value:
                graph.add_to_collection(key, value)
        elif kind is not None:
            raise errors.UnimplementedError(
                None, None, f"import_meta_graph: collection '{key}' is a {kind}"
            )
    return list(variables.values())


def import_scoped_meta_graph(
    meta_graph_or_file: Any, clear_devices: bool = False, import_scope: str | None = None
) -> tuple[MetaGraphDef, list[Any], str]:
    """Adds a MetaGraphDef to the default graph: the message, its variables, and the name scope
    that the nodes have got ("" for none).
    """
    meta = (
        meta_graph_or_file
        if isinstance(meta_graph_or_file, MetaGraphDef)
        else read_meta_graph_file(meta_graph_or_file)
    )
    graph = get_default_graph()
    nodes = meta.graph_def
    if clear_devices:
        nodes = GraphDef.FromString(nodes.SerializeToString())
        for node in nodes.node:
            node.device = ""
    scope = graph.unique_name(import_scope, mark_as_used=False) if import_scope else ""
    importer.import_graph_def(nodes, name=scope)
    return meta, import_collections(graph, meta, scope), scope
