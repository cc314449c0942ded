"""`tf.vectorized_map`: a function of every row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg import raw_ops
from thalweg.eager.function import Function
from thalweg.framework import default_graph as ops
from thalweg.framework import errors, nest
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import Tensor
from thalweg.framework.type_spec import TensorSpec
from thalweg.ops import array, indexing
from thalweg.ops.map_fn import map_fn


def vectorized_map(
    fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True
) -> Any:
    """`fn` of every row of `elems`, stacked.

    Rows are computed one after the other, whatever `fallback_to_while_loop` says; there is nothing
    to warn of.

    Args:
        fn: from one row (a structure of rows where `elems` is one) to a structure of tensors and
            numbers whose shapes are the same for all rows. In eager mode it is called for each row,
            in a graph once.
        elems: a tensor, or a structure of tensors with as many rows each; the one row of a tensor
            that has only one serves all.

    Raises:
        ValueError: nothing to map over, or a tensor of rank 0.
        InvalidArgumentError: tensors of different lengths.
    """
    with ops.name_scope(None, "vectorized_map"):
        tensors = [convert_to_tensor(e, name="elem") for e in nest.flatten(elems)]
        if not tensors:
            raise ValueError("vectorized_map: elems has no tensors")
        if any(t.shape.ndims == 0 for t in tensors):
            raise ValueError("vectorized_map: elems must have at least one dimension, got a scalar")
        sizes = [None if t.shape.ndims is None else t.shape.as_list()[0] for t in tensors]
        static = _static_rows(sizes)
        if executing_eagerly() and static:
            rows = [
                array.unstack(t) if n == static else [t[0]] * static
                for t, n in zip(tensors, sizes, strict=True)
            ]
            results = [
                fn(nest.pack_sequence_as(elems, list(row))) for row in zip(*rows, strict=True)
            ]
            return _stacked(results)
        return _loop(fn, elems, tensors, sizes, static)


def _static_rows(sizes: list[int | None]) -> int | None:
    """How often fn is called, if that is known."""
    several = {n for n in sizes if n != 1}
    known = several - {None}
    if len(known) > 1:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"vectorized_map: elems must have the same number of rows, got {sorted(known)}",  # type: ignore[type-var]
        )
    if None in several:
        return None
    return known.pop() if known else 1


def _stacked(results: list[Any]) -> Any:
    """Structures of the same form as one, of stacked tensors. None stays None."""
    first = results[0]
    for other in results[1:]:
        nest.assert_same_structure(first, other)
    leaves = zip(*(nest.flatten(r) for r in results), strict=True)
    stacked = [None if values[0] is None else raw_ops.Pack(list(values)) for values in leaves]
    return nest.pack_sequence_as(first, stacked)


def _loop(
    fn: Any, elems: Any, tensors: list[Tensor], sizes: list[int | None], static: int | None
) -> Any:
    """The same as a loop over calls of one graph, which says what fn returns before it runs."""
    specs = [
        TensorSpec(None if t.shape.ndims is None else t.shape[1:], t.dtype.base_dtype)
        for t in tensors
    ]
    graph = Function(
        lambda *rows: fn(nest.pack_sequence_as(elems, list(rows))), name="vectorized_map"
    ).get_concrete_function(*specs)
    structure = graph.structured_outputs
    made = [t for t in nest.flatten(structure) if t is not None]
    counts = [array.shape(t)[0] for t in tensors]
    count: Any = static
    if count is None:
        common = array.shape(tensors[0])[:1]
        for t in tensors[1:]:
            common = raw_ops.BroadcastArgs(common, array.shape(t)[:1])
        count = common[0]

    def row(i: Any) -> Any:
        out = []
        for t, n, size in zip(tensors, counts, sizes, strict=True):
            at = i if size not in (None, 1) else raw_ops.SelectV2(raw_ops.Equal(n, 1), 0, i)
            out.append(indexing.gather(t, at))
        results = graph(*out)
        return [t for t in nest.flatten(results) if t is not None]

    signature = [TensorSpec(t.shape, t.dtype) for t in made]
    numbers = raw_ops.Range(0, count, 1)
    results = iter(map_fn(row, numbers, fn_output_signature=signature) if made else [])
    whole = [None if t is None else next(results) for t in nest.flatten(structure)]
    return nest.pack_sequence_as(structure, whole)
