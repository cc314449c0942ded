"""Differentiation: `tf.gradients` over the core's backward walk, and the registry of gradients
written in Python.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from thalweg import _core
from thalweg.framework.apply import apply_op
from thalweg.framework.composite import slices_of
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import graph_of, name_scope
from thalweg.framework.func_graph import derived_graph
from thalweg.framework.graph import Graph
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import Operation, Tensor, attribute_of

GradientFunction = Callable[..., Any]
_registry: dict[str, GradientFunction | None] = {}


class RegisterGradient:
    """`@RegisterGradient("Type")` on a function `(op, *grads) -> gradients of the inputs`."""

    __slots__ = ("_op_type",)

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, f: GradientFunction) -> GradientFunction:
        _register(self._op_type, f)
        return f


def _register(op_type: str, f: GradientFunction | None) -> None:
    if op_type in _registry:
        raise KeyError(
            f"Registering two gradient with name '{op_type}'! (it has been registered before)"
        )
    _registry[op_type] = f
    _core.register_python_gradient(op_type, _eager_backward)


class EagerOperation:
    """An operation as gradient functions see one that ran eagerly."""

    __slots__ = ("_attrs", "inputs", "name", "outputs", "type")

    def __init__(
        self, op_type: str, attrs: dict[str, Any], inputs: list[Any], outputs: list[Any]
    ) -> None:
        self.type = self.name = op_type
        self.inputs, self.outputs = inputs, outputs
        self._attrs = attrs

    def get_attr(self, name: str) -> Any:
        """Raises ValueError if there is no such attribute."""
        return attribute_of(self, self._attrs, name)


def _eager_backward(
    op_type: str, attrs: dict[str, Any], inputs: list[Any], outputs: list[Any]
) -> GradientFunction:
    """From the gradients of the outputs of an op that ran eagerly to those of its inputs."""
    op, function = EagerOperation(op_type, attrs, inputs, outputs), _registry[op_type]

    def backward(*dys: Any) -> list[Any]:
        if function is None:
            return [None] * len(inputs)
        found = _as_list(function(op, *dys))
        if len(found) != len(inputs):
            raise ValueError(
                f"Num gradients {len(found)} generated for op {op_type} do not match num inputs "
                f"{len(inputs)}"
            )
        return [None if g is None else convert_to_tensor(g) for g in found]

    return backward


def no_gradient(op_type: str) -> None:
    """Declares that nothing flows back through ops of this type."""
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")
    _register(op_type, None)


NotDifferentiable = NoGradient = no_gradient


class AggregationMethod:
    """How gradients that meet are summed; here always as one sum, whatever is asked."""

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients(enum.Enum):
    """What `gradients` gives for an x that no y depends on."""

    NONE = "none"
    ZERO = "zero"


def _as_list(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (list, tuple)) else [x]


def _endpoint(t: Tensor) -> tuple[int, int]:
    return t.op._id, t.value_index


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = UnconnectedGradients.NONE,
) -> list[Any]:
    """Adds nodes for the sum over ys of dy/dx, one result per x: a tensor, IndexedSlices where x
    was read by gathering rows only, or None where no y depends on the x.
    """
    if aggregation_method not in (None, 0, 1, 2):
        raise ValueError(
            f"Invalid `aggregation_method` specified {aggregation_method}: it is 0, 1 or 2."
        )
    if executing_eagerly():
        raise RuntimeError(
            "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape "
            "instead."
        )
    ys, xs = _as_list(ys), _as_list(xs)
    grad_ys = [None] * len(ys) if grad_ys is None else _as_list(grad_ys)
    stops = [] if stop_gradients is None else _as_list(stop_gradients)
    if len(grad_ys) != len(ys):
        raise ValueError(f"Length mismatch. Passed {len(grad_ys)} grad_ys for {len(ys)} ys")
    return differentiate(ys, xs, grad_ys, name, stops, UnconnectedGradients(unconnected_gradients))


def differentiate(
    ys: list[Any],
    xs: list[Any],
    grad_ys: list[Any],
    name: str,
    stops: list[Any] | None = None,
    unconnected: UnconnectedGradients = UnconnectedGradients.NONE,
    nodes: list[tuple[int, int]] | None = None,
) -> list[Any]:
    """Gradients through the nodes numbered in the ranges of `nodes`, or through all."""
    stops = stops or []
    graph = graph_of([*ys, *xs, *stops, *(g for g in grad_ys if g is not None)])
    with name_scope(name, "gradients", [*ys, *xs, *stops]) as scope, graph.as_default():
        ys = [convert_to_tensor(y, name="y") for y in ys]
        xs = [convert_to_tensor(x, name=f"x_{i}", as_ref=True) for i, x in enumerate(xs)]
        stops = [convert_to_tensor(s, name="stop", as_ref=True) for s in stops]
        seeds = [_seed(y, g, i) for i, (y, g) in enumerate(zip(ys, grad_ys, strict=True))]
        places = [[_endpoint(p) for p in graph.places_of(x)] for x in xs]
        found = _core.gradients(
            graph.core,
            [_endpoint(graph.capture(y)) for y in ys],
            places,
            [None if g is None else _endpoint(graph.capture(g)) for g in seeds],
            [_endpoint(p) for s in stops for p in graph.places_of(s)],
            scope[:-1],
            lambda node, core: _python_gradient(_graph_of(graph, core), node) is not None,
            lambda node, grads, core: _call(_graph_of(graph, core), node, grads, scope),
            nodes or [],
        )
        results = [_found(graph, x, g) for x, g in zip(xs, found, strict=True)]
        if unconnected is UnconnectedGradients.ZERO:
            results = [
                apply_op("ZerosLike", x=x) if g is None else g
                for x, g in zip(xs, results, strict=True)
            ]
    return results


def _found(graph: Graph, x: Any, gradient: Any) -> Any:
    """What the core found by x: nothing, a value, or the values and indices of slices."""
    if gradient is None:
        return None
    if isinstance(gradient, list):
        return slices_of(x, *(graph._tensor(e) for e in gradient))
    return graph._tensor(gradient)


def _seed(y: Tensor, grad_y: Any, i: int) -> Tensor | None:
    dtype = y.dtype.base_dtype
    if grad_y is None:
        if dtype.is_complex:
            raise TypeError(
                f"Gradients of complex tensors ({y}) must set grad_ys (y.dtype = {dtype.name})"
            )
        return None
    grad = convert_to_tensor(grad_y, None if isinstance(grad_y, Tensor) else dtype, f"grad_ys_{i}")
    if grad.dtype.base_dtype != dtype:
        raise TypeError(
            f"Gradient type {grad.dtype.name} is not that of the tensor {y} ({dtype.name})"
        )
    return grad


# --- gradients written in Python


def _no_gradients(op: Operation, *grads: Any) -> list[None]:
    return [None] * len(op.inputs)


def _graph_of(graph: Graph, core: Any) -> Graph:
    """The graph that a gradient is asked for in: `graph`, or (`core`) the copy of a function's."""
    return graph if core is None else derived_graph(core, graph)


