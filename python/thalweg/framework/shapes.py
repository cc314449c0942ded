"""Partially known shapes. Sizes are ints and None as in TensorFlow 2, or Dimensions as in 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

_dimensions = False


def use_dimensions(use: bool) -> None:
    """Whether a shape's sizes are Dimension objects, TensorFlow 1's form of them."""
    global _dimensions
    _dimensions = use


class Dimension:
    """The size of one axis, or None where it is not known. Arithmetic with an unknown size is
    unknown.
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        if value is None or type(value) is int:
            self._value: int | None = value
        elif isinstance(value, Dimension):
            self._value = value._value
        else:
            try:
                self._value = value.__index__()
            except AttributeError:
                raise TypeError(
                    "Dimension value must be integer or None or have an __index__ method, got "
                    f"value '{value!r}' with type '{type(value)!r}'"
                ) from None
        if self._value is not None and self._value < 0:
            raise ValueError(f"Dimension {self._value} must be >= 0")

    @property
    def value(self) -> int | None:
        return self._value

    def is_compatible_with(self, other: Any) -> bool:
        other = as_dimension(other)
        return self._value is None or other._value is None or self._value == other._value

    def assert_is_compatible_with(self, other: Any) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: Any) -> Dimension:
        """The more specific of two compatible sizes."""
        other = as_dimension(other)
        self.assert_is_compatible_with(other)
        return other if self._value is None else self

    def _with(self, other: Any, op: Callable[[int, int], int], swap: bool = False) -> Any:
        try:
            other = as_dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        a, b = (other._value, self._value) if swap else (self._value, other._value)
        return Dimension(None if a is None or b is None else op(a, b))

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b, swap=True)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b, swap=True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b, swap=True)

    def __floordiv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a // b)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a // b, swap=True)

    def __mod__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a % b)

    def __rmod__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a % b, swap=True)

    def __truediv__(self, other: Any) -> Any:
        raise TypeError(
            f"unsupported operand type(s) for /: 'Dimension' and '{type(other).__name__}', please "
            "use // instead"
        )

    def __rtruediv__(self, other: Any) -> Any:
        raise TypeError(
            f"unsupported operand type(s) for /: '{type(other).__name__}' and 'Dimension', please "
            "use // instead"
        )

    def _compare(self, other: Any, op: Callable[[int, int], bool]) -> Any:
        other = as_dimension(other)
        if self._value is None or other._value is None:
            return None
        return op(self._value, other._value)

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a <= b)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, lambda a, b: a >= b)

    def __eq__(self, other: object) -> Any:
        """None (neither true nor false) where one side is not known."""
        try:
            dim = as_dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._value is None or dim._value is None:
            return None
        return self._value == dim._value

    def __ne__(self, other: object) -> Any:
        try:
            dim = as_dimension(other)
        except (TypeError, ValueError):
            return NotImplemented
        if self._value is None or dim._value is None:
            return None
        return self._value != dim._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __int__(self) -> Any:
        return self._value

    def __index__(self) -> Any:
        return self._value

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)

    def __repr__(self) -> str:
        return f"Dimension({self._value})"

    def __reduce__(self) -> Any:
        return Dimension, (self._value,)


def as_dimension(value: Any) -> Dimension:
    return value if isinstance(value, Dimension) else Dimension(value)


def dimension_value(dimension: Any) -> int | None:
    """A plain int or None, whichever form of dimension it is given."""
    return dimension.value if isinstance(dimension, Dimension) else dimension


def dimension_at_index(shape: TensorShape, index: int) -> Dimension:
    """Element `index` of a shape; unknown if even the rank is not known."""
    return Dimension(None if shape.rank is None else shape.as_list()[index])


