"""What a loop of the graph runs over: the numbers of a range, the rows of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from thalweg import raw_ops
from thalweg.eager.autograph import state
from thalweg.framework import dtypes
from thalweg.framework.convert import constant_value, convert_to_tensor
from thalweg.framework.errors import OperatorNotAllowedInGraphError
from thalweg.framework.tensor import SymbolicTensor
from thalweg.ops.tensor_array import TensorArray


class Rows:
    """Something to loop over in a graph. The loop's own variables are `start()` at first."""

    def start(self) -> list[Any]:
        raise NotImplementedError

    def going(self, at: Sequence[Any]) -> Any:
        """Whether there is an item."""
        raise NotImplementedError

    def item(self, at: Sequence[Any]) -> Any:
        raise NotImplementedError

    def next(self, at: Sequence[Any]) -> list[Any]:
        raise NotImplementedError

    def first(self) -> Any:
        """What the target is where nothing is looped over, if that is said."""
        return None

    def __iter__(self) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            "zip and enumerate of tensors can be looped over in a `for` statement of a converted "
            "function, and not elsewhere"
        )


class _Numbers(Rows):
    """Of a range, counted; no tensor of them is made."""

    def __init__(self, start: Any, limit: Any, delta: Any) -> None:
        self._start, self._limit, self._delta = start, limit, delta
        known = constant_value(delta) if isinstance(delta, SymbolicTensor) else delta
        self._up = None if known is None else bool(known > 0)

    def start(self) -> list[Any]:
        return [raw_ops.Identity(self._start)]

    def going(self, at: Sequence[Any]) -> Any:
        if self._up is not None:
            return (raw_ops.Less if self._up else raw_ops.Greater)(at[0], self._limit)
        up = raw_ops.GreaterEqual(self._delta, raw_ops.ZerosLike(self._delta))
        return raw_ops.SelectV2(
            up, raw_ops.Less(at[0], self._limit), raw_ops.Greater(at[0], self._limit)
        )

    def item(self, at: Sequence[Any]) -> Any:
        return at[0]

    def next(self, at: Sequence[Any]) -> list[Any]:
        return [raw_ops.AddV2(at[0], self._delta)]

    def first(self) -> Any:
        return self._start


class _TensorRows(Rows):
    """Of a tensor."""

    def __init__(self, tensor: Any) -> None:
        self._count = row_count(tensor)
        self._array = TensorArray(
            tensor.dtype.base_dtype,
            size=self._count,
            element_shape=tensor.shape[1:],
            infer_shape=False,
        ).unstack(tensor)

    def start(self) -> list[Any]:
        return [convert_to_tensor(0)]

    def going(self, at: Sequence[Any]) -> Any:
        return raw_ops.Less(at[0], self._count)

    def item(self, at: Sequence[Any]) -> Any:
        return self._array.read(at[0])

    def next(self, at: Sequence[Any]) -> list[Any]:
        return [raw_ops.AddV2(at[0], 1)]


class Zipped(Rows):
    """`zip` of things to loop over."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts = parts
        self._sizes = [len(p.start()) for p in parts]

    def _split(self, at: Sequence[Any]) -> list[Sequence[Any]]:
        pieces, taken = [], 0
        for n in self._sizes:
            pieces.append(at[taken : taken + n])
            taken += n
        return pieces

    def start(self) -> list[Any]:
        return [v for p in self._parts for v in p.start()]

    def going(self, at: Sequence[Any]) -> Any:
        tests = [p.going(a) for p, a in zip(self._parts, self._split(at), strict=True)]
        holds = tests[0]
        for test in tests[1:]:
            holds = raw_ops.LogicalAnd(holds, test)
        return holds

    def item(self, at: Sequence[Any]) -> Any:
        return tuple(p.item(a) for p, a in zip(self._parts, self._split(at), strict=True))

    def next(self, at: Sequence[Any]) -> list[Any]:
        pairs = zip(self._parts, self._split(at), strict=True)
        return [v for p, a in pairs for v in p.next(a)]


class _Unlimited(Rows):
    """The numbers of `enumerate`."""

    def __init__(self, start: Any) -> None:
        self._start = start

    def start(self) -> list[Any]:
        return [convert_to_tensor(self._start)]

    def going(self, at: Sequence[Any]) -> Any:
        return convert_to_tensor(True)

    def item(self, at: Sequence[Any]) -> Any:
        return at[0]

    def next(self, at: Sequence[Any]) -> list[Any]:
        return [raw_ops.AddV2(at[0], raw_ops.OnesLike(at[0]))]


def enumerated(rows: Rows, start: Any) -> Rows:
    return Zipped([_Unlimited(start), rows])


def staged_rows(value: Any) -> Rows | None:
    """None for what Python loops over."""
    if isinstance(value, Rows):
        return value
    if not state.staged(value):
        return None
    tensor = convert_to_tensor(value)
    if isinstance(tensor, SymbolicTensor) and tensor.op.type == "Range":
        start, limit, delta = tensor.op.inputs
        if tensor.dtype.base_dtype in (dtypes.int32, dtypes.int64):  # others would round
            return _Numbers(start, limit, delta)
    return _TensorRows(tensor)


def row_count(tensor: Any) -> Any:
    """The first dimension, as a number where it is known. Raises ValueError for a scalar."""
    if tensor.shape.ndims == 0:
        raise ValueError(f"len requires a non-scalar tensor, got one of shape {tensor.shape}")
    known = None if tensor.shape.ndims is None else tensor.shape.as_list()[0]
    if known is not None:
        return convert_to_tensor(known)
    return raw_ops.StridedSlice(raw_ops.Shape(tensor), [0], [1], [1], shrink_axis_mask=1)
