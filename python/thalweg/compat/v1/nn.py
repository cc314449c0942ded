"""`tf.nn`: layers' arithmetic, losses on logits, embeddings."""

# ruff: noqa: F401, F403
from __future__ import annotations

from thalweg._gen.nn import *
from thalweg.compat.v1._shared import shared
from thalweg.ops.candidates import (
    all_candidate_sampler,
    compute_accidental_hits,
    fixed_unigram_candidate_sampler,
    learned_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
    nce_loss,
    sampled_softmax_loss,
    uniform_candidate_sampler,
)
from thalweg.ops.conv import (
    atrous_conv2d,
    avg_pool,
    avg_pool2d,
    conv1d,
    conv2d,
    conv2d_backprop_filter,
    conv2d_backprop_input,
    conv2d_transpose,
    depthwise_conv2d,
    max_pool,
    max_pool2d,
    separable_conv2d,
)
from thalweg.ops.cross_entropy import (
    log_poisson_loss,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
    weighted_cross_entropy_with_logits,
)
from thalweg.ops.math import sigmoid
from thalweg.ops.nn import (
    batch_normalization,
    bias_add,
    crelu,
    dropout,
    embedding_lookup,
    gelu,
    in_top_k,
    l2_normalize,
    leaky_relu,
    local_response_normalization,
    log_softmax,
    moments,
    relu6,
    relu_layer,
    softmax,
    swish,
    top_k,
    xw_plus_b,
    zero_fraction,
)

silu = swish
lrn = local_response_normalization

__getattr__ = shared(__name__, "nn")
