"""`tf.train.Saver`: the variables of a graph, saved from a session and restored into one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from thalweg import _core, raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes, errors
from thalweg.framework.convert import constant
from thalweg.framework.graph import GraphKeys
from thalweg.framework.meta_graph import (
    MetaGraphDef,
    SaverDef,
    export_meta_graph,
    import_scoped_meta_graph,
)
from thalweg.framework.scope_names import prepend_name_scope, strip_name_scope
from thalweg.ops import array, control, creation, state
from thalweg.ops.variable_collections import all_variables
from thalweg.ops.variables import Variable
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY, read_graph
from thalweg.train.checkpoint_reader import CheckpointReader
from thalweg.train.checkpoint_state import (
    checkpoint_exists,
    get_checkpoint_mtimes,
    remove_checkpoint,
    write_checkpoint_state,
)
from thalweg.train.global_step import global_step as value_of_step

_ALTERED = (
    "Please ensure that you have not altered the graph expected based on the checkpoint. "
    "Original error:\n\n"
)


def _named(var_list: Any) -> dict[str, Any]:
    """Name in the checkpoint -> variable."""
    if isinstance(var_list, Mapping):
        pairs = [(name, var_list[name]) for name in sorted(var_list)]
    elif isinstance(var_list, Iterable) and not isinstance(var_list, Variable):
        pairs = [(v.op.name if isinstance(v, Variable) else "", v) for v in var_list]
        pairs.sort(key=lambda pair: pair[0])
    else:
        raise TypeError(
            f"A non-None value was passed for var_list, but it is not a list: {var_list}"
        )
    named: dict[str, Any] = {}
    for name, variable in pairs:
        if not isinstance(variable, Variable):
            raise TypeError(f"Variable to save is not a Variable: {variable}")
        if name in named:
            raise ValueError(f"At least two variables have the same name: {name}")
        named[name] = variable
    return named


class Saver:
    """Adds the ops that save and restore variables (all of the graph's, or those of `var_list`,
    which may be a dictionary of the names they are to have in checkpoints), and keeps the last
    `max_to_keep` checkpoints and one every `keep_checkpoint_every_n_hours`.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: SaverDef | None = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: int = SaverDef.V2,  # type: ignore[attr-defined]
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        if _core.executing_eagerly():
            raise RuntimeError("Saver saves variables of a graph; use tf.train.Checkpoint eagerly")
        if defer_build and var_list:
            raise ValueError(
                "If `var_list` is provided then build cannot be deferred. Either set "
                "defer_build=False or var_list=None."
            )
        if sharded:
            raise NotImplementedError("Saver: sharded checkpoints are not supported")
        if builder is not None:
            raise NotImplementedError("Saver: builder is not supported")
        if write_version != SaverDef.V2:  # type: ignore[attr-defined]
            raise NotImplementedError(f"Saver: only format V2 is written, got {write_version=}")
        self._var_list = var_list
        self._reshape = reshape
        self._max_to_keep = max_to_keep or 0
        self._keep_hours = keep_checkpoint_every_n_hours
        self._name = name
        self._sequentially = restore_sequentially
        self._allow_empty = allow_empty
        self._pad = pad_step_number
        self._relative = save_relative_paths
        self._filename = filename
        self._is_empty = False
        self._kept: list[tuple[str, float]] = []  # (path, when it was written), oldest first
        self._next_preserved = time.time() + keep_checkpoint_every_n_hours * 3600
        self._def: SaverDef | None = None
        if saver_def is not None:
            self._take(saver_def, name)
        elif not defer_build:
            self.build()

    def _take(self, saver_def: SaverDef, scope: str | None) -> None:
        if saver_def.sharded or saver_def.version != SaverDef.V2:  # type: ignore[attr-defined]
            raise NotImplementedError(f"Saver: only unsharded format V2 is supported: {saver_def}")
        self._def = SaverDef()
        self._def.CopyFrom(saver_def)
        if scope:
            for field in ("filename_tensor_name", "save_tensor_name", "restore_op_name"):
                full = prepend_name_scope(getattr(saver_def, field), scope)
                setattr(self._def, field, full)
        self._max_to_keep = saver_def.max_to_keep
        self._keep_hours = saver_def.keep_checkpoint_every_n_hours
        self._next_preserved = time.time() + self._keep_hours * 3600

    def build(self) -> None:
        """Adds the ops, for a Saver made with `defer_build`."""
        if self._def is not None or self._is_empty:
            return
        if self._var_list is None:
            graph = ops.get_default_graph()
            if graph.get_collection(GraphKeys.SAVEABLE_OBJECTS):
                raise NotImplementedError("Saver: saveable objects are not supported")
            self._var_list = all_variables()
        if not self._var_list:
            if not self._allow_empty:
                raise ValueError("No variables to save")
            self._is_empty = True
            return
        self._def = self._add_ops(_named(self._var_list))

    def _add_ops(self, named: dict[str, Any]) -> SaverDef:
        variables = list(named.values())
        with ops.control_dependencies(None), ops.name_scope(self._name, "save", variables):
            given = constant(self._filename or "model", dtypes.string, name="filename/input")
            given = creation.placeholder_with_default(given, shape=(), name="filename")
            path = creation.placeholder_with_default(given, shape=(), name="Const")
            names, slices = list(named), [""] * len(named)
            save = raw_ops.SaveV2(
                path,
                constant(names, dtypes.string, name="SaveV2/tensor_names"),
                constant(slices, dtypes.string, name="SaveV2/shape_and_slices"),
                [v._ref() for v in variables],
                name="SaveV2",
            )
            with ops.control_dependencies([save]):
                saved = raw_ops.Identity(path, name="control_dependency")
            with ops.device("/cpu:0"):
                values = raw_ops.RestoreV2(
                    path,
                    constant(names, dtypes.string, name="RestoreV2/tensor_names"),
                    constant(slices, dtypes.string, name="RestoreV2/shape_and_slices"),
                    dtypes=[v.dtype.base_dtype for v in variables],
                    name="RestoreV2",
                )
            restored: list[Any] = []
            for variable, value in zip(variables, values, strict=True):
                with ops.control_dependencies(restored[-1:] if self._sequentially else []):
                    if self._reshape:
                        value = array.reshape(value, variable.shape)
                    validate = variable.shape.is_fully_defined()
                    done = state.assign(
                        variable._ref(), value, validate_shape=validate, name="Assign"
                    )
                restored.append(done.op)
            restore = control.group(*restored, name="restore_all")
        return SaverDef(
            filename_tensor_name=path.name,
            save_tensor_name=saved.name,
            restore_op_name=restore.name,
            max_to_keep=self._max_to_keep,
            keep_checkpoint_every_n_hours=self._keep_hours,
            version=SaverDef.V2,  # type: ignore[attr-defined]
        )

    # --- messages

    def as_saver_def(self) -> SaverDef | None:
        """The names of the ops, as a message."""
        return self._def

    def to_proto(self, export_scope: str | None = None) -> SaverDef | None:
        """The same; None if the ops lie outside of `export_scope`."""
        if export_scope is None or self._def is None:
            return self._def
        if not self._def.filename_tensor_name.startswith(export_scope):
            return None
        made = SaverDef()
        made.CopyFrom(self._def)
        for field in ("filename_tensor_name", "save_tensor_name", "restore_op_name"):
            setattr(made, field, strip_name_scope(getattr(made, field), export_scope))
        return made

    @staticmethod
    def from_proto(saver_def: SaverDef, import_scope: str | None = None) -> Saver:
        """A Saver over ops that the graph has."""
        return Saver(saver_def=saver_def, name=import_scope)

    # --- what is kept

    @property
    def last_checkpoints(self) -> list[str]:
        """Prefixes of those that are kept, oldest first."""
        return [path for path, _ in self._kept]

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Sets what was kept by an earlier Saver, as if it had been written in the far future."""
        if not isinstance(last_checkpoints, list):
            raise ValueError("last_checkpoints must be a list")
        self._kept = [(path, float("inf")) for path in last_checkpoints]

    def set_last_checkpoints_with_time(
        self, last_checkpoints_with_time: Sequence[tuple[str, float]]
    ) -> None:
        """Sets what was kept by an earlier Saver, with the times in seconds."""
        if not isinstance(last_checkpoints_with_time, list):
            raise ValueError("last_checkpoints_with_time must be a list")
        self._kept = last_checkpoints_with_time

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Takes over those of the checkpoints that exist, after a crash."""
        existing = [path for path in checkpoint_paths if checkpoint_exists(path)]
        self._kept = list(zip(existing, get_checkpoint_mtimes(existing), strict=True))

    def _remember(self, path: str) -> list[tuple[str, float]]:
        """Notes a checkpoint as the newest; those that are too many now."""
        self._kept = [(p, t) for p, t in self._kept if p != path]
        self._kept.append((path, time.time()))
        dropped = []
        while self._max_to_keep and len(self._kept) > self._max_to_keep:
            dropped.append(self._kept.pop(0))
        return dropped

    def _remove(self, dropped: list[tuple[str, float]], meta_graph_suffix: str) -> None:
        for path, written in dropped:
            if written > self._next_preserved:
                self._next_preserved += self._keep_hours * 3600
            else:
                remove_checkpoint(path, meta_graph_suffix=meta_graph_suffix)

    # --- saving and restoring

    def save(
        self,
        sess: Any,
        save_path: Any,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Writes the session's variables to `save_path` (with "-" and the step), the graph beside
        them, and the folder's file "checkpoint"; returns the prefix, None for an empty Saver.
        """
        if strip_default_attrs or save_debug_info:
            raise NotImplementedError(
                "Saver.save: strip_default_attrs and save_debug_info are not supported"
            )
        if self._def is None and not self._is_empty:
            raise RuntimeError("`build()` should be called before save if defer_build==True")
        latest_filename = latest_filename or "checkpoint"
        if os.path.dirname(latest_filename):
            raise ValueError("'latest_filename' must not contain path components")
        prefix = os.fspath(save_path)
        if global_step is not None:
            step = global_step if isinstance(global_step, int) else value_of_step(sess, global_step)
            path = f"{prefix}-{int(step):08d}" if self._pad else f"{prefix}-{int(step)}"
        else:
            path = prefix
            if os.path.basename(prefix) == latest_filename:
                raise ValueError(
                    f"'latest_filename' collides with 'save_path': '{latest_filename}' and "
                    f"'{prefix}'"
                )
        folder = os.path.dirname(prefix)
        if self._def is not None:
            if folder and not os.path.isdir(folder):
                raise ValueError(f"Parent directory of {prefix} doesn't exist, can't save.")
            feed = {self._def.filename_tensor_name: path}
            sess.run(self._def.save_tensor_name, feed)
            if write_state:
                dropped = self._remember(path)
                write_checkpoint_state(
                    folder,
                    path,
                    self.last_checkpoints,
                    latest_filename,
                    save_relative_paths=self._relative,
                )
                self._remove(dropped, meta_graph_suffix)
        if write_meta_graph:
            with sess.graph.as_default():
                self.export_meta_graph(f"{path}.{meta_graph_suffix}")
        return None if self._is_empty else path

    def export_meta_graph(
        self,
        filename: Any = None,
        collection_list: Sequence[str] | None = None,
        as_text: bool = False,
        export_scope: str | None = None,
        clear_devices: bool = False,
        clear_extraneous_savers: bool = False,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> MetaGraphDef:
        """The default graph with this Saver's ops as a message, also written to `filename`."""
        if clear_extraneous_savers or strip_default_attrs or save_debug_info:
            raise NotImplementedError(
                "Saver.export_meta_graph: clear_extraneous_savers, strip_default_attrs and "
                "save_debug_info are not supported"
            )
        return export_meta_graph(
            filename,
            saver_def=self.to_proto(export_scope),
            collection_list=collection_list,
            as_text=as_text,
            export_scope=export_scope,
            clear_devices=clear_devices,
        )

    def restore(self, sess: Any, save_path: Any) -> None:
        """Gives the variables the values of a checkpoint; they need no initialization. Takes
        checkpoints of `tf.train.Checkpoint` too, where variables have their names.

        Raises:
            ValueError: there is no such checkpoint.
            NotFoundError: it lacks a variable.
            InvalidArgumentError: a dtype or a shape is another.
        """
        if self._is_empty:
            return
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        if self._def is None:
            raise RuntimeError("`build()` should be called before restore if defer_build==True")
        path = os.fspath(save_path)
        if not checkpoint_exists(path):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {path}")
        feed = {self._def.filename_tensor_name: path} | self._keys_of_objects(sess, path)
        try:
            sess.run(self._def.restore_op_name, feed)
        except errors.NotFoundError as error:
            raise errors.NotFoundError(
                error.node_def,
                error.op,
                "Restoring from checkpoint failed. This is most likely due to a Variable name or "
                f"other graph key that is missing from the checkpoint. {_ALTERED}{error.message}",
            ) from None
        except errors.InvalidArgumentError as error:
            raise errors.InvalidArgumentError(
                error.node_def,
                error.op,
                "Restoring from checkpoint failed. This is most likely due to a mismatch between "
                f"the current graph and the graph from the checkpoint. {_ALTERED}{error.message}",
            ) from None

    def _keys_of_objects(self, sess: Any, path: str) -> dict[str, Any]:
        """A checkpoint of objects has other keys: where the graph's names are none of them, what
        to feed for the names that are asked for.
        """
        assert self._def is not None
        reader = CheckpointReader(path)
        if not reader.has_tensor(OBJECT_GRAPH_KEY):
            return {}
        restore = self._def.restore_op_name.removesuffix("restore_all")
        asked = f"{restore}RestoreV2/tensor_names:0"
        try:
            names = [n.decode() for n in sess.run(asked)]
        except (KeyError, ValueError):
            return {}
        keys = {
            a.full_name: a.checkpoint_key
            for node in read_graph(reader.get_tensor(OBJECT_GRAPH_KEY)).nodes
            for a in node.attributes
        }
        return {asked: [n if reader.has_tensor(n) else keys.get(n, n) for n in names]}


def import_meta_graph(
    meta_graph_or_file: Any,
    clear_devices: bool = False,
    import_scope: str | None = None,
    **kwargs: Any,
) -> Saver | None:
    """Rebuilds a graph, with its variables and collections, in the default graph, and gives the
    Saver that it was exported with: a new one (made with `kwargs`) if it had none, and None if it
    has no variables.
    """
    meta, variables, scope = import_scoped_meta_graph(
        meta_graph_or_file, clear_devices, import_scope
    )
    if meta.HasField("saver_def"):
        return Saver(saver_def=meta.saver_def, name=scope or None)
    if variables:
        return Saver(variables, **kwargs)
    return None
