"""How the seed of the program or the graph and an op's seed become the two seeds of a random op:
TensorFlow's rules.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from thalweg import _core
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.mode import executing_eagerly

DEFAULT_GRAPH_SEED = 87654321
_MAX_INT32 = 2**31 - 1

_global_seed: int | None = None
_op_seeds = random.Random()  # for eager ops without a seed of their own
_reset: list[Callable[[], None]] = [_core.forget_eager_ops]  # their kernels hold streams


def global_seed() -> int | None:
    """What `set_seed` has set for eager ops, and for the graphs of functions that are traced from
    here on.
    """
    return _global_seed


def on_set_seed(forget: Callable[[], None]) -> None:
    """Calls `forget` at every `set_seed`: who keeps streams of random numbers starts them anew."""
    _reset.append(forget)


def set_seed(seed: int | None) -> None:
    """Makes what is random from here on repeatable, in graph mode that of the default graph."""
    if not executing_eagerly():
        set_random_seed(seed)
        return
    global _global_seed
    _global_seed = None if seed is None else int(seed)
    _op_seeds.seed(_global_seed)
    for forget in _reset:
        forget()


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """(seed, seed2) for an op; (None, None) asks for a sequence that nobody can repeat."""
    eager = executing_eagerly()
    graph = None if eager else get_default_graph()
    first = _global_seed if graph is None else graph.seed
    if first is None:
        if op_seed is None:
            return None, None
        first = DEFAULT_GRAPH_SEED
    elif op_seed is None:  # ops without a seed of their own differ by their number
        if graph is None:
            op_seed = _op_seeds.randint(0, _MAX_INT32)
        else:
            op_seed = graph._seeds_given
            graph._seeds_given += 1
    pair = int(first) % _MAX_INT32, int(op_seed) % _MAX_INT32
    return (0, _MAX_INT32) if pair == (0, 0) else pair


def set_random_seed(seed: int | None) -> None:
    """Makes the random ops that are added to the default graph repeatable from session to
    session.
    """
    get_default_graph().seed = None if seed is None else int(seed)
