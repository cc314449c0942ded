"""Messages as protobuf's text format."""

from __future__ import annotations

from typing import Any


def quoted(data: bytes) -> str:
    special = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 39: "\\'", 92: "\\\\"}
    return (
        '"'
        + "".join(special.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in data)
        + '"'
    )


def _scalar(field: Any, kind: str, value: Any) -> str:
    if kind in ("string", "bytes"):
        return quoted(value.encode() if isinstance(value, str) else value)
    if kind == "bool":
        return "true" if value else "false"
    if kind == "enum" and field.enum:
        return next((name for name, number in field.enum.items() if number == value), str(value))
    if kind in ("float", "double"):
        text = f"{value:.9g}" if kind == "float" else repr(value)
        return text[:-2] if text.endswith(".0") else text
    return str(value)


def message_text(message: Any, indent: str = "") -> str:
    out = ""
    for field, value in message.ListFields():
        if field.key is not None:
            for key in sorted(value):
                inner = _entry(field, field.kind, "value", value[key], indent + "  ")
                label = f"{indent}  key: {_scalar(field, field.key, key)}\n"
                out += f"{indent}{field.name} {{\n{label}{inner}{indent}}}\n"
        else:
            for item in value if field.repeated else [value]:
                out += _entry(field, field.kind, field.name, item, indent)
    return out


def _entry(field: Any, kind: Any, name: str, value: Any, indent: str) -> str:
    if isinstance(kind, str):
        return f"{indent}{name}: {_scalar(field, kind, value)}\n"
    return f"{indent}{name} {{\n{message_text(value, indent + '  ')}{indent}}}\n"
