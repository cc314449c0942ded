"""Protobuf messages as small Python classes, without protobuf.

    class Point(Message):
        fields = (Field(1, "x", "int32"), Field(2, "tags", "string", repeated=True))

    Point(x=1).SerializeToString()

Attributes have protobuf's defaults and types are checked on assignment; sub-messages come into
being when they are first read and are written once they are set. An unknown field name is an
AttributeError, an unknown field number in bytes is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from thalweg.framework import wire

_DEFAULTS: dict[str, Any] = {"double": 0.0, "float": 0.0, "bool": False, "string": "", "bytes": b""}


class Field:
    """One field. `kind` is a scalar kind or a Message class; `key` makes it a map; `oneof` names
    its group.
    """

    __slots__ = (
        "default",
        "enum",
        "explicit",
        "key",
        "kind",
        "message",
        "name",
        "number",
        "oneof",
        "repeated",
    )

    def __init__(
        self,
        number: int,
        name: str,
        kind: Any,
        repeated: bool = False,
        key: str | None = None,
        oneof: str | None = None,
        enum: dict[str, int] | None = None,
        explicit: bool = False,
    ) -> None:
        self.number = number
        self.name = name
        self.kind = kind
        self.repeated = repeated
        self.key = key
        self.oneof = oneof
        self.enum = enum
        self.explicit = (
            explicit  # written even if it has its default value, once set (proto2, optional)
        )
        self.message = not isinstance(kind, str)
        self.default = None if self.message else _DEFAULTS.get(kind, 0)


class Repeated(list[Any]):
    """A repeated field: a list that checks what it is given; `add` makes sub-messages in place."""

    __slots__ = ("_field", "_owner")

    def __init__(self, owner: Message, field: Field, items: Iterable[Any] = ()) -> None:
        super().__init__()
        self._owner = owner
        self._field = field
        self.extend(items)

    def _item(self, item: Any) -> Any:
        if not self._field.message:
            return _check(self._owner, self._field, item)
        if not isinstance(item, self._field.kind):
            raise TypeError(
                f"field '{self._field.name}' takes {self._field.kind.__name__}, got {item!r}"
            )
        return item

    def append(self, item: Any) -> None:
        super().append(self._item(item))

    def extend(self, items: Iterable[Any]) -> None:
        super().extend([self._item(i) for i in items])

    def insert(self, at: Any, item: Any) -> None:
        super().insert(at, self._item(item))

    def __setitem__(self, at: Any, item: Any) -> None:
        super().__setitem__(
            at, [self._item(i) for i in item] if isinstance(at, slice) else self._item(item)
        )

    def add(self, **values: Any) -> Any:
        made = self._field.kind(**values)
        super().append(made)
        return made

    def MergeFrom(self, other: Iterable[Any]) -> None:
        self.extend(_copy(i) for i in other)


class Map(dict[Any, Any]):
    """A map field; reading a missing message value makes it."""

    __slots__ = ("_field",)

    def __init__(self, field: Field, items: Any = ()) -> None:
        super().__init__()
        self._field = field
        for key, value in dict(items).items():
            self[key] = value

    def __missing__(self, key: Any) -> Any:
        if not self._field.message:
            raise KeyError(key)
        made = self[key] = self._field.kind()
        return made

    def get_or_create(self, key: Any) -> Any:
        return self[key]


def _copy(value: Any) -> Any:
    if isinstance(value, Message):
        made = type(value)()
        made.CopyFrom(value)
        return made
    return value


def _check(owner: Message, field: Field, value: Any) -> Any:
    """The value in the field's Python type, or TypeError."""
    kind = field.kind
    if kind in ("double", "float"):
        if hasattr(value, "__float__") and not isinstance(value, (str, bytes)):
            return float(value)
    elif kind == "bool":
        if isinstance(value, (bool, int)) or type(value).__name__ in ("bool_", "bool"):
            return bool(value)
    elif kind == "string":
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, str):
            return value
    elif kind == "bytes":
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        if isinstance(value, str):
            return value.encode()
    elif kind == "enum" and isinstance(value, str) and field.enum:
        if value in field.enum:
            return field.enum[value]
    elif hasattr(value, "__index__"):
        return value.__index__()
    raise TypeError(f"{type(owner).__name__}.{field.name} takes {kind}, got {value!r}")


