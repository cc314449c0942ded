"""Ops from shared libraries: `tf.load_op_library`."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from thalweg import _core
from thalweg.framework import errors
from thalweg.framework.apply import create, result_of
from thalweg.framework.op_spec import OpSpec, op_spec

_modules: dict[str, ModuleType] = {}


def load_op_library(library_filename: str) -> ModuleType:
    """Loads a plugin and returns a module with its ops as functions: `zero_out(x)` and
    `ZeroOut(x=x)`.
    """
    path = os.fspath(library_filename)
    if path in _modules:
        return _modules[path]
    if not os.path.exists(path):
        raise errors.NotFoundError(
            None, None, f"{path}: cannot open shared object file: No such file or directory"
        )
    names = _core.load_library(path)
    module = ModuleType(os.path.basename(path).partition(".")[0])
    module.__file__ = path
    module.__doc__ = "Ops of " + path
    for op_type in names:
        function = _function(op_spec(op_type))
        setattr(module, op_type, function)
        setattr(module, snake_case(op_type), function)
    module.OP_LIST = names  # type: ignore[attr-defined]
    _modules[path] = module
    return module


def load_library(library_location: str) -> None:
    """Loads every plugin of a folder, or one."""
    if os.path.isdir(library_location):
        found = sorted(f for f in os.listdir(library_location) if f.endswith(".so"))
        if not found:
            raise errors.NotFoundError(
                None, None, f"{library_location}: no shared libraries in this folder"
            )
        for file in found:
            load_op_library(os.path.join(library_location, file))
        return
    load_op_library(library_location)


def snake_case(name: str) -> str:
    """'MatMul' -> 'mat_mul', 'LRN' -> 'lrn', 'Conv2D' -> 'conv2d': a capital starts a word after a
    lower-case letter.
    """
    out = ""
    for i, c in enumerate(name):
        before, after = name[i - 1] if i else "", name[i + 1] if i + 1 < len(name) else ""
        if c.isupper() and i and (before.islower() or (before.isupper() and after.islower())):
            out += "_"
        out += c.lower()
    return out


def _function(spec: OpSpec) -> Any:
    names = [a.name for a in spec.inputs] + [a.name for a in spec.attrs if not a.inferred]

    def function(*args: Any, name: str | None = None, **arguments: Any) -> Any:
        if len(args) > len(names):
            raise TypeError(
                f"{function.__name__} takes {len(names)} arguments but {len(args)} were given"
            )
        for key, value in zip(names, args, strict=False):
            if key in arguments:
                raise TypeError(f"{function.__name__} got two values for its argument '{key}'")
            arguments[key] = value
        return result_of(spec, create(spec.name, name, **arguments))

    function.__name__ = function.__qualname__ = snake_case(spec.name)
    function.__doc__ = f"{spec.doc}\n\n{spec.signature}"
    return function
