"""Writes tests/data/tf_signatures.txt: TensorFlow 2's public names and the arguments they take.

Run with the Python of a TensorFlow installation: python tools/tf_signatures.py
"""

from __future__ import annotations

import inspect
import pathlib
import types
from typing import Any

FILE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "tf_signatures.txt"
NAMESPACES = [
    "autodiff",
    "bitwise",
    "compat",
    "config",
    "config.experimental",
    "config.optimizer",
    "config.threading",
    "debugging",
    "dtypes",
    "errors",
    "experimental",
    "experimental.dlpack",
    "image",
    "io",
    "io.gfile",
    "linalg",
    "math",
    "nest",
    "nn",
    "random",
    "random.experimental",
    "strings",
    "sysconfig",
    "test",
    "train",
    "version",
]
_MARKS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def signature(value: Any) -> str:
    """(a, b=1, *c) of a function or class; of anything else what it is."""
    if isinstance(value, types.ModuleType):
        return ": module"
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return f": {type(value).__name__}"
    texts = []
    for p in parameters:
        default = "" if p.default is inspect.Parameter.empty else f"={p.default!r}"
        texts.append(_MARKS.get(p.kind, "") + p.name + default)
    return f"({', '.join(texts)})"


def names(module: Any, path: str) -> list[tuple[str, str]]:
    """(full name, signature) of each public name of a namespace."""
    prefix = path + "." if path else ""
    found = []
    for name in dir(module):
        if not name.startswith("_"):
            try:
                found.append((prefix + name, signature(getattr(module, name))))
            except (AttributeError, ImportError):
                continue
    return found


def main() -> None:
    import tensorflow as tf

    lines = []
    for path in ["", *NAMESPACES]:
        module = tf
        for part in path.split(".") if path else []:
            module = getattr(module, part)
        lines += [f"{name}{text}" for name, text in names(module, path)]
    FILE.write_text("\n".join(sorted(lines)) + "\n")
    print(f"{len(lines)} names of TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