class TensorShape:
    """A possibly partially known shape; `TensorShape(None)` has unknown rank."""

    __slots__ = ("_dims",)

    def __init__(self, dims: Any) -> None:
        if dims is None or (
            type(dims) is tuple and all((type(d) is int and d >= 0) or d is None for d in dims)
        ):
            self._dims: tuple[int | None, ...] | None = dims
        elif isinstance(dims, TensorShape):
            self._dims = dims._dims
        elif isinstance(dims, Dimension):
            self._dims = (dims.value,)
        elif hasattr(dims, "unknown_rank"):  # a TensorShapeProto
            self._dims = (
                None
                if dims.unknown_rank
                else tuple(None if d.size == -1 else int(d.size) for d in dims.dim)
            )
        else:
            try:
                items = iter(dims)
            except TypeError:
                self._dims = (as_dimension(dims).value,)
            else:
                try:
                    self._dims = tuple(as_dimension(d).value for d in items)
                except (TypeError, ValueError) as e:
                    raise type(e)(f"Failed to convert '{dims!r}' to a shape: {e}") from None

    @classmethod
    def _known(cls, dims: tuple[int, ...] | None) -> TensorShape:
        """From the core's form: None, or sizes with -1 where unknown."""
        self = cls.__new__(cls)
        self._dims = (
            dims if dims is None or -1 not in dims else tuple(None if d < 0 else d for d in dims)
        )
        return self

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self._dims is None else [Dimension(d) for d in self._dims]

    @property
    def rank(self) -> int | None:
        return None if self._dims is None else len(self._dims)

    @property
    def ndims(self) -> int | None:
        return None if self._dims is None else len(self._dims)

    def as_list(self) -> list[int | None]:
        if self._dims is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self._dims)

    def num_elements(self) -> int | None:
        if self._dims is None or None in self._dims:
            return None
        total = 1
        for d in self._dims:
            total *= d  # type: ignore[operator]
        return total

    def is_fully_defined(self) -> bool:
        return self._dims is not None and None not in self._dims

    def assert_is_fully_defined(self) -> None:
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def is_compatible_with(self, other: Any) -> bool:
        other = as_shape(other)
        if self._dims is None or other._dims is None:
            return True
        return len(self._dims) == len(other._dims) and all(
            a is None or b is None or a == b for a, b in zip(self._dims, other._dims, strict=True)
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are incompatible")

    def merge_with(self, other: Any) -> TensorShape:
        """What both shapes together say; ValueError where they contradict."""
        other = as_shape(other)
        if self._dims is None:
            return other
        if other._dims is None:
            return self
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are not compatible")
        return TensorShape(
            tuple(b if a is None else a for a, b in zip(self._dims, other._dims, strict=True))
        )

    def is_subtype_of(self, other: Any) -> bool:
        """Whether every shape that this one admits is admitted by the other, a TensorShape."""
        if not isinstance(other, TensorShape):
            return False
        if other._dims is None or self._dims == other._dims:
            return True
        return (
            self._dims is not None
            and len(self._dims) == len(other._dims)
            and all(b in (None, a) for a, b in zip(self._dims, other._dims, strict=True))
        )

    def most_specific_common_supertype(self, others: Any) -> TensorShape | None:
        """The narrowest shape that admits everything this one and the others admit."""
        if any(not isinstance(other, TensorShape) for other in others):
            return None
        shape = self
        for other in others:
            shape = shape.most_specific_compatible_shape(other)
        return shape

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """The shape that admits everything either of the two admits."""
        other = as_shape(other)
        if self._dims is None or other._dims is None or len(self._dims) != len(other._dims):
            return TensorShape(None)
        return TensorShape(
            tuple(a if a == b else None for a, b in zip(self._dims, other._dims, strict=True))
        )

    def concatenate(self, other: Any) -> TensorShape:
        other = as_shape(other)
        if self._dims is None or other._dims is None:
            return TensorShape(None)
        return TensorShape(self._dims + other._dims)

    def assert_same_rank(self, other: Any) -> None:
        other = as_shape(other)
        if self.rank is not None and other.rank is not None and self.rank != other.rank:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_has_rank(self, rank: int | None) -> None:
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def with_rank(self, rank: int | None) -> TensorShape:
        try:
            return self.merge_with(unknown_shape(rank))
        except ValueError:
            raise ValueError(f"Shape {self} must have rank {rank}") from None

    def with_rank_at_least(self, rank: int) -> TensorShape:
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def as_proto(self) -> Any:
        from thalweg.framework.graph_pb import shape_proto

        return shape_proto(self)

    def __len__(self) -> int:
        if self._dims is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self._dims)

    def __bool__(self) -> bool:
        return self._dims is not None

    def __iter__(self) -> Iterator[Any]:
        if self._dims is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter([Dimension(d) for d in self._dims] if _dimensions else self._dims)

    def __getitem__(self, key: Any) -> Any:
        if self._dims is not None:
            if isinstance(key, slice):
                return TensorShape(self._dims[key])
            return Dimension(self._dims[key]) if _dimensions else self._dims[key]
        if not isinstance(key, slice):
            return Dimension(None) if _dimensions else None
        start, stop = key.start or 0, key.stop
        if key.step is not None:
            raise ValueError("Steps are not yet handled")
        if stop is None or start < 0 or stop < 0:
            return unknown_shape()
        return unknown_shape(max(0, stop - start))

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return as_shape(other).concatenate(self)

    def __eq__(self, other: object) -> bool:
        try:
            shape = as_shape(other)
        except (TypeError, ValueError):
            return NotImplemented
        return self._dims == shape._dims

    def __ne__(self, other: object) -> bool:
        try:
            shape = as_shape(other)
        except (TypeError, ValueError):
            return NotImplemented
        return self._dims != shape._dims

    def __hash__(self) -> int:
        return hash(self._dims)

    def __str__(self) -> str:
        if self._dims is None:
            return "<unknown>"
        unknown = "?" if _dimensions else "None"
        text = ", ".join(unknown if d is None else str(d) for d in self._dims)
        return f"({text},)" if len(self._dims) == 1 else f"({text})"

    def __repr__(self) -> str:
        return (
            f"TensorShape({self.dims if _dimensions or self._dims is None else list(self._dims)})"
        )

    def __reduce__(self) -> Any:
        return TensorShape, (self._dims,)


def as_shape(value: Any) -> TensorShape:
    return value if isinstance(value, TensorShape) else TensorShape(value)


def unknown_shape(rank: int | None = None) -> TensorShape:
    return TensorShape(None if rank is None else (None,) * rank)


def scalar() -> TensorShape:
    return TensorShape(())


def vector(length: Any) -> TensorShape:
    return TensorShape([length])


def matrix(rows: Any, cols: Any) -> TensorShape:
    return TensorShape([rows, cols])
