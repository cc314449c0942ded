"""Tensors shared with other libraries without a copy: https://dmlc.github.io/dlpack."""

from __future__ import annotations

from typing import Any

from thalweg import _core
from thalweg.framework.eager_tensor import EagerTensor, from_array

_CPU = 1  # kDLCPU


def export(tensor: Any, **options: Any) -> Any:
    """A capsule for `from_dlpack` of another library: the memory itself, which it must not write
    to.
    """
    if options.get("dl_device") not in (None, (_CPU, 0)):
        raise BufferError(f"the tensor is on the CPU; dl_device {options['dl_device']} is not")
    if options.get("copy"):
        tensor = from_array(tensor.numpy(), tensor.dtype)
    return _core.eager_to_dlpack(tensor)


def device_of(tensor: Any) -> tuple[int, int]:
    if "CPU" not in tensor.device:
        raise BufferError(f"a tensor on {tensor.device} is not exported")
    return _CPU, 0


def to_dlpack(tf_tensor: Any) -> Any:
    """A DLPack capsule that shares the tensor's memory."""
    if not isinstance(tf_tensor, EagerTensor):
        raise TypeError(f"The argument to `to_dlpack` must be a TF tensor, not {tf_tensor!r}")
    return export(tf_tensor)


def from_dlpack(dlcapsule: Any) -> Any:
    """The tensor of a DLPack capsule, or of an object that gives one; shares its memory."""
    if hasattr(dlcapsule, "__dlpack__"):
        dlcapsule = dlcapsule.__dlpack__()
    return _core.eager_from_dlpack(dlcapsule)
