"""How the graph's seed and an op's seed become the two seeds of a random op: TensorFlow's rules."""

from __future__ import annotations

from thalweg.framework.graph import get_default_graph

DEFAULT_GRAPH_SEED = 87654321
_MAX_INT32 = 2**31 - 1


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """(seed, seed2) for an op; (None, None) asks for a new sequence in every session."""
    graph = get_default_graph()
    graph_seed = graph.seed
    if graph_seed is None:
        if op_seed is None:
            return None, None
        seeds = DEFAULT_GRAPH_SEED, op_seed
    else:
        if op_seed is None:  # ops without a seed of their own differ by their number
            op_seed = graph._seeds_given
            graph._seeds_given += 1
        seeds = graph_seed, op_seed
    pair = seeds[0] % _MAX_INT32, seeds[1] % _MAX_INT32
    return (0, _MAX_INT32) if pair == (0, 0) else pair


def set_random_seed(seed: int | None) -> None:
    """Makes the random ops added from now on repeatable from session to session."""
    get_default_graph().seed = None if seed is None else int(seed)
