"""Loops: a body is run again and again, as long as a condition holds when the graph runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes, nest
from thalweg.framework.apply import create
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.func_graph import FuncGraph, to_output, unique_function_name
from thalweg.framework.graph import SymbolicTensor, Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.shapes import TensorShape
from thalweg.ops.cond import match_inputs, scalar_predicate
from thalweg.ops.tensor_array import TensorArray

_COUNTERS = 2  # the loop's own variables come before the user's: loop_counter, maximum_iterations


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """`loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds.

    Args:
        cond: from the variables to a scalar bool.
        body: from the variables to their new values: the same structure, types and shapes.
        loop_vars: a list or tuple of tensors, TensorArrays, or nested structures of them.
        shape_invariants: one shape for each tensor, for those that change: what all their values
            agree with.
        parallel_iterations, swap_memory: hints for the runtime; this one has no use for them.
        back_prop: False keeps gradients from passing.
        maximum_iterations: how often the body runs at most.
        return_same_structure: True gives a list of one variable as a list; otherwise its item.

    Raises:
        TypeError: `cond` or `body` is not callable, or a variable changes its type.
        ValueError: the body returns another structure, or another shape.
    """
    if not callable(cond):
        raise TypeError("'cond' must be callable.")
    if not callable(body):
        raise TypeError("'body' must be callable.")
    if isinstance(parallel_iterations, bool) or int(parallel_iterations) < 1:
        raise TypeError("'parallel_iterations' must be a positive integer.")
    if executing_eagerly():
        results = _run_eagerly(cond, body, loop_vars, maximum_iterations)
    else:
        results = _add_loop(
            cond,
            body,
            loop_vars,
            shape_invariants,
            int(parallel_iterations),
            back_prop,
            name,
            maximum_iterations,
        )
    if return_same_structure or len(results) != 1 or not isinstance(results, (list, tuple)):
        return results
    return results[0]


def _add_loop(
    cond: Any,
    body: Any,
    loop_vars: Any,
    shape_invariants: Any,
    parallel_iterations: int,
    back_prop: bool,
    name: str | None,
    maximum_iterations: Any,
) -> Any:
    leaves = nest.flatten(loop_vars, expand_composites=True)
    if not leaves:
        raise ValueError("'loop_vars' must be provided: at least one. Received: none.")
    with ops.name_scope(name, "while", leaves) as scope:
        loop = _Loop(scope, loop_vars, shape_invariants)
        loop.trace(cond, body, maximum_iterations)
        return loop.build(parallel_iterations, back_prop)


def _run_eagerly(cond: Any, body: Any, loop_vars: Any, maximum_iterations: Any) -> Any:
    left = None if maximum_iterations is None else int(maximum_iterations)
    packed = isinstance(loop_vars, (list, tuple))
    if not nest.flatten(loop_vars):
        raise ValueError("'loop_vars' must be provided: at least one. Received: none.")
    values = nest.map_structure(_eager_value, list(loop_vars) if packed else [loop_vars])
    while (left is None or left > 0) and bool(cond(*values)):
        result = body(*values)
        if not (isinstance(result, (list, tuple)) and packed):
            result = [result]
        nest.assert_same_structure(values, list(result))
        values = nest.map_structure(_eager_value, list(result))
        left = None if left is None else left - 1
    return nest.pack_sequence_as(loop_vars, nest.flatten(values))


def _eager_value(value: Any) -> Any:
    return value if nest.is_nested_or_composite(value) else convert_to_tensor(value)


class _Loop:
    """A While node in the making."""

    def __init__(self, scope: str, loop_vars: Any, shape_invariants: Any) -> None:
        self.scope = scope
        self.graph = ops.get_default_graph()
        leaves = [
            self.graph.capture(convert_to_tensor(v))
            for v in nest.flatten(loop_vars, expand_composites=True)
        ]
        self.initial = [raw_ops.Identity(t) if t.dtype._is_ref_dtype else t for t in leaves]
        self.structure = nest.pack_sequence_as(loop_vars, self.initial, expand_composites=True)
        self.shapes = _invariants(loop_vars, self.initial, shape_invariants)

    def trace(self, cond: Any, body: Any, maximum_iterations: Any) -> None:
        graph = self.graph
        if maximum_iterations is None:
            limit = convert_to_tensor(-1, dtypes.int32, "maximum_iterations")
        else:
            limit = convert_to_tensor(maximum_iterations, dtypes.int32, "maximum_iterations")
            if limit.shape.ndims not in (0, None):
                raise ValueError(
                    f"'maximum_iterations' must be a scalar. Received shape: {limit.shape}"
                )
        counter = convert_to_tensor(0, dtypes.int32, "loop_counter")
        self.limited = maximum_iterations is not None
        self.initial = [counter, graph.capture(limit), *self.initial]
        self.shapes = [TensorShape([]), TensorShape([]), *self.shapes]
        self.cond_graph = self._function("cond", lambda *v: self._condition(cond, v))
        self.body_graph = self._function("body", lambda *v: self._step(body, v))

    def _function(self, part: str, run: Callable[..., list[Any]]) -> FuncGraph:
        made = FuncGraph(unique_function_name(self.scope, part))
        for tensor, shape in zip(self.initial, self.shapes, strict=True):
            made.add_input(tensor.dtype, shape, tensor.op.name.rpartition("/")[2])
        with made.as_default():
            made.outputs = run(*made.inputs)
        return made

    def _variables(self, inputs: Sequence[Any]) -> Any:
        """The user's variables, in his structure."""
        return nest.pack_sequence_as(
            self.structure, list(inputs[_COUNTERS:]), expand_composites=True
        )

    def _condition(self, cond: Any, inputs: Sequence[Any]) -> list[Any]:
        made = ops.get_default_graph()
        assert isinstance(made, FuncGraph)
        holds: Tensor | None = to_output(made, cond(*_arguments(self._variables(inputs))))
        if holds is None:
            raise TypeError("'cond' must return a scalar bool tensor, got None")
        holds = scalar_predicate(holds)
        if self.limited:
            going = raw_ops.Less(inputs[0], inputs[1])
            if holds.dtype is not dtypes.bool_:
                raise TypeError(f"'cond' must return a scalar bool tensor, got {holds}")
            holds = raw_ops.LogicalAnd(going, holds)
        return [holds]

    def _step(self, body: Any, inputs: Sequence[Any]) -> list[Any]:
        made = ops.get_default_graph()
        assert isinstance(made, FuncGraph)
        result = body(*_arguments(self._variables(inputs)))
        if not nest.is_nested(result) or not isinstance(result, type(self.structure)):
            alone = isinstance(self.structure, (list, tuple)) and len(self.structure) == 1
            if not isinstance(result, (list, tuple)) and alone:
                result = [result]
        if isinstance(result, (list, tuple)) and isinstance(self.structure, (list, tuple)):
            nest.assert_same_structure(list(result), list(self.structure), expand_composites=True)
        else:
            nest.assert_same_structure(result, self.structure, expand_composites=True)
        self.result = result
        values = []
        for before, value, outer, shape in zip(
            inputs[_COUNTERS:],
            nest.flatten(result, expand_composites=True),
            self.initial[_COUNTERS:],
            self.shapes[_COUNTERS:],
            strict=True,
        ):
            values.append(_next_value(made, before, value, outer, shape))
        return [raw_ops.AddV2(inputs[0], 1), inputs[1], *values]

    def build(self, parallel_iterations: int, back_prop: bool) -> Any:
        cond_graph, body_graph = self.cond_graph, self.body_graph
        captured = match_inputs([cond_graph, body_graph])
        body_graph.outputs = body_graph.outputs + body_graph.inputs[len(self.initial) :]
        stateful = [g.define_in(self.graph) for g in (cond_graph, body_graph)]
        waited = [*cond_graph.control_captures, *body_graph.control_captures]
        with ops.control_dependencies(waited):
            op = create(
                "While" if any(stateful) else "StatelessWhile",
                self.scope,
                input=[*self.initial, *captured],
                cond=cond_graph.name,
                body=body_graph.name,
                output_shapes=[*self.shapes, *(t.shape for t in captured)],
                parallel_iterations=parallel_iterations,
            )
        with self.graph.name_scope(self.scope):
            leaves = [raw_ops.Identity(t) for t in op.outputs[: len(self.initial)]]
            if not back_prop:
                leaves = [
                    raw_ops.StopGradient(t) if t.dtype.is_floating or t.dtype.is_complex else t
                    for t in leaves
                ]
        results = self._variables(leaves)
        # What the body learnt of the items of a list is known of it after the loop.
        for after, inside in zip(nest.flatten(results), nest.flatten(self.result), strict=True):
            if isinstance(after, TensorArray) and isinstance(inside, TensorArray):
                after._element_shape = inside.element_shape
        return results


def _arguments(variables: Any) -> Sequence[Any]:
    return variables if isinstance(variables, (list, tuple)) else [variables]


def _invariants(
    loop_vars: Any, leaves: Sequence[Tensor], shape_invariants: Any
) -> list[TensorShape]:
    if shape_invariants is None:
        return [t.shape for t in leaves]
    nest.assert_same_structure(loop_vars, shape_invariants, expand_composites=False)
    given: list[TensorShape] = []
    pairs = zip(nest.flatten(loop_vars), nest.flatten(shape_invariants), strict=True)
    for value, invariant in pairs:
        if nest.is_nested_or_composite(value):
            given += [t.shape for t in nest.flatten(value, expand_composites=True)]
        else:
            given.append(invariant.shape if hasattr(invariant, "shape") else TensorShape(invariant))
    for tensor, shape in zip(leaves, given, strict=True):
        if not shape.is_compatible_with(tensor.shape) or not tensor.shape.is_subtype_of(shape):
            raise ValueError(
                f"The shape invariant specified for {tensor.name} is not compatible with the "
                f"initial shape of the loop variable. It enters the loop with shape "
                f"{tensor.shape}, but the specified shape invariant is {shape}."
            )
    return given


def _next_value(
    graph: FuncGraph, before: Any, value: Any, outer: Any, invariant: TensorShape
) -> SymbolicTensor:
    if value is None:
        raise ValueError(f"Loop var {outer.name} is None after one iteration.")
    if hasattr(value, "dtype"):
        tensor = to_output(graph, value)
    else:
        tensor = to_output(graph, convert_to_tensor(value, preferred_dtype=before.dtype))
    assert tensor is not None
    if tensor.dtype is not before.dtype:
        raise TypeError(
            f"Loop var {outer.name} enters the loop with type {before.dtype} but has type "
            f"{tensor.dtype} after 1 iteration. {outer.name} type should remain constant."
        )
    if not tensor.shape.is_subtype_of(invariant):
        raise ValueError(
            f"Input tensor `{outer.name}` enters the loop with shape {invariant}, but has shape "
            f"{tensor.shape} after one iteration. To allow the shape to vary across iterations, "
            "use the `shape_invariants` argument of tf.while_loop to specify a less-specific shape."
        )
    return tensor
