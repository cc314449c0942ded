"""Trees of objects with a stand-in for a variable at the leaves: a tree does not care."""

from __future__ import annotations

import numpy as np

from thalweg.module import Module
from thalweg.trackable.base import Trackable
from thalweg.trackable.object_graph import OBJECT_GRAPH_KEY
from thalweg.train.checkpoint import Checkpoint
from thalweg.train.checkpoint_reader import list_variables


class Leaf(Trackable):
    def __init__(self, value=0.0, name: str = "leaf", trainable: bool = True) -> None:
        self.value = np.asarray(value)
        self.name = f"{name}:0"
        self.trainable = trainable

    @property
    def dtype(self):
        return self.value.dtype

    def assign(self, value) -> None:
        self.value = np.asarray(value)

    def numpy(self):
        return self.value

    def _serialize_to_tensors(self):
        return {"VARIABLE_VALUE": self.value}

    def _restore_from_tensors(self, restored_tensors) -> None:
        self.value = np.asarray(restored_tensors["VARIABLE_VALUE"])

    def __repr__(self) -> str:
        return f"<Leaf {self.value}>"


class Model(Module):
    pass


def keys(tmp_path, **objects) -> list[str]:
    """The keys of a saved tree, without what all have in common."""
    prefix = Checkpoint(**objects).write(tmp_path / "keys")
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    return [k.removesuffix(end) for k, _ in list_variables(prefix) if k != OBJECT_GRAPH_KEY]