def _python_gradient(graph: Graph, node: int) -> GradientFunction | None:
    """The Python function for a node: by override or custom_gradient first, then by its type."""
    key = graph.core.node_op(node)
    functions = graph._gradient_functions_of(node)
    override = (
        graph.core.node_attrs(node).get("_gradient_op_type") if graph._overrides_used else None
    )
    if override is not None:
        key = override.decode() if isinstance(override, bytes) else override
        if key in functions:
            return functions[key]
        if key not in _registry:
            raise LookupError(f"gradient registry has no entry for: {key}")
    elif key not in _registry:
        return None
    return _registry[key] or _no_gradients


def _call(graph: Graph, node: int, grads: list[Any], scope: str) -> list[Any]:
    op = graph._op(node)
    function = _python_gradient(graph, node)
    assert function is not None
    with graph.as_default(), graph.name_scope(f"{scope}{op.name}_grad/"):
        arriving = [
            _zeros(y) if g is None else graph._tensor(g)
            for g, y in zip(grads, op.outputs, strict=True)
        ]
        results = function(op, *arriving)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        if len(results) != len(op.inputs):
            raise ValueError(
                f"Num gradients {len(results)} generated for op {op.name} do not match num inputs "
                f"{len(op.inputs)}"
            )
        return [None if r is None else _endpoint(convert_to_tensor(r)) for r in results]


def has_python_gradient(graph: Graph, core: Any, node: int) -> bool:
    """For the core, of a node of `graph`, or of the copy `core` that it made of it."""
    at = graph if core is graph.core else derived_graph(core, graph)
    return _python_gradient(at, node) is not None


def call_python_gradient(graph: Graph, core: Any, node: int, grads: list[Any]) -> list[Any]:
    """The same: the gradients of its inputs, from those of its outputs."""
    at = graph if core is graph.core else derived_graph(core, graph)
    return _call(at, node, grads, "gradients/")


def _zeros(y: Tensor) -> Tensor | None:
    return apply_op("ZerosLike", x=y) if y.dtype.is_floating or y.dtype.is_complex else None


# --- second order


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
) -> list[Tensor]:
    """Second derivatives of the sum of ys with respect to each x, of shape x.shape + x.shape."""
    found = []
    with name_scope(name, "hessians"):
        first = gradients(ys, xs, aggregation_method=aggregation_method)
        for gradient, x in zip(first, _as_list(xs), strict=True):
            if gradient is None:
                raise ValueError(f"hessians: ys do not depend on {x}")
            x = convert_to_tensor(x, as_ref=True)
            size = x.shape.num_elements()
            if size is None:
                raise ValueError(f"hessians: the shape of {x} has to be fully known")
            flat = apply_op("Reshape", tensor=gradient, shape=[size])
            rows = []
            for i in range(size):
                row = gradients(flat[i], x, unconnected_gradients=UnconnectedGradients.ZERO)[0]
                rows.append(apply_op("Reshape", tensor=row, shape=[size]))
            dims = x.shape.as_list()
            found.append(
                apply_op("Reshape", tensor=apply_op("Pack", values=rows), shape=dims + dims)
            )
    return found
