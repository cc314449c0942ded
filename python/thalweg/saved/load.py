"""`tf.saved_model.load`."""

from __future__ import annotations

import inspect
import os
from typing import Any

from thalweg import _core
from thalweg.eager.concrete_function import ConcreteFunction
from thalweg.eager.variable import Variable
from thalweg.framework import errors
from thalweg.framework.default_graph import init_scope
from thalweg.framework.dtypes import as_dtype
from thalweg.framework.graph_pb import make_ndarray
from thalweg.framework.mode import executing_eagerly
from thalweg.ops.variables import VariableAggregation, VariableSynchronization
from thalweg.saved.functions import FunctionLoader
from thalweg.saved.loaded_function import LoadedFunction
from thalweg.saved.messages import SavedModel, SavedObject, SavedObjectGraph
from thalweg.saved.objects import SignatureMap
from thalweg.saved.options import LoadOptions
from thalweg.saved.structure import decode, shape_of
from thalweg.trackable.auto import AutoTrackable
from thalweg.trackable.containers import DictWrapper, ListWrapper, wrap
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY, read_graph, unescape
from thalweg.train.checkpoint_reader import CheckpointReader

_FILES = ("saved_model.pb", "saved_model.pbtxt")
_LONGEST = 1 << 20  # items of a list: what a damaged file may ask for
_LARGEST = 1 << 26  # elements of a constant that is one number over and over
_VALUE = "VARIABLE_VALUE"


class LoadedObject(AutoTrackable):
    """What an object of a SavedModel is here: its attributes, and its `__call__` if it had one.
    `variables` and `trainable_variables` are those below it, unless it had such attributes.
    """

    def __getattr__(self, name: str) -> Any:
        if name == "variables":
            return tuple(_variables_below(self))
        if name == "trainable_variables":
            return tuple(v for v in _variables_below(self) if v.trainable)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


