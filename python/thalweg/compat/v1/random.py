"""`tf.random`."""

from __future__ import annotations

from thalweg.framework.random_seed import get_seed, set_random_seed
from thalweg.ops.random import categorical, multinomial, truncated_normal
from thalweg.ops.random import random_normal as normal
from thalweg.ops.random import random_shuffle as shuffle
from thalweg.ops.random import random_uniform as uniform

__all__ = [
    "categorical",
    "get_seed",
    "multinomial",
    "normal",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]
