"""`tf.train.Checkpoint`: trees of objects, saved and restored."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from thalweg import _core
from thalweg.framework import errors
from thalweg.framework.default_graph import init_scope
from thalweg.framework.dtypes import as_dtype, int64
from thalweg.framework.dtypes import string as string_dtype
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.mode import executing_eagerly
from thalweg.trackable.auto import AutoTrackable
from thalweg.trackable.base import Trackable
from thalweg.trackable.named import NamedRestoration
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY, read_graph, saved_graph
from thalweg.trackable.restore import Position, Restoration
from thalweg.trackable.status import CheckpointLoadStatus, InitializationOnlyStatus, NamedStatus
from thalweg.train.checkpoint_options import CheckpointOptions
from thalweg.train.checkpoint_reader import CheckpointReader
from thalweg.train.checkpoint_state import write_checkpoint_state

Status = CheckpointLoadStatus | NamedStatus | InitializationOnlyStatus


def _check_trackable(name: str, value: Any) -> None:
    # A function has nothing to save, but may be part of what is saved.
    if not isinstance(value, (Trackable, _core.FunctionCalls)):
        raise ValueError(
            f"`Checkpoint` was expecting {name} to be a trackable object (an object derived from "
            f"`Trackable`), got {value}. If you believe this object should be trackable (i.e. it "
            "is part of the TensorFlow Python API and manages state), please open an issue."
        )


def write_values(prefix: str, values: list[tuple[str, Any]]) -> None:
    """Writes a checkpoint of named values: tensors, arrays, numbers, str or bytes."""
    writer = _core.BundleWriter(prefix)
    for key, value in values:
        if isinstance(value, EagerTensor):
            writer.add_tensor(key, value)
        elif isinstance(value, (str, bytes)):
            data = value.encode() if isinstance(value, str) else value
            writer.add(key, np.array(data, dtype=object), string_dtype.as_datatype_enum)
        else:
            array = np.asarray(value)
            writer.add(key, array, as_dtype(array.dtype).as_datatype_enum)
    writer.finish()


class Checkpoint(AutoTrackable):
    """Saves and restores the objects given by keyword, and all that can be reached from them.

    `root`, if given, stands at the top itself: its children have no name in front of theirs.
    """

    _root: Any
    _attached: dict[str, Any]
    _save_counter: Any

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        if root is not None:
            _check_trackable("root", root)
            if not isinstance(root, Trackable):
                raise ValueError(f"Checkpoint: the root has nothing to save: {root}")
        # Not by assignment, which would make children of them.
        self.__dict__.update(_root=root, _attached={}, _save_counter=None)
        for name, value in sorted(kwargs.items()):
            setattr(self, name, value)
            value = getattr(self, name)
            _check_trackable(name, value)
            if root is not None:
                current = root._lookup_dependency(name)
                if current is not None and current is not value:
                    raise ValueError(
                        f"Cannot create a Checkpoint with keyword argument {name} if root.{name} "
                        "already exists."
                    )
                if isinstance(value, Trackable):
                    self._attached[name] = value

    def _top(self) -> Trackable:
        return self if self._root is None else self._root

    # --- the counter

    def _make_save_counter(self) -> Any:
        if self._save_counter is None:
            from thalweg.eager.variable import Variable

            with init_scope():
                if not executing_eagerly():
                    raise RuntimeError(
                        "Checkpoint counts its saves in a variable of eager mode; in a graph use "
                        "tf.compat.v1.train.Saver, or Checkpoint.write and read"
                    )
                counter = Variable(0, dtype=int64, trainable=False, name="save_counter")
            self.__dict__["_save_counter"] = counter
            if self._root is None:
                self._track_trackable(counter, "save_counter", overwrite=True)
            else:
                self._attached["save_counter"] = counter
                self._root._handle_deferred_dependencies("save_counter", counter)
        return self._save_counter

    @property
    def save_counter(self) -> Any:
        """How often `save` has been called: an int64 variable, saved with the rest."""
        return self._make_save_counter()

    # --- saving

    def _write(self, file_prefix: Any, options: CheckpointOptions | None) -> str:
        prefix = os.fspath(file_prefix)
        graph, values = saved_graph(self._top(), self._attached)
        folder = os.path.dirname(prefix)
        if folder:
            os.makedirs(folder, exist_ok=True)
        write_values(prefix, [*values, (OBJECT_GRAPH_KEY, graph.SerializeToString())])
        return prefix

    def write(self, file_prefix: Any, options: CheckpointOptions | None = None) -> str:
        """Writes a checkpoint of exactly that prefix and returns it; `read` is its counterpart."""
        options = options or CheckpointOptions()
        prefix = self._write(file_prefix, options)
        options.written(prefix)
        return prefix

    def save(self, file_prefix: Any, options: CheckpointOptions | None = None) -> str:
        """Writes a checkpoint of the prefix and the number of the save, notes it as the latest in
        the folder's file "checkpoint", and returns its prefix.
        """
        options = options or CheckpointOptions()
        counter = self._make_save_counter()
        counter.assign_add(1)
        prefix = self._write(f"{os.fspath(file_prefix)}-{int(counter.numpy())}", options)
        write_checkpoint_state(os.path.dirname(prefix), prefix, [prefix], save_relative_paths=True)
        options.written(prefix)
        return prefix

    # --- restoring

    def read(self, save_path: Any, options: CheckpointOptions | None = None) -> Status:
        """Restores a checkpoint of `write`: variables that exist at once, others when they are
        attached. NotFoundError if there is none of that prefix.
        """
        if save_path is None:
            return InitializationOnlyStatus()
        path = os.fspath(save_path)
        reader = CheckpointReader(path)
        if not reader.has_tensor(OBJECT_GRAPH_KEY):
            named = NamedRestoration(reader.has_tensor, reader.tensor)
            named.restore(self._top(), self._attached)
            return NamedStatus(named, self._top(), self._attached)
        try:
            graph = read_graph(reader.get_tensor(OBJECT_GRAPH_KEY))
        except ValueError as error:
            if isinstance(error, errors.OpError):
                raise
            raise errors.DataLossError(None, None, f"{path}: {error}") from None
        restoration = Restoration(graph, reader.tensor, self._attached)
        Position(restoration, 0).restore(self._top())
        return CheckpointLoadStatus(restoration, self._top())

    def restore(self, save_path: Any, options: CheckpointOptions | None = None) -> Status:
        """Restores a checkpoint of `save`, and `save_counter` with it. Also takes the folder of a
        SavedModel; `None` restores nothing, as at the beginning of a training run.
        """
        path = None if save_path is None else os.fspath(save_path)
        if path is not None and os.path.isfile(os.path.join(path, "saved_model.pb")):
            path = os.path.join(path, "variables", "variables")
        try:
            status = self.read(path, options)
        except errors.NotFoundError as error:
            raise errors.NotFoundError(
                None,
                None,
                f"Error when restoring from checkpoint or SavedModel at {save_path}: "
                f"{error.message}\nPlease double-check that the path is correct. You may be "
                "missing the checkpoint suffix (e.g. the '-1' in 'path/to/ckpt-1').",
            ) from None
        self._make_save_counter()
        return status

    def sync(self) -> None:
        """Waits for writes under way; every write is done when its call returns."""
