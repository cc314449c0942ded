"""What is known of a value before it exists: TypeSpec and the specs of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg.framework import dtypes
from thalweg.framework.composite import IndexedSlices, SparseTensor
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.shapes import TensorShape, as_shape
from thalweg.framework.tensor import Tensor


class TypeSpec:
    """A description of values. Two specs of one class with equal fields are equal.

    A subclass says in `_fields` what describes it, in the order of its constructor's arguments.
    """

    __slots__ = ()

    def _fields(self) -> tuple[Any, ...]:
        raise NotImplementedError(f"{type(self).__name__}._fields")

    @property
    def value_type(self) -> type:
        """The class of the values."""
        raise NotImplementedError(f"{type(self).__name__}.value_type")

    def is_compatible_with(self, spec_or_value: Any) -> bool:
        """Whether a value, or some value of a spec, may be a value of this spec."""
        other = (
            spec_or_value if isinstance(spec_or_value, TypeSpec) else _spec_or_none(spec_or_value)
        )
        return type(other) is type(self) and all(
            _compatible(a, b) for a, b in zip(self._fields(), other._fields(), strict=True)
        )

    def is_subtype_of(self, other: Any) -> bool:
        """Whether every value of this spec is one of the other."""
        return type(other) is type(self) and all(
            _within(a, b) for a, b in zip(self._fields(), other._fields(), strict=True)
        )

    def most_specific_common_supertype(self, others: Sequence[Any]) -> Any:
        """The narrowest spec that holds the values of this one and of all others, or None."""
        fields: list[Any] = list(self._fields())
        for other in others:
            if type(other) is not type(self):
                return None
            for i, (mine, theirs) in enumerate(zip(fields, other._fields(), strict=True)):
                if isinstance(mine, TensorShape):
                    fields[i] = mine.most_specific_compatible_shape(theirs)
                elif mine != theirs:
                    return None
        return type(self)(*fields)

    def most_specific_compatible_type(self, other: TypeSpec) -> TypeSpec:
        """The narrowest spec that holds the values of both.

        Raises:
            ValueError: there is none.
        """
        found = self.most_specific_common_supertype([other])
        if found is None:
            raise ValueError(f"No TypeSpec is compatible with both {self} and {other}")
        return found

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._fields() == other._fields()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), self._fields()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._fields()))})"

    def __reduce__(self) -> Any:
        return type(self), self._fields()


def _compatible(a: Any, b: Any) -> bool:
    if isinstance(a, (TensorShape, dtypes.DType)):
        return a.is_compatible_with(b)
    return a == b


def _within(a: Any, b: Any) -> bool:
    return a.is_subtype_of(b) if isinstance(a, TensorShape) else a == b


class TensorSpec(TypeSpec):
    """The shape, dtype and name of a tensor."""

    __slots__ = ("_dtype", "_name", "_shape")

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> None:
        self._shape = as_shape(shape)
        self._dtype = dtypes.as_dtype(dtype)
        self._name = name

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> TensorSpec:
        """A spec with another name, or the spec's own."""
        return cls(spec.shape, spec.dtype, name or getattr(spec, "name", None))

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec of a tensor; a graph's tensor gives its name, too."""
        if not isinstance(tensor, Tensor):
            raise ValueError(f"`tensor` should be a tf.Tensor, but got type {type(tensor)}.")
        own = tensor.op.name if name is None and hasattr(tensor, "op") else name
        return cls(tensor.shape, tensor.dtype.base_dtype, own)

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def dtype(self) -> dtypes.DType:
        return self._dtype

    @property
    def name(self) -> str | None:
        return self._name

    @property
    def value_type(self) -> type:
        return Tensor

    def _fields(self) -> tuple[Any, ...]:
        return self._shape, self._dtype, self._name

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Whether a tensor, or some tensor of a spec, may be one of this spec; names are nothing
        to it. What is not a tensor is not compatible.
        """
        if not isinstance(spec_or_tensor, (Tensor, TensorSpec)):
            return False
        return self._dtype.is_compatible_with(
            spec_or_tensor.dtype.base_dtype
        ) and self._shape.is_compatible_with(spec_or_tensor.shape)

    def is_subtype_of(self, other: Any) -> bool:
        """Whether every tensor of this spec is one of the other; where that has a name, of this
        name.
        """
        return (
            isinstance(other, TensorSpec)
            and self._dtype == other._dtype
            and self._shape.is_subtype_of(other._shape)
            and other._name in (None, self._name)
        )

    def most_specific_common_supertype(self, others: Sequence[Any]) -> Any:
        """The narrowest spec that holds the tensors of this one and of all others, or None."""
        shape = self._shape
        for other in others:
            if not isinstance(other, TensorSpec):
                return None
            if self._dtype != other._dtype or self._name != other._name:
                return None
            shape = shape.most_specific_compatible_shape(other._shape)
        return TensorSpec(shape, self._dtype, self._name)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TensorSpec)
            and self._shape._dims == other._shape._dims
            and self._dtype == other._dtype
            and self._name == other._name
        )

    def __hash__(self) -> int:
        return hash((self._shape._dims, self._dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={_text(self._shape)}, dtype={self._dtype!r}, name={self._name!r})"


def _text(shape: TensorShape) -> str:
    """A shape as Python writes a tuple, in both versions of TensorFlow."""
    return "<unknown>" if shape.rank is None else str(tuple(shape.as_list()))


class SparseTensorSpec(TypeSpec):
    """The dense shape and the dtype of a SparseTensor."""

    __slots__ = ("_dtype", "_shape")
    _tensor_family = SparseTensor

    def __init__(self, shape: Any = None, dtype: Any = dtypes.float32) -> None:
        self._shape = as_shape(shape)
        self._dtype = dtypes.as_dtype(dtype)

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def dtype(self) -> dtypes.DType:
        return self._dtype

    @property
    def value_type(self) -> type:
        return SparseTensor

    def _fields(self) -> tuple[Any, ...]:
        return self._shape, self._dtype

    def _tensor_parts(self) -> list[TensorSpec]:
        rank = self._shape.rank
        return [
            TensorSpec([None, rank], dtypes.int64),
            TensorSpec([None], self._dtype),
            TensorSpec([rank], dtypes.int64),
        ]

    def _with_tensor_parts(self, parts: Sequence[Any]) -> SparseTensor:
        return SparseTensor(*parts)


class IndexedSlicesSpec(TypeSpec):
    """What is known of an IndexedSlices: the dense shape, and the parts' dtypes and lengths."""

    __slots__ = ("_dense_shape_dtype", "_dtype", "_indices_dtype", "_indices_shape", "_shape")
    _tensor_family = IndexedSlices

    def __init__(
        self,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        indices_dtype: Any = dtypes.int64,
        dense_shape_dtype: Any = None,
        indices_shape: Any = None,
    ) -> None:
        self._shape = as_shape(shape)
        self._dtype = dtypes.as_dtype(dtype)
        self._indices_dtype = dtypes.as_dtype(indices_dtype)
        self._dense_shape_dtype = (
            None if dense_shape_dtype is None else dtypes.as_dtype(dense_shape_dtype)
        )
        self._indices_shape = as_shape(indices_shape).with_rank(1)

    @property
    def value_type(self) -> type:
        return IndexedSlices

    def _fields(self) -> tuple[Any, ...]:
        return (
            self._shape,
            self._dtype,
            self._indices_dtype,
            self._dense_shape_dtype,
            self._indices_shape,
        )

    def _tensor_parts(self) -> list[TensorSpec]:
        parts = [
            TensorSpec(self._indices_shape.concatenate(self._shape[1:]), self._dtype),
            TensorSpec(self._indices_shape, self._indices_dtype),
        ]
        if self._dense_shape_dtype is not None:
            parts.append(TensorSpec([self._shape.rank], self._dense_shape_dtype))
        return parts

    def _with_tensor_parts(self, parts: Sequence[Any]) -> IndexedSlices:
        return IndexedSlices(*parts)


def _spec_or_none(value: Any) -> TypeSpec | None:
    if isinstance(value, Tensor):
        return TensorSpec(value.shape, value.dtype.base_dtype)
    if isinstance(value, SparseTensor):
        return SparseTensorSpec(value.shape, value.dtype.base_dtype)
    if isinstance(value, IndexedSlices):
        dense = value.dense_shape
        return IndexedSlicesSpec(
            value.shape,
            value.dtype.base_dtype,
            value.indices.dtype.base_dtype,
            None if dense is None else dense.dtype.base_dtype,
            value.indices.shape,
        )
    return getattr(value, "_type_spec", None)


def type_spec_from_value(value: Any) -> TypeSpec:
    """The spec of a tensor, of one made of several, or of what converts to a tensor.

    Raises:
        TypeError: the value has no spec.
    """
    spec = _spec_or_none(value)
    if spec is not None:
        return spec
    if isinstance(value, np.ndarray):
        return TensorSpec(value.shape, value.dtype)
    try:
        tensor = convert_to_tensor(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"Could not build a TypeSpec for {value!r} with type {type(value).__name__}"
        ) from None
    return TensorSpec(tensor.shape, tensor.dtype.base_dtype)
