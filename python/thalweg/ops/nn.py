"""Activations, biases, dropout, normalisation: the `tf.nn` functions around single layers."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, constant_value, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, creation, indexing, math, random, reduce
from thalweg.ops.arguments import one_of
from thalweg.ops.cast import cast
from thalweg.ops.transpose import transpose

# --- activations -------------------------------------------------------------------------------


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Tensor:
    """x where positive, alpha * x elsewhere; integers become float32."""
    with op_scope(name, "LeakyRelu", [features, alpha]) as scope:
        features = convert_to_tensor(features, name="features")
        if features.dtype.is_integer:
            features = cast(features, dtypes.float32)
        if isinstance(alpha, np.ndarray):
            alpha = alpha.item()
        if isinstance(alpha, numbers.Real):
            return raw_ops.LeakyRelu(features, alpha=float(alpha), name=scope)
        return raw_ops.Maximum(raw_ops.Mul(alpha, features), features, name=scope)


def relu6(features: Any, name: str | None = None) -> Tensor:
    """min(max(x, 0), 6)."""
    return raw_ops.Relu6(features, name=name)


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Tensor:
    """relu of x and of -x, joined along `axis`."""
    with op_scope(name, "CRelu", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        both = array.concat([features, raw_ops.Neg(features)], axis, name=scope)
        return raw_ops.Relu(both)


def swish(features: Any, beta: Any = 1.0) -> Tensor:
    """x * sigmoid(beta * x)."""
    with op_scope(None, "swish", [features]):
        features = convert_to_tensor(features, name="features")
        beta = convert_to_tensor(beta, dtype=features.dtype.base_dtype, name="beta")
        return raw_ops.Mul(features, raw_ops.Sigmoid(raw_ops.Mul(beta, features)))


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Tensor:
    """x * P(N(0, 1) <= x), exactly or by the tanh approximation."""
    with op_scope(name, "Gelu", [features]):
        x = convert_to_tensor(features, name="features")
        if not x.dtype.is_floating:
            raise ValueError(
                "`features.dtype` must be a floating point tensor. "
                f"Received:features.dtype={x.dtype}"
            )
        half, one = constant(0.5, x.dtype.base_dtype), constant(1.0, x.dtype.base_dtype)
        if approximate:
            cubic = raw_ops.Mul(
                constant(0.044715, x.dtype.base_dtype),
                raw_ops.Pow(x, constant(3.0, x.dtype.base_dtype)),
            )
            inner = raw_ops.Mul(
                constant(0.7978845608028654, x.dtype.base_dtype), raw_ops.AddV2(x, cubic)
            )
            return raw_ops.Mul(raw_ops.Mul(half, x), raw_ops.AddV2(one, raw_ops.Tanh(inner)))
        scaled = raw_ops.RealDiv(x, constant(1.4142135623730951, x.dtype.base_dtype))
        return raw_ops.Mul(raw_ops.Mul(half, x), raw_ops.AddV2(one, raw_ops.Erf(scaled)))


# --- softmax -----------------------------------------------------------------------------------


def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis` (the last)."""
    return _along_axis("Softmax", "softmax", logits, one_of("axis", axis, "dim", dim), name)


def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """x - log(sum(exp(x))) along `axis` (the last)."""
    return _along_axis("LogSoftmax", "log_softmax", logits, one_of("axis", axis, "dim", dim), name)


def _along_axis(op: str, label: str, logits: Any, axis: Any, name: str | None) -> Tensor:
    """The op works on the last dimension; another one is moved there and back."""
    kernel = getattr(raw_ops, op)
    axis = -1 if axis is None else axis
    logits = convert_to_tensor(logits)
    ndims = logits.shape.ndims
    if isinstance(axis, Tensor):
        axis = constant_value(axis)
        if axis is None:
            raise ValueError(f"{label}: axis must be known when the graph is built")
    axis = int(axis)
    if axis == -1 or (ndims is not None and axis == ndims - 1):
        return kernel(logits, name=name)
    if ndims is None:
        raise ValueError(f"{label}: the rank of logits must be known for {axis=}")
    if not -ndims <= axis < ndims:
        raise ValueError(f"`axis` must be in the range [{-ndims}, {ndims}). Received: axis={axis}")
    order = list(range(ndims))
    order[axis], order[-1] = order[-1], order[axis]
    moved = kernel(transpose(logits, order))
    return transpose(moved, order, name=name or "transpose")


