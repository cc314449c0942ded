"""Eager or graph mode: whether ops run when they are called, or become nodes of the default graph.

A process is eager, as TensorFlow 2 is. `import thalweg.compat.v1` makes it a TensorFlow-1 program,
in graph mode, unless it has used the root module before; `tf.compat.v1` as an attribute of the root
changes nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

from thalweg import _core
from thalweg.framework import shapes

executing_eagerly = _core.executing_eagerly

_chosen = False  # whether the program has said, by what it uses, which mode it wants


def choose(eager: bool) -> None:
    """The mode of threads that are in no graph, from here on."""
    global _chosen
    _chosen = True
    _core.set_process_eager(eager)


def root_used() -> None:
    """A TensorFlow-2 program: importing compat.v1 after this leaves the mode alone."""
    global _chosen
    _chosen = True


def v1_imported() -> None:
    """A TensorFlow-1 program, unless the root module has been used."""
    if not _chosen:
        choose(False)
        shapes.use_dimensions(True)


def import_quietly(module: str) -> Any:
    """Imports a module, compat.v1 among them, without a change of mode."""
    root_used()
    return importlib.import_module(module)
