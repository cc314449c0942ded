"""What a graph of a tf.function takes and gives, as text in TensorFlow's form."""

from __future__ import annotations

import inspect
from typing import Any

from thalweg import _core
from thalweg.framework import nest
from thalweg.framework.tensor import Tensor
from thalweg.framework.type_spec import TensorSpec

Parameter = tuple[str, Any, Any]  # name, inspect's kind, value with specs for tensors


def parameters(signature: inspect.Signature | None, args: Any, kwargs: Any) -> list[Parameter]:
    """The parameters of a call, of which every one of `*args` and `**kwargs` counts as one."""
    kinds = inspect.Parameter
    found: list[Parameter] = []
    rest = iter(enumerate(args))
    for p in signature.parameters.values() if signature else ():
        if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD):
            at = next(rest, None)
            if at is not None:
                found.append((p.name, p.kind, at[1]))
    more = [(f"args_{i}", kinds.POSITIONAL_ONLY, v) for i, v in enumerate(v for _, v in rest)]
    if more:
        found = [(name, kinds.POSITIONAL_ONLY, v) for name, _, v in found] + more
    return found + [(name, kinds.KEYWORD_ONLY, kwargs[name]) for name in sorted(kwargs)]


def type_text(value: Any) -> str:
    """The type of an argument or a result; of Python values the value."""
    if isinstance(value, (TensorSpec, Tensor)):
        name = value.name if isinstance(value, TensorSpec) else None
        return f"TensorSpec(shape={value.shape}, dtype={value.dtype!r}, name={name!r})"
    if isinstance(value, _core.VariableBase):
        v: Any = value
        return f"VariableSpec(shape={v.shape}, dtype={v.dtype!r}, trainable={v.trainable})"
    if isinstance(value, dict):
        return f"Dict[{_fields(value.items())}]"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        fields = zip(value._fields, value, strict=True)
        return f"{type(value).__name__}[{_fields(fields)}]"
    if isinstance(value, (list, tuple)):
        kind = "List" if isinstance(value, list) else "Tuple"
        return f"{kind}[{', '.join(map(type_text, value))}]"
    if nest.is_nested_or_composite(value):
        parts = nest.flatten(value, expand_composites=True)
        return f"{type(value).__name__}[{', '.join(map(type_text, parts))}]"
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return f"Literal[{value!r}]"
    return repr(value)


def _fields(items: Any) -> str:
    return ", ".join(f"[{name!r}, {type_text(v)}]" for name, v in items)


def parameters_text(found: list[Parameter]) -> str:
    """In one line, in parentheses."""
    kinds = inspect.Parameter
    parts: list[str] = []
    for i, (name, kind, value) in enumerate(found):
        before = found[i - 1][1] if i else None
        if before is kinds.POSITIONAL_ONLY and kind is not kinds.POSITIONAL_ONLY:
            parts.append("/")
        if kind is kinds.KEYWORD_ONLY and before is not kinds.KEYWORD_ONLY:
            parts.append("*")
        parts.append(f"{name}: {type_text(value)}")
    if found and found[-1][1] is kinds.POSITIONAL_ONLY:
        parts.append("/")
    return f"({', '.join(parts)})"


def short_text(found: list[Parameter], result: Any) -> str:
    return f"{parameters_text(found)} -> {type_text(result)}"


def long_text(found: list[Parameter], result: Any, captures: list[tuple[int, Any]]) -> str:
    """`captures`: identities and specs of what it uses from outside."""
    lines = ["Input Parameters:"]
    lines += [f"  {name} ({kind.name}): {type_text(value)}" for name, kind, value in found]
    lines += ["Output Type:", f"  {type_text(result)}", "Captures:"]
    lines += [f"  {key}: {type_text(spec)}" for key, spec in captures] or ["  None"]
    return "\n".join(lines)
