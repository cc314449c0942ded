"""`tf.nn`: layers' arithmetic, losses on logits, embeddings."""

from __future__ import annotations

from thalweg._gen.nn import (
    elu,
    l2_loss,
    relu,
    selu,
    softplus,
    softsign,
    tanh,
)
from thalweg.ops.conv import (
    atrous_conv2d,
    max_pool2d,
)
from thalweg.ops.cross_entropy import (
    log_poisson_loss,
)
from thalweg.ops.math import (
    sigmoid,
)
from thalweg.ops.nn import (
    batch_normalization,
    bias_add,
    gelu,
    l2_normalize,
    leaky_relu,
    local_response_normalization,
    relu6,
    swish,
    zero_fraction,
)
from thalweg.ops.nn import local_response_normalization as lrn
from thalweg.ops.nn import swish as silu
from thalweg.ops.v2.conv import (
    avg_pool,
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    conv2d_transpose,
    convolution,
    depthwise_conv2d,
    max_pool,
    max_pool1d,
    separable_conv2d,
)
from thalweg.ops.v2.math import (
    in_top_k,
    log_softmax,
    softmax,
    top_k,
)
from thalweg.ops.v2.nn import (
    batch_norm_with_global_normalization,
    compute_average_loss,
    crelu,
    depth_to_space,
    dropout,
    embedding_lookup,
    moments,
    normalize_moments,
    scale_regularization_loss,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    space_to_depth,
    sparse_softmax_cross_entropy_with_logits,
    sufficient_statistics,
    weighted_cross_entropy_with_logits,
    weighted_moments,
)

__all__ = [
    "atrous_conv2d",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "bias_add",
    "compute_average_loss",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "convolution",
    "crelu",
    "depth_to_space",
    "depthwise_conv2d",
    "dropout",
    "elu",
    "embedding_lookup",
    "gelu",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "local_response_normalization",
    "log_poisson_loss",
    "log_softmax",
    "lrn",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "moments",
    "normalize_moments",
    "relu",
    "relu6",
    "scale_regularization_loss",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits",
    "sufficient_statistics",
    "swish",
    "tanh",
    "top_k",
    "weighted_cross_entropy_with_logits",
    "weighted_moments",
    "zero_fraction",
]
