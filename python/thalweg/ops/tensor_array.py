"""TensorArray: a list of tensors that loops read and write, one item at a time."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant_value, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import SymbolicTensor
from thalweg.ops import array, creation


class TensorArray:
    """A list of tensors of one type. Operations that change it give a new TensorArray, which is the
    one to go on with.

    Args:
        dtype: the type of the items.
        size: how many there are, an int or a scalar tensor.
        dynamic_size: whether writing behind the end makes it longer.
        clear_after_read: eagerly, whether an item can be read only once. In a graph nothing is
            gained by that, and items stay.
        handle: not supported; `flow` is all there is.
        flow: a TensorList (a variant tensor) to go on with.
        infer_shape: whether all items have to have the shape of the first.
        element_shape: the shape of all items as far as it is known.
        tensor_array_name, colocate_with_first_write_call: without meaning for lists.
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ) -> None:
        if handle is not None:
            raise ValueError("Cannot construct with a handle: a TensorArray is its `flow`")
        if flow is not None and size is not None:
            raise ValueError("Cannot provide both a flow and size at the same time")
        if flow is None and size is None:
            raise ValueError("Size must be declared unless a flow is given")
        self._dtype = dtypes.as_dtype(dtype).base_dtype
        self._dynamic_size = bool(dynamic_size)
        self._infer_shape = infer_shape
        self._clear_after_read = True if clear_after_read is None else bool(clear_after_read)
        self._element_shape = TensorShape(element_shape)
        self._size = None if flow is not None or self._dynamic_size else size
        self._items: list[Any] | None = None
        self._read: set[int] = set()
        if executing_eagerly() and not isinstance(flow, SymbolicTensor):
            self._items = list(flow) if flow is not None else [None] * int(size)
            self._flow = None
            return
        if flow is not None:
            self._flow = flow
            return
        with ops.name_scope(name, "TensorArrayV2", [size]) as scope:
            self._flow = raw_ops.TensorListReserve(
                self._shape_tensor(),
                convert_to_tensor(size, dtypes.int32),
                element_dtype=self._dtype,
                name=scope,
            )

    # --- as a loop variable

    def _tensor_parts(self) -> list[Any]:
        return [self._flow] if self._items is None else []  # a Python list has none

    def _with_tensor_parts(self, parts: list[Any]) -> TensorArray:
        return self._like(parts[0]) if parts else self

    def _like(self, flow: Any, element_shape: TensorShape | None = None) -> TensorArray:
        made = TensorArray.__new__(TensorArray)
        made.__dict__.update(self.__dict__)
        made._flow = flow
        if element_shape is not None:
            made._element_shape = element_shape
        return made

    # --- what it is

    @property
    def dtype(self) -> dtypes.DType:
        return self._dtype

    @property
    def flow(self) -> Any:
        """The list as a tensor, for graphs; eagerly there is none."""
        return self._flow

    @property
    def handle(self) -> None:
        return None

    @property
    def element_shape(self) -> TensorShape:
        return self._element_shape

    @property
    def dynamic_size(self) -> bool:
        return self._dynamic_size

    def __repr__(self) -> str:
        return f"<tf.TensorArray dtype={self._dtype.name} element_shape={self._element_shape}>"

    def _shape_tensor(self) -> Any:
        shape = self._element_shape
        if shape.ndims is None:
            return convert_to_tensor(-1, dtypes.int32)
        dims = [-1 if d is None else d for d in shape.as_list()]
        return convert_to_tensor(dims, dtypes.int32)

    def _agreed(self, shape: TensorShape) -> TensorShape:
        """The element shape, now that an item of this shape is there."""
        if not self._element_shape.is_compatible_with(shape):
            raise ValueError(
                f"Incompatible shape for value ({shape}), expected ({self._element_shape})"
            )
        return self._element_shape.merge_with(shape) if self._infer_shape else self._element_shape

    def _value(self, value: Any) -> Any:
        value = convert_to_tensor(value, preferred_dtype=self._dtype, name="value")
        if value.dtype.base_dtype is not self._dtype:
            raise ValueError(
                f"Incompatible dtypes: the TensorArray has {self._dtype.name}, the value "
                f"{value.dtype.name}"
            )
        return value

    def identity(self) -> TensorArray:
        """The same list behind what `tf.control_dependencies` says."""
        if self._items is not None:
            return self
        return self._like(raw_ops.Identity(self._flow))

    def grad(self, source: Any, flow: Any = None, name: str | None = None) -> Any:
        raise NotImplementedError(
            "TensorArray.grad: gradients of TensorArrays are lists like others; use tf.gradients"
        )

    def close(self, name: str | None = None) -> Any:
        """Nothing has to be closed."""
        return None if self._items is not None else raw_ops.NoOp(name=name)

    def size(self, name: str | None = None) -> Any:
        """How many items there are, an int32 scalar."""
        if self._items is not None:
            return convert_to_tensor(len(self._items), dtypes.int32)
        if self._size is not None and not isinstance(self._size, Tensor):
            return convert_to_tensor(int(self._size), dtypes.int32)
        return raw_ops.TensorListLength(self._flow, name=name)

    # --- items

    def read(self, index: Any, name: str | None = None) -> Any:
        """The item at `index`."""
        if self._items is not None:
            return self._read_eagerly(int(index))
        with ops.name_scope(name, "TensorArrayV2Read", [self._flow, index]):
            return raw_ops.TensorListGetItem(
                self._flow,
                convert_to_tensor(index, dtypes.int32),
                self._shape_tensor(),
                element_dtype=self._dtype,
            )

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """With `value` as the item at `index`."""
        if self._items is not None:
            return self._write_eagerly(int(index), self._value(value))
        with ops.name_scope(name, "TensorArrayV2Write", [self._flow, index, value]):
            value = self._value(value)
            shape = self._agreed(value.shape)
            flow = raw_ops.TensorListSetItem(
                self._flow,
                convert_to_tensor(index, dtypes.int32),
                value,
                resize_if_index_out_of_bounds=self._dynamic_size,
            )
            return self._like(flow, shape)

    def stack(self, name: str | None = None) -> Any:
        """All items as one tensor."""
        if self._items is not None:
            return self._join_eagerly(range(len(self._items)))
        with ops.name_scope(name, "TensorArrayV2Stack", [self._flow]):
            size = None if self._size is None else _static(self._size)
            return raw_ops.TensorListStack(
                self._flow,
                self._shape_tensor(),
                element_dtype=self._dtype,
                num_elements=-1 if size is None else size,
            )

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """The items at `indices` as one tensor."""
        if self._items is not None:
            indices = convert_to_tensor(indices, dtypes.int32)
            return self._join_eagerly([int(i) for i in indices.numpy()])
        with ops.name_scope(name, "TensorArrayV2Gather", [self._flow, indices]):
            return raw_ops.TensorListGather(
                self._flow,
                convert_to_tensor(indices, dtypes.int32),
                self._shape_tensor(),
                element_dtype=self._dtype,
            )

    def concat(self, name: str | None = None) -> Any:
        """All items one after the other along their first dimension."""
        if self._items is not None:
            return array.concat([self._read_eagerly(i) for i in range(len(self._items))], 0)
        with ops.name_scope(name, "TensorArrayV2Concat", [self._flow]):
            shape = self._element_shape
            if shape.ndims is not None:
                shape = TensorShape([None, *shape.as_list()[1:]])
            kept = self._element_shape
            self._element_shape, element = shape, None
            try:
                element = self._shape_tensor()
            finally:
                self._element_shape = kept
            return raw_ops.TensorListConcatV2(
                self._flow,
                element,
                convert_to_tensor([], dtypes.int64),
                element_dtype=self._dtype,
            )[0]

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """With the rows of `value` as items."""
        value = self._value(value)
        if self._items is not None:
            rows = array.unstack(value)
            if len(rows) > len(self._items) and not self._dynamic_size:
                raise ValueError(
                    f"Cannot unstack {len(rows)} tensors into a TensorArray of static size "
                    f"{len(self._items)} "
                )
            self._items[:] = rows
            self._element_shape = self._agreed(value.shape[1:])
            return self
        with ops.name_scope(name, "TensorArrayUnstack", [self._flow, value]):
            shape = self._agreed(value.shape.with_rank_at_least(1)[1:])
            made = self._like(None, shape)
            made._flow = raw_ops.TensorListFromTensor(value, made._shape_tensor())
            return made

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """With the rows of `value` as the items at `indices`."""
        value = self._value(value)
        if self._items is not None:
            made = self
            for i, row in zip(
                convert_to_tensor(indices, dtypes.int32).numpy(), array.unstack(value), strict=True
            ):
                made = made._write_eagerly(int(i), row)
            return made
        with ops.name_scope(name, "TensorArrayScatter", [self._flow, value, indices]):
            shape = self._agreed(value.shape.with_rank_at_least(1)[1:])
            flow = raw_ops.TensorListScatterIntoExistingList(
                self._flow, value, convert_to_tensor(indices, dtypes.int32)
            )
            return self._like(flow, shape)

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """With pieces of `value` along its first dimension as items."""
        value = self._value(value)
        if self._items is not None:
            sizes = [int(n) for n in convert_to_tensor(lengths, dtypes.int64).numpy()]
            self._items[:] = array.split(value, sizes, 0)
            return self
        with ops.name_scope(name, "TensorArraySplit", [self._flow, value, lengths]):
            lengths = convert_to_tensor(lengths, dtypes.int64)
            known = constant_value(lengths)
            rest = value.shape.with_rank_at_least(1).as_list()[1:] if value.shape.ndims else None
            one = known is not None and len(set(known.tolist())) == 1
            shape = (
                TensorShape(None)
                if rest is None
                else TensorShape([int(known[0]) if one else None, *rest])
            )
            if self._element_shape.is_compatible_with(shape):
                shape = self._element_shape.merge_with(shape)
            made = self._like(None, shape)
            made._flow = raw_ops.TensorListSplit(value, made._shape_tensor(), lengths)
            return made

    # --- eager mode

    def _read_eagerly(self, index: int) -> Any:
        from thalweg.framework.errors import InvalidArgumentError, OutOfRangeError

        assert self._items is not None
        if not 0 <= index < len(self._items):
            raise OutOfRangeError(
                None,
                None,
                f"Tried to read from index {index} but array size is: {len(self._items)} ",
            )
        item = self._items[index]
        if item is None:
            if index in self._read:
                raise InvalidArgumentError(
                    None,
                    None,
                    f"Could not read index {index} twice because it was cleared after a previous "
                    "read (perhaps try setting clear_after_read = false?)",
                )
            item = self._zero()
        if self._clear_after_read:
            self._items[index] = None
            self._read.add(index)
        return item

    def _zero(self) -> Any:
        shape = self._element_shape
        if not shape.is_fully_defined():
            found = next((t.shape for t in self._items or [] if t is not None), None)
            if found is None or not self._infer_shape:
                raise ValueError(
                    "Tried to read an item that was not written, and its shape is not known"
                )
            shape = found
        return creation.zeros(shape, self._dtype)

    def _write_eagerly(self, index: int, value: Any) -> TensorArray:
        from thalweg.framework.errors import OutOfRangeError

        assert self._items is not None
        size = len(self._items)
        if index < 0 or (index >= size and not self._dynamic_size):
            raise OutOfRangeError(
                None,
                None,
                f"Tried to write to index {index} but array is not resizeable and size is: {size} ",
            )
        self._items.extend([None] * (index + 1 - size))
        self._element_shape = self._agreed(value.shape)
        self._items[index] = value
        self._read.discard(index)
        return self

    def _join_eagerly(self, places: Any) -> Any:
        assert self._items is not None
        if not places and self._element_shape.is_fully_defined():
            return creation.zeros([0, *self._element_shape.as_list()], self._dtype)
        return array.stack([self._read_eagerly(i) for i in places])


def _static(size: Any) -> int | None:
    if isinstance(size, Tensor):
        value = constant_value(size)
        return None if value is None else int(value)
    return int(size)
