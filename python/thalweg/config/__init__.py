"""`tf.config`: devices, threads, placement, and whether functions are traced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg.config import optimizer, threading
from thalweg.framework import config_state
from thalweg.framework.config_state import (
    LogicalDevice,
    LogicalDeviceConfiguration,
    PhysicalDevice,
)


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The machine's devices, of all types or of one ('CPU', 'GPU')."""
    return config_state.of_type(config_state.physical_devices(), device_type)


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that ops are placed on. Starts the runtime."""
    config_state.start()
    return config_state.of_type(config_state.logical_devices(), device_type)


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The physical devices that the runtime uses, or will use."""
    return config_state.of_type(config_state.visible_devices(), device_type)


def set_visible_devices(devices: Any, device_type: str | None = None) -> None:
    """Makes the runtime use these devices (one or a list) only; of `device_type`, if it is given.

    Raises:
        ValueError: there is no such device, or it has another type.
        RuntimeError: the runtime has started.
    """
    many = type(devices) in (list, tuple, set)  # a device is a tuple, too
    wanted = list(devices) if many else [devices]
    for device in wanted:
        config_state.known(device)
        if device_type is not None and device.device_type != device_type:
            raise ValueError(f"Unrecognized device: {device!r}")
    keep = [d for d in get_visible_devices() if device_type not in (None, d.device_type)]
    chosen = keep + wanted
    if chosen == config_state.visible_devices():
        return
    config_state.require_not_started("Visible devices cannot be modified after being initialized")
    if not any(d.device_type == "CPU" for d in chosen):
        raise NotImplementedError("set_visible_devices: the CPU cannot be left out")
    config_state.state.visible = chosen


def get_logical_device_configuration(device: Any) -> list[LogicalDeviceConfiguration] | None:
    """What the device is divided into; None: it is one logical device."""
    config_state.known(device)
    return config_state.state.logical.get(device)


def set_logical_device_configuration(
    device: Any, logical_devices: Sequence[LogicalDeviceConfiguration]
) -> None:
    """Divides a physical device into logical ones.

    Raises:
        ValueError: there is no such device, or a limit of memory is set for a CPU.
        RuntimeError: the runtime has started.
    """
    config_state.known(device)
    wanted = list(logical_devices)
    if config_state.state.logical.get(device) == wanted:
        return
    config_state.require_not_started("Virtual devices cannot be modified after being initialized")
    if device.device_type != "CPU":
        raise NotImplementedError(
            f"set_logical_device_configuration: only CPUs can be divided, got {device!r}"
        )
    for one in wanted:
        if one.memory_limit is not None:
            raise ValueError("Setting memory limit on CPU virtual devices is not supported")
        if one.experimental_priority is not None:
            raise ValueError("Setting experimental_priority on CPU devices is not supported")
    if device in config_state.state.memory_growth:
        raise ValueError("Cannot set logical devices on a device when memory growth is set")
    config_state.state.logical[device] = wanted


def get_soft_device_placement() -> bool:
    """Whether an op without a kernel on the device it is asked for runs on another one."""
    return config_state.state.soft_placement


def set_soft_device_placement(enabled: bool) -> None:
    """Whether an op without a kernel on the device it is asked for runs on another one."""
    config_state.state.soft_placement = bool(enabled)


def functions_run_eagerly() -> bool:
    """Whether calls of `tf.function`s run their Python code instead of a trace."""
    return config_state.state.functions_run_eagerly


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Makes calls of `tf.function`s run their Python code instead of a trace, or trace again."""
    config_state.state.functions_run_eagerly = bool(run_eagerly)


experimental_functions_run_eagerly = functions_run_eagerly
experimental_run_functions_eagerly = run_functions_eagerly

from thalweg.config import experimental  # noqa: E402  (has some of these names, too)

__all__ = [
    "LogicalDevice",
    "LogicalDeviceConfiguration",
    "PhysicalDevice",
    "experimental",
    "experimental_functions_run_eagerly",
    "experimental_run_functions_eagerly",
    "functions_run_eagerly",
    "get_logical_device_configuration",
    "get_soft_device_placement",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "optimizer",
    "run_functions_eagerly",
    "set_logical_device_configuration",
    "set_soft_device_placement",
    "set_visible_devices",
    "threading",
]
