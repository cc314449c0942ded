"""The protobuf wire format: varints, tagged fields, packed lists. Bytes in, numbers out; knows no
messages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """Negative numbers take ten bytes, as in protobuf."""
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("Error parsing message: a number is cut short or too long")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """(field number, wire type, value): an int, or the bytes of fixed and length-delimited
    fields.
    """
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == VARINT:
            value: Any
            value, at = read_varint(data, at)
        elif kind in (FIXED64, BYTES, FIXED32):
            if kind == BYTES:
                size, at = read_varint(data, at)
            else:
                size = 8 if kind == FIXED64 else 4
            if size > len(data) - at:
                raise ValueError(f"Error parsing message: field {number} is cut short")
            value = data[at : at + size]
            at += size
        else:
            raise ValueError(
                f"Error parsing message: wire type {kind} of field {number} is not known"
            )
        yield number, kind, value


def signed(value: int, bits: int = 64) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def zigzag(value: int) -> int:
    """Small numbers of either sign as small numbers."""
    return value << 1 if value >= 0 else ~(value << 1)


# kind -> (wire type, encode, decode from wire value)
SCALARS: dict[str, tuple[int, Any, Any]] = {
    "double": (FIXED64, lambda v: struct.pack("<d", v), lambda v: struct.unpack("<d", v)[0]),
    "float": (FIXED32, lambda v: struct.pack("<f", v), lambda v: struct.unpack("<f", v)[0]),
    "fixed32": (FIXED32, lambda v: struct.pack("<I", v), lambda v: struct.unpack("<I", v)[0]),
    "int32": (VARINT, varint, lambda v: signed(v, 32)),
    "int64": (VARINT, varint, signed),
    "enum": (VARINT, varint, lambda v: signed(v, 32)),
    "uint32": (VARINT, varint, lambda v: v & 0xFFFFFFFF),
    "uint64": (VARINT, varint, lambda v: v),
    "sint64": (VARINT, lambda v: varint(zigzag(v)), lambda v: v >> 1 ^ -(v & 1)),
    "bool": (VARINT, lambda v: b"\1" if v else b"\0", bool),
    "string": (BYTES, lambda v: v.encode(), lambda v: bytes(v).decode()),
    "bytes": (BYTES, bytes, bytes),
}


def unpack(kind: str, data: memoryview) -> list[Any]:
    """The numbers of a packed repeated field."""
    wire, _, decode = SCALARS[kind]
    if wire == VARINT:
        out, at = [], 0
        while at < len(data):
            value, at = read_varint(data, at)
            out.append(decode(value))
        return out
    size = 8 if wire == FIXED64 else 4
    if len(data) % size:
        raise ValueError("Error parsing message: a packed field is cut short")
    code = {"double": "d", "float": "f", "fixed32": "I"}[kind]
    return list(struct.unpack(f"<{len(data) // size}{code}", data))
