"""Op definitions in the form the front-end walks: plain Python objects, read from the core once
per op type.
"""

from __future__ import annotations

from typing import Any

from thalweg import _core


class Arg:
    """An input or output: exactly one of type, type_attr and type_list_attr is set; number_attr
    makes it a list.
    """

    __slots__ = ("is_list", "is_ref", "name", "number_attr", "type", "type_attr", "type_list_attr")

    def __init__(self, arg: Any) -> None:
        self.name: str = arg.name
        self.type: int = arg.type
        self.type_attr: str = arg.type_attr
        self.type_list_attr: str = arg.type_list_attr
        self.number_attr: str = arg.number_attr
        self.is_ref: bool = arg.is_ref
        self.is_list = bool(arg.type_list_attr or arg.number_attr)


class Attr:
    __slots__ = ("allowed", "choices", "default", "has_default", "inferred", "kind", "name")

    def __init__(self, attr: Any) -> None:
        self.name: str = attr.name
        self.kind: str = attr.kind
        self.default: Any = attr.default
        self.has_default: bool = attr.has_default
        self.allowed: list[int] = attr.allowed
        self.choices: list[str] = attr.choices
        self.inferred: bool = attr.inferred


class OpSpec:
    __slots__ = (
        "attr_kinds",
        "attrs",
        "doc",
        "inputs",
        "known",
        "name",
        "outputs",
        "result",
        "signature",
        "stateful",
    )

    def __init__(self, definition: Any) -> None:
        self.name: str = definition.name
        self.signature: str = definition.signature
        self.doc: str = definition.doc
        self.stateful: bool = definition.stateful
        self.inputs = [Arg(a) for a in definition.inputs]
        self.outputs = [Arg(a) for a in definition.outputs]
        self.attrs = [Attr(a) for a in definition.attrs]
        self.attr_kinds = {a.name: a.kind for a in self.attrs}
        self.known = {a.name for a in self.inputs} | set(self.attr_kinds)
        self.result: Any = None  # the named tuple of an op with several outputs, made on first use


_SPECS: dict[str, OpSpec] = {}


def op_spec(op_type: str) -> OpSpec:
    """The definition of an op; ValueError with the nearest name if there is none."""
    found = _SPECS.get(op_type)
    if found is None:
        definition = _core.op_def(op_type)
        if definition is None:
            raise ValueError(f"Op type not registered '{op_type}'")
        found = _SPECS[op_type] = OpSpec(definition)
    return found
