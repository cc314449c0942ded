"""Values made of several tensors: rows of a larger tensor, and sparse tensors."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import Any

from thalweg.framework import dtypes
from thalweg.framework.apply import apply_op
from thalweg.framework.convert import (
    constant,
    convert_to_tensor,
    register_tensor_conversion_function,
)
from thalweg.framework.default_graph import name_scope
from thalweg.framework.graph import Graph
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import Operation, Tensor, TensorLike

IndexedSlicesValue = namedtuple("IndexedSlicesValue", ["values", "indices", "dense_shape"])
SparseTensorValue = namedtuple("SparseTensorValue", ["indices", "values", "dense_shape"])


class IndexedSlices(TensorLike):
    """Rows `values` of a tensor at `indices`; rows may repeat, which means their sum."""

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values: Tensor = values
        self.indices: Tensor = indices
        self.dense_shape: Tensor | None = dense_shape

    @property
    def dtype(self) -> dtypes.DType:
        return self.values.dtype

    @property
    def graph(self) -> Graph:
        return self.values.graph

    @property
    def op(self) -> Operation:
        return self.values.op

    @property
    def name(self) -> str:
        return self.values.name

    @property
    def device(self) -> str:
        return self.values.device

    @property
    def shape(self) -> TensorShape:
        from thalweg.framework.convert import constant_value_as_shape

        return (
            TensorShape(None)
            if self.dense_shape is None
            else constant_value_as_shape(self.dense_shape)
        )

    def __repr__(self) -> str:
        dense = "" if self.dense_shape is None else f", dense_shape={self.dense_shape!s}"
        return f"IndexedSlices(indices={self.indices!s}, values={self.values!s}{dense})"

    def _tensor_parts(self) -> list[Tensor]:
        parts = [self.values, self.indices]
        return parts if self.dense_shape is None else [*parts, self.dense_shape]

    def _with_tensor_parts(self, parts: Sequence[Any]) -> IndexedSlices:
        return IndexedSlices(*parts)

    def __neg__(self) -> IndexedSlices:
        return self._with_values(-self.values)

    def _with_values(self, values: Tensor) -> IndexedSlices:
        return IndexedSlices(values, self.indices, self.dense_shape)


def on_values(x: Any, f: Callable[[Any], Any]) -> Any:
    """f of a tensor, or of the values of IndexedSlices, which stay slices."""
    if isinstance(x, IndexedSlices):
        return x._with_values(f(x.values))
    return f(convert_to_tensor(x))


def slices_of(x: Any, values: Tensor, indices: Tensor) -> IndexedSlices:
    """IndexedSlices of the shape of x."""
    known = x.shape.is_fully_defined()
    shape = constant(x.shape.as_list(), dtypes.int32) if known else apply_op("Shape", input=x)
    return IndexedSlices(values, indices, shape)


def _dense(
    value: IndexedSlices, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Tensor conversion requested dtype {dtype.name} for IndexedSlices with "
            f"{value.dtype.name}"
        )
    if value.dense_shape is None:
        raise ValueError(
            f"Tensor conversion requested for IndexedSlices without dense_shape: {value}"
        )
    rows = convert_to_tensor(value.dense_shape)[0]
    return apply_op(
        "UnsortedSegmentSum", name, data=value.values, segment_ids=value.indices, num_segments=rows
    )


register_tensor_conversion_function(IndexedSlices, _dense)


class SparseTensor(TensorLike):
    """The elements `values` at `indices` (int64, one row each) of a tensor of shape
    `dense_shape`.
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self.indices = convert_to_tensor(indices, dtypes.int64, "indices")
            self.values = convert_to_tensor(values, name="values")
            self.dense_shape = convert_to_tensor(dense_shape, dtypes.int64, "dense_shape")
        self.indices.shape.with_rank(2)
        self.values.shape.with_rank(1)
        self.dense_shape.shape.with_rank(1)

    @classmethod
    def from_value(cls, value: Any) -> SparseTensor:
        return (
            value if isinstance(value, cls) else cls(value.indices, value.values, value.dense_shape)
        )

    @property
    def dtype(self) -> dtypes.DType:
        return self.values.dtype

    @property
    def graph(self) -> Graph:
        return self.values.graph

    @property
    def op(self) -> Operation:
        return self.values.op

    @property
    def shape(self) -> TensorShape:
        from thalweg.framework.convert import constant_value_as_shape

        return constant_value_as_shape(self.dense_shape)

    def get_shape(self) -> TensorShape:
        return self.shape

    def _tensor_parts(self) -> list[Tensor]:
        return [self.indices, self.values, self.dense_shape]

    def _with_tensor_parts(self, parts: Sequence[Any]) -> SparseTensor:
        like = object.__new__(type(self))  # parts may be anything, functions of tensors or specs
        like.indices, like.values, like.dense_shape = parts
        return like

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        from thalweg.framework.default_session import session_for

        return session_for(session, self.graph, "evaluate tensor", "eval()").run(self, feed_dict)

    def __repr__(self) -> str:
        parts = f"indices={self.indices}, values={self.values}, dense_shape={self.dense_shape}"
        return f"SparseTensor({parts})"


def _not_dense(
    value: SparseTensor, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    raise TypeError(
        f"a SparseTensor does not convert to a Tensor by itself; use tf.sparse.to_dense: {value!r}"
    )


register_tensor_conversion_function(SparseTensor, _not_dense)
