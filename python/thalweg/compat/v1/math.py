"""`tf.math`."""

# ruff: noqa: F401, F403
from __future__ import annotations

from thalweg._gen.math import *
from thalweg.compat.v1._shared import shared
from thalweg.ops.math import (
    abs,
    accumulate_n,
    add,
    add_n,
    confusion_matrix,
    conj,
    cumprod,
    cumsum,
    divide,
    equal,
    floordiv,
    imag,
    log_sigmoid,
    logical_xor,
    mod,
    multiply_no_nan,
    not_equal,
    polyval,
    pow,
    real,
    round,
    scalar_mul,
    sigmoid,
    truediv,
)
from thalweg.ops.math import div_no_nan as divide_no_nan
from thalweg.ops.nn import in_top_k, l2_normalize, log_softmax, softmax, top_k, zero_fraction
from thalweg.ops.reduce import (
    argmax,
    argmin,
    count_nonzero,
    reduce_all,
    reduce_any,
    reduce_euclidean_norm,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_std,
    reduce_sum,
    reduce_variance,
)

__getattr__ = shared(__name__, "math")
