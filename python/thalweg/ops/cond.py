"""Choices: one of several functions is called, which one is known when the graph runs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes, nest
from thalweg.framework.apply import create
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.errors import InvalidArgumentError
from thalweg.framework.func_graph import FuncGraph, to_output, unique_function_name
from thalweg.framework.graph import Operation, SymbolicTensor, Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.shapes import TensorShape

Branch = Callable[[], Any]


def cond(
    pred: Any,
    true_fn: Branch | None = None,
    false_fn: Branch | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Branch | None = None,
    fn2: Branch | None = None,
) -> Any:
    """What `true_fn()` returns where `pred` holds, else what `false_fn()` returns.

    Args:
        pred: a scalar tensor (a bool; a number that is not 0; a string that is not empty).
        true_fn, false_fn: functions without arguments; what they return has the same structure
            and the same types. Only the nodes of the chosen one run.
        strict: without meaning: a list of one result stays a list in any case.

    Raises:
        TypeError: a branch is not callable, `pred` is a Python bool, or the results differ.
    """
    if fn1 is not None:
        if true_fn is not None:
            raise TypeError("cond(): 'true_fn' and 'fn1' may not be set simultaneously.")
        true_fn = fn1
    if fn2 is not None:
        if false_fn is not None:
            raise TypeError("cond(): 'false_fn' and 'fn2' may not be set simultaneously.")
        false_fn = fn2
    if true_fn is None:
        raise TypeError("cond(): 'true_fn' argument required")
    if false_fn is None:
        raise TypeError("cond(): 'false_fn' argument required")
    if not callable(true_fn):
        raise TypeError("'true_fn' must be callable.")
    if not callable(false_fn):
        raise TypeError("'false_fn' must be callable.")
    if executing_eagerly():
        return true_fn() if pred else false_fn()
    if isinstance(pred, bool):
        raise TypeError("pred must not be a Python bool", pred)
    graph = ops.get_default_graph()
    with ops.name_scope(name, "cond", [pred]) as scope:
        pred = scalar_predicate(graph.capture(convert_to_tensor(pred, name="pred")))
        branches = [
            trace_branch(unique_function_name(scope, "true"), true_fn, pred),
            trace_branch(unique_function_name(scope, "false"), false_fn, pred),
        ]
        _check_same_outputs("tf.cond", ["true_fn", "false_fn"], branches)
        inputs = match_inputs(branches)
        stateful = [b.define_in(graph) for b in branches]
        with ops.control_dependencies(_waited_for(branches)):
            op = create(
                "If" if any(stateful) else "StatelessIf",
                scope,
                cond=pred,
                input=inputs,
                then_branch=branches[0].name,
                else_branch=branches[1].name,
                Tout=[t.dtype for t in branches[0].outputs],
                output_shapes=_output_shapes(branches),
            )
        return _results(op, branches[0], scope)


def scalar_predicate(pred: Tensor) -> Tensor:
    """The one element of a predicate: a choice by a vector would be one by its length."""
    sides = pred.shape.num_elements()
    if pred.shape.ndims in (0, None):
        return pred
    if sides not in (1, None):
        raise InvalidArgumentError(
            None, None, f"The predicate must be a scalar, but it has shape {pred.shape}"
        )
    return raw_ops.Reshape(pred, [])


def trace_branch(
    name: str, function: Callable[[], Any], for_operation: Tensor | None = None
) -> FuncGraph:
    """The function as a graph. Where it returns an operation, `for_operation` is returned when that
    has run.
    """
    graph = FuncGraph(name)
    with graph.as_default():
        result = function()
        leaves = []
        for leaf in nest.flatten(result, expand_composites=True):
            if isinstance(leaf, Operation):
                with graph.control_dependencies([leaf]):
                    leaf = raw_ops.Identity(for_operation)
            leaves.append(to_output(graph, leaf))
    graph.structured_outputs = result
    graph.flat_outputs = leaves
    graph.outputs = [t for t in leaves if t is not None]
    return graph


def match_inputs(graphs: Sequence[FuncGraph]) -> list[Any]:
    """Gives all graphs the same inputs in the same order; the outer tensors they stand for."""
    outer: dict[int, Any] = {}
    for graph in graphs:
        for tensor, _ in graph.captures:
            outer.setdefault(id(tensor), tensor)
    for graph in graphs:
        inner = {id(tensor): placeholder for tensor, placeholder in graph.captures}
        own = graph.inputs[: len(graph.inputs) - len(inner)]
        for key, tensor in outer.items():
            if key not in inner:
                inner[key] = graph._add_capture(tensor, "unused")
        graph.inputs = own + [inner[key] for key in outer]
    return list(outer.values())


def _waited_for(graphs: Sequence[FuncGraph]) -> list[Operation]:
    return [op for graph in graphs for op in graph.control_captures]


def _check_same_outputs(what: str, names: Sequence[str], graphs: Sequence[FuncGraph]) -> None:
    first = graphs[0]

    def fail(other: int, details: str) -> None:
        raise TypeError(
            f"{names[0]} and {names[other]} arguments to {what} must have the same number, type, "
            f"and overall structure of return values.\n\n"
            f"{names[0]} output: {first.structured_outputs}\n"
            f"{names[other]} output: {graphs[other].structured_outputs}\n\n"
            f"Error details:\n{details}"
        )

    for i, graph in enumerate(graphs[1:], 1):
        try:
            nest.assert_same_structure(
                first.structured_outputs, graph.structured_outputs, expand_composites=True
            )
        except (ValueError, TypeError) as error:
            fail(i, str(error))
        for a, b in zip(first.flat_outputs, graph.flat_outputs, strict=True):
            if (a is None) != (b is None):
                fail(i, f"{a} and {b} have different types")
            if a is not None and b is not None and a.dtype is not b.dtype:
                fail(i, f"{a} and {b} have different types")


def merged_shape(a: TensorShape, b: TensorShape) -> TensorShape:
    """What is known of a tensor that has one shape or the other."""
    if a.ndims is None or b.ndims is None or a.ndims != b.ndims:
        return TensorShape(None)
    return TensorShape(
        [x if x == y else None for x, y in zip(a.as_list(), b.as_list(), strict=True)]
    )


def _output_shapes(graphs: Sequence[FuncGraph]) -> list[TensorShape]:
    columns = zip(*([t.shape for t in g.outputs] for g in graphs), strict=True)
    return [functools.reduce(merged_shape, shapes) for shapes in columns]


def _results(op: Operation, graph: FuncGraph, scope: str) -> Any:
    """The outputs of an If or a Case in the structure that its branches return."""
    outputs = iter(op.outputs[: len(graph.outputs)])
    leaves: list[Any] = []
    with ops.get_default_graph().name_scope(scope):
        for leaf in graph.flat_outputs:
            leaves.append(None if leaf is None else raw_ops.Identity(next(outputs)))
    return nest.pack_sequence_as(graph.structured_outputs, leaves, expand_composites=True)


# --- case


def case(
    pred_fn_pairs: Any,
    default: Branch | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function of the first predicate that holds returns, else what `default` returns.

    Args:
        pred_fn_pairs: pairs (scalar bool tensor, function), or a dictionary of them.
        default: without it, one of the predicates has to hold.
        exclusive: that more than one holds is an error when the graph runs.

    Raises:
        TypeError: something that is no list of pairs, no tensor, no function.
        InvalidArgumentError: when it runs, and no predicate holds, or too many do.
    """
    pairs = _checked_pairs(pred_fn_pairs)
    if default is not None and not callable(default):
        raise TypeError(f"default must be callable, got {default!r}.")
    with ops.name_scope(name, "case", [p for p, _ in pairs]):
        if executing_eagerly():
            return _case_eagerly(pairs, default, exclusive)
        preds = [p for p, _ in pairs]
        checks = []
        if exclusive:
            checks.append(
                _assert_count(
                    preds,
                    lambda n: raw_ops.LessEqual(n, 1),
                    "Input error: exclusive=True: more than 1 conditions",
                )
            )
        if default is None:
            if not exclusive:
                checks.append(
                    _assert_count(
                        preds,
                        lambda n: raw_ops.GreaterEqual(n, 1),
                        "None of the conditions evaluated as True. Conditions:",
                    )
                )
            else:
                checks.append(
                    _assert_count(
                        preds,
                        lambda n: raw_ops.Equal(n, 1),
                        "None of the conditions evaluated as True. Conditions:",
                    )
                )
            default = pairs[-1][1]
            pairs = pairs[:-1]
        with ops.control_dependencies(checks):
            chain: Branch = default
            for pred, function in reversed(pairs):
                chain = functools.partial(cond, pred, function, chain, strict=strict)
            return chain()


