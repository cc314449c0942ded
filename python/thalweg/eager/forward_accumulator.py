"""ForwardAccumulator: derivatives that are carried along while a program computes.

In eager mode the core carries them (cpp/thalweg/runtime/accumulator.h). While a function is traced,
a derivative is made of the graph when it is asked for: gradients are linear in what arrives, so
their derivative by it, times the tangents, is the way forward.
"""

from __future__ import annotations

from typing import Any

from thalweg import _core
from thalweg.framework import nest
from thalweg.framework.apply import apply_op
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.gradients import UnconnectedGradients, differentiate
from thalweg.framework.graph import Graph
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import Tensor
from thalweg.platform import logging


class ForwardAccumulator:
    """Computes Jacobian-vector products of what runs while it is entered.

    Args:
        primals: a tensor or variable, or a structure of them: where the derivative is taken.
        tangents: in the same structure and of the same dtypes and shapes: the direction.

    Raises:
        ValueError: the structures or shapes differ, or a primal is given twice.
    """

    def __init__(self, primals: Any, tangents: Any) -> None:
        self._accumulator = _core.Accumulator()
        self._recording = False
        self._graph: Graph | None = None
        self._ranges: list[list[int]] = []  # of node numbers added to it while recording
        self._pairs: list[tuple[Any, Any]] = []
        nest.assert_same_structure(primals, tangents)
        for primal, tangent in zip(nest.flatten(primals), nest.flatten(tangents), strict=True):
            self._watch(primal, tangent)

    def _watch(self, primal: Any, tangent: Any) -> None:
        known = isinstance(primal, (Tensor, _core.VariableBase))
        if not known:
            raise TypeError(
                f"ForwardAccumulator: a primal has to be a tensor or a variable, got {primal!r}"
            )
        if any(primal is p for p, _ in self._pairs):
            raise ValueError(
                f"Tensor {primal!r} was specified as a primal multiple times. This may indicate an "
                "error. If it was intended, please sum the corresponding tangents."
            )
        tangent = convert_to_tensor(tangent, primal.dtype)
        if not primal.shape.is_compatible_with(tangent.shape):
            raise ValueError(
                f"ForwardAccumulator: a tangent of shape {tangent.shape} for a primal of shape "
                f"{primal.shape}"
            )
        if not (primal.dtype.is_floating or primal.dtype.is_complex):
            logging.log_first_n(
                logging.WARN,
                "The dtype of the watched primal must be floating (e.g. tf.float32), got %r",
                5,
                primal.dtype,
            )
            return
        self._pairs.append((primal, tangent))
        if executing_eagerly():
            self._accumulator.watch(primal, tangent)

    def __enter__(self) -> ForwardAccumulator:
        if self._recording:
            raise ValueError("Accumulator is already recording.")
        self._recording = True
        if executing_eagerly():
            self._accumulator.start()
            return self
        graph = get_default_graph()
        if self._graph is not None and self._graph is not graph:
            raise RuntimeError(
                "a ForwardAccumulator that recorded in one graph cannot record in another"
            )
        self._graph = graph
        self._ranges.append([graph.core.size(), 2**31 - 1])
        return self

    def __exit__(self, *error: Any) -> None:
        if not self._recording:
            raise ValueError("Accumulator is not recording.")
        self._accumulator.stop()
        self._recording = False
        if self._graph is not None and self._ranges[-1][1] == 2**31 - 1:
            self._ranges[-1][1] = self._graph.core.size()

    def jvp(self, primals: Any, unconnected_gradients: Any = UnconnectedGradients.NONE) -> Any:
        """The derivatives of tensors along the tangents, in the structure given.

        Args:
            primals: what was computed while the accumulator was entered.
            unconnected_gradients: what stands for a tensor that does not depend on the primals:
                None or zeros.

        Raises:
            LookupError: an op on the way has no gradient.
        """
        unconnected = UnconnectedGradients(unconnected_gradients)

        def find(value: Any) -> Any:
            found = self._find(value)
            if found is None and unconnected is UnconnectedGradients.ZERO:
                return apply_op("ZerosLike", x=convert_to_tensor(value))
            return found

        return nest.map_structure(find, primals)

    def _find(self, value: Any) -> Any:
        if executing_eagerly():
            return self._accumulator.tangent(value)
        for primal, tangent in self._pairs:
            if value is primal:
                return convert_to_tensor(tangent)
        if not (value.dtype.is_floating or value.dtype.is_complex) or not self._pairs:
            return None
        value = convert_to_tensor(value)
        arriving = apply_op("ZerosLike", x=value)  # any point: the way back is linear
        backward = differentiate(
            [value],
            [primal for primal, _ in self._pairs],
            [arriving],
            name="forward_accumulator",
            nodes=[(first, last) for first, last in self._ranges],
        )
        reached = [
            (back, tangent)
            for back, (_, tangent) in zip(backward, self._pairs, strict=True)
            if back is not None
        ]
        if not reached:
            return None
        found = differentiate(
            [back for back, _ in reached],
            [arriving],
            [tangent for _, tangent in reached],
            name="forward_accumulator",
        )[0]
        return None if found is None else convert_to_tensor(found)
