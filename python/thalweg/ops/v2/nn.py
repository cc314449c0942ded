"""Layers' arithmetic in TensorFlow 2's argument order, and what only TensorFlow 2 has of it."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework.convert import constant, constant_value, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, candidates, creation, cross_entropy, nn, reduce
from thalweg.ops.cast import cast


def dropout(
    x: Any, rate: Any, noise_shape: Any = None, seed: Any = None, name: str | None = None
) -> Tensor:
    """Zeroes each element with probability `rate` and scales the rest by 1 / (1 - rate).

    One draw serves a whole dimension whose size in `noise_shape` is 1. A rate of 0 returns `x`
    itself.
    """
    return nn.dropout(x, None, noise_shape, seed, name, rate)


def crelu(features: Any, axis: int = -1, name: str | None = None) -> Tensor:
    """relu of x and of -x, joined along `axis`."""
    return nn.crelu(features, name, axis)


def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance of x over `axes`; half precision is summed in float32. `shift` is not
    used.
    """
    return nn.moments(x, axes, shift, name, keepdims=keepdims)


def weighted_moments(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance of x over `axes`, each element counted as often as its weight says.

    The weights broadcast against x; half precision is summed in float32.
    """
    with op_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        x = convert_to_tensor(x, name="x")
        y = cast(x, "float32") if x.dtype.base_dtype in ("float16", "bfloat16") else x
        weights = convert_to_tensor(frequency_weights, name="frequency_weights")
        weights = cast(weights, y.dtype.base_dtype)
        weights = raw_ops.Mul(weights, creation.ones_like(y))
        total = reduce.over("Sum", weights, axes, True, None)
        mean = raw_ops.RealDiv(reduce.over("Sum", raw_ops.Mul(weights, y), axes, True, None), total)
        squares = raw_ops.Mul(weights, raw_ops.SquaredDifference(y, mean))
        variance = raw_ops.RealDiv(reduce.over("Sum", squares, axes, True, None), total)
        if not keepdims:
            mean, variance = (
                reduce.over("Sum", statistic, axes, False, None) for statistic in (mean, variance)
            )
        return cast(mean, x.dtype.base_dtype), cast(variance, x.dtype.base_dtype)


def sufficient_statistics(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Any, Tensor, Tensor, Any]:
    """(count, sum, sum of squares, shift) of x - shift over `axes`, for `normalize_moments`."""
    with op_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        axes = list({int(a) for a in constant_value(convert_to_tensor(axes)).reshape(-1)})
        sides = array.shape(x)
        count: Any = constant(1, x.dtype.base_dtype)
        for axis in axes:
            count = raw_ops.Mul(count, cast(sides[axis], x.dtype.base_dtype))
        if shift is not None:
            shift = convert_to_tensor(shift, dtype=x.dtype.base_dtype, name="shift")
            centred, squares = raw_ops.Sub(x, shift), raw_ops.SquaredDifference(x, shift)
        else:
            centred, squares = x, raw_ops.Square(x)
        mean = reduce.over("Sum", centred, axes, keepdims, "mean_ss")
        return count, mean, reduce.over("Sum", squares, axes, keepdims, "var_ss"), shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and variance from what `sufficient_statistics` gives."""
    with op_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = raw_ops.Reciprocal(counts, name="divisor")
        shifted = raw_ops.Mul(mean_ss, divisor)
        mean = shifted if shift is None else raw_ops.AddV2(shifted, shift, name="mean")
        variance = raw_ops.Sub(raw_ops.Mul(variance_ss, divisor), raw_ops.Square(shifted))
        return mean, variance


def batch_norm_with_global_normalization(
    input: Any,
    mean: Any,
    variance: Any,
    beta: Any,
    gamma: Any,
    variance_epsilon: Any,
    scale_after_normalization: bool,
    name: str | None = None,
) -> Tensor:
    """`batch_normalization` whose scale `gamma` is optional by a flag."""
    scale = gamma if scale_after_normalization else None
    return nn.batch_normalization(input, mean, variance, beta, scale, variance_epsilon, name)


def embedding_lookup(
    params: Any, ids: Any, max_norm: Any = None, name: str | None = None
) -> Tensor:
    """The rows of `params` at `ids`; several params hold one table, rows in blocks ('div')."""
    shards = params if isinstance(params, (list, tuple)) else [params]
    return nn.embedding_lookup(list(shards), ids, "div", name, max_norm=max_norm)


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Tensor:
    """Cross-entropy of softmax(logits) with `labels` along `axis`; differentiable in both."""
    return cross_entropy.softmax_cross_entropy_with_logits_v2(labels, logits, axis, name)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Tensor:
    """Cross-entropy of softmax(logits) with integer classes `labels`, which have logits' shape
    less the last.
    """
    return cross_entropy.sparse_softmax_cross_entropy_with_logits(None, labels, logits, name)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Elementwise -z * log(s) - (1 - z) * log(1 - s) for z = labels and s = sigmoid(logits)."""
    return cross_entropy.sigmoid_cross_entropy_with_logits(None, labels, logits, name)


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Tensor:
    """Sigmoid cross-entropy whose positive term is multiplied by `pos_weight`."""
    return cross_entropy.weighted_cross_entropy_with_logits(labels, logits, pos_weight, name)


def scale_regularization_loss(regularization_loss: Any) -> Tensor:
    """The sum of the losses; there is one replica, so nothing is scaled."""
    return reduce.over("Sum", regularization_loss, None, False, None)


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Tensor:
    """The weighted sum of the losses over the size of the batch (the length of the losses)."""
    losses = convert_to_tensor(per_example_loss)
    if losses.shape.ndims == 0:
        raise ValueError(
            "Invalid value passed for `per_example_loss`. Expected a tensor with at least rank 1."
        )
    if sample_weight is not None:
        weights = convert_to_tensor(sample_weight, dtype=losses.dtype.base_dtype)
        for _ in range((losses.shape.ndims or 0) - (weights.shape.ndims or 0)):
            weights = raw_ops.ExpandDims(weights, -1)
        losses = raw_ops.Mul(losses, weights)
    if global_batch_size is None:
        size = array.shape(losses)[0]
    else:
        size = convert_to_tensor(global_batch_size, name="global_batch_size")
        if not size.dtype.is_integer or size.shape.ndims != 0:
            raise TypeError(
                "Invalid value for argument `global_batch_size`: an integer scalar is expected, "
                f"got {global_batch_size!r}"
            )
    total = reduce.over("Sum", losses, None, False, None)
    return raw_ops.RealDiv(total, cast(size, losses.dtype.base_dtype))


def space_to_depth(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """Blocks of height and width become channels."""
    return raw_ops.SpaceToDepth(input, block_size=block_size, data_format=data_format, name=name)


def depth_to_space(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Tensor:
    """Channels become blocks of height and width."""
    return raw_ops.DepthToSpace(input, block_size=block_size, data_format=data_format, name=name)


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    name: str = "nce_loss",
) -> Tensor:
    """Noise-contrastive estimation: how well true classes are told from sampled ones, per example.

    Args:
        weights: [num_classes, dim], or a list of tensors that hold its rows one after the other.
        biases: [num_classes].
        labels: integers [batch, num_true], the true classes.
        inputs: [batch, dim].
        sampled_values: what a candidate sampler returns; `tf.random.log_uniform_candidate_sampler`
            draws unless given.
        remove_accidental_hits: sampled classes that are true ones of an example do not count there.

    Returns:
        [batch], of the dtype of inputs.
    """
    return candidates.nce_loss(
        weights,
        biases,
        labels,
        inputs,
        num_sampled,
        num_classes,
        num_true,
        sampled_values,
        remove_accidental_hits,
        "div",
        name,
    )


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: int | None = None,
    name: str = "sampled_softmax_loss",
) -> Tensor:
    """The cross-entropy of a softmax over the true classes and sampled ones, for training only.

    Arguments and result are those of `nce_loss`; `seed` is for the sampler.
    """
    return candidates.sampled_softmax_loss(
        weights,
        biases,
        labels,
        inputs,
        num_sampled,
        num_classes,
        num_true,
        sampled_values,
        remove_accidental_hits,
        "div",
        name,
        seed,
    )