def _checked_pairs(pairs: Any) -> list[tuple[Any, Branch]]:
    if isinstance(pairs, Mapping):
        pairs = list(pairs.items())
        pairs = [(p.deref() if hasattr(p, "deref") else p, f) for p, f in pairs]
    if not isinstance(pairs, (list, tuple)):
        raise TypeError(
            "'pred_fn_pairs' must be a list, tuple, or dict. Received: "
            f"{type(pairs).__name__} {pairs!r}"
        )
    if not pairs:
        raise ValueError("'pred_fn_pairs' must hold at least one pair, got none.")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                "Each entry in 'pred_fn_pairs' must be a 2-tuple. Received "
                f"{type(pair).__name__} {pair!r}."
            )
        pred, function = pair
        if executing_eagerly():
            if not hasattr(pred, "dtype") and not isinstance(pred, bool):
                raise TypeError(f"pred must be a Tensor or a Python bool, got: {pred!r}")
        elif not isinstance(pred, SymbolicTensor):
            raise TypeError(f"pred must be a Tensor, got: {pred!r}")
        if not isinstance(pred, bool) and pred.dtype.base_dtype is not dtypes.bool_:
            raise TypeError(f"pred must be of type bool, got: {pred.dtype}")
        if not callable(function):
            raise TypeError(f"fn for pred {pred!r} must be callable.")
    return list(pairs)


