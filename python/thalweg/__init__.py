"""Thalweg: TensorFlow's programming model as a small, fast library.

`import thalweg as tf` is TensorFlow 2; `import thalweg.compat.v1 as tf` runs TensorFlow-1 programs.
What a program uses is loaded when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg._root import *  # noqa: F403

__version__ = "0.1.0"

# The namespaces of TensorFlow 2, and where those live that have another name here.
_NAMESPACES = {
    "autodiff": "thalweg.autodiff",
    "autograph": "thalweg.autograph",
    "bitwise": "thalweg.bitwise",
    "compat": "thalweg.compat",
    "config": "thalweg.config",
    "debugging": "thalweg.debugging",
    "dtypes": "thalweg.dtypes",
    "errors": "thalweg.errors",
    "experimental": "thalweg.experimental",
    "image": "thalweg.image",
    "io": "thalweg.io",
    "linalg": "thalweg.linalg",
    "math": "thalweg.math",
    "nest": "thalweg.nest",
    "nn": "thalweg.nn",
    "profiler": "thalweg.profiler",
    "random": "thalweg.random",
    "raw_ops": "thalweg.raw_ops",
    "saved_model": "thalweg.saved_model",
    "strings": "thalweg.strings",
    "sysconfig": "thalweg.sysconfig",
    "test": "thalweg.test",
    "train": "thalweg.train",
    "version": "thalweg.version",
}
_LATER = {
    "keras": "Keras is not supported yet",
    "optimizers": "optimizers come with Keras, which is not supported yet",
    "losses": "losses come with Keras, which is not supported yet",
    "metrics": "metrics come with Keras, which is not supported yet",
    "initializers": "initializers come with Keras, which is not supported yet",
    "data": "input pipelines are not supported yet",
    "distribute": "distribution is not supported",
    "summary": "summaries of TensorFlow 2 are not supported yet; compat.v1.summary works",
    "lite": "TensorFlow Lite is not supported",
    "tpu": "TPUs are not supported",
}
_loaded = False


def _names() -> dict[str, Any]:
    """The root module's own names: loads the library."""
    global _loaded
    root = importlib.import_module("thalweg._root")
    names = {name: value for name, value in vars(root).items() if name[0] != "_"}
    names.pop("annotations", None)
    if not _loaded:
        globals().update(names)
        _loaded = True
    return names


def _is_own_import(name: str) -> bool:
    """Whether the library itself may have asked: such names say nothing about the program."""
    return name == "raw_ops"


def __getattr__(name: str) -> Any:
    """Namespaces and functions load on first use; who uses them is a TensorFlow-2 program."""
    if name[0] == "_":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _NAMESPACES:
        module = importlib.import_module(_NAMESPACES[name])
        if not _is_own_import(name):
            importlib.import_module("thalweg.framework.mode").root_used()
        globals()[name] = module
        return module
    if name in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: {_LATER[name]}")
    importlib.import_module("thalweg.framework.mode").root_used()
    found = _names()
    if name in found:
        return found[name]
    hint = ""
    if hasattr(importlib.import_module("thalweg.compat.v1"), name):
        hint = f"; TensorFlow 1's is thalweg.compat.v1.{name}"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMESPACES, *_names()})
