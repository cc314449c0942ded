"""Reads and changes of parts of a variable: rows, slices at index tuples, what an index picks."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import errors
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.operators import strided_slice_index
from thalweg.framework.shapes import TensorShape
from thalweg.ops import state

if TYPE_CHECKING:
    from thalweg.framework.dtypes import DType


class VariableParts:
    """What `tf.Variable` does to its parts. Changes return the variable."""

    if TYPE_CHECKING:

        @property
        def dtype(self) -> DType: ...
        def _ref(self) -> Any: ...
        def value(self) -> Any: ...
        def assign(self, value: Any, *, name: str | None = None) -> Any: ...

    def _scatter(self, function: Any, delta: Any, name: str | None) -> Any:
        if not isinstance(delta, IndexedSlices):
            raise TypeError(
                f"Argument `sparse_delta` must be a `tf.IndexedSlices`. Received arg: {delta}"
            )
        function(self._ref(), delta.indices, convert_to_tensor(delta.values, self.dtype), name=name)
        return self

    def scatter_sub(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Subtracts IndexedSlices from its rows."""
        return self._scatter(state.scatter_sub, sparse_delta, name)

    def scatter_add(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Adds IndexedSlices to its rows."""
        return self._scatter(state.scatter_add, sparse_delta, name)

    def scatter_max(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """The larger of its rows and IndexedSlices."""
        return self._scatter(state.scatter_max, sparse_delta, name)

    def scatter_min(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """The smaller of its rows and IndexedSlices."""
        return self._scatter(state.scatter_min, sparse_delta, name)

    def scatter_mul(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Multiplies its rows by IndexedSlices."""
        return self._scatter(state.scatter_mul, sparse_delta, name)

    def scatter_div(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Divides its rows by IndexedSlices."""
        return self._scatter(state.scatter_div, sparse_delta, name)

    def scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Sets the rows that IndexedSlices name."""
        return self._scatter(state.scatter_update, sparse_delta, name)

    def _scatter_nd(self, function: Any, indices: Any, updates: Any, name: str | None) -> Any:
        function(self._ref(), indices, convert_to_tensor(updates, self.dtype), name=name)
        return self

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Sets the slices at index tuples."""
        return self._scatter_nd(state.scatter_nd_update, indices, updates, name)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Adds to the slices at index tuples."""
        return self._scatter_nd(state.scatter_nd_add, indices, updates, name)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtracts from the slices at index tuples."""
        return self._scatter_nd(state.scatter_nd_sub, indices, updates, name)

    def scatter_nd_max(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """The larger of the slices at index tuples and `updates`."""
        return self.assign(raw_ops.TensorScatterMax(self.value(), indices, updates, name=name))

    def scatter_nd_min(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """The smaller of the slices at index tuples and `updates`."""
        return self.assign(raw_ops.TensorScatterMin(self.value(), indices, updates, name=name))

    def batch_scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Sets rows batch by batch: for indices [b..., n], the rows `indices[b..., :]` of
        `self[b...]`.
        """
        indices = convert_to_tensor(sparse_delta.indices)
        if not indices.shape.is_fully_defined():
            raise ValueError(f"batch_scatter_update: indices of unknown shape {indices.shape}")
        whole: Any = indices.shape.as_list()
        places = np.indices(whole).astype(indices.dtype.as_numpy_dtype)
        index = raw_ops.Pack([*places[:-1], indices], axis=-1)
        return self.scatter_nd_update(index, sparse_delta.values, name)

    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        """The rows at `indices`."""
        return raw_ops.GatherV2(self.value(), indices, 0, name=name)

    def gather_nd(self, indices: Any, name: str | None = None) -> Any:
        """The slices at index tuples."""
        return raw_ops.GatherNd(self.value(), indices, name=name)

    def __getitem__(self, index: Any) -> Any:
        """A slice of the value, which `.assign(value)` sets in the variable."""
        part = strided_slice_index(self.value(), index)
        part.assign = functools.partial(self._assign_slice, index)
        return part

    def _assign_slice(self, index: Any, value: Any, name: str | None = None) -> Any:
        """Sets the elements that `index` picks: their places, as numbers, are picked alike."""
        whole = self.value()
        size = raw_ops.Size(whole)
        places = raw_ops.Reshape(raw_ops.Range(0, size, 1), raw_ops.Shape(whole))
        picked = strided_slice_index(places, index)
        value = convert_to_tensor(value, self.dtype)
        if not _broadcasts(value.shape, picked.shape):
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Cannot broadcast input shape {value.shape} into final shape {picked.shape}",
            )
        value = raw_ops.BroadcastTo(value, raw_ops.Shape(picked))
        flat = raw_ops.TensorScatterUpdate(
            raw_ops.Reshape(whole, [-1]),
            raw_ops.Reshape(picked, [-1, 1]),
            raw_ops.Reshape(value, [-1]),
        )
        return self.assign(raw_ops.Reshape(flat, raw_ops.Shape(whole)), name=name)


def _broadcasts(shape: TensorShape, to: TensorShape) -> bool:
    """False if a shape does certainly not stretch to another."""
    if shape.rank is None or to.rank is None:
        return True
    pairs = zip(shape.as_list()[::-1], to.as_list()[::-1], strict=False)
    return shape.rank <= to.rank and all(None in (m, n) or m in (1, n) for m, n in pairs)
