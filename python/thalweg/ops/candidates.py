"""Samplers of candidate classes, and the losses over many classes that use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.random_seed import get_seed
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, creation, nn
from thalweg.ops.cast import cast_to
from thalweg.ops.cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
)

Candidates = tuple[Tensor, Tensor, Tensor]


def _sample(op: str, true_classes: Any, seed: int | None, name: str | None, **attrs: Any) -> Any:
    first, second = get_seed(seed)
    return getattr(raw_ops, op)(
        true_classes, seed=first or 0, seed2=second or 0, name=name, **attrs
    )


def uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """Classes of [0, range_max), all as likely as each other.

    Args:
        true_classes: int64 [batch, num_true].
        unique: draw again what has been drawn already; all classes differ then.

    Returns:
        The classes drawn, int64 [num_sampled]; how often each of true_classes is to be expected in
        such a draw, float32 [batch, num_true]; the same of each class drawn, [num_sampled].
    """
    return _sample(
        "UniformCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


def log_uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """`uniform_candidate_sampler` for classes in the order of how frequent they are: class c has
    probability log((c + 2) / (c + 1)) / log(range_max + 1), Zipf's law nearly.
    """
    return _sample(
        "LogUniformCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


def learned_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """`uniform_candidate_sampler` by counts: 1, and 1 more each time that a class was a true one in
    an earlier run of the same op.
    """
    return _sample(
        "LearnedUnigramCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


def fixed_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: str = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: Sequence[float] = (),
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """`uniform_candidate_sampler` by given counts.

    Args:
        vocab_file: a file whose lines end with a count, behind a comma where there is more.
        distortion: the power to which counts are taken.
        num_reserved_ids: classes at the beginning that have no count and are never drawn.
        num_shards, shard: only the counts whose class is `shard` modulo `num_shards` are used.
        unigrams: the counts, where there is no file.
    """
    return _sample(
        "FixedUnigramCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
        vocab_file=vocab_file,
        distortion=distortion,
        num_reserved_ids=num_reserved_ids,
        num_shards=num_shards,
        shard=shard,
        unigrams=list(unigrams),
    )


def all_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """All classes of [0, num_sampled), each expected once."""
    return _sample(
        "AllCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
    )


def compute_accidental_hits(
    true_classes: Any,
    sampled_candidates: Any,
    num_true: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """Where sampled classes are true ones: rows (int32), places among the sampled (int64), and as
    many times the lowest float32.
    """
    return _sample(
        "ComputeAccidentalHits",
        true_classes,
        seed,
        name,
        sampled_candidates=sampled_candidates,
        num_true=num_true,
    )


def _sampled_logits(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int,
    sampled_values: Any,
    remove_accidental_hits: bool,
    partition_strategy: str,
    seed: int | None,
) -> tuple[Tensor, Tensor]:
    """Logits [batch, num_true + num_sampled] less the logarithm of how often their class is to be
    expected, and labels that share 1 among the true classes.
    """
    inputs = convert_to_tensor(inputs, name="inputs")
    labels = cast_to(convert_to_tensor(labels, name="labels"), dtypes.int64)
    dtype = inputs.dtype.base_dtype
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(
            labels, num_true, num_sampled, True, num_classes, seed
        )
    sampled, true_count, sampled_count = (
        raw_ops.StopGradient(convert_to_tensor(v)) for v in sampled_values
    )
    sampled = cast_to(sampled, dtypes.int64)
    # One look-up for both, so that there is one gradient of the table.
    ids = array.concat([array.reshape(labels, [-1]), sampled], 0)
    rows = cast_to(nn.embedding_lookup(weights, ids, partition_strategy), dtype)
    offsets = cast_to(nn.embedding_lookup(biases, ids, partition_strategy), dtype)
    truths = raw_ops.Size(labels)
    true_rows = array.reshape(rows[:truths], [-1, num_true, array.shape(rows)[1]])
    products = raw_ops.Mul(raw_ops.ExpandDims(inputs, 1), true_rows)
    true_logits = raw_ops.AddV2(
        raw_ops.Sum(products, [2]), array.reshape(offsets[:truths], [-1, num_true])
    )
    sampled_logits = raw_ops.AddV2(
        raw_ops.MatMul(inputs, rows[truths:], transpose_b=True), offsets[truths:]
    )
    if remove_accidental_hits:
        row, place, lowest = compute_accidental_hits(labels, sampled, num_true)
        where = raw_ops.Pack([cast_to(row, dtypes.int64), place], axis=1)
        # Set, not added: a class may be true more than once, and twice the lowest is infinite.
        away = raw_ops.TensorScatterUpdate(
            creation.zeros_like(sampled_logits), where, cast_to(lowest, dtype)
        )
        sampled_logits = raw_ops.AddV2(sampled_logits, away)
    true_logits = raw_ops.Sub(true_logits, raw_ops.Log(cast_to(true_count, dtype)))
    sampled_logits = raw_ops.Sub(sampled_logits, raw_ops.Log(cast_to(sampled_count, dtype)))
    logits = array.concat([true_logits, sampled_logits], 1)
    share = raw_ops.RealDiv(creation.ones_like(true_logits), float(num_true))
    return logits, array.concat([share, creation.zeros_like(sampled_logits)], 1)


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
    partition_strategy: str = "mod",
    name: str = "nce_loss",
) -> Tensor:
    """Noise-contrastive estimation: how well true classes are told from sampled ones, per example.

    Args:
        weights: [num_classes, dim], or a list of tensors that hold its rows in shards.
        biases: [num_classes].
        labels: integers [batch, num_true], the true classes.
        inputs: [batch, dim].
        sampled_values: what a candidate sampler returns; `log_uniform_candidate_sampler` draws
            unless given.
        remove_accidental_hits: sampled classes that are true ones of an example do not count there.

    Returns:
        [batch], of the dtype of inputs.
    """
    with op_scope(name, "nce_loss", [biases, labels, inputs]):
        logits, targets = _sampled_logits(
            weights,
            biases,
            labels,
            inputs,
            num_sampled,
            num_classes,
            num_true,
            sampled_values,
            remove_accidental_hits,
            partition_strategy,
            None,
        )
        losses = sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
        return raw_ops.Sum(losses, [1])


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
    partition_strategy: str = "mod",
    name: str = "sampled_softmax_loss",
    seed: int | None = None,
) -> Tensor:
    """The cross-entropy of a softmax over the true classes and sampled ones, for training only.

    Arguments and result are those of `nce_loss`; `seed` is for the sampler.
    """
    with op_scope(name, "sampled_softmax_loss", [biases, labels, inputs]):
        logits, targets = _sampled_logits(
            weights,
            biases,
            labels,
            inputs,
            num_sampled,
            num_classes,
            num_true,
            sampled_values,
            remove_accidental_hits,
            partition_strategy,
            seed,
        )
        return softmax_cross_entropy_with_logits_v2(
            labels=raw_ops.StopGradient(targets), logits=logits
        )