class CallableObject(LoadedObject):
    """One that was callable."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return vars(self)["__call__"](*args, **kwargs)


def _variables_below(root: Any) -> list[Any]:
    found, seen, pending = [], {id(root)}, [root]
    while pending:
        node = pending.pop()
        if isinstance(node, _core.VariableBase):
            found.append(node)
            continue
        children = [c for _, c in sorted(node._trackable_children().items(), reverse=True)]
        for child in children:
            if id(child) not in seen:
                seen.add(id(child))
                pending.append(child)
    return found


def contains_saved_model(export_dir: Any) -> bool:
    """Whether the folder holds a SavedModel."""
    folder = os.fspath(export_dir)
    return any(os.path.isfile(os.path.join(folder, name)) for name in _FILES)


def load(export_dir: Any, tags: Any = None, options: Any = None) -> Any:
    """What `tf.saved_model.save` wrote, here or in TensorFlow 2: an object with the same
    attributes, whose functions have the graphs that they were saved with.

    Args:
        export_dir: the folder.
        tags: the tags of the SavedModel, to be sure that it is the right one.
        options: `tf.saved_model.LoadOptions`.

    Raises:
        OSError: there is none, or it cannot be parsed.
        ValueError: it has other tags.
        NotImplementedError: it needs what is not supported: an op, a table, an asset; or it is one
            of TensorFlow 1, without objects.
        DataLossError: it is damaged. NotFoundError: its variables are missing.
    """
    options = options or LoadOptions()
    folder = os.fspath(export_dir)
    with init_scope():
        if not executing_eagerly():
            raise NotImplementedError(
                "tf.saved_model.load needs eager mode; this program, or the graph that it builds, "
                "is one of TensorFlow 1"
            )
    path, model = _read(folder)
    if len(model.meta_graphs) == 1:
        _check_tags(model.meta_graphs[0], tags, folder)
    try:
        with init_scope():
            return _Loader(_meta_graph(model), folder).root()
    except errors.OpError as error:
        if folder in error.message:
            raise
        raise type(error)(None, None, f"{path}: {error.message}") from error
    except NotImplementedError as error:
        raise NotImplementedError(f"{path}: {error}") from None
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        AssertionError,
        OverflowError,
        RecursionError,
        MemoryError,
    ) as error:
        raise errors.DataLossError(
            None, None, f"{path} is damaged, or was not written as a SavedModel: {error}"
        ) from error


def _check_tags(meta: Any, tags: Any, folder: str) -> None:
    if tags is not None:
        wanted = {tags} if isinstance(tags, str) else set(tags)
        if wanted != set(meta.meta_info_def.tags):
            raise ValueError(
                f"Got an incompatible argument to `tags`: {tags}. The SavedModel at {folder} has "
                f"one MetaGraph with tags {list(meta.meta_info_def.tags)}. You may omit the "
                "argument, pass 'None', or pass a matching sequence of tags."
            )


def _read(folder: str) -> tuple[str, SavedModel]:
    for name in _FILES:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            break
    else:
        raise OSError(
            f"SavedModel file does not exist at: {folder}{os.path.sep}"
            "{saved_model.pbtxt|saved_model.pb}"
        )
    if path.endswith("txt"):
        raise NotImplementedError(f"{path}: text is not read; expected saved_model.pb")
    with open(path, "rb") as f:
        data = f.read()
    model = SavedModel()
    try:
        model.MergeFromString(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise OSError(f"Cannot parse file {path}: {error}.") from None
    return path, model


def _meta_graph(model: SavedModel) -> Any:
    if len(model.meta_graphs) != 1 or not model.meta_graphs[0].object_graph_def:
        if not model.meta_graphs:
            raise ValueError("it has no graph")
        raise NotImplementedError(
            "a SavedModel of TensorFlow 1, without objects; expected one that tf.saved_model.save "
            "of TensorFlow 2 wrote"
        )
    if model.saved_model_schema_version != 1:
        raise NotImplementedError(
            f"version {model.saved_model_schema_version} of the format; expected 1"
        )
    return model.meta_graphs[0]


class _Loader:
    """Objects are made when they are first asked for."""

    def __init__(self, meta: Any, folder: str) -> None:
        self._graph: SavedObjectGraph = SavedObjectGraph.FromString(meta.object_graph_def)
        self._nodes = self._graph.nodes
        if not self._nodes:
            raise ValueError("it has no objects")
        for i, node in enumerate(self._nodes):
            for child in node.children:
                if not 0 <= child.node_id < len(self._nodes):
                    raise ValueError(f"object {i} refers to {child.node_id} of {len(self._nodes)}")
        self._constants = {n.name: n for n in meta.graph_def.node if n.op == "Const"}
        self._names = {
            c.node_id: c.local_name for node in reversed(self._nodes) for c in node.children
        }
        self._objects: dict[int, Any] = {}
        self._open: set[int] = set()
        self._keys: dict[int, str] = {}
        self._reader: Any = None
        if any(node.WhichOneof("kind") == "variable" for node in self._nodes):
            self._open_checkpoint(os.path.join(folder, "variables", "variables"))
        self._functions = FunctionLoader(
            self._graph.concrete_functions, meta.graph_def.library, self.object, self._kind
        )

    def _kind(self, number: int) -> str:
        if not 0 <= number < len(self._nodes):
            raise ValueError(f"a function refers to object {number} of {len(self._nodes)}")
        return self._nodes[number].WhichOneof("kind") or "user_object"

    def _open_checkpoint(self, prefix: str) -> None:
        """Walks the tree of the checkpoint along with the objects: names are what they share."""
        self._reader = CheckpointReader(prefix)
        saved = read_graph(self._reader.get_tensor(OBJECT_GRAPH_KEY))
        pairs, seen = [(0, 0)], {0}
        while pairs:
            mine, theirs = pairs.pop()
            for attribute in saved.nodes[theirs].attributes:
                if unescape(attribute.name) == _VALUE:
                    self._keys[mine] = attribute.checkpoint_key
            below = {c.local_name: c.node_id for c in saved.nodes[theirs].children}
            for child in self._nodes[mine].children:
                if child.node_id not in seen and child.local_name in below:
                    seen.add(child.node_id)
                    pairs.append((child.node_id, below[child.local_name]))

    def root(self) -> Any:
        made = self.object(0)
        if not isinstance(made, (LoadedObject, ListWrapper, DictWrapper, Variable)):
            raise ValueError(f"its first object is a {type(made).__name__}")
        self._fill()
        if isinstance(made, LoadedObject) and "signatures" not in vars(made):
            made.signatures = SignatureMap({})
        return made

    def object(self, number: int) -> Any:
        """The object of that number; objects with children get them in `_fill`, tuples at once."""
        if number in self._objects:
            return self._objects[number]
        if number in self._open:
            raise ValueError(f"object {number} contains itself")
        self._open.add(number)
        made = self._objects[number] = self._make(number, self._nodes[number])
        self._open.discard(number)
        return made

    def _make(self, number: int, node: SavedObject) -> Any:
        kind = self._kind(number)
        if kind == "user_object":
            return self._make_user_object(node)
        if kind == "variable":
            return self._make_variable(number, node.variable)
        if kind == "constant":
            return self._make_constant(node.constant.operation)
        if kind == "function":
            return self._make_function(self._names.get(number, "function"), node.function)
        if kind == "bare_concrete_function":
            bare = node.bare_concrete_function
            return self._functions.concrete(
                bare.concrete_function_name,
                list(bare.argument_keywords),
                by_name=not bare.allowed_positional_arguments,
            )
        what = {"asset": "assets", "resource": "tables and other resources"}.get(kind, kind)
        raise NotImplementedError(f"{what} (object {number}) are not supported")

    def _make_user_object(self, node: SavedObject) -> Any:
        identifier = node.user_object.identifier
        if identifier == "trackable_list_wrapper":
            return ListWrapper([])
        if identifier == "trackable_dict_wrapper":
            return DictWrapper({})
        if identifier == "trackable_tuple_wrapper":
            return wrap(tuple(self._items(node)))
        if identifier == "signature_map":
            found = {}
            for child in node.children:
                made = self.object(child.node_id)
                if not isinstance(made, ConcreteFunction):
                    raise ValueError(f"signature '{child.local_name}' is a {type(made).__name__}")
                found[child.local_name] = made
            return SignatureMap(found)
        if any(c.local_name == "__call__" for c in node.children):
            return CallableObject()
        return LoadedObject()

    def _items(self, node: SavedObject) -> list[Any]:
        """Of a list or tuple: what was not saved is None."""
        places = {int(child.local_name): child.node_id for child in node.children}
        if any(not 0 <= at < _LONGEST for at in places):
            raise ValueError(f"a list has items {sorted(places)}")
        items: list[Any] = [None] * (max(places, default=-1) + 1)
        for at, child in places.items():
            items[at] = self.object(child)
        return items

    def _fill(self) -> None:
        """Gives objects their children, nearest to the root first."""
        pending, seen = [0], {0}
        while pending:
            number = pending.pop(0)
            node, made = self._nodes[number], self.object(number)
            if self._kind(number) != "user_object" or isinstance(made, SignatureMap):
                continue
            if isinstance(made, ListWrapper):
                made.extend(self._items(node))
            elif isinstance(made, DictWrapper):
                made.update({c.local_name: self.object(c.node_id) for c in node.children})
            elif isinstance(made, LoadedObject):
                for child in node.children:
                    _set(made, child.local_name, self.object(child.node_id))
            for child in node.children:
                if child.node_id not in seen:
                    seen.add(child.node_id)
                    pending.append(child.node_id)

    def _make_variable(self, number: int, saved: Any) -> Variable:
        key = self._keys.get(number)
        if key is None:
            raise ValueError(f"the checkpoint has no value for variable '{saved.name}'")
        value = self._reader.tensor(key)
        dtype = as_dtype(saved.dtype)
        if value.dtype != dtype:
            raise ValueError(
                f"variable '{saved.name}' is {dtype.name}, its value in the checkpoint is "
                f"{value.dtype.name}"
            )
        return Variable(
            value,
            trainable=saved.trainable,
            name=saved.name or None,
            dtype=dtype,
            shape=shape_of(saved.shape),
            synchronization=VariableSynchronization(saved.synchronization),
            aggregation=VariableAggregation(saved.aggregation),
        )

    def _make_constant(self, operation: str) -> Any:
        from thalweg.framework.convert import convert_to_tensor

        node = self._constants.get(operation)
        if node is None:
            raise ValueError(f"there is no constant '{operation}'")
        tensor = node.attr["value"].tensor
        return convert_to_tensor(_array(tensor), as_dtype(tensor.dtype))

    def _make_function(self, name: str, saved: Any) -> LoadedFunction:
        spec = saved.function_spec
        return LoadedFunction(
            name,
            _parameters(decode(spec.fullargspec), spec.is_method),
            decode(spec.input_signature),
            [self._functions.concrete(graph) for graph in saved.concrete_functions],
        )


def _array(tensor: Any) -> Any:
    """A tensor of a file as an array: the size that it claims is bounded by what it holds."""
    size = 1
    for d in tensor.tensor_shape.dim:
        if d.size < 0:
            raise ValueError(f"a constant has a dimension of size {d.size}")
        size *= d.size
    if size > max(_LARGEST, tensor.ByteSize()):
        raise ValueError(f"a constant of {size} elements has {tensor.ByteSize()} bytes")
    return make_ndarray(tensor)


def _set(made: LoadedObject, name: str, value: Any) -> None:
    if name == "_tracking_or_none" or (name.startswith("__") and name != "__call__"):
        raise ValueError(f"an object has a child of the name '{name}'")
    setattr(made, name, value)


def _parameters(specification: Any, is_method: bool) -> inspect.Signature:
    """The parameters of a function from what `inspect.getfullargspec` said of them."""
    kind = inspect.Parameter
    args = list(specification.args)
    defaults = list(specification.defaults or ())
    given = dict(zip(args[len(args) - len(defaults) :], defaults, strict=True))
    if is_method or (args and args[0] == "self"):
        args = args[1:]

    def parameter(name: str, how: Any, values: dict[str, Any]) -> inspect.Parameter:
        return kind(name, how, default=values.get(name, kind.empty))

    made = [parameter(name, kind.POSITIONAL_OR_KEYWORD, given) for name in args]
    if specification.varargs:
        made.append(kind(specification.varargs, kind.VAR_POSITIONAL))
    by_name = specification.kwonlydefaults or {}
    made += [parameter(name, kind.KEYWORD_ONLY, by_name) for name in specification.kwonlyargs]
    if specification.varkw:
        made.append(kind(specification.varkw, kind.VAR_KEYWORD))
    return inspect.Signature(made)
