"""`tf.custom_gradient`: functions that bring their derivative."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from thalweg import _core
from thalweg.framework import nest
from thalweg.framework.apply import apply_op, create
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import get_default_graph, name_scope
from thalweg.framework.graph import Graph, GraphKeys
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import Operation

GradientFunction = Callable[..., Any]


def custom_gradient(f: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Decorates `f(*args, **kwargs) -> (value, grad)`.

    `grad(*dvalues)` takes the gradients of the tensors of `value`, one after the other, and gives
    those of the tensors in `args`, in their structure or one after the other. Where `f` reads
    trainable variables that are not among its arguments, it is called as
    `grad(*dvalues, variables=variables)` and gives a pair: the gradients of `args` and the list of
    those of the variables.

    Raises:
        TypeError: `f` reads variables and `grad` does not take `variables`.
        ValueError: `grad` gave another number of gradients than there are tensors.
    """
    return custom_gradient if f is None else _decorated(f, False)


def hidden_custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """`custom_gradient` of which tapes keep nothing but the arguments."""
    return _decorated(f, True)


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` with the derivative of the identity: what arrives goes to the arguments as it is, and
    nothing to variables. It needs as many tensors among its arguments as it gives.
    """

    @hidden_custom_gradient
    def passed(*args: Any, **kwargs: Any) -> Any:
        def grad(*dys: Any, variables: Any = None) -> Any:
            return dys if variables is None else (dys, [None] * len(variables))

        return f(*args, **kwargs), grad

    return functools.wraps(f)(passed)


def _decorated(function: GradientFunction, hidden: bool) -> Callable[..., Any]:
    @functools.wraps(function)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if executing_eagerly():
            return _eagerly(function, args, kwargs, hidden)
        return _in_graph(function, args, kwargs)

    return decorated


def _eagerly(function: GradientFunction, args: Any, kwargs: Any, hidden: bool) -> Any:
    """Calls the function and tells the tapes of the gradient it brings.

    What it computes on the way is recorded too: `grad` may use it, and the derivative of that goes
    through it. A tape that follows no argument sees nothing else.
    """
    inputs = [a if _is_variable(a) else convert_to_tensor(a) for a in _leaves(args)]
    taped = _core.is_taped()
    watcher = _core.VariableWatcher()
    hides = _core.hide_tapes() if hidden else None
    watcher.start()
    try:
        value, grad = function(*args, **kwargs)
    finally:
        watcher.stop()
        del hides
    known = [*inputs, *kwargs.values()]
    variables = [v for v in watcher.variables() if not any(v is k for k in known)]
    _check_variables(grad, variables)
    values = outputs = [convert_to_tensor(v) for v in _leaves(value)]
    if taped:
        hides = _core.hide_tapes()
        outputs = [apply_op("Identity", input=v) for v in values]  # not what it may return as is
        del hides
        backward = _backward(grad, len(inputs), variables)
        _core.record_python(outputs, [*inputs, *variables], backward, values)
    return nest.pack_sequence_as(value, outputs, expand_composites=True)


def _in_graph(function: GradientFunction, args: Any, kwargs: Any) -> Any:
    graph = get_default_graph()
    if kwargs and not graph.building_function:
        raise ValueError(
            "The custom_gradient decorator currently supports keywords arguments only when "
            f"eager execution is enabled. Got {sorted(kwargs)}"
        )
    with name_scope("CustomGradient", values=_leaves(args)):
        inputs = [apply_op("Identity", input=convert_to_tensor(a)) for a in _leaves(args)]
        first = graph.core.size()
        value, grad = function(
            *nest.pack_sequence_as(args, inputs, expand_composites=True), **kwargs
        )
        variables = _variables_read(graph, first)
        _check_variables(grad, variables)
        values = [convert_to_tensor(v) for v in _leaves(value)]
        outputs = _attach(graph, values, inputs, variables, grad)
    return nest.pack_sequence_as(value, outputs, expand_composites=True)


def _leaves(structure: Any) -> list[Any]:
    return nest.flatten(structure, expand_composites=True)


def _is_variable(x: Any) -> bool:
    return isinstance(x, _core.VariableBase)


def _check_variables(grad: GradientFunction, variables: list[Any]) -> None:
    if not variables:
        return
    parameters = inspect.signature(grad).parameters
    if "variables" not in parameters and not any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    ):
        raise TypeError(
            "@tf.custom_gradient grad_fn must accept keyword argument 'variables', since function "
            f"uses variables: {variables}"
        )


def _backward(grad: GradientFunction, inputs: int, variables: list[Any]) -> GradientFunction:
    """From the gradients of the results to those of the inputs, then of the variables."""

    def backward(*dys: Any) -> list[Any]:
        of_variables: Any = []
        if variables:
            found, of_variables = grad(*dys, variables=variables)
            of_variables = nest.flatten(of_variables)
            if len(of_variables) != len(variables):
                raise ValueError(
                    "Must return gradient for each variable from @custom_gradient grad_fn."
                )
        else:
            found = grad(*dys)
        found = nest.flatten(found)
        if len(found) != inputs:
            raise ValueError(
                f"custom_gradient function expected to return {inputs} gradients, but returned "
                f"{len(found)} instead."
            )
        return [None if g is None else convert_to_tensor(g) for g in [*found, *of_variables]]

    return backward


def _variables_read(graph: Graph, first: int) -> list[Any]:
    """Trainable variables that nodes from number `first` on read."""
    found = graph._variables_read([[first, graph.core.size()]]) if graph.building_function else []
    places = {
        (t.op._id, t.value_index)
        for node in range(first, graph.core.size())
        for t in graph._op(node).inputs
        if t.dtype._is_ref_dtype and t.graph is graph
    }
    for v in graph.get_collection(GraphKeys.TRAINABLE_VARIABLES):
        place = convert_to_tensor(v, as_ref=True)
        if place.graph is graph and (place.op._id, place.value_index) in places:
            found.append(v)
    return found


def _attach(
    graph: Graph, values: list[Any], inputs: list[Any], variables: list[Any], grad: GradientFunction
) -> list[Any]:
    """The values behind a node that depends on inputs and variables too, whose gradient is
    `grad`.
    """
    back = _backward(grad, len(inputs), variables)

    def backward(op: Operation, *dys: Any) -> list[Any]:
        return [None] * len(values) + back(*dys[: len(values)])

    name = f"CustomGradient-{len(graph._gradient_functions)}"
    graph._gradient_functions[name] = backward
    reads = [convert_to_tensor(v) for v in variables]
    with graph.gradient_override_map({"IdentityN": name}):
        op = create("IdentityN", input=[*values, *inputs, *reads])
    return list(op.outputs[: len(values)])
