"""Device names with possibly missing parts, as `tf.DeviceSpec`."""

from __future__ import annotations

from typing import Any

from thalweg import _core


class DeviceSpec:
    """job, replica, task, type and index of a device; None where not given."""

    __slots__ = ("device_index", "device_type", "job", "replica", "task")

    def __init__(
        self,
        job: str | None = None,
        replica: int | None = None,
        task: int | None = None,
        device_type: str | None = None,
        device_index: int | None = None,
    ) -> None:
        self.job = job
        self.replica = replica
        self.task = task
        self.device_type = device_type.upper() if device_type else None
        self.device_index = device_index

    @classmethod
    def from_string(cls, spec: str) -> DeviceSpec:
        self = cls()
        for part in _core.parse_device(spec).split("/"):
            key, _, value = part.partition(":")
            if key == "job":
                self.job = value
            elif key in ("replica", "task"):
                setattr(self, key, int(value))
            elif key == "device":
                kind, _, index = value.partition(":")
                self.device_type = kind
                self.device_index = None if index in ("", "*") else int(index)
        return self

    def parse_from_string(self, spec: str) -> DeviceSpec:
        found = DeviceSpec.from_string(spec)
        for name in self.__slots__:
            setattr(self, name, getattr(found, name))
        return self

    def make_merged_spec(self, dev: DeviceSpec) -> DeviceSpec:
        """This spec with `dev`'s parts in place of its own where `dev` has them."""
        merged = DeviceSpec()
        for name in self.__slots__:
            value = getattr(dev, name)
            setattr(merged, name, getattr(self, name) if value is None else value)
        return merged

    def replace(self, **parts: Any) -> DeviceSpec:
        copy = DeviceSpec(self.job, self.replica, self.task, self.device_type, self.device_index)
        for name, value in parts.items():
            setattr(copy, name, value)
        return copy

    def merge_from(self, dev: DeviceSpec) -> None:
        merged = self.make_merged_spec(dev)
        for name in self.__slots__:
            setattr(self, name, getattr(merged, name))

    def to_string(self) -> str:
        text = f"/job:{self.job}" if self.job is not None else ""
        if self.replica is not None:
            text += f"/replica:{self.replica}"
        if self.task is not None:
            text += f"/task:{self.task}"
        if self.device_type is not None:
            index = "*" if self.device_index is None else self.device_index
            text += f"/device:{self.device_type}:{index}"
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceSpec) and self.to_string() == other.to_string()

    def __hash__(self) -> int:
        return hash(self.to_string())

    def __repr__(self) -> str:
        return f"DeviceSpec({self.to_string()!r})"


def canonical_name(device: Any) -> str:
    """The canonical string of a device given as a string or a DeviceSpec; '' for None."""
    if device is None:
        return ""
    if not isinstance(device, str) and not hasattr(device, "to_string"):
        raise ValueError(f"a device is a string, a DeviceSpec or None, got {device!r}")
    return _core.parse_device(device if isinstance(device, str) else device.to_string())
