"""Strings in TensorFlow 1's argument order, where it differs."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.tensor import Tensor
from thalweg.ops.arguments import one_of


def decode_raw(
    input_bytes: Any = None,
    out_type: Any = None,
    little_endian: bool = True,
    name: str | None = None,
    bytes: Any = None,
) -> Tensor:
    """The bytes of strings, all of one length, as numbers along a new last dimension; `bytes` is an
    earlier name of `input_bytes`.
    """
    return raw_ops.DecodeRaw(
        one_of("input_bytes", input_bytes, "bytes", bytes),
        out_type=out_type,
        little_endian=little_endian,
        name=name,
    )


def string_to_number(
    string_tensor: Any = None,
    out_type: Any = dtypes.float32,
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The numbers that strings spell; `input` is a later name of `string_tensor`."""
    return raw_ops.StringToNumber(
        one_of("input", input, "string_tensor", string_tensor), out_type=out_type, name=name
    )
