"""Functions over the rows of tensors: map, folds and scans, as loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes, nest
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import SymbolicTensor
from thalweg.ops.tensor_array import TensorArray
from thalweg.ops.while_loop import while_loop


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of every row of `elems`, stacked.

    Args:
        fn: from one row (a structure of rows where `elems` is one) to a tensor or a structure.
        elems: a tensor, or a structure of tensors with as many rows each.
        dtype, fn_output_signature: the types of what `fn` returns, in its structure; a
            `TensorSpec` says the shape too. Without it they are those of `elems`.

    Raises:
        TypeError: `fn` is not callable.
        ValueError: tensors of different lengths, or of rank 0; `fn` returns another structure.
    """
    if not callable(fn):
        raise TypeError(
            f"The provided function {getattr(fn, '__name__', fn)!r} is not callable. fn must be "
            "callable."
        )
    signature = dtype if fn_output_signature is None else fn_output_signature
    with ops.name_scope(name, "map", nest.flatten(elems)):
        rows = _Rows(elems)
        # Unless told otherwise, what `fn` makes has the dtypes of a row, and a shape of its own.
        specs = (
            [(t, TensorShape(None)) for t, _ in rows.specs]
            if signature is None
            else [_spec(s) for s in nest.flatten(signature)]
        )
        structure = elems if signature is None else signature
        results = [TensorArray(t, rows.count, element_shape=s) for t, s in specs]

        def body(i: Any, arrays: list[TensorArray]) -> Any:
            value = fn(rows.row(i))
            nest.assert_same_structure(structure, value)
            return i + 1, [
                a.write(i, _typed(v, a.dtype))
                for a, v in zip(arrays, nest.flatten(value), strict=True)
            ]

        _, arrays = while_loop(
            lambda i, _: i < rows.count,
            body,
            (convert_to_tensor(0), results),
            parallel_iterations=parallel_iterations or 10,
            back_prop=back_prop,
            swap_memory=swap_memory,
            maximum_iterations=rows.count,
        )
        stacked = [_stacked(a, rows.static, infer_shape) for a in arrays]
        return nest.pack_sequence_as(structure, stacked)


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """`fn(...fn(fn(initializer, row 0), row 1)..., last row)`; without an initializer row 0 is it.

    Raises:
        TypeError: `fn` is not callable.
        ValueError: rows of different numbers, or the accumulator changes its structure.
    """
    return _fold(
        fn, elems, initializer, parallel_iterations, back_prop, swap_memory, name or "foldl", False
    )


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """As foldl, from the last row to the first."""
    return _fold(
        fn, elems, initializer, parallel_iterations, back_prop, swap_memory, name or "foldr", True
    )