class Message:
    """Base of all messages; see the module's text."""

    fields: ClassVar[tuple[Field, ...]] = ()
    _by_name: ClassVar[dict[str, Field]] = {}
    _by_number: ClassVar[dict[int, Field]] = {}

    def __init_subclass__(cls) -> None:
        cls.declare(cls.fields)

    @classmethod
    def declare(cls, fields: tuple[Field, ...]) -> None:
        cls.fields = fields
        cls._by_name = {f.name: f for f in cls.fields}
        cls._by_number = {f.number: f for f in cls.fields}
        for field in cls.fields:
            for name, value in (field.enum or {}).items():
                setattr(cls, name, value)

    def __init__(self, **values: Any) -> None:
        state = self.__dict__
        state["_parent"] = None
        state["_unknown"] = b""
        for name, value in values.items():
            field = self._by_name.get(name)
            if field is None:
                raise ValueError(f'Protocol message {type(self).__name__} has no "{name}" field.')
            if value is None:
                continue
            if field.key is not None:
                state[name] = Map(field, value)
            elif field.repeated:
                items = (
                    (field.kind(**v) if isinstance(v, dict) else v for v in value)
                    if field.message
                    else value
                )
                state[name] = Repeated(self, field, items)
            elif field.message:
                getattr(self, name).CopyFrom(
                    field.kind(**value) if isinstance(value, dict) else value
                )
                self._set(field, state[name])
            else:
                setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        field = type(self)._by_name.get(name)
        if field is None:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        if field.key is not None:
            made: Any = Map(field)
        elif field.repeated:
            made = Repeated(self, field)
        elif field.message:
            made = field.kind()
            made.__dict__["_parent"] = (self, field)  # present once something in it is set
        else:
            return field.default
        self.__dict__[name] = made
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        field = self._by_name.get(name)
        if field is None:
            raise AttributeError(f'Protocol message {type(self).__name__} has no "{name}" field.')
        if field.message or field.repeated or field.key is not None:
            raise AttributeError(
                f'Assignment not allowed to message, map, or repeated field "{name}" in protocol '
                "message object."
            )
        self._set(field, _check(self, field, value))

    def _set(self, field: Field, value: Any) -> None:
        state = self.__dict__
        if field.oneof:
            for other in self.fields:
                if other.oneof == field.oneof and other is not field:
                    state.pop(other.name, None)
        state[field.name] = value
        if field.message:
            value.__dict__["_parent"] = None
        self._touch()

    def _touch(self) -> None:
        """Marks this message present in the one that holds it."""
        parent = self.__dict__["_parent"]
        if parent is not None:
            self.__dict__["_parent"] = None
            parent[0]._set(parent[1], self)

    def _present(self, field: Field) -> bool:
        value = self.__dict__.get(field.name)
        if value is None:
            return False
        if field.repeated or field.key is not None:
            return bool(value)
        if field.message:
            if value.__dict__["_parent"] is not None and any(
                value._present(f) for f in value.fields
            ):
                value._touch()  # filled through a list or map of its own
            return value.__dict__["_parent"] is None
        return bool(field.oneof or field.explicit or value != field.default or str(value) == "-0.0")

    def HasField(self, name: str) -> bool:
        field = self._by_name.get(name)
        if field is None:
            raise ValueError(f'Protocol message {type(self).__name__} has no field "{name}".')
        return self._present(field)

    def WhichOneof(self, group: str) -> str | None:
        return next((f.name for f in self.fields if f.oneof == group and self._present(f)), None)

    def ClearField(self, name: str) -> None:
        self.__dict__.pop(name, None)

    def Clear(self) -> None:
        for field in self.fields:
            self.__dict__.pop(field.name, None)
        self.__dict__["_unknown"] = b""

    def ListFields(self) -> list[tuple[Field, Any]]:
        return [(f, self.__dict__[f.name]) for f in self.fields if self._present(f)]

    def SetInParent(self) -> None:
        self._touch()

    def IsInitialized(self) -> bool:
        return True

    def ByteSize(self) -> int:
        return len(self.SerializeToString())

    # --- bytes

    def SerializeToString(self, deterministic: bool = True) -> bytes:
        out: list[bytes] = []
        for field in sorted(self.fields, key=lambda f: f.number):
            if self._present(field):
                _write(out, field, self.__dict__[field.name])
        out.append(self.__dict__["_unknown"])
        return b"".join(out)

    SerializePartialToString = SerializeToString

    def ParseFromString(self, data: bytes) -> int:
        self.Clear()
        return self.MergeFromString(data)

    def MergeFromString(self, data: bytes) -> int:
        view = memoryview(data)
        unknown = b""
        for number, kind, value in wire.fields(view):
            field = self._by_number.get(number)
            if field is None:
                if kind == wire.VARINT:
                    unknown += wire.varint(number << 3) + wire.varint(value)
                else:
                    size = wire.varint(len(value)) if kind == wire.BYTES else b""
                    unknown += wire.varint(number << 3 | kind) + size + bytes(value)
            else:
                _read(self, field, kind, value)
        self.__dict__["_unknown"] += unknown
        self._touch()
        return len(view)

    @classmethod
    def FromString(cls, data: bytes) -> Any:
        made = cls()
        made.MergeFromString(data)
        return made

    def CopyFrom(self, other: Message) -> None:
        if other is not self:
            self.Clear()
            self.MergeFrom(other)

    def MergeFrom(self, other: Message) -> None:
        if type(other) is not type(self):
            raise TypeError(
                f"MergeFrom() needs a {type(self).__name__}, got {type(other).__name__}"
            )
        for field, value in other.ListFields():
            if field.key is not None:
                getattr(self, field.name).update({k: _copy(v) for k, v in value.items()})
            elif field.repeated:
                getattr(self, field.name).extend([_copy(v) for v in value])
            elif field.message:
                getattr(self, field.name).MergeFrom(value)
                self._set(field, self.__dict__[field.name])
            else:
                self._set(field, value)
        self.__dict__["_unknown"] += other.__dict__["_unknown"]
        self._touch()

    def __deepcopy__(self, memo: Any) -> Any:
        return _copy(self)

    def __reduce__(self) -> Any:
        return type(self).FromString, (self.SerializeToString(),)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.SerializeToString() == other.SerializeToString()

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        from thalweg.framework.text_format import message_text

        return message_text(self)

    __repr__ = __str__

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._by_name]


