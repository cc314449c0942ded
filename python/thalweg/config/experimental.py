"""`tf.config.experimental`: earlier names, memory growth and details."""

from __future__ import annotations

from typing import Any

from thalweg.config import LogicalDeviceConfiguration as VirtualDeviceConfiguration
from thalweg.config import get_logical_device_configuration as get_virtual_device_configuration
from thalweg.config import (
    get_visible_devices,
    list_logical_devices,
    list_physical_devices,
    set_visible_devices,
)
from thalweg.config import set_logical_device_configuration as set_virtual_device_configuration
from thalweg.framework import config_state


def get_memory_growth(device: Any) -> bool | None:
    """Whether the device's memory is taken as it is needed; None where that was not said."""
    config_state.known(device)
    return config_state.state.memory_growth.get(device)


def set_memory_growth(device: Any, enable: bool) -> None:
    """Whether the device's memory is taken as it is needed. It always is here.

    Raises:
        ValueError: the device is a CPU, does not exist or is divided.
        NotImplementedError: `enable` is false.
        RuntimeError: the runtime has started.
    """
    config_state.known(device)
    if device.device_type != "GPU":
        raise ValueError("Cannot set memory growth on non-GPU and non-Pluggable devices")
    if device in config_state.state.logical:
        raise ValueError("Cannot set memory growth on device when virtual devices configured")
    if not enable:
        raise NotImplementedError("set_memory_growth: memory is always taken as it is needed")
    if config_state.state.memory_growth.get(device):
        return
    config_state.require_not_started("Physical devices cannot be modified after being initialized")
    config_state.state.memory_growth[device] = True


def get_device_details(device: Any) -> dict[str, Any]:
    """What is known of a physical device beyond its name: nothing yet, as TensorFlow has it of
    CPUs.
    """
    config_state.known(device)
    return {}


def get_synchronous_execution() -> bool:
    """True: an op's results are there when it returns."""
    return True


__all__ = [
    "VirtualDeviceConfiguration",
    "get_device_details",
    "get_memory_growth",
    "get_synchronous_execution",
    "get_virtual_device_configuration",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "set_memory_growth",
    "set_virtual_device_configuration",
    "set_visible_devices",
]
