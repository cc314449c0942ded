"""GradientTape: derivatives of what a program computes while the tape records.

In eager mode the core records (cpp/thalweg/runtime/tape.h). While a function is traced there is
nothing to record but the graph itself: a tape then knows which nodes were added while it recorded,
and differentiates through these.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from thalweg import _core
from thalweg.framework import dtypes, nest
from thalweg.framework.apply import apply_op
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.gradients import UnconnectedGradients, differentiate
from thalweg.framework.graph import Graph
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import Tensor, TensorLike
from thalweg.platform import logging


class GradientTape:
    """Records operations for automatic differentiation.

    Args:
        persistent: whether `gradient` may be called more than once.
        watch_accessed_variables: whether trainable variables that are read are watched by
            themselves.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._tape = _core.Tape(bool(persistent), bool(watch_accessed_variables))
        self._persistent = bool(persistent)
        self._watch_accessed = bool(watch_accessed_variables)
        self._recording = self._started = self._used = False
        self._graph: Graph | None = None  # being built while the tape records
        self._ranges: list[list[int]] = []  # of node numbers added meanwhile
        self._watched: dict[int, Any] = {}  # by id: what was watched in that graph
        self._variables: list[Any] = []  # seen by a tape that was used up

    # --- recording

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an already-active "
                "tape."
            )
        self._start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._recording:
            self._stop()

    def _start(self) -> None:
        self._recording = self._started = True
        if executing_eagerly():
            self._tape.start()
            return
        graph = get_default_graph()
        if self._graph is not None and self._graph is not graph:
            raise RuntimeError("a GradientTape that recorded in one graph cannot record in another")
        self._graph = graph
        self._ranges.append([graph.core.size(), 2**31 - 1])

    def _stop(self) -> None:
        self._tape.stop()
        self._recording = False
        if self._graph is not None and self._ranges[-1][1] == 2**31 - 1:
            self._ranges[-1][1] = self._graph.core.size()

    def watch(self, tensor: Any) -> None:
        """Follows a tensor, or a structure of tensors.

        Raises:
            ValueError: it is neither a tensor nor a variable.
        """
        for t in nest.flatten(tensor):
            if not isinstance(t, Tensor) and not _is_variable(t):
                raise ValueError(
                    f"Passed in object {t} of type {type(t).__name__!r}, not tf.Tensor or "
                    "tf.Variable or ExtensionType."
                )
            if not (t.dtype.is_floating or t.dtype.is_complex):
                logging.log_first_n(
                    logging.WARN,
                    "The dtype of the watched tensor must be floating (e.g. tf.float32), got %r",
                    5,
                    t.dtype,
                )
                continue
            if not executing_eagerly():
                self._watched[id(t)] = t
            elif isinstance(t, EagerTensor) or _is_variable(t):
                self._tape.watch(t)

    def watched_variables(self) -> tuple[Any, ...]:
        """The variables that were watched, in the order of their first access."""
        seen = [*self._variables, *self._tape.variables()]
        seen += [v for v in self._watched.values() if _is_variable(v)]
        if self._graph is not None and self._watch_accessed:
            seen += self._graph._variables_read(self._ranges)
        return tuple({id(v): v for v in seen}.values())

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """What happens inside the block is not recorded."""
        if not self._recording:
            raise RuntimeError("Trying to stop recording a tape which is not recording.")
        self._stop()
        try:
            yield
        finally:
            self._start()

    def reset(self) -> None:
        """Forgets all that was recorded."""
        recording = self._recording
        if recording:
            self._stop()
        self._tape.reset()
        self._ranges.clear()
        self._watched.clear()
        self._variables.clear()
        self._graph, self._used = None, False
        if recording:
            self._start()

    # --- differentiation

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of the sum of `target` by each of `sources`, in their structure: tensors,
        and IndexedSlices where a source was read by gathering rows only.

        Args:
            target: a tensor or a structure of tensors.
            sources: tensors and variables that were watched.
            output_gradients: by target, what to multiply its derivative with; ones by default.
            unconnected_gradients: what stands where a target does not depend on a source: None or
                zeros.

        Raises:
            RuntimeError: the tape is not persistent and was asked before.
            ValueError: a value of `unconnected_gradients` that there is not.
            LookupError: an op on the way has no gradient.
        """
        unconnected = _unconnected(unconnected_gradients)
        self._begin()
        if target is None:
            raise TypeError(
                "Argument `target` should be a list or nested structure of Tensors, Variables or "
                "CompositeTensors to be differentiated, but received None."
            )
        targets = [_checked(t, "target") for t in nest.flatten(target)]
        flat = nest.flatten(sources)
        seeds = _seeds(targets, output_gradients)
        wanted = [_checked_source(s) for s in flat]
        found = self._gradient(targets, seeds, wanted)
        self._end()
        results = [
            _zeros(s) if g is None and unconnected is UnconnectedGradients.ZERO else g
            for s, g in zip(wanted, found, strict=True)
        ]
        return nest.pack_sequence_as(sources, results)

    def _begin(self) -> None:
        started = self._recording or self._started
        if not started or (self._used and not self._persistent):
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                "(or jacobians)"
            )
        self._used = True
        if self._recording and not self._persistent:
            self._stop()

    def _end(self) -> None:
        if not self._persistent:
            self._variables += self._tape.variables()
            self._tape.reset()

    def _gradient(self, targets: list[Any], seeds: list[Any], sources: list[Any]) -> list[Any]:
        if self._graph is not None and not executing_eagerly():
            return self._graph_gradient(targets, seeds, sources)
        pairs = [(_value(t), s) for t, s in zip(targets, seeds, strict=True) if _differentiable(t)]
        found = self._tape.gradient([t for t, _ in pairs], [s for _, s in pairs], sources)
        return [_slices(*g) if type(g) is tuple else g for g in found]

    def _graph_gradient(
        self, targets: list[Any], seeds: list[Any], sources: list[Any]
    ) -> list[Any]:
        pairs = [(t, s) for t, s in zip(targets, seeds, strict=True) if _differentiable(t)]
        follows = [self._follows(s) for s in sources]
        if not pairs or not any(follows):
            return [None] * len(sources)
        found = iter(
            differentiate(
                [t for t, _ in pairs],
                [s for s, followed in zip(sources, follows, strict=True) if followed],
                [s for _, s in pairs],
                name="gradient_tape",
                nodes=[(first, last) for first, last in self._ranges],
            )
        )
        return [next(found) if followed else None for followed in follows]

    def _follows(self, source: Any) -> bool:
        """Whether a source in a graph is watched, or computed from what is."""
        graph = self._graph
        assert graph is not None
        reads = dict(graph._reads) if graph.building_function else {}
        captured = {id(inner): outer for outer, inner in graph._captures()}
        seen: set[int] = set()
        stack = [source]
        while stack:
            t = stack.pop()
            if id(t) in self._watched:
                return True
            if _is_variable(t):
                if t.trainable and self._watch_accessed:
                    return True
                continue
            if id(t) in captured:
                stack.append(captured[id(t)])
            if isinstance(t, EagerTensor) or t.op.graph is not graph or t.op._id in seen:
                continue
            seen.add(t.op._id)
            if any(first <= t.op._id < last for first, last in self._ranges):
                stack += [reads[t.op._id]] if t.op._id in reads else t.op.inputs
        return False

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Derivatives of every element of `target` by every element of the sources.

        Returns:
            In the structure of `sources`, tensors of shape target.shape + source.shape.
            `parallel_iterations` and `experimental_use_pfor` say how TensorFlow computes it; here
            rows follow one another.
        """
        unconnected = _unconnected(unconnected_gradients)
        flat = [_checked_source(s) for s in nest.flatten(sources)]
        self._begin()
        target = convert_to_tensor(target)
        rows = self._rows(target, flat, unconnected)
        self._end()
        return nest.pack_sequence_as(sources, rows)

    def _rows(
        self, target: Any, sources: list[Any], unconnected: UnconnectedGradients
    ) -> list[Any]:
        size = target.shape.num_elements()
        if size is None:
            raise ValueError(
                f"jacobian: the shape of the target has to be known, got {target.shape}"
            )
        found: list[list[Any]] = []
        for i in range(size):
            seed = _one_hot(i, size, target)
            found.append(self._one_of_many([target], [seed], sources))
        results = []
        for k, source in enumerate(sources):
            shape = target.shape.as_list() + source.shape.as_list()
            results.append(_assembled([row[k] for row in found], source, 0, shape, unconnected))
        return results

    def _one_of_many(self, targets: list[Any], seeds: list[Any], sources: list[Any]) -> list[Any]:
        """As _gradient, with the tape kept for the next."""
        self._tape.keep(True)
        try:
            return self._gradient(targets, seeds, sources)
        finally:
            self._tape.keep(self._persistent)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """For target [b, ...] and source [b, ...], where row i of the target depends on row i of
        the source only: the jacobians row by row, [b] + target.shape[1:] + source.shape[1:].

        Raises:
            ValueError: the first dimensions differ, or are unknown, or there is no second one.
        """
        unconnected = _unconnected(unconnected_gradients)
        source = _checked_source(source)
        target = convert_to_tensor(target)
        for shape in (target.shape, source.shape):
            shape.with_rank_at_least(2)
        y, x = target.shape.as_list(), source.shape.as_list()
        if not y or not x or y[0] is None or y[0] != x[0]:
            raise ValueError(
                f"Need first dimension of target shape ({target.shape}) and source shape "
                f"({source.shape}) to match."
            )
        self._begin()
        batch, size = y[0], 1
        for d in y[1:]:
            size *= d
        columns = []
        for i in range(size):
            seed = _one_hot([i] * batch, size, target)
            columns.append(self._one_of_many([target], [seed], [source])[0])
        self._end()
        return _assembled(columns, source, 1, y + x[1:], unconnected)


