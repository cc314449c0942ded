"""Switches between TensorFlow's versions of itself: here there is graph mode, and it is always
on.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def _nothing_to_switch() -> None:
    """Graph mode is the only mode."""


disable_v2_behavior = _nothing_to_switch
disable_eager_execution = _nothing_to_switch
disable_resource_variables = _nothing_to_switch
disable_tensor_equality = _nothing_to_switch
disable_v2_tensorshape = _nothing_to_switch
disable_control_flow_v2 = _nothing_to_switch


def _refuse(what: str) -> Any:
    def enable(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"{what} is not supported: compat.v1 runs graph mode")

    enable.__doc__ = f"Raises NotImplementedError: {what} is not supported."
    return enable


enable_v2_behavior = _refuse("enable_v2_behavior")
enable_eager_execution = _refuse("eager execution")
enable_resource_variables = _refuse("enable_resource_variables")
enable_tensor_equality = _refuse("enable_tensor_equality")
enable_v2_tensorshape = _refuse("enable_v2_tensorshape")
enable_control_flow_v2 = _refuse("enable_control_flow_v2")


def executing_eagerly() -> bool:
    """False: ops are added to a graph."""
    return False


def executing_eagerly_outside_functions() -> bool:
    """False: ops are added to a graph."""
    return False


def resource_variables_enabled() -> bool:
    """False: variables are references."""
    return False


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Text encoded; bytes as they are."""
    if isinstance(bytes_or_text, bytearray):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Bytes decoded; text as it is."""
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """Bytes decoded; anything else as str() gives it."""
    return as_text(value, encoding) if isinstance(value, bytes) else str(value)


compat = SimpleNamespace(as_bytes=as_bytes, as_text=as_text, as_str=as_text, as_str_any=as_str_any)