# --- biases ------------------------------------------------------------------------------------


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """Adds a vector along the channel dimension: the last, or the second for 'NC...' formats."""
    if data_format is not None:
        if data_format.startswith("NC"):
            data_format = "NCHW"
        elif data_format.startswith("N") and data_format.endswith("C"):
            data_format = "NHWC"
        else:
            raise ValueError(
                f"`data_format` must be of the form `N...C` or `NC...`. Received: {data_format}"
            )
    with op_scope(name, "BiasAdd", [value, bias]) as scope:
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, dtype=value.dtype.base_dtype, name="bias")
        return raw_ops.BiasAdd(value, bias, data_format=data_format or "NHWC", name=scope)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """x @ weights + biases."""
    with op_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return bias_add(math.matmul(x, weights), biases, name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """relu(x @ weights + biases)."""
    with op_scope(name, "relu_layer", [x, weights, biases]) as scope:
        return raw_ops.Relu(xw_plus_b(x, weights, biases), name=scope)


# --- dropout -----------------------------------------------------------------------------------


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Tensor:
    """Zeroes each element with probability `rate` = 1 - `keep_prob` and scales the rest by 1 /
    keep_prob.

    One draw serves a whole dimension whose size in `noise_shape` is 1. A number that drops
    nothing returns `x` itself.
    """
    if keep_prob is not None:
        if rate is not None:
            raise ValueError("Cannot specify both 'rate' and 'keep_prob'.")
        rate = 1 - keep_prob
    if rate is None:
        raise ValueError(f"`rate` must be provided. Received: rate={rate}")
    static = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    if static and not 0 <= rate < 1:
        raise ValueError(
            f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}"
        )
    with op_scope(name, "dropout", [x]):
        x = convert_to_tensor(x, name="x")
        dtype = x.dtype.base_dtype
        if not dtype.is_floating:
            raise ValueError(
                "`x.dtype` must be a floating point tensor as `x` will be scaled. "
                f"Received: x.dtype={dtype}"
            )
        if static:
            if rate == 0:
                return x
            scaled = raw_ops.Mul(x, constant(1 / (1 - rate), dtype))
        else:
            rate = convert_to_tensor(
                rate, dtype=None if hasattr(rate, "dtype") else dtype, name="rate"
            )
            if rate.dtype.base_dtype != dtype:
                raise ValueError(
                    f"`x.dtype` must equal `rate.dtype`. Received: {dtype} and {rate.dtype}"
                )
            rate.shape.assert_has_rank(0)
            scaled = raw_ops.RealDiv(x, raw_ops.Sub(constant(1, dtype), rate))
        noise = random.random_uniform(_noise_shape(x, noise_shape), seed=seed, dtype=dtype)
        result = raw_ops.SelectV2(raw_ops.GreaterEqual(noise, rate), scaled, constant(0, dtype))
        result.set_shape(x.shape)
        return result


def _noise_shape(x: Tensor, noise_shape: Any) -> Any:
    """None in a noise shape stands for the size of x."""
    if noise_shape is None:
        return array.shape(x)
    if isinstance(noise_shape, (list, tuple)) and None in noise_shape:
        sides = x.shape.as_list()
        return [s if n is None else n for n, s in zip(noise_shape, sides, strict=False)]
    return noise_shape


