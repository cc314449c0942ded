"""`tf.train`: checkpoints, threads that stop together. Optimizers, learning rates and step
counters of graph mode are the modules of this folder; `compat.v1.train` has their names.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.train import experimental
    from thalweg.train.checkpoint import Checkpoint
    from thalweg.train.checkpoint_manager import CheckpointManager
    from thalweg.train.checkpoint_options import CheckpointOptions
    from thalweg.train.checkpoint_reader import list_variables, load_checkpoint, load_variable
    from thalweg.train.checkpoint_state import (
        checkpoints_iterator,
        get_checkpoint_state,
        latest_checkpoint,
    )
    from thalweg.train.checkpoint_view import CheckpointView, TrackableView
    from thalweg.train.coordinator import Coordinator

__all__ = [
    "Checkpoint",
    "CheckpointManager",
    "CheckpointOptions",
    "CheckpointView",
    "Coordinator",
    "TrackableView",
    "checkpoints_iterator",
    "experimental",
    "get_checkpoint_state",
    "latest_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
]

_HOMES = {
    "Checkpoint": "checkpoint",
    "CheckpointManager": "checkpoint_manager",
    "CheckpointOptions": "checkpoint_options",
    "CheckpointView": "checkpoint_view",
    "Coordinator": "coordinator",
    "TrackableView": "checkpoint_view",
    "checkpoints_iterator": "checkpoint_state",
    "get_checkpoint_state": "checkpoint_state",
    "latest_checkpoint": "checkpoint_state",
    "list_variables": "checkpoint_reader",
    "load_checkpoint": "checkpoint_reader",
    "load_variable": "checkpoint_reader",
}


def __getattr__(name: str) -> Any:
    """Names load on first use: graph-mode programs import this package for their optimizers."""
    if name == "experimental":
        return importlib.import_module(f"{__name__}.experimental")
    home = _HOMES.get(name)
    if name == "experimental":
        return importlib.import_module(f"{__name__}.{name}")
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    setattr(sys.modules[__name__], name, found)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, "experimental"})
