"""`tf.random`."""

from __future__ import annotations

from thalweg import _random_experimental as experimental
from thalweg.framework.random_seed import get_seed, set_random_seed
from thalweg.ops.candidates import (
    all_candidate_sampler,
    fixed_unigram_candidate_sampler,
    learned_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
    uniform_candidate_sampler,
)
from thalweg.ops.generator import (
    Generator,
    create_rng_state,
    get_global_generator,
    set_global_generator,
)
from thalweg.ops.random import categorical, multinomial, truncated_normal
from thalweg.ops.random import random_normal as normal
from thalweg.ops.random import random_shuffle as shuffle
from thalweg.ops.random import random_uniform as uniform
from thalweg.ops.random_rejection import random_gamma as gamma
from thalweg.ops.random_rejection import random_poisson_v1 as poisson
from thalweg.ops.random_rejection import stateless_binomial, stateless_gamma, stateless_poisson
from thalweg.ops.stateless_random import (
    Algorithm,
    fold_in,
    split,
    stateless_categorical,
    stateless_multinomial,
    stateless_normal,
    stateless_truncated_normal,
    stateless_uniform,
)

__all__ = [
    "Algorithm",
    "Generator",
    "all_candidate_sampler",
    "categorical",
    "create_rng_state",
    "experimental",
    "fixed_unigram_candidate_sampler",
    "fold_in",
    "gamma",
    "get_global_generator",
    "get_seed",
    "learned_unigram_candidate_sampler",
    "log_uniform_candidate_sampler",
    "multinomial",
    "normal",
    "poisson",
    "set_global_generator",
    "set_random_seed",
    "shuffle",
    "split",
    "stateless_binomial",
    "stateless_categorical",
    "stateless_gamma",
    "stateless_multinomial",
    "stateless_normal",
    "stateless_poisson",
    "stateless_truncated_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
    "uniform_candidate_sampler",
]
