"""Casts: values of one dtype as values of another."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.errors import UnimplementedError
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Converts to `dtype`: floats to integers toward zero, complex to their real part."""
    want = dtypes.as_dtype(dtype).base_dtype
    if isinstance(x, Tensor) and x.dtype == want:
        return x
    with op_scope(name, "Cast", [x]) as scope:
        if isinstance(x, IndexedSlices):
            return x._with_values(cast(x.values, want))
        x = convert_to_tensor(x, name="x")
        if x.dtype.base_dtype == want:
            return x
        if dtypes.string in (x.dtype.base_dtype, want):
            raise UnimplementedError(
                None, None, f"Cast {x.dtype.base_dtype.name} to {want.name} is not supported"
            )
        return raw_ops.Cast(x, DstT=want, name=scope)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """Like `cast`, but values beyond the range of `dtype` become its nearest limit."""
    with op_scope(name, "saturate_cast", [value]) as scope:
        value = convert_to_tensor(value, name="value")
        want = dtypes.as_dtype(dtype).base_dtype
        have = value.dtype.base_dtype
        if have.min < want.min:
            value = raw_ops.Maximum(
                value, convert_to_tensor(_inside(want.min, have), have, name="min")
            )
        if have.max > want.max:
            value = raw_ops.Minimum(
                value, convert_to_tensor(_inside(want.max, have), have, name="max")
            )
        return cast(value, want, name=scope)


def _inside(limit: Any, dtype: dtypes.DType) -> Any:
    """`limit` as a `dtype` number, rounded toward zero so that it still fits (2**31 - 1 in
    float32).
    """
    number = np.array(limit).astype(dtype.as_numpy_dtype)
    if dtype.is_floating and abs(float(number)) > abs(float(limit)):
        number = np.nextafter(number, dtype.as_numpy_dtype(0))
    if dtype.is_floating and int(number) != limit and abs(int(number)) > abs(int(limit)):
        number = np.nextafter(number, dtype.as_numpy_dtype(0))
    return number


def to_float(x: Any, name: str = "ToFloat") -> Tensor:
    """Casts to float32."""
    return cast(x, dtypes.float32, name=name)


def to_double(x: Any, name: str = "ToDouble") -> Tensor:
    """Casts to float64."""
    return cast(x, dtypes.float64, name=name)


def to_int32(x: Any, name: str = "ToInt32") -> Tensor:
    """Casts to int32."""
    return cast(x, dtypes.int32, name=name)


def to_int64(x: Any, name: str = "ToInt64") -> Tensor:
    """Casts to int64."""
    return cast(x, dtypes.int64, name=name)


def to_bfloat16(x: Any, name: str = "ToBFloat16") -> Tensor:
    """Casts to bfloat16."""
    return cast(x, dtypes.bfloat16, name=name)


def to_complex64(x: Any, name: str = "ToComplex64") -> Tensor:
    """Casts to complex64."""
    return cast(x, dtypes.complex64, name=name)


def to_complex128(x: Any, name: str = "ToComplex128") -> Tensor:
    """Casts to complex128."""
    return cast(x, dtypes.complex128, name=name)


def unless_typed(value: Any, dtype: Any) -> Any:
    """The dtype to convert a value to: None, to keep its own, where it has one."""
    return None if hasattr(value, "dtype") else dtype


def cast_to(x: Tensor, dtype: Any) -> Tensor:
    """`cast` of what is a tensor already, without a name scope."""
    dtype = dtypes.as_dtype(dtype)
    return x if x.dtype.base_dtype == dtype else raw_ops.Cast(x, DstT=dtype, name="Cast")
