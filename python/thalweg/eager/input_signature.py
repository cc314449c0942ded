"""Input signatures: what they may be, and Python values in their structure."""

from __future__ import annotations

import inspect
from typing import Any

from thalweg.framework import nest
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.type_spec import TensorSpec


def checked_signature(specs: Any, signature: inspect.Signature, name: str) -> Any:
    """The signature of a function with these parameters as a tuple; TypeError if it is none."""
    if specs is None:
        return None
    if not isinstance(specs, (list, tuple)):
        raise TypeError(
            "input_signature must be either a tuple or a list, got " + type(specs).__name__
        )
    for spec in nest.flatten(specs, expand_composites=True):
        if not isinstance(spec, TensorSpec):
            raise TypeError(
                "When using `input_signature`, all of its leaves must be `tf.TensorSpec`s, got "
                f"{spec!r} for {name}"
            )
    parameters = list(signature.parameters.values())
    takes = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(specs) > len(takes) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise TypeError(
            f"input_signature contains {len(specs) - len(takes)} extra type constraints."
        )
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and p.default is p.empty:
            raise TypeError(
                "Since input_signature is defined, keyword-only parameter "
                f"`{p.name}` must have a default value"
            )
    return tuple(specs)


def fitted(spec: Any, value: Any) -> Any:
    """The value with lists of numbers as tensors where the signature has a tensor."""
    if isinstance(spec, TensorSpec):
        return convert_to_tensor(value, spec.dtype) if nest.is_nested(value) else value
    if isinstance(spec, (list, tuple)) and isinstance(value, (list, tuple)):
        if len(spec) != len(value):
            return value
        items = [fitted(s, v) for s, v in zip(spec, value, strict=True)]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(spec, dict) and isinstance(value, dict) and spec.keys() == value.keys():
        return {k: fitted(spec[k], v) for k, v in value.items()}
    return value
