"""Losses on logits, numerically stable: softmax, sparse softmax and sigmoid cross-entropy."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, creation, indexing
from thalweg.ops.arguments import one_of
from thalweg.ops.cast import cast
from thalweg.ops.transpose import transpose


def _named_arguments(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(
            f"Only call `{function}` with named arguments (labels=..., logits=..., ...). "
            f"Received unnamed argument: {sentinel}"
        )
    if labels is None or logits is None:
        raise ValueError(
            f"Both `labels` and `logits` must be provided. Received: labels={labels} and "
            f"logits={logits}"
        )


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """Cross-entropy of softmax(logits) with rows of probabilities `labels`; no gradient reaches
    the labels.
    """
    _named_arguments("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with op_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        labels = array.stop_gradient(labels, name="labels_stop_gradient")
        return softmax_cross_entropy_with_logits_v2(
            labels, logits, dim if axis is None else axis, name=scope
        )


def softmax_cross_entropy_with_logits_v2(
    labels: Any,
    logits: Any,
    axis: int | None = None,
    name: str | None = None,
    dim: int | None = None,
) -> Tensor:
    """Cross-entropy of softmax(logits) with `labels` along `axis` (the last); differentiable in
    both.
    """
    axis = one_of("axis", axis, "dim", dim)
    axis = -1 if axis is None else int(axis)
    with op_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        half = logits.dtype.base_dtype in (dtypes.float16, dtypes.bfloat16)
        precise = cast(logits, dtypes.float32) if half else logits
        labels = cast(labels, precise.dtype.base_dtype)
        ndims = precise.shape.ndims
        if axis not in (-1, None) and axis != (ndims or 0) - 1:
            precise, labels = _axis_to_end(precise, axis), _axis_to_end(labels, axis)
        input_rank = array.rank(precise)
        input_shape = array.shape(precise)
        rows, label_rows = _as_rows(precise), _as_rows(labels)
        cost, _ = raw_ops.SoftmaxCrossEntropyWithLogits(rows, label_rows, name=scope)
        # All sizes but the classes'.
        size = raw_ops.Sub(input_rank, 1)
        outer = indexing.slice(input_shape, [0], array.stack([size]))
        cost = array.reshape(cost, outer)
        if precise.shape.ndims is not None:
            cost.set_shape(precise.shape[:-1])
        return cast(cost, logits.dtype.base_dtype) if half else cost


def _as_rows(x: Tensor) -> Tensor:
    """x as a matrix whose rows are its last dimension."""
    rank = array.rank(x)
    shape = array.shape(x)
    last = indexing.slice(shape, array.stack([raw_ops.Sub(rank, 1)]), [1])
    rows = array.reshape(x, array.concat([[-1], last], 0))
    if x.shape.ndims is not None:
        sides = x.shape.as_list()
        count: int | None = 1
        for side in sides[:-1]:
            count = None if count is None or side is None else count * side
        rows.set_shape([count, sides[-1]])
    return rows


def _axis_to_end(x: Tensor, axis: int) -> Tensor:
    """Moves one dimension last, keeping the others in order."""
    ndims = x.shape.ndims
    if ndims is None:
        raise ValueError(f"softmax_cross_entropy_with_logits: the rank must be known for {axis=}")
    axis %= ndims
    return transpose(x, [i for i in range(ndims) if i != axis] + [axis])


def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Cross-entropy of softmax(logits) with integer classes `labels`, which have logits' shape
    less the last.
    """
    _named_arguments("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with op_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]):
        labels = convert_to_tensor(labels)
        logits = convert_to_tensor(logits)
        half = logits.dtype.base_dtype in (dtypes.float16, dtypes.bfloat16)
        precise = cast(logits, dtypes.float32) if half else logits
        if executing_eagerly() and len(logits._dims) == 2 and labels._dims == logits._dims[:1]:
            cost, _ = raw_ops.SparseSoftmaxCrossEntropyWithLogits(precise, labels)
            return cast(cost, logits.dtype.base_dtype) if half else cost
        labels_shape = None if executing_eagerly() else array.shape(labels)
        if logits.shape.ndims == 0:
            raise ValueError(f"`logits` cannot be a scalar. Received logits={logits}")
        if None not in (logits.shape.ndims, labels.shape.ndims) and (
            labels.shape.ndims != logits.shape.ndims - 1
        ):
            raise ValueError(
                "`labels.shape.rank` must equal `logits.shape.rank - 1`. Received: "
                f"labels.shape={labels.shape} of rank {labels.shape.ndims} and "
                f"logits.shape={logits.shape} "
                f"of rank {logits.shape.ndims}"
            )
        static_ok = logits.shape.ndims is None or labels.shape.is_compatible_with(logits.shape[:-1])
        if not static_ok:
            raise ValueError(
                "`labels.shape` must equal `logits.shape` except for the last dimension. "
                f"Received: labels.shape={labels.shape} and logits.shape={logits.shape}"
            )
        if logits.shape.ndims == 2:
            cost, _ = raw_ops.SparseSoftmaxCrossEntropyWithLogits(
                precise, labels, name="SparseSoftmaxCrossEntropyWithLogits"
            )
        else:
            classes = array.shape(precise)[-1]
            rows = array.reshape(precise, array.stack([-1, classes]))
            cost, _ = raw_ops.SparseSoftmaxCrossEntropyWithLogits(
                rows, array.reshape(labels, [-1]), name="SparseSoftmaxCrossEntropyWithLogits"
            )
            cost = array.reshape(
                cost, array.shape(labels) if labels_shape is None else labels_shape
            )
            cost.set_shape(labels.shape)
        return cast(cost, logits.dtype.base_dtype) if half else cost


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """Elementwise -z * log(s) - (1 - z) * log(1 - s) for z = labels and s = sigmoid(logits)."""
    _named_arguments("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with op_scope(name, "logistic_loss", [logits, labels]) as scope:
        x = convert_to_tensor(logits, name="logits")
        z = convert_to_tensor(
            labels, dtype=None if hasattr(labels, "dtype") else x.dtype.base_dtype, name="labels"
        )
        _same_shape(x, z, "logits", "labels")
        # max(x, 0) - x * z + log1p(exp(-|x|)) overflows for no x; Select keeps its slope at 0
        # right.
        zeros = creation.zeros_like(x)
        positive = raw_ops.GreaterEqual(x, zeros)
        relu = indexing.where(positive, x, zeros)
        minus_abs = indexing.where(positive, raw_ops.Neg(x), x)
        return raw_ops.AddV2(relu - x * z, raw_ops.Log1p(raw_ops.Exp(minus_abs)), name=scope)


def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Tensor:
    """Sigmoid cross-entropy whose positive term is multiplied by `pos_weight`."""
    labels = one_of("labels", labels, "targets", targets)
    with op_scope(name, "logistic_loss", [logits, labels]) as scope:
        x = convert_to_tensor(logits, name="logits")
        z = convert_to_tensor(
            labels, dtype=None if hasattr(labels, "dtype") else x.dtype.base_dtype, name="labels"
        )
        _same_shape(x, z, "logits", "labels")
        weight = 1 + (pos_weight - 1) * z
        softplus = raw_ops.Log1p(raw_ops.Exp(raw_ops.Neg(raw_ops.Abs(x)))) + raw_ops.Relu(
            raw_ops.Neg(x)
        )
        return raw_ops.AddV2((1 - z) * x, weight * softplus, name=scope)


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Tensor:
    """exp(c) - z * c, the Poisson loss for z = targets and c = log_input, less a constant."""
    if compute_full_loss:
        raise NotImplementedError("log_poisson_loss: compute_full_loss must be False")
    with op_scope(name, "log_poisson_loss", [log_input, targets]) as scope:
        c = convert_to_tensor(log_input, name="log_input")
        z = convert_to_tensor(
            targets, dtype=None if hasattr(targets, "dtype") else c.dtype.base_dtype, name="targets"
        )
        _same_shape(c, z, "log_input", "targets")
        return raw_ops.Sub(raw_ops.Exp(c), c * z, name=scope)


def _same_shape(x: Tensor, y: Tensor, x_name: str, y_name: str) -> None:
    if not x.shape.is_compatible_with(y.shape):
        raise ValueError(
            f"`{x_name}` and `{y_name}` must have the same shape, received ({x.shape} vs "
            f"{y.shape})."
        )
