"""What the program has asked of devices and threads. Settings that shape the runtime are fixed when
it starts, which is when the first op runs or the devices are listed.
"""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from thalweg.framework.scopes import eager_scopes

PhysicalDevice = namedtuple("PhysicalDevice", ["name", "device_type"])
LogicalDevice = namedtuple("LogicalDevice", ["name", "device_type"])


class LogicalDeviceConfiguration(
    namedtuple(
        "LogicalDeviceConfiguration",
        ["memory_limit", "experimental_priority", "experimental_device_ordinal"],
    )
):
    """One of the logical devices that a physical one is divided into."""

    __slots__ = ()

    def __new__(
        cls,
        memory_limit: int | None = None,
        experimental_priority: int | None = None,
        experimental_device_ordinal: int | None = None,
    ) -> LogicalDeviceConfiguration:
        return super().__new__(
            cls, memory_limit, experimental_priority, experimental_device_ordinal
        )


@dataclasses.dataclass
class State:
    """All settings of the process."""

    started: bool = False
    intra_op_threads: int = 0  # 0: as many as there are cores
    inter_op_threads: int = 0  # kept for programs that ask; one run is one thread here
    soft_placement: bool = True
    log_device_placement: bool = False
    functions_run_eagerly: bool = False
    visible: list[PhysicalDevice] | None = None  # None: all
    logical: dict[PhysicalDevice, list[LogicalDeviceConfiguration]] = dataclasses.field(
        default_factory=dict
    )
    memory_growth: dict[PhysicalDevice, bool] = dataclasses.field(default_factory=dict)
    physical: list[PhysicalDevice] | None = None  # as found on this machine


state = State()


def require_not_started(message: str) -> None:
    """Raises RuntimeError with TensorFlow's words once the runtime has started."""
    if state.started:
        raise RuntimeError(message)


def start() -> State:
    """Fixes the settings that shape the runtime, and gives them."""
    state.started = True
    return state


def physical_devices() -> list[PhysicalDevice]:
    """The machine's devices: one CPU, and the GPUs that a plugin finds."""
    if state.physical is None:
        state.physical = [PhysicalDevice("/physical_device:CPU:0", "CPU")]
        state.physical += [
            PhysicalDevice(f"/physical_device:GPU:{i}", "GPU") for i in range(_gpu_count())
        ]
    return state.physical


def _gpu_count() -> int:
    from thalweg import _core
    from thalweg.eager.device import _select as select
    from thalweg.framework.devices import load_device_plugins

    load_device_plugins()
    count = 0
    while _core.set_eager_device("GPU", count):  # False: there is no such device
        count += 1
    select(eager_scopes.device)
    return count


def visible_devices() -> list[PhysicalDevice]:
    return physical_devices() if state.visible is None else state.visible


def logical_devices() -> list[LogicalDevice]:
    """The devices that ops are placed on, numbered by type."""
    counts: dict[str, int] = {}
    found = []
    for device in visible_devices():
        for _ in range(len(state.logical.get(device, ())) or 1):
            kind = device.device_type
            found.append(LogicalDevice(f"/device:{kind}:{counts.get(kind, 0)}", kind))
            counts[kind] = counts.get(kind, 0) + 1
    return found


def device_counts() -> dict[str, int]:
    """How many logical devices there are of each type, as a session's options say it."""
    counts: dict[str, int] = {device.device_type: 0 for device in physical_devices()}
    for device in logical_devices():
        counts[device.device_type] += 1
    return counts


def known(device: Any) -> PhysicalDevice:
    """Raises ValueError unless this is one of the machine's devices."""
    if device not in physical_devices():
        raise ValueError(f"Unrecognized device: {device!r}")
    return device


def of_type(devices: Sequence[Any], device_type: str | None) -> list[Any]:
    return [d for d in devices if device_type is None or d.device_type == device_type]
