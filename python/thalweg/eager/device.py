"""`tf.device` in eager mode."""

from __future__ import annotations

from typing import Any

from thalweg import _core
from thalweg.framework.config_state import state as settings
from thalweg.framework.device import DeviceSpec, canonical_name
from thalweg.framework.errors import InvalidArgumentError


class eager_device:
    """While entered, this thread's ops run on the device named, if it is there."""

    __slots__ = ("_name", "_old", "_scopes")

    def __init__(self, name: Any, scopes: Any) -> None:
        if callable(name):
            raise RuntimeError(
                "tf.device does not support functions when eager execution is enabled."
            )
        self._name = "" if name is None else canonical_name(name)
        if name is not None and scopes.device:
            self._name = _core.merge_device(self._name, scopes.device)
        self._scopes = scopes
        self._old: list[str] = []

    def __enter__(self) -> str:
        self._old.append(self._scopes.device)
        _select(self._name)
        self._scopes.device = self._name
        return self._name

    def __exit__(self, *error: Any) -> None:
        self._scopes.device = self._old.pop()
        _select(self._scopes.device)


def _select(name: str) -> None:
    spec = DeviceSpec.from_string(name)
    kind, index = spec.device_type, spec.device_index or 0
    if kind is None or (kind == "CPU" and index == 0):
        _core.set_eager_device("", 0)
    elif not _core.set_eager_device(kind, index):
        if not settings.soft_placement:
            raise InvalidArgumentError(
                None,
                None,
                f"Could not satisfy device specification '{name}': there is no such device. "
                "tf.config.set_soft_device_placement(True) lets ops run elsewhere.",
            )
        _core.set_eager_device("", 0)