def _assert_count(preds: Sequence[Any], holds: Callable[[Any], Any], message: str) -> Operation:
    stacked = raw_ops.Pack(list(preds))
    count = raw_ops.Sum(raw_ops.Cast(stacked, DstT=dtypes.int32), 0)
    names = ", ".join(getattr(p, "name", str(p)) for p in preds)
    return raw_ops.Assert(
        holds(count), [f"{message} ({names}) evaluated as True:", stacked], summarize=len(preds)
    )


def _case_eagerly(pairs: Sequence[tuple[Any, Branch]], default: Any, exclusive: bool) -> Any:
    from thalweg.framework.errors import InvalidArgumentError

    chosen = [function for pred, function in pairs if bool(pred)]
    if exclusive and len(chosen) > 1:
        raise InvalidArgumentError(
            None, None, "Input error: exclusive=True: more than 1 conditions evaluated as True"
        )
    if not chosen and default is None:
        raise InvalidArgumentError(None, None, "None of the conditions evaluated as True.")
    return chosen[0]() if chosen else default()


# --- switch_case


def switch_case(
    branch_index: Any,
    branch_fns: Any,
    default: Branch | None = None,
    name: str = "switch_case",
) -> Any:
    """What the function at position `branch_index` returns; where there is none, what `default`
    (without it: the last of them) returns.

    Args:
        branch_index: an int32 scalar.
        branch_fns: functions, pairs (position, function), or a dictionary of them; positions run
            from 0 without gaps.

    Raises:
        TypeError, ValueError: positions or functions that are none.
    """
    functions = _checked_branches(branch_fns, default)
    if executing_eagerly():
        at = int(branch_index)
        return functions[at if 0 <= at < len(functions) else -1]()
    graph = ops.get_default_graph()
    with ops.name_scope(name, "switch_case", [branch_index]):
        if not hasattr(branch_index, "dtype"):
            branch_index = convert_to_tensor(branch_index, name="branch_index")
        if not branch_index.dtype.base_dtype.is_integer:
            raise TypeError(f"'branch_index' must be an integer Tensor, got {branch_index.dtype}")
        index = raw_ops.Cast(branch_index, DstT=dtypes.int32)
        with ops.name_scope("indexed_case") as scope:
            branches = [
                trace_branch(unique_function_name(scope, f"branch{i}"), f, index)
                for i, f in enumerate(functions)
            ]
            _check_same_outputs(
                "tf.switch_case", [f"branch {i}" for i in range(len(branches))], branches
            )
            inputs = match_inputs(branches)
            stateful = [b.define_in(graph) for b in branches]
            with ops.control_dependencies(_waited_for(branches)):
                op = create(
                    "Case" if any(stateful) else "StatelessCase",
                    scope,
                    branch_index=index,
                    input=inputs,
                    branches=[b.name for b in branches],
                    Tout=[t.dtype for t in branches[0].outputs],
                    output_shapes=_output_shapes(branches),
                )
            return _results(op, branches[0], scope)


def _checked_branches(branch_fns: Any, default: Branch | None) -> list[Branch]:
    if isinstance(branch_fns, Mapping):
        branch_fns = list(branch_fns.items())
    if not isinstance(branch_fns, (list, tuple)):
        raise TypeError(
            "'branch_fns' must be a list, tuple, or dict. Received: "
            f"{type(branch_fns).__name__} {branch_fns!r}"
        )
    if not branch_fns:
        raise ValueError("'branch_fns' must not be empty.")
    if all(callable(f) for f in branch_fns):
        branch_fns = list(enumerate(branch_fns))
    for pair in branch_fns:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                "Each entry in 'branch_fns' must be a 2-tuple. Received "
                f"{type(pair).__name__} {pair!r}."
            )
        key, function = pair
        if not isinstance(key, int):
            raise TypeError(f"key must be a Python `int`, got: {key!r}")
        if not callable(function):
            raise TypeError(f"fn for key {key} must be callable.")
    keys = sorted(key for key, _ in branch_fns)
    if keys != list(range(len(keys))):
        found = ",".join(str(k) for k in keys)
        raise ValueError(
            f"branch indices (keys) must form contiguous range of [0 to {len(keys)}) but found "
            f"{{{found}}}"
        )
    functions = [f for _, f in sorted(branch_fns, key=lambda pair: pair[0])]
    if default is not None:
        if not callable(default):
            raise TypeError(f"default must be callable, got {default!r}.")
        functions.append(default)
    return functions
