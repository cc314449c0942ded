"""`tf.random`: drawn from a global state, from a generator, or as functions of a seed."""

from __future__ import annotations

from thalweg import _random_experimental as experimental
from thalweg.framework.random_seed import set_seed
from thalweg.ops.generator import (
    Generator,
    create_rng_state,
    get_global_generator,
    set_global_generator,
)
from thalweg.ops.random import categorical, truncated_normal
from thalweg.ops.random import random_normal as normal
from thalweg.ops.random import random_shuffle as shuffle
from thalweg.ops.random import random_uniform as uniform
from thalweg.ops.stateless_random import (
    Algorithm,
    fold_in,
    split,
    stateless_categorical,
    stateless_normal,
    stateless_truncated_normal,
    stateless_uniform,
)

__all__ = [
    "Algorithm",
    "Generator",
    "categorical",
    "create_rng_state",
    "experimental",
    "fold_in",
    "get_global_generator",
    "normal",
    "set_global_generator",
    "set_seed",
    "shuffle",
    "split",
    "stateless_categorical",
    "stateless_normal",
    "stateless_truncated_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
]
