"""Checkpoints as names and arrays: `tf.train.load_checkpoint` and its relatives."""

from __future__ import annotations

import os
from typing import Any

from thalweg import _core
from thalweg.framework.dtypes import DType, as_dtype
from thalweg.train.checkpoint_state import latest_checkpoint


class CheckpointReader:
    """The tensors of one checkpoint, read when they are asked for."""

    def __init__(self, filename: str) -> None:
        self._core = _core.BundleReader(filename)
        self._keys = self._core.keys()

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Name -> shape."""
        return {key: list(self._core.shape(key)) for key in self._keys}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """Name -> dtype."""
        return {key: as_dtype(self._core.dtype(key)) for key in self._keys}

    def has_tensor(self, tensor_str: str) -> bool:
        return self._core.has(tensor_str)

    def get_tensor(self, tensor_str: str) -> Any:
        """The value: an array, a NumPy scalar, or bytes. NotFoundError "Key ... not found"."""
        return self._core.read(tensor_str)

    def tensor(self, tensor_str: str) -> Any:
        """The value as an eager tensor."""
        return self._core.tensor(tensor_str)

    def debug_string(self) -> bytes:
        """A line per tensor: its name, type and shape."""
        return "".join(
            f"{key} (DT_{_proto_name(as_dtype(self._core.dtype(key)))}) "
            f"[{','.join(map(str, self._core.shape(key)))}]\n"
            for key in self._keys
        ).encode()


def _proto_name(dtype: DType) -> str:
    """What TensorFlow's enum calls it."""
    return {"float32": "FLOAT", "float64": "DOUBLE", "float16": "HALF"}.get(
        dtype.name, dtype.name.upper()
    )


def checkpoint_prefix(ckpt_dir_or_file: Any) -> str:
    """A checkpoint's prefix; of a folder, that of its latest. ValueError if it has none."""
    path = os.fspath(ckpt_dir_or_file)
    if not os.path.isdir(path):
        return path
    latest = latest_checkpoint(path)
    if latest is None:
        raise ValueError(
            f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}"
        )
    return latest


def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """A reader of the checkpoint, or of the latest one in a folder."""
    return CheckpointReader(checkpoint_prefix(ckpt_dir_or_file))


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """The value of that name; a trailing ":0" is ignored."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """(name, shape) of all tensors, in order of names."""
    return list(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())
