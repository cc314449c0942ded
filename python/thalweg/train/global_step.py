"""The step counter of a graph."""

from __future__ import annotations

from typing import Any

from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.graph import Graph, GraphKeys
from thalweg.ops import initializers
from thalweg.ops.variable_scope import get_variable
from thalweg.ops.variables import Variable


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of the counter in a session."""
    return int(sess.run(global_step_tensor))


def get_global_step(graph: Graph | None = None) -> Any:
    """The counter of the graph, or None: the one in GLOBAL_STEP, else the tensor 'global_step:0'.

    Raises:
        TypeError: what bears the name is no integer scalar.
    """
    graph = graph or ops.get_default_graph()
    collected = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(collected) == 1:
        found = collected[0]
    elif collected:
        raise RuntimeError(f"Multiple items in the global_step collection: {len(collected)}")
    else:
        try:
            found = graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
        found = next(
            (v for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES) if v.name == found.name),
            found,
        )
    assert_global_step(found)
    return found


def create_global_step(graph: Graph | None = None) -> Variable:
    """Makes the counter, an int64 variable named 'global_step'.

    Raises:
        ValueError: the graph has one.
    """
    graph = graph or ops.get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), ops.name_scope(None):
        return get_variable(
            GraphKeys.GLOBAL_STEP,
            shape=[],
            dtype=dtypes.int64,
            initializer=initializers.Zeros(),
            trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The counter, made if there is none."""
    graph = graph or ops.get_default_graph()
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def assert_global_step(global_step_tensor: Any) -> None:
    """Raises TypeError unless the counter is an integer scalar."""
    if not global_step_tensor.dtype.base_dtype.is_integer:
        raise TypeError(
            f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}'
        )
    if global_step_tensor.get_shape().ndims not in (0, None):
        raise TypeError(f'Existing "global_step" is not scalar: {global_step_tensor.get_shape()}')
