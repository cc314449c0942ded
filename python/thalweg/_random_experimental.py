"""`tf.random.experimental`: earlier names."""

from __future__ import annotations

from thalweg.ops.generator import (
    Generator,
    create_rng_state,
    get_global_generator,
    set_global_generator,
)
from thalweg.ops.stateless_random import Algorithm, stateless_shuffle
from thalweg.ops.stateless_random import fold_in as stateless_fold_in
from thalweg.ops.stateless_random import split as stateless_split

__all__ = [
    "Algorithm",
    "Generator",
    "create_rng_state",
    "get_global_generator",
    "set_global_generator",
    "stateless_fold_in",
    "stateless_shuffle",
    "stateless_split",
]
