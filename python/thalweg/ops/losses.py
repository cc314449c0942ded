"""`tf.losses`: weighted, reduced losses that are collected for a total."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.graph import GraphKeys, Tensor
from thalweg.ops import array, creation, cross_entropy, math, reduce
from thalweg.ops.cast import cast


class Reduction:
    """How the losses of a batch become one number."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Every reduction."""
        return (cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS)

    @classmethod
    def validate(cls, key: str) -> None:
        """Raises ValueError for an unknown reduction."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}. Key should be one of {cls.all()}.")


_MEAN_NONZERO = Reduction.SUM_BY_NONZERO_WEIGHTS


def _check_broadcast(weights: Tensor, values: Tensor) -> None:
    """Weights are a scalar or have the values' rank, each size equal or 1."""
    w, v = weights.shape, values.shape
    if w.ndims in (None, 0) or v.ndims is None:
        return
    rule = "weights can not be broadcast to values."
    if w.ndims != v.ndims:
        raise ValueError(
            f"{rule} values.rank={v.ndims}. weights.rank={w.ndims}. values.shape={v}. "
            f"weights.shape={w}."
        )
    for p, q in zip(w.as_list(), v.as_list(), strict=True):
        if None not in (p, q) and p not in (1, q):
            raise ValueError(f"{rule} Mismatch in dim: values.shape={v}. weights.shape={w}.")


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """losses * weights, reduced, in the dtype of `losses`; the result joins `loss_collection`."""
    Reduction.validate(reduction)
    with ops.name_scope(scope, "weighted_loss", [losses, weights]):
        losses = convert_to_tensor(losses)
        given = losses.dtype.base_dtype
        losses = cast(losses, dtypes.float32)
        weights = cast(weights, dtypes.float32)
        _check_broadcast(weights, losses)
        weighted = raw_ops.Mul(losses, weights)
        if reduction == Reduction.NONE:
            loss = weighted
        else:
            loss = reduce.reduce_sum(weighted)
            if reduction == Reduction.MEAN:
                everywhere = raw_ops.Mul(creation.ones_like(losses), weights)
                loss = raw_ops.DivNoNan(loss, reduce.reduce_sum(everywhere), name="value")
            elif reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
                loss = raw_ops.DivNoNan(loss, _present(losses, weights), name="value")
            elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
                loss = raw_ops.DivNoNan(
                    loss, cast(array.size(losses), dtypes.float32), name="value"
                )
        loss = cast(loss, given)
        add_loss(loss, loss_collection)
        return loss


def _present(losses: Tensor, weights: Tensor) -> Tensor:
    """How many losses have a weight other than 0."""
    with ops.name_scope(None, "num_present", [losses, weights]) as scope:
        counted = cast(raw_ops.NotEqual(weights, constant(0.0)), dtypes.float32)
        return reduce.reduce_sum(raw_ops.Mul(counted, creation.ones_like(losses)), name=scope)


