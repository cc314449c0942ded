"""Random tensors whose distribution has parameters: gamma, Poisson and binomial."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.apply import apply_op
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.eager_tensor import from_array
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.framework.random_seed import get_seed
from thalweg.framework.tensor import Tensor
from thalweg.ops import array
from thalweg.ops.random import shape_tensor


def _draw(op: str, keyed: str, shape: Any, parameter: Any, seed: int | None, **attrs: Any) -> Any:
    """A stateful op; in eager mode without a seed of its own it is drawn from a key, as such an
    op's stream would never be used again.
    """
    first, second = (s or 0 for s in get_seed(seed))
    if seed is not None or not (first or second) or not executing_eagerly():
        return getattr(raw_ops, op)(shape, parameter, seed=first, seed2=second, **attrs)
    parameter = convert_to_tensor(parameter, dtype_hint=dtypes.float64)
    whole = array.concat([shape, array.shape(parameter)], 0) if parameter.shape.ndims else shape
    return apply_op(
        keyed,
        None,
        key=from_array(np.array([first], np.uint64), dtypes.uint64),
        counter=from_array(np.array([0, second], np.uint64), dtypes.uint64),
        alg=1,
        shape=whole,
        **{"alpha" if op == "RandomGamma" else "rate": parameter},
        **attrs,
    )


def _gamma(draw: Any, alpha: Any, beta: Any, dtype: Any, scope: str | None) -> Tensor:
    """What `draw` makes of alpha, broadcast to the shape of both parameters, with rate beta. Gamma
    numbers are positive: what is too small becomes the smallest normal number.
    """
    alpha = convert_to_tensor(alpha, dtype=dtype, name="alpha")
    if beta is None:
        drawn = draw(alpha)
    else:
        beta = convert_to_tensor(beta, dtype=dtype, name="beta")
        both = array.broadcast_dynamic_shape(array.shape(alpha), array.shape(beta))
        drawn = raw_ops.RealDiv(draw(raw_ops.BroadcastTo(alpha, both)), beta)
    smallest = float(np.finfo(alpha.dtype.base_dtype.as_numpy_dtype).tiny)
    return raw_ops.Maximum(drawn, smallest, name=scope)


def random_gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Gamma distributed numbers: `shape` of them for each pair of parameters.

    They have gradients by both parameters: a number moves along its quantile.

    Args:
        alpha, beta: shape parameter and rate, which broadcast with each other; beta defaults to 1.
        dtype: float16, float32 or float64, of parameters and result.
    """
    with op_scope(name, "random_gamma", [shape, alpha, beta]) as scope:
        shape = convert_to_tensor(shape_tensor(shape), dtype=dtypes.int32)
        return _gamma(
            lambda a: _draw("RandomGamma", "StatelessRandomGammaV3", shape, a, seed),
            alpha,
            beta,
            dtype,
            scope,
        )


def stateless_gamma(
    shape: Any,
    seed: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Gamma distributed numbers as a function of `seed`.

    Args:
        shape: of the result; ends with the shape to which alpha and beta broadcast.
        alpha, beta: shape parameter and rate; beta defaults to 1.
    """
    with op_scope(name, "stateless_random_gamma", [shape, seed, alpha, beta]) as scope:
        shape = shape_tensor(shape)
        return _gamma(
            lambda a: raw_ops.StatelessRandomGammaV2(shape, seed, a), alpha, beta, dtype, scope
        )


def random_poisson(
    shape: Any,
    lam: Any,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Poisson distributed numbers: `shape` of them for each element of `lam`.

    Args:
        lam: rates; Python numbers are float64.
        dtype: float16, float32, float64, int32 or int64, of the result.
    """
    with op_scope(name, "random_poisson", [shape, lam]):
        shape = convert_to_tensor(shape_tensor(shape), dtype=dtypes.int32)
        return _draw("RandomPoissonV2", "_KeyedPoisson", shape, lam, seed, dtype=dtype)


def random_poisson_v1(
    lam: Any,
    shape: Any,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`random_poisson` with the rates first."""
    return random_poisson(shape, lam, dtype, seed, name)


def stateless_poisson(
    shape: Any, seed: Any, lam: Any, dtype: Any = dtypes.int32, name: str | None = None
) -> Tensor:
    """Poisson distributed numbers as a function of `seed`; `shape` ends with the shape of `lam`."""
    with op_scope(name, "stateless_random_poisson", [shape, seed, lam]) as scope:
        return raw_ops.StatelessRandomPoisson(
            shape_tensor(shape), seed, convert_to_tensor(lam), dtype=dtype, name=scope
        )


def stateless_binomial(
    shape: Any,
    seed: Any,
    counts: Any,
    probs: Any,
    output_dtype: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """Binomially distributed numbers as a function of `seed`.

    Args:
        shape: of the result; ends with the shape to which counts and probs broadcast.
        counts: numbers of trials, of the dtype of probs.
        probs: probabilities of success.
    """
    with op_scope(name, "stateless_random_binomial", [shape, seed, counts, probs]) as scope:
        probs = convert_to_tensor(probs, dtype_hint=dtypes.float32, name="probs")
        counts = convert_to_tensor(counts, dtype_hint=probs.dtype.base_dtype, name="counts")
        return raw_ops.StatelessRandomBinomial(
            shape_tensor(shape), seed, counts, probs, dtype=output_dtype, name=scope
        )
