"""Devices beyond the CPU come from plugins in the package's `plugins` folder."""

from __future__ import annotations

import os

from thalweg import _core
from thalweg.framework import errors

_tried = False


def load_device_plugins() -> None:
    """Loads the plugins once per process; one that cannot run on this machine is passed over."""
    global _tried
    if _tried:
        return
    _tried = True
    folder = os.path.join(os.path.dirname(os.path.abspath(_core.__file__)), "plugins")
    if not os.path.isdir(folder):
        return
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".so"):
            continue
        try:
            _core.load_library(os.path.join(folder, file))
        except errors.FailedPreconditionError:  # no driver, no device: the plugin's polite refusal
            continue