def _fold(
    fn: Any,
    elems: Any,
    initializer: Any,
    parallel_iterations: int,
    back_prop: bool,
    swap_memory: bool,
    name: str,
    backwards: bool,
) -> Any:
    if not callable(fn):
        raise TypeError(
            f"{getattr(fn, '__name__', fn)} is not callable. Please provide a callable function."
        )
    with ops.name_scope(name, name, nest.flatten(elems)):
        rows = _Rows(elems)
        first = 0
        if initializer is None:
            total = rows.row(rows.count - 1 if backwards else convert_to_tensor(0))
            first = 1
        else:
            total = nest.map_structure(convert_to_tensor, initializer)

        def body(i: Any, total: Any) -> Any:
            at = rows.count - 1 - i if backwards else i
            return i + 1, fn(total, rows.row(at))

        _, total = while_loop(
            lambda i, _: i < rows.count,
            body,
            (convert_to_tensor(first), total),
            parallel_iterations=parallel_iterations,
            back_prop=back_prop,
            swap_memory=swap_memory,
            maximum_iterations=rows.count,
        )
        return total


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All the accumulators that foldl (with `reverse`: foldr) goes through, stacked by row.

    Raises:
        TypeError: `fn` is not callable.
        ValueError: rows of different numbers, or the accumulator changes its structure.
    """
    if not callable(fn):
        raise TypeError(
            f"{getattr(fn, '__name__', fn)} is not callable. Please provide a callable function."
        )
    with ops.name_scope(name, "scan", nest.flatten(elems)):
        rows = _Rows(elems)
        start = convert_to_tensor(0)
        last = rows.count - 1
        if initializer is None:
            total = rows.row(last if reverse else start)
            done = 1
        else:
            total = nest.map_structure(convert_to_tensor, initializer)
            done = 0
        arrays = [
            TensorArray(
                t.dtype.base_dtype,
                rows.count,
                element_shape=t.shape if infer_shape else None,
                infer_shape=infer_shape,
                clear_after_read=False,
            )
            for t in nest.flatten(total)
        ]
        if done:
            at = last if reverse else start
            arrays = [a.write(at, t) for a, t in zip(arrays, nest.flatten(total), strict=True)]

        def body(i: Any, total: Any, arrays: list[TensorArray]) -> Any:
            at = last - i if reverse else i
            value = fn(total, rows.row(at))
            nest.assert_same_structure(total, value)
            flat = [
                _typed(v, t.dtype)
                for v, t in zip(nest.flatten(value), nest.flatten(total), strict=True)
            ]
            value = nest.pack_sequence_as(total, flat)
            return i + 1, value, [a.write(at, v) for a, v in zip(arrays, flat, strict=True)]

        _, _, arrays = while_loop(
            lambda i, *_: i < rows.count,
            body,
            (convert_to_tensor(done), total, arrays),
            parallel_iterations=parallel_iterations,
            back_prop=back_prop,
            swap_memory=swap_memory,
            maximum_iterations=rows.count,
        )
        return nest.pack_sequence_as(total, [_stacked(a, rows.static, infer_shape) for a in arrays])


class _Rows:
    """Tensors that are read row by row."""

    def __init__(self, elems: Any) -> None:
        self.structure = elems
        tensors = [convert_to_tensor(e, name="elem") for e in nest.flatten(elems)]
        if not tensors:
            raise ValueError("elems must be a Tensor or (possibly nested) sequence of Tensors.")
        static: int | None = None
        for t in tensors:
            if t.shape.ndims == 0:
                raise ValueError("Elements in elems must be 1+ dimensional Tensors, not scalars")
            size = None if t.shape.ndims is None else t.shape.as_list()[0]
            if None not in (size, static) and size != static:
                raise ValueError(
                    f"All elements in elems must have the same number of rows, got {static} and "
                    f"{size}"
                )
            static = size if static is None else static
        self.static = static
        self.count = (
            convert_to_tensor(static, dtypes.int32)
            if static is not None
            else raw_ops.StridedSlice(raw_ops.Shape(tensors[0]), [0], [1], [1], shrink_axis_mask=1)
        )
        self.specs = [(t.dtype.base_dtype, _row_shape(t)) for t in tensors]
        self.arrays = [
            TensorArray(
                t.dtype.base_dtype, self.count, element_shape=_row_shape(t), clear_after_read=False
            ).unstack(t)
            for t in tensors
        ]

    def row(self, i: Any) -> Any:
        return nest.pack_sequence_as(self.structure, [a.read(i) for a in self.arrays])


def _row_shape(t: Any) -> TensorShape:
    return TensorShape(None if t.shape.ndims is None else t.shape.as_list()[1:])


def _spec(s: Any) -> tuple[Any, TensorShape]:
    if hasattr(s, "shape") and hasattr(s, "dtype"):
        return dtypes.as_dtype(s.dtype), TensorShape(s.shape)
    return dtypes.as_dtype(s), TensorShape(None)


def _typed(value: Any, dtype: Any) -> Any:
    return convert_to_tensor(value, None if hasattr(value, "dtype") else dtype)


def _stacked(a: TensorArray, rows: int | None, infer_shape: bool) -> Any:
    stacked = a.stack()
    if infer_shape and isinstance(stacked, SymbolicTensor):
        element = a.element_shape
        if element.ndims is not None:
            stacked.set_shape([rows, *element.as_list()])
    return stacked