def _encoded(kind: Any, value: Any) -> bytes:
    if not isinstance(kind, str):
        value, kind = value.SerializeToString(), "bytes"
    wire_type, encode, _ = wire.SCALARS[kind]
    data: bytes = encode(value)
    return wire.varint(len(data)) + data if wire_type == wire.BYTES else data


def _wire_type(kind: Any) -> int:
    return wire.SCALARS[kind][0] if isinstance(kind, str) else wire.BYTES


def _write(out: list[bytes], field: Field, value: Any) -> None:
    tag = wire.varint(field.number << 3 | _wire_type(field.kind))
    if field.key is not None:
        for key in sorted(value):
            entry = wire.varint(1 << 3 | _wire_type(field.key)) + _encoded(field.key, key)
            entry += wire.varint(2 << 3 | _wire_type(field.kind)) + _encoded(field.kind, value[key])
            out += (wire.varint(field.number << 3 | wire.BYTES), wire.varint(len(entry)), entry)
    elif not field.repeated:
        out += (tag, _encoded(field.kind, value))
    elif _wire_type(field.kind) == wire.BYTES:
        for item in value:
            out += (tag, _encoded(field.kind, item))
    else:
        data = b"".join([_encoded(field.kind, item) for item in value])
        out += (wire.varint(field.number << 3 | wire.BYTES), wire.varint(len(data)), data)


def _decoded(kind: Any, wire_type: int, value: Any) -> Any:
    if wire_type != _wire_type(kind):
        raise ValueError("Error parsing message: a field is of another type than its number says")
    return wire.SCALARS[kind][2](value) if isinstance(kind, str) else kind.FromString(value)


def _read(message: Message, field: Field, wire_type: int, value: Any) -> None:
    state = message.__dict__
    if field.key is not None:
        parts = {number: (kind, part) for number, kind, part in wire.fields(value)}
        default = _DEFAULTS.get(field.key, 0)
        key = _decoded(field.key, *parts[1]) if 1 in parts else default
        empty = field.kind() if field.message else field.default
        getattr(message, field.name)[key] = _decoded(field.kind, *parts[2]) if 2 in parts else empty
    elif field.repeated:
        items = getattr(message, field.name)
        if wire_type == wire.BYTES and _wire_type(field.kind) != wire.BYTES:
            list.extend(items, wire.unpack(field.kind, value))
        else:
            list.append(items, _decoded(field.kind, wire_type, value))
    elif field.message and field.name in state:
        state[field.name].MergeFromString(value)
        message._set(field, state[field.name])
    else:
        message._set(field, _decoded(field.kind, wire_type, value))
