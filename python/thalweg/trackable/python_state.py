"""Python state in a checkpoint: whatever an object makes bytes of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thalweg.trackable.base import Trackable

_KEY = "py_state"


class PythonState(Trackable):
    """Saves what `serialize` returns and hands it to `deserialize`."""

    def serialize(self) -> str | bytes:
        """The state as str or bytes."""
        raise NotImplementedError(f"{type(self).__name__}.serialize")

    def deserialize(self, string_value: bytes) -> None:
        """Takes the state back."""
        raise NotImplementedError(f"{type(self).__name__}.deserialize")

    def _serialize_to_tensors(self) -> Mapping[str, Any]:
        return {_KEY: self.serialize()}

    def _restore_from_tensors(self, restored_tensors: dict[str, Any]) -> None:
        self.deserialize(restored_tensors[_KEY].numpy())
