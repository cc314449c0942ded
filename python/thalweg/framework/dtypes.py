"""Element types: TensorFlow's numbers and names, and their NumPy counterparts."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import _core

_REF = 100  # a variable's (reference) type is its base type's number plus this


def _bfloat16_type() -> Any:
    """NumPy has no bfloat16: `ml_dtypes` supplies one; without it the two bytes travel as
    uint16.
    """
    try:
        from ml_dtypes import bfloat16 as found
    except ImportError:
        return np.uint16
    _core.set_numpy_dtype(14, np.dtype(found))
    return found


class DType:
    """One element type; instances are unique, so `is` compares them too."""

    __slots__ = ("_enum", "_hash", "_np", "name")

    def __init__(self, enum: int, name: str, numpy_type: Any) -> None:
        self._enum = enum
        self._np = numpy_type
        self._hash = hash(enum)
        self.name = name

    @property
    def as_datatype_enum(self) -> int:
        return self._enum

    @property
    def as_numpy_dtype(self) -> Any:
        if self._np is None:
            if self.base_dtype is not bfloat16:
                raise TypeError(f"{self.name} has no NumPy type")
            self._np = _bfloat16_type()
        return self._np

    @property
    def base_dtype(self) -> DType:
        return self if self._enum < _REF else _BY_ENUM[self._enum - _REF]

    @property
    def _is_ref_dtype(self) -> builtins_bool:
        return self._enum > _REF

    @property
    def _as_ref(self) -> DType:
        return self if self._enum > _REF else _BY_ENUM[self._enum + _REF]

    @property
    def real_dtype(self) -> DType:
        base = self.base_dtype
        real = {complex64: float32, complex128: float64}.get(base)
        if real is None:
            return self
        return real._as_ref if self._is_ref_dtype else real

    @property
    def is_numpy_compatible(self) -> builtins_bool:
        return self.base_dtype not in (resource, variant)

    @property
    def is_floating(self) -> builtins_bool:
        return self.base_dtype in _FLOATING

    @property
    def is_integer(self) -> builtins_bool:
        return self.base_dtype in _INTEGER

    @property
    def is_complex(self) -> builtins_bool:
        return self.base_dtype in (complex64, complex128)

    @property
    def is_bool(self) -> builtins_bool:
        return self.base_dtype is bool_

    @property
    def is_quantized(self) -> builtins_bool:
        return self.base_dtype in _QUANTIZED

    @property
    def is_unsigned(self) -> builtins_bool:
        return self.base_dtype in (uint8, uint16, uint32, uint64)

    @property
    def size(self) -> int:
        """Bytes per element; 0 for types without a fixed size."""
        base = self.base_dtype
        if base in (string, resource, variant):
            return 0
        return 2 if base is bfloat16 else np.dtype(self.as_numpy_dtype).itemsize

    @property
    def min(self) -> Any:
        return self._limit("min")

    @property
    def max(self) -> Any:
        return self._limit("max")

    @property
    def limits(self) -> tuple[Any, Any]:
        """The range that images use: integers from 0 on, floating point 0 to 1."""
        base = self.base_dtype
        if base is bool_:
            return False, True
        if base in _FLOATING or self.is_complex:
            return 0, 1
        return 0, self.max

    def _limit(self, which: str) -> Any:
        base = self.base_dtype
        if self.is_quantized or base in (bool_, string, complex64, complex128, resource, variant):
            raise TypeError(f"Cannot find {which}imum value of {self!r}.")
        if base is bfloat16:
            return float.fromhex("-0x1.FEp127" if which == "min" else "0x1.FEp127")
        info: Any = np.finfo if base in _FLOATING else np.iinfo
        return getattr(info(self.as_numpy_dtype), which)

    def is_compatible_with(self, other: Any) -> builtins_bool:
        """Whether a tensor of `other` may stand where this type is asked for."""
        other = as_dtype(other)
        return self._enum in (other._enum, other.base_dtype._enum)

    def __eq__(self, other: object) -> builtins_bool:
        if self is other:
            return True
        if other is None or type(other) is DType:
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __ne__(self, other: object) -> builtins_bool:
        return not self == other

    def __hash__(self) -> int:
        return self._hash

    def __int__(self) -> int:
        return self._enum

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __repr__(self) -> str:
        return "tf." + self.name

    def __reduce__(self) -> Any:
        return as_dtype, (self.name,)


builtins_bool = bool

float32 = DType(1, "float32", np.float32)
float64 = DType(2, "float64", np.float64)
int32 = DType(3, "int32", np.int32)
uint8 = DType(4, "uint8", np.uint8)
int16 = DType(5, "int16", np.int16)
int8 = DType(6, "int8", np.int8)
string = DType(7, "string", object)
complex64 = DType(8, "complex64", np.complex64)
int64 = DType(9, "int64", np.int64)
bool_ = DType(10, "bool", np.bool_)
qint8 = DType(11, "qint8", np.int8)
quint8 = DType(12, "quint8", np.uint8)
qint32 = DType(13, "qint32", np.int32)
bfloat16 = DType(14, "bfloat16", None)  # found on first use: importing ml_dtypes costs time
qint16 = DType(15, "qint16", np.int16)
quint16 = DType(16, "quint16", np.uint16)
uint16 = DType(17, "uint16", np.uint16)
complex128 = DType(18, "complex128", np.complex128)
float16 = DType(19, "float16", np.float16)
resource = DType(20, "resource", np.object_)
variant = DType(21, "variant", np.object_)
uint32 = DType(22, "uint32", np.uint32)
uint64 = DType(23, "uint64", np.uint64)
half, double = float16, float64

_ALL = (
    *(float32, float64, int32, uint8, int16, int8, string, complex64, int64, bool_, qint8, quint8),
    *(qint32, bfloat16, qint16, quint16, uint16, complex128, float16, resource, variant, uint32),
    uint64,
)
_FLOATING = frozenset((float16, float32, float64, bfloat16))
_INTEGER = frozenset((int8, int16, int32, int64, uint8, uint16, uint32, uint64))
_QUANTIZED = frozenset((qint8, quint8, qint16, quint16, qint32))
_UNIQUE_NUMPY = frozenset(_ALL) - _QUANTIZED - {bfloat16, string, resource, variant}

_BY_ENUM: dict[int, DType] = {}
_BY_KEY: dict[Any, DType] = {}  # names, NumPy types and dtypes, a few Python types


def _fill_tables() -> None:
    for t in _ALL:
        ref = DType(t._enum + _REF, t.name + "_ref", t._np)
        for one in (t, ref):
            _BY_ENUM[one._enum] = one
            _BY_KEY[one.name] = one
    for t in _UNIQUE_NUMPY:
        _BY_KEY[t._np] = t
        _BY_KEY[np.dtype(t._np)] = t
    for kind in (np.object_, np.bytes_, np.str_, object):
        _BY_KEY[kind] = string
    _BY_KEY[np.dtype(object)] = string
    for alias, target in (("half", float16), ("float", float32), ("double", float64)):
        _BY_KEY[alias] = target
        _BY_KEY[alias + "_ref"] = target._as_ref
    _BY_KEY[float] = float32
    _BY_KEY[bool] = bool_


_fill_tables()


def as_dtype(type_value: Any) -> DType:
    """The DType that a DType, its number, its name, or a NumPy or Python type stands for."""
    if type(type_value) is DType:
        return type_value
    try:
        found = _BY_ENUM.get(type_value) if type(type_value) is int else _BY_KEY.get(type_value)
    except TypeError:  # unhashable
        found = None
    if found is None:
        found = _from_numpy(type_value)
    if found is None:
        raise TypeError(
            f"Cannot convert the argument `type_value`: {type_value!r} to a TensorFlow DType."
        )
    return found


def _from_numpy(value: Any) -> DType | None:
    """Types that NumPy knows by other names: 'V2' dtypes of ml_dtypes, strings of any length."""
    if isinstance(value, np.dtype):
        if value.kind in "SU":
            return string
        if value.name == "bfloat16":
            return bfloat16
        return _BY_KEY.get(value.newbyteorder("=")) if value.kind in "biufc" else None
    if isinstance(value, type) and value.__name__ == "bfloat16":
        return bfloat16
    if isinstance(value, type) and issubclass(value, np.generic):
        return _BY_KEY.get(np.dtype(value))
    return None


def all_dtypes() -> list[DType]:
    """Every type, references left out."""
    return [t for t in _BY_ENUM.values() if not t._is_ref_dtype]


def base_enum(enum: int) -> int:
    return enum - _REF if enum > _REF else enum


# Last, because it hides the builtin: the public name of the boolean type.
bool = bool_
