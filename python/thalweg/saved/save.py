"""`tf.saved_model.save`."""

from __future__ import annotations

import inspect
import os
from typing import Any

from thalweg import _core
from thalweg.eager.concrete_function import ConcreteFunction
from thalweg.eager.function import Function
from thalweg.framework import nest
from thalweg.framework.composite import IndexedSlices, SparseTensor
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.graph import Graph
from thalweg.framework.graph_pb import FunctionDefLibrary, shape_proto
from thalweg.framework.meta_graph import MetaGraphDef, write_message
from thalweg.framework.mode import executing_eagerly
from thalweg.platform import logging
from thalweg.saved.loaded_function import LoadedFunction, Signature
from thalweg.saved.messages import SavedModel, SavedObject, SavedObjectGraph
from thalweg.saved.objects import Node, SignatureMap, functions_of, is_function, tree
from thalweg.saved.options import SaveOptions
from thalweg.saved.serving_graph import ServingGraph
from thalweg.saved.signatures import canonical, default_signature
from thalweg.saved.structure import NotEncodable, encode
from thalweg.saved.to_resources import Rewritten, rewritten
from thalweg.trackable.base import VARIABLE_VALUE, Trackable
from thalweg.trackable.containers import DictWrapper, ListWrapper, TrackedContainer
from thalweg.trackable.object_graph import (
    OBJECT_GRAPH_KEY,
    TrackableObjectGraph,
    _mark_values,
    escape,
    full_name,
    key_of,
)
from thalweg.train.checkpoint import write_values

FILE = "saved_model.pb"
#: The version of TensorFlow whose format this is.
_FORMAT_OF = "2.21.0"


def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """Writes an object, all that can be reached from it, and the graphs of its functions: those
    that were traced, and those of functions with an input signature.

    Args:
        obj: a `tf.Module` or another trackable object.
        export_dir: the folder to write; what it has of these files is replaced.
        signatures: functions for other programs: a function with an input signature, a concrete
            function, or a dictionary of them. By default the only function that can be one.
        options: `tf.saved_model.SaveOptions`.

    Raises:
        ValueError: the object is not trackable, a signature makes no sense, or a container in it
            cannot be saved.
        AssertionError: a function uses a variable that the object does not lead to; or a function
            is being traced.
        NotImplementedError: a function does what TensorFlow's format has no room for; graph mode.
    """
    if not executing_eagerly():
        if not get_default_graph().building_function:
            raise NotImplementedError(
                "tf.saved_model.save needs eager mode; this program, or the graph that it builds, "
                "is one of TensorFlow 1"
            )
        raise AssertionError(
            "tf.saved_model.save is not supported inside a traced @tf.function. Move the call to "
            "the outer eagerly-executed context."
        )
    if not isinstance(obj, Trackable):
        raise ValueError(
            "Expected an object of type `Trackable`, such as `tf.Module` or a subclass of the "
            f"`Trackable` class, for export. Got {obj} with type {type(obj)}."
        )
    options = options or SaveOptions()
    functions = functions_of(obj)
    found = default_signature(functions) if signatures is None else canonical(signatures)
    signature_map = SignatureMap(found)
    for node in tree(obj, signature_map):
        function = node.value
        if isinstance(function, Function) and not isinstance(function, LoadedFunction):
            _traced(function)
    writer = _Writer(tree(obj, signature_map), signature_map)
    writer.write(os.fspath(export_dir), options)


def _traced(function: Function) -> None:
    """A function with a signature has its graph; tracing it now may make variables."""
    if function.input_signature is not None:
        function.get_concrete_function()


def _concretes(function: Any) -> list[ConcreteFunction]:
    """The graphs of a function that another program can call."""
    if isinstance(function, ConcreteFunction):
        return [function]
    if isinstance(function, LoadedFunction):
        return function._concretes
    found: dict[int, ConcreteFunction] = {}
    graphs = list(function._graphs.items())
    # Those that were traced inside another function last: they may be doubles of others.
    for _, concrete in sorted(graphs, key=lambda item: item[0][0] is not None):
        if _stands_alone(concrete):
            found.setdefault(id(concrete), concrete)
    return list(found.values())


def _stands_alone(concrete: ConcreteFunction) -> bool:
    """Whether all that it takes from outside are values, none of them a tensor of a graph."""
    return all(isinstance(t, EagerTensor) for t in concrete.graph.external_captures)