# --- statistics and normalisation --------------------------------------------------------------


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Tensor, Tensor]:
    """Mean and variance of x over `axes`; half precision is summed in float32. `shift` is not
    used.
    """
    keep = bool(one_of("keepdims", keepdims, "keep_dims", keep_dims))
    with op_scope(name, "moments", [x, axes]):
        x = convert_to_tensor(x)
        y = cast(x, dtypes.float32) if x.dtype.base_dtype == dtypes.float16 else x
        mean = raw_ops.Mean(y, axes, keep_dims=True, name="mean")
        squares = raw_ops.SquaredDifference(y, raw_ops.StopGradient(mean))
        variance = raw_ops.Mean(squares, axes, keep_dims=True, name="variance")
        if not keep:
            known = [int(a) for a in np.atleast_1d(axes)]
            mean, variance = array.squeeze(mean, known), array.squeeze(variance, known)
        return cast(mean, x.dtype), cast(variance, x.dtype)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: Any,
    name: str | None = None,
) -> Tensor:
    """scale * (x - mean) / sqrt(variance + epsilon) + offset; offset and scale may be None."""
    with op_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        x = convert_to_tensor(x)
        mean, variance = convert_to_tensor(mean), convert_to_tensor(variance)
        factor = raw_ops.Rsqrt(variance + variance_epsilon)
        if scale is not None:
            factor = factor * scale
        shift = -mean * factor if offset is None else offset - mean * factor
        return x * cast(factor, x.dtype) + cast(shift, x.dtype)


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Tensor:
    """x / sqrt(max(sum(x**2), epsilon)) along `axis`."""
    axis = one_of("axis", axis, "dim", dim)
    with op_scope(name, "l2_normalize", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        total = reduce.reduce_sum(raw_ops.Square(x), axis, keepdims=True)
        inverse = raw_ops.Rsqrt(raw_ops.Maximum(total, epsilon))
        return raw_ops.Mul(x, inverse, name=scope)


def zero_fraction(value: Any, name: str | None = None) -> Tensor:
    """The share of zeros among the elements, as float32."""
    with op_scope(name, "zero_fraction", [value]):
        value = convert_to_tensor(value, name="value")
        zeros = raw_ops.Equal(value, constant(0, value.dtype.base_dtype))
        return reduce.reduce_mean(cast(zeros, dtypes.float32), name="fraction")


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1,
    alpha: float = 1,
    beta: float = 0.5,
    name: str | None = None,
) -> Tensor:
    """x / (bias + alpha * s) ** beta, where s sums the squares of x over `depth_radius` channels on
    either side and its own.
    """
    with op_scope(name, "LRN", [input]):
        x = convert_to_tensor(input, name="input")
        channels = None if x.shape.ndims is None else x.shape.as_list()[-1]
        if x.shape.ndims != 4 or channels is None:
            raise ValueError(f"lrn: input must have 4 dimensions and known channels, got {x.shape}")
        rows = np.arange(channels)
        near = np.abs(rows[:, None] - rows) <= depth_radius
        window = constant(near.astype(np.float32), x.dtype.base_dtype)
        total = math.tensordot(raw_ops.Square(x), window, 1)
        dtype = x.dtype.base_dtype
        scale = raw_ops.AddV2(constant(bias, dtype), raw_ops.Mul(constant(alpha, dtype), total))
        return raw_ops.Mul(x, raw_ops.Pow(scale, constant(-beta, dtype)))


# --- selection ---------------------------------------------------------------------------------


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> Any:
    """The k largest entries of each row (`values`), largest first, and where they are
    (`indices`).
    """
    return raw_ops.TopKV2(input, k, sorted=sorted, name=name)


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Tensor:
    """Whether each row's target is among its k largest predictions; ties count as inside."""
    with op_scope(name, "in_top_k"):
        return raw_ops.InTopKV2(predictions, targets, k)


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Tensor:
    """The rows of `params` at `ids`; several params hold one table in shards ('mod' or 'div')."""
    shards = list(params) if isinstance(params, (list, tuple)) else [params]
    if not shards:
        raise ValueError("Argument `params` should not be empty.")
    with op_scope(name, "embedding_lookup", [*shards, ids]) as scope:
        ids = convert_to_tensor(ids, name="ids")
        if len(shards) == 1:
            return array.identity(_clip_rows(indexing.gather(shards[0], ids, name=scope), max_norm))
        if partition_strategy == "div":  # the shards follow one another
            whole = indexing.gather(array.concat(shards, 0), ids, name=scope)
            return array.identity(_clip_rows(whole, max_norm))
        if partition_strategy != "mod":
            raise ValueError(f"Unrecognized partition strategy: {partition_strategy}")
        # Row i of the whole table is row i // n of shard i % n.
        flat = array.reshape(ids, [-1])
        count = constant(len(shards), ids.dtype.base_dtype)
        shard, row = raw_ops.FloorMod(flat, count), raw_ops.FloorDiv(flat, count)
        rows: Any = None
        for i, table in enumerate(shards):
            mine = raw_ops.Equal(shard, constant(i, ids.dtype.base_dtype))
            safe = indexing.where(mine, row, creation.zeros_like(row))
            part = indexing.gather(table, safe)
            rows = part if rows is None else indexing.where(mine, part, rows)
        shape = array.concat([array.shape(ids), array.shape(rows)[1:]], 0)
        result = array.reshape(_clip_rows(rows, max_norm), shape, name=scope)
        result.set_shape(ids.shape.concatenate(rows.shape[1:]))
        return result


def _clip_rows(rows: Tensor, max_norm: Any) -> Tensor:
    if max_norm is None:
        return rows
    squares = reduce.reduce_sum(raw_ops.Square(rows), [-1], keepdims=True)
    limit = convert_to_tensor(max_norm, dtype=rows.dtype.base_dtype)
    norm = raw_ops.Maximum(raw_ops.Sqrt(squares), limit)
    return raw_ops.Mul(rows, raw_ops.RealDiv(limit, norm))