def _one_hot(indices: Any, size: int, target: Any) -> Any:
    """A seed that picks elements of the target: one, or one of each row."""
    picked = apply_op(
        "OneHot",
        indices=indices,
        depth=size,
        on_value=convert_to_tensor(1, target.dtype),
        off_value=convert_to_tensor(0, target.dtype),
    )
    return apply_op("Reshape", tensor=picked, shape=target.shape.as_list())


def _assembled(
    parts: list[Any], source: Any, axis: int, shape: list[int], unconnected: UnconnectedGradients
) -> Any:
    """Gradients of single elements as one tensor; none at all stand for what was asked for."""
    if not parts or all(p is None for p in parts):
        zero = unconnected is UnconnectedGradients.ZERO
        return _filled(0, shape, source.dtype) if zero else None
    parts = [_zeros(source) if p is None else convert_to_tensor(p) for p in parts]
    return apply_op("Reshape", tensor=apply_op("Pack", values=parts, axis=axis), shape=shape)


def _slices(values: Any, indices: Any, rows: Any) -> IndexedSlices:
    shape = [int(rows), *values.shape.as_list()[1:]]
    return IndexedSlices(values, indices, constant(shape, dtypes.int32))


def _is_variable(x: Any) -> bool:
    return isinstance(x, _core.VariableBase)


