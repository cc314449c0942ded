"""Strings in TensorFlow 2's argument order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.tensor import Tensor
from thalweg.ops import reduce


def format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None
) -> Tensor:
    """The template with a summary of each input in the place of a placeholder."""
    tensors = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    if template.count(placeholder) != len(tensors):
        raise ValueError(
            f"The template expects {template.count(placeholder)} tensors, but the inputs only has "
            f"{len(tensors)}. Please ensure the number of placeholders in template matches inputs "
            "length."
        )
    return raw_ops.StringFormat(
        tensors, template=template, placeholder=placeholder, summarize=summarize, name=name
    )


def join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Tensor:
    """Joins strings element by element; scalars go with every element."""
    return raw_ops.StringJoin(list(inputs), separator=separator, name=name)


def reduce_join(
    inputs: Any,
    axis: Any = None,
    keepdims: bool = False,
    separator: str = "",
    name: str | None = None,
) -> Tensor:
    """Joins strings along `axis`, or all of them; the last axis given runs slowest."""
    strings = convert_to_tensor(inputs, dtype=dtypes.string)
    axes: Any = reduce.all_axes(strings) if axis is None else axis
    if axis is None:  # in the order in which they are stored
        axes = raw_ops.ReverseV2(axes, [0])
    return raw_ops.ReduceJoin(strings, axes, keep_dims=keepdims, separator=separator, name=name)


def to_number(input: Any, out_type: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """The numbers that strings spell."""
    return raw_ops.StringToNumber(input, out_type=out_type, name=name)


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """The length of each string, in bytes or ('UTF8_CHAR') in characters."""
    return raw_ops.StringLength(input, unit=unit, name=name)


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """The part of each string that starts at pos (from the end where negative) and is at most len
    long.
    """
    return raw_ops.Substr(input, pos, len, unit=unit, name=name)


def decode_raw(
    input_bytes: Any,
    out_type: Any,
    little_endian: bool = True,
    fixed_length: Any = None,
    name: str | None = None,
) -> Tensor:
    """The numbers that the bytes of strings of one length hold."""
    if fixed_length is not None:
        raise NotImplementedError(f"decode_raw: fixed_length must be None, got {fixed_length}")
    return raw_ops.DecodeRaw(input_bytes, out_type=out_type, little_endian=little_endian, name=name)


def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None
) -> Tensor:
    r"""Strings with what a pattern matches replaced.

    Args:
        pattern: a regular expression in RE2's syntax, a string or a scalar tensor.
        rewrite: the replacement; ``\0`` is the match, ``\1`` to ``\9`` are its groups.
        replace_global: all matches, or the first one.

    Raises:
        InvalidArgumentError: the pattern or the rewrite is not well formed.
    """
    if isinstance(pattern, (str, bytes)) and isinstance(rewrite, (str, bytes)):
        return raw_ops.StaticRegexReplace(
            input, pattern=pattern, rewrite=rewrite, replace_global=replace_global, name=name
        )
    return raw_ops.RegexReplace(input, pattern, rewrite, replace_global=replace_global, name=name)


def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Tensor:
    """Whether a pattern, a regular expression in RE2's syntax, matches the whole of each string."""
    if isinstance(pattern, (str, bytes)):
        return raw_ops.StaticRegexFullMatch(input, pattern=pattern, name=name)
    return raw_ops.RegexFullMatch(input, pattern, name=name)
