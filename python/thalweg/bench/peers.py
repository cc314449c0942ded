"""Which libraries there are to measure, and which interpreter has each."""

from __future__ import annotations

import importlib.util
import os
import sys

LIBRARIES = {"thalweg": "Thalweg", "tensorflow": "TensorFlow", "torch": "PyTorch", "jax": "JAX"}


def find(elsewhere: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Interpreters by library, those named in `elsewhere` first, and the libraries not found.

    Raises:
        ValueError: a library that is not known, or an interpreter that does not exist.
    """
    for library, python in elsewhere.items():
        if library not in LIBRARIES:
            raise ValueError(f"expected one of {', '.join(LIBRARIES)}, got {library!r}")
        if not os.access(python, os.X_OK):
            raise ValueError(f"{library}: there is no interpreter at {python!r}")
    found: dict[str, str] = {}
    missing: list[str] = []
    for library in LIBRARIES:
        if library in elsewhere:
            found[library] = elsewhere[library]
        elif importlib.util.find_spec(library) is not None:
            found[library] = sys.executable
        else:
            missing.append(library)
    return found, missing