class _Writer:
    """Numbers of the objects, and the graphs of their functions."""

    def __init__(self, nodes: list[Node], signatures: SignatureMap) -> None:
        self._nodes = nodes
        self._signatures = signatures
        self._number = {id(node.value): i for i, node in enumerate(nodes)}
        self._variables = {
            f"variable_{node.value._id}": (self._number[id(node.value)], node.value)
            for node in nodes
            if isinstance(node.value, _core.VariableBase)
        }
        self._constants: dict[int, tuple[int, Any]] = {}  # id -> (number, tensor)
        self._graphs: dict[int, list[ConcreteFunction]] = {}
        self._signature_of: dict[str, tuple[Any, Any]] = {}
        self._all: dict[str, ConcreteFunction] = {}
        for node in nodes:
            if is_function(node.value):
                self._take(node)

    def _take(self, node: Node) -> None:
        kept: dict[bytes, ConcreteFunction] = {}  # by the arguments
        for concrete in _concretes(node.value):
            if not _stands_alone(concrete):
                raise ValueError(
                    f"{concrete.name} ('{node.path}') uses a tensor of a graph that is not saved"
                )
            try:
                arguments = encode(concrete.structured_input_signature)
            except NotEncodable as error:
                if isinstance(node.value, ConcreteFunction):
                    raise ValueError(f"{concrete.name} ('{node.path}'): {error}") from None
                logging.warning(
                    "Unsupported signature for serialization: a trace of '%s' is left out: %s.",
                    node.path,
                    error,
                )
                continue
            if kept.setdefault(arguments.SerializeToString(), concrete) is concrete:
                results = self._results(concrete, node.path)
                self._signature_of[concrete.name] = arguments, results
                self._all[concrete.name] = concrete
        self._graphs[id(node.value)] = list(kept.values())

    def _results(self, concrete: ConcreteFunction, path: str) -> Any:
        for leaf in nest.flatten(concrete.graph.structured_outputs):
            if isinstance(leaf, (SparseTensor, IndexedSlices)):
                raise NotImplementedError(
                    f"tf.saved_model.save: '{path}' returns a {type(leaf).__name__}; return its "
                    "parts instead"
                )
        try:
            return encode(concrete.structured_outputs)
        except NotEncodable as error:
            raise NotImplementedError(f"tf.saved_model.save: '{path}' returns {error}") from None

    def write(self, folder: str, options: SaveOptions) -> None:
        graph = Graph()
        for concrete in self._all.values():
            concrete.graph.define_in(graph)
        library = graph.as_graph_def().library
        _check(library, options)
        functions = rewritten(library)
        objects = SavedObjectGraph()
        for node in self._nodes:
            self._add_object(objects.nodes.add(), node)
        for name, concrete in self._all.items():
            saved = objects.concrete_functions[name]
            saved.bound_inputs.extend(self._bound(concrete, functions))
            saved.canonicalized_input_signature.CopyFrom(self._signature_of[name][0])
            saved.canonicalized_input_signature.SetInParent()
            saved.output_signature.CopyFrom(self._signature_of[name][1])
            saved.output_signature.SetInParent()
        serving = ServingGraph(
            dict(self._variables.values()),
            dict(self._constants.values()),
        )
        for number, tensor in self._constants.values():
            assert number == len(objects.nodes)
            constant = objects.nodes.add()
            constant.constant.operation = serving.constant(number, tensor)
        for key, concrete in self._signatures.items():
            bound = list(objects.concrete_functions[concrete.name].bound_inputs)
            serving.add_signature(key, concrete, bound)
        values, checkpoint = self._values()
        serving.add_saver(
            {
                i: checkpoint.nodes[i].attributes[0].checkpoint_key
                for i, _ in self._variables.values()
            }
        )
        meta = MetaGraphDef()
        meta.meta_info_def.tags.extend(["serve", *options.extra_tags])
        meta.meta_info_def.tensorflow_version = _FORMAT_OF
        serving.write(meta)
        meta.graph_def.library.CopyFrom(functions.library)
        meta.object_graph_def = objects.SerializeToString()
        model = SavedModel(saved_model_schema_version=1)
        model.meta_graphs.append(meta)
        os.makedirs(os.path.join(folder, "variables"), exist_ok=True)
        os.makedirs(os.path.join(folder, "assets"), exist_ok=True)
        prefix = os.path.join(folder, "variables", "variables")
        write_values(prefix, [*values, (OBJECT_GRAPH_KEY, checkpoint.SerializeToString())])
        write_message(os.path.join(folder, FILE), model, as_text=False)

    def _bound(self, concrete: ConcreteFunction, functions: Rewritten) -> list[int]:
        """Numbers of what a function takes after its arguments."""
        found = []
        for tensor in concrete.graph.external_captures:
            held = self._constants.get(id(tensor))
            if held is None:
                held = len(self._nodes) + len(self._constants), tensor
                self._constants[id(tensor)] = held
            found.append(held[0])
        for shared in functions.variables[concrete.name]:
            if shared not in self._variables:
                name = concrete.graph.variables[shared].name
                raise AssertionError(
                    "Tried to export a function which references an 'untracked' resource. "
                    "TensorFlow objects (e.g. tf.Variable) captured by functions must be 'tracked' "
                    "by assigning them to an attribute of a tracked object or assigned to an "
                    f"attribute of the main object directly. Function {concrete.name} uses the "
                    f"variable {name}."
                )
            found.append(self._variables[shared][0])
        return found

    def _add_object(self, saved: SavedObject, node: Node) -> None:
        for name, child in node.children.items():
            saved.children.add(node_id=self._number[id(child)], local_name=name)
        value = node.value
        if isinstance(value, _core.VariableBase):
            _describe_variable(saved.variable, value)
        elif isinstance(value, ConcreteFunction):
            bare = saved.bare_concrete_function
            bare.concrete_function_name = value.name
            bare.argument_keywords.extend(value._names)
            by_name = isinstance(value, Signature) or any(
                value is s for s in self._signatures.values()
            )
            bare.allowed_positional_arguments = 0 if by_name else len(value._names)
        elif isinstance(value, Function):
            function = saved.function
            function.concrete_functions.extend(c.name for c in self._graphs[id(value)])
            _describe_parameters(function.function_spec, value, node.path)
        else:
            saved.user_object.identifier = _identifier(value)
            saved.user_object.version.producer = 1
            saved.user_object.version.min_consumer = 1

    def _values(self) -> tuple[list[tuple[str, Any]], TrackableObjectGraph]:
        """What the checkpoint holds: the same objects with the same numbers."""
        graph = TrackableObjectGraph()
        values = []
        for node in self._nodes:
            saved = graph.nodes.add()
            for name, child in node.children.items():
                saved.children.add(node_id=self._number[id(child)], local_name=name)
            if is_function(node.value):
                continue
            for name, value in node.value._serialize_to_tensors().items():
                key = key_of(node.path, name)
                saved.attributes.add(
                    name=escape(name),
                    full_name=full_name(node.value) if name == VARIABLE_VALUE else "",
                    checkpoint_key=key,
                )
                values.append((key, value))
        _mark_values(graph)
        return values, graph


