"""Order without data: groups, tuples, no-ops; printing."""

from __future__ import annotations

import builtins
import pprint
import sys
from collections.abc import Sequence
from typing import Any

from thalweg import _core, raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes, nest
from thalweg.framework.composite import IndexedSlices, SparseTensor
from thalweg.framework.convert import convert_to_tensor, is_tensor
from thalweg.framework.func_graph import FuncGraph
from thalweg.framework.graph import Operation, Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing; useful for its control inputs."""
    return raw_ops.NoOp(name=name)


def operation(value: Any) -> Operation:
    """The operation behind an operation, tensor or variable."""
    if isinstance(value, Operation):
        return value
    graph = ops.get_default_graph()
    if isinstance(value, _core.VariableBase) and isinstance(graph, FuncGraph):
        return graph.last_change(value)
    op = getattr(value, "op", None)
    if op is None:
        raise TypeError(
            f"Expected an operation, tensor or variable, got {type(value).__name__}: {value!r}"
        )
    return op


def group(*inputs: Any, **kwargs: Any) -> Any:
    """An operation that finishes when all `inputs` (also nested in lists) have; None in eager mode.

    Args:
        name: of the operation.
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError("Unknown keyword arguments: " + ", ".join(kwargs))
    if executing_eagerly():  # all have run
        return None
    found = [operation(i) for i in _flatten(inputs) if i is not None]
    with op_scope(name, "group_deps", found) as scope:
        if not found:
            return no_op(name=scope)
        devices = builtins.list(dict.fromkeys(op.device for op in found))
        if len(devices) == 1:
            return _join(found, devices[0], scope)
        # One node for each device, so that a device reports once.
        parts = [_join([op for op in found if op.device == d], d, None) for d in sorted(devices)]
        with ops.control_dependencies(parts):
            return no_op(name=scope)


def _join(found: Sequence[Operation], device: str, name: str | None) -> Operation:
    with ops.device(device or None), ops.control_dependencies(found):
        return no_op(name=name)


def _flatten(values: Any) -> list[Any]:
    if isinstance(values, dict):
        values = [values[k] for k in sorted(values)]
    if isinstance(values, (list, builtins.tuple)):
        return [leaf for v in values for leaf in _flatten(v)]
    return [values]


def tuple(
    tensors: Sequence[Any], name: str | None = None, control_inputs: Sequence[Any] | None = None
) -> list[Any]:
    """The same values, none of which is ready before all of `tensors` are computed."""
    if executing_eagerly():
        return builtins.list(tensors)
    with op_scope(name, "tuple", [t for t in tensors if t is not None]):
        gates = [operation(t) for t in tensors if t is not None]
        gates += [operation(c) for c in control_inputs or []]
        if not gates:
            raise ValueError(f"`tensors` must have at least one `Tensor`. Received: {tensors}.")
        gate = group(*gates)
        return [None if t is None else with_dependencies([gate], t) for t in tensors]


def with_dependencies(dependencies: Sequence[Any], output: Any, name: str | None = None) -> Any:
    """`output`, available only after `dependencies` have run."""
    if executing_eagerly():
        return output
    with (
        op_scope(name, "control_dependency", [*dependencies, output]) as scope,
        ops.colocate_with(operation(output)),
        ops.control_dependencies(builtins.list(dependencies)),
    ):
        if isinstance(output, Operation):
            return no_op(name=scope)
        return raw_ops.Identity(convert_to_tensor(output), name=scope)


def Print(
    input_: Any,
    data: Sequence[Any],
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`input_`, printing `data` to standard error each time it is computed (the `first_n`
    times).
    """
    return raw_ops.Print(
        input_,
        builtins.list(data),
        message=message or "",
        first_n=-1 if first_n is None else first_n,
        summarize=3 if summarize is None else summarize,
        name=name,
    )


def print(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that prints its inputs when it runs.

    Args:
        output_stream: sys.stderr (default), sys.stdout, or 'file://PATH'.
        summarize: elements shown at each end of a dimension (3); -1 for all.
        sep, end: between the inputs, and after them.
    """
    stream = kwargs.pop("output_stream", sys.stderr)
    summarize = kwargs.pop("summarize", 3)
    sep = kwargs.pop("sep", " ")
    end = kwargs.pop("end", "\n")
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError(
            "Unrecognized keyword arguments for tf.print: " + ", ".join(sorted(kwargs))
        )
    targets = {id(sys.stderr): "stderr", id(sys.stdout): "stdout"}
    target = stream if isinstance(stream, str) else targets.get(id(stream))
    if target is None:
        raise ValueError(f"Unsupported output stream, logging level, or file.{stream}")
    tensors = [
        convert_to_tensor(v) for v in nest.flatten(inputs, expand_composites=True) if is_tensor(v)
    ]
    with op_scope(name, "print", tensors) as scope:
        text: Any = tensors[0] if len(inputs) == len(tensors) == 1 else None
        if text is None or text.dtype is not dtypes.string or text.shape.ndims != 0:
            mark = _unused_mark(inputs)
            text = raw_ops.StringFormat(
                tensors,
                template=sep.join(_template(v, mark) for v in inputs),
                placeholder=mark,
                summarize=summarize,
            )
        return raw_ops.PrintV2(text, output_stream=target, end=end, name=scope)


def _template(value: Any, mark: str) -> str:
    """How a value is printed, with a mark where a tensor is."""
    if isinstance(value, str):
        return value
    if is_tensor(value) and not isinstance(value, (SparseTensor, IndexedSlices)):
        return mark
    if isinstance(value, SparseTensor):
        return f"SparseTensor(indices={mark}, values={mark}, shape={mark})"
    if isinstance(value, IndexedSlices):
        shape = "" if value.dense_shape is None else f", dense_shape={mark}"
        return f"IndexedSlices(values={mark}, indices={mark}{shape})"
    shown = nest.map_structure(lambda v: _Bare(_template(v, mark)) if _is_held(v) else v, value)
    return pprint.pformat(shown)


class _Bare:
    """Text that is shown without quotes inside of lists."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _is_held(value: Any) -> bool:
    return is_tensor(value) or isinstance(value, (SparseTensor, IndexedSlices))


def _unused_mark(inputs: Any) -> str:
    """What no text among the inputs contains, to stand for tensors in the template."""
    text = " ".join(_template(v, "") for v in inputs)
    mark = "{}"
    while mark in text:
        mark = f"{{{mark}}}"
    return mark