def _pair(
    labels: Any, predictions: Any, label_name: str, prediction_name: str
) -> tuple[Tensor, Tensor]:
    if labels is None:
        raise ValueError(f"Argument `{label_name}` must not be None.")
    if predictions is None:
        raise ValueError(f"Argument `{prediction_name}` must not be None.")
    predictions = cast(predictions, dtypes.float32)
    labels = cast(labels, dtypes.float32)
    predictions.shape.assert_is_compatible_with(labels.shape)
    return labels, predictions


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """|predictions - labels|."""
    with ops.name_scope(scope, "absolute_difference", [predictions, labels, weights]) as name:
        y, p = _pair(labels, predictions, "labels", "predictions")
        return compute_weighted_loss(
            raw_ops.Abs(raw_ops.Sub(p, y)), weights, name, loss_collection, reduction
        )


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """(predictions - labels) ** 2."""
    with ops.name_scope(scope, "mean_squared_error", [predictions, labels, weights]) as name:
        y, p = _pair(labels, predictions, "labels", "predictions")
        return compute_weighted_loss(
            raw_ops.SquaredDifference(p, y), weights, name, loss_collection, reduction
        )


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """-y * log(p + epsilon) - (1 - y) * log(1 - p + epsilon)."""
    with ops.name_scope(scope, "log_loss", [predictions, labels, weights]) as name:
        y, p = _pair(labels, predictions, "labels", "predictions")
        losses = -y * raw_ops.Log(p + epsilon) - (1 - y) * raw_ops.Log(1 - p + epsilon)
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """Half the square of the error up to `delta`, linear beyond."""
    with ops.name_scope(scope, "huber_loss", [predictions, labels, weights]) as name:
        y, p = _pair(labels, predictions, "labels", "predictions")
        error = raw_ops.Abs(raw_ops.Sub(p, y))
        near = raw_ops.Minimum(error, convert_to_tensor(delta, dtype=error.dtype))
        losses = 0.5 * near * near + delta * (error - near)
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """max(0, 1 - z * logits) for labels 0 and 1, read as z = -1 and 1."""
    with ops.name_scope(scope, "hinge_loss", [logits, labels, weights]) as name:
        y, x = _pair(labels, logits, "labels", "logits")
        return compute_weighted_loss(
            raw_ops.Relu(1 - (2 * y - 1) * x), weights, name, loss_collection, reduction
        )


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
    dim: int | None = None,
) -> Tensor:
    """1 - cosine of the angle between unit vectors along `axis`."""
    axis = dim if axis is None else axis
    if axis is None:
        raise ValueError("You must specify argument `axis`.")
    with ops.name_scope(scope, "cosine_distance_loss", [predictions, labels, weights]) as name:
        y, p = _pair(labels, predictions, "labels", "predictions")
        losses = 1 - reduce.reduce_sum(raw_ops.Mul(p, y), [axis], keepdims=True)
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """`nn.sigmoid_cross_entropy_with_logits`; smoothing pulls labels toward 1/2."""
    if multi_class_labels is None or logits is None:
        raise ValueError("Arguments `multi_class_labels` and `logits` must not be None.")
    with ops.name_scope(
        scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]
    ) as name:
        logits = convert_to_tensor(logits)
        labels = cast(multi_class_labels, logits.dtype.base_dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = cross_entropy.sigmoid_cross_entropy_with_logits(
            labels=labels, logits=logits, name="xentropy"
        )
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """`nn.softmax_cross_entropy_with_logits`; smoothing pulls labels toward uniform."""
    if onehot_labels is None or logits is None:
        raise ValueError("Arguments `onehot_labels` and `logits` must not be None.")
    with ops.name_scope(
        scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]
    ) as name:
        logits = convert_to_tensor(logits)
        labels = cast(onehot_labels, logits.dtype.base_dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            classes = cast(array.shape(labels)[-1], logits.dtype.base_dtype)
            labels = labels * (1 - label_smoothing) + label_smoothing / classes
        labels = array.stop_gradient(labels, name="labels_stop_gradient")
        losses = cross_entropy.softmax_cross_entropy_with_logits_v2(labels, logits, name="xentropy")
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = _MEAN_NONZERO,
) -> Tensor:
    """`nn.sparse_softmax_cross_entropy_with_logits`; labels [batch, 1] are taken as [batch]."""
    if labels is None or logits is None:
        raise ValueError("Arguments `labels` and `logits` must not be None.")
    with ops.name_scope(
        scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]
    ) as name:
        labels, logits = convert_to_tensor(labels), convert_to_tensor(logits)
        if labels.shape.ndims is not None and labels.shape.ndims == logits.shape.ndims:
            labels = array.squeeze(labels, [-1])
        weights = convert_to_tensor(weights)
        if weights.shape.ndims is not None and weights.shape.ndims == (labels.shape.ndims or 0) + 1:
            weights = array.squeeze(weights, [-1])
        losses = cross_entropy.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=logits, name="xentropy"
        )
        return compute_weighted_loss(losses, weights, name, loss_collection, reduction)


def add_loss(loss: Any, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Adds a loss to a collection, unless that is None."""
    if loss_collection:
        ops.add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Any]:
    """The collected losses."""
    return ops.get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The collected regularization losses."""
    return ops.get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(
    scope: str | None = None, name: str = "total_regularization_loss"
) -> Tensor:
    """The sum of the regularization losses; 0 where there are none."""
    losses = get_regularization_losses(scope)
    return math.add_n(losses, name=name) if losses else constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of collected losses.

    Raises:
        ValueError: there are none.
    """
    losses = get_losses(scope=scope)
    if add_regularization_losses:
        losses = losses + get_regularization_losses(scope=scope)
    if not losses:
        raise ValueError("No losses were collected: nothing to add up.")
    return math.add_n(losses, name=name)