def _check(library: FunctionDefLibrary, options: SaveOptions) -> None:
    """Refuses what only this process can run."""
    by_python = False
    own: set[str] = set()
    for function in library.function:
        for node in function.node_def:
            if "PyFunc" in node.op:
                raise ValueError(
                    f"tf.saved_model.save: function {function.signature.name} calls Python at "
                    f"node {node.name} (a {node.op}), which cannot be saved"
                )
            by_python |= "_gradient_op_type" in node.attr
            own |= {node.op} if node.op.startswith("_") else set()
    if own:
        logging.warning(
            "tf.saved_model.save: TensorFlow does not have the ops %s, which gradients of loops "
            "inside of functions use; it will not load this file.",
            ", ".join(sorted(own)),
        )
    if by_python and options.experimental_custom_gradients:
        logging.warning(
            "tf.saved_model.save: gradients written in Python (tf.custom_gradient) are not saved; "
            "asking the loaded functions for them is a LookupError. "
            "SaveOptions(experimental_custom_gradients=False) says that this is meant."
        )


def _describe_variable(saved: Any, variable: Any) -> None:
    saved.dtype = variable.dtype.as_datatype_enum
    saved.shape.CopyFrom(shape_proto(variable.shape))
    saved.shape.SetInParent()
    saved.trainable = variable.trainable
    saved.synchronization = variable.synchronization.value
    saved.aggregation = variable.aggregation.value
    saved.name = variable._name


def _describe_parameters(saved: Any, function: Function, path: str) -> None:
    """The parameters as `inspect.getfullargspec` tells them, without annotations."""
    kinds = inspect.Parameter
    parameters = list(function.function_spec.parameters.values())
    positional = [
        p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    by_name = [p for p in parameters if p.kind is kinds.KEYWORD_ONLY]

    def only(kind: Any) -> str | None:
        return next((p.name for p in parameters if p.kind is kind), None)

    defaults = tuple(p.default for p in positional if p.default is not kinds.empty)
    by_name_defaults = {p.name: p.default for p in by_name if p.default is not kinds.empty}
    specification = {
        "args": [p.name for p in positional],
        "varargs": only(kinds.VAR_POSITIONAL),
        "varkw": only(kinds.VAR_KEYWORD),
        "defaults": defaults or None,
        "kwonlyargs": [p.name for p in by_name],
        "kwonlydefaults": by_name_defaults or None,
        "annotations": {},
    }
    named = saved.fullargspec.named_tuple_value
    named.name = "FullArgSpec"
    for key, value in specification.items():
        try:
            named.values.add(key=key, value=encode(value))
        except NotEncodable as error:
            raise ValueError(
                f"tf.saved_model.save: a default of the function '{path}' cannot be saved: {error}"
            ) from None
    named.SetInParent()
    signature = function.input_signature
    saved.input_signature.CopyFrom(encode(None if signature is None else tuple(signature)))
    saved.input_signature.SetInParent()
    jit = function._jit_compile
    saved.jit_compile = "DEFAULT" if jit is None else "ON" if jit else "OFF"


def _identifier(value: Any) -> str:
    if isinstance(value, SignatureMap):
        return "signature_map"
    if isinstance(value, ListWrapper):
        return "trackable_list_wrapper"
    if isinstance(value, DictWrapper):
        return "trackable_dict_wrapper"
    if isinstance(value, TrackedContainer) and not hasattr(value, "_fields"):
        return "trackable_tuple_wrapper"
    return "_generic_user_object"