def _value(x: Any) -> Any:
    return x if isinstance(x, EagerTensor) or _is_variable(x) else convert_to_tensor(x)


def _differentiable(target: Any) -> bool:
    dtype = getattr(target, "dtype", None)
    if dtype is None or dtype.is_floating or dtype.is_complex:
        return True
    logging.log_first_n(
        logging.WARN,
        "The dtype of the target tensor must be floating (e.g. tf.float32) when calling "
        "GradientTape.gradient, got %r",
        5,
        dtype,
    )
    return False


def _unconnected(value: Any) -> UnconnectedGradients:
    try:
        return UnconnectedGradients(value)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {value!r}") from None


def _checked(value: Any, what: str) -> Any:
    if _is_variable(value) or isinstance(value, TensorLike):
        return value
    raise TypeError(
        f"GradientTape: a {what} has to be a tensor or a variable, got {value!r} of type "
        f"{type(value).__name__}"
    )


def _checked_source(source: Any) -> Any:
    return source.values if isinstance(source, IndexedSlices) else _checked(source, "source")


def _seeds(targets: list[Any], output_gradients: Any) -> list[Any]:
    if output_gradients is None:
        return [None] * len(targets)
    given = nest.flatten(output_gradients)
    if len(given) != len(targets):
        raise ValueError(f"{len(given)} output_gradients for {len(targets)} targets")
    return [
        None if g is None else convert_to_tensor(g, None if isinstance(g, Tensor) else t.dtype)
        for t, g in zip(targets, given, strict=True)
    ]


def _filled(value: float, shape: list[int], dtype: Any) -> Any:
    return apply_op("Fill", dims=shape, value=convert_to_tensor(value, dtype))


def _zeros(source: Any) -> Any:
    return apply_op("ZerosLike", x=convert_to_tensor(source))
