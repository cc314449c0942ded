"""Ops whose result is a serialized Summary: scalar, histogram, merge."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework.graph import GraphKeys, Tensor
from thalweg.platform import logging

_ILLEGAL = re.compile(r"[^-/\w\.]")


def clean_tag(name: str) -> str:
    """A tag that is a legal node name: other characters become '_'."""
    cleaned = _ILLEGAL.sub("_", name).lstrip("/")
    if cleaned != name:
        logging.info("Summary name %s is illegal; using %s instead.", name, cleaned)
    return cleaned


class _Scope:
    """The name scope of a summary, and the tag that follows from it."""

    def __init__(self, name: str, family: str | None, values: Sequence[Any]) -> None:
        name = clean_tag(name)
        family = None if family is None else clean_tag(family)
        self._manager = ops.name_scope(f"{family}/{name}" if family else name, None, list(values))
        self._family = family

    def __enter__(self) -> tuple[str, str]:
        scope = self._manager.__enter__()
        tag = scope.rstrip("/")
        return (f"{self._family}/{tag}" if self._family else tag), scope

    def __exit__(self, *exc: Any) -> None:
        self._manager.__exit__(*exc)


def _collect(value: Tensor, collections: Sequence[str] | None) -> Tensor:
    for key in [GraphKeys.SUMMARIES] if collections is None else collections:
        ops.add_to_collection(key, value)
    return value


def scalar(
    name: str, tensor: Any, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """A Summary with one number, tagged with the name and the name scopes round it."""
    with _Scope(name, family, [tensor]) as (tag, scope):
        return _collect(raw_ops.ScalarSummary(tag, tensor, name=scope), collections)


def histogram(
    name: str, values: Any, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """A Summary with the distribution of `values`."""
    with _Scope(name, family, [values]) as (tag, scope):
        return _collect(raw_ops.HistogramSummary(tag, values, name=scope), collections)


def image(
    name: str,
    tensor: Any,
    max_outputs: int = 3,
    collections: Sequence[str] | None = None,
    family: str | None = None,
) -> Tensor:
    """A Summary with up to `max_outputs` pictures of a batch [n, height, width, 1, 3 or 4].

    Floats are scaled so that the largest value is white (or, with negative values, zero is gray).
    """
    with _Scope(name, family, [tensor]) as (tag, scope):
        summary = raw_ops.ImageSummary(tag, tensor, max_images=max_outputs, name=scope)
        return _collect(summary, collections)


def merge(
    inputs: Sequence[Any], collections: Sequence[str] | None = None, name: str | None = None
) -> Tensor:
    """One Summary with the values of several; the run fails where two share a tag."""
    with ops.name_scope(name, "Merge", list(inputs)):
        merged = raw_ops.MergeSummary(list(inputs))
        return _collect(merged, collections or [])


def merge_all(
    key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None
) -> Tensor | None:
    """All summaries of a collection merged; None where there are none."""
    found = ops.get_collection(key, scope)
    return merge(found, name=name) if found else None


def scalar_summary(
    tags: Any, values: Any, collections: Sequence[str] | None = None, name: str | None = None
) -> Tensor:
    """The first form of `scalar`: the tag is used as it is."""
    with ops.name_scope(name, "ScalarSummary", [values]) as scope:
        return _collect(raw_ops.ScalarSummary(tags, values, name=scope), collections)


def histogram_summary(
    tag: Any, values: Any, collections: Sequence[str] | None = None, name: str | None = None
) -> Tensor:
    """The first form of `histogram`: the tag is used as it is."""
    with ops.name_scope(name, "HistogramSummary", [values]) as scope:
        return _collect(raw_ops.HistogramSummary(tag, values, name=scope), collections)


def image_summary(
    tag: Any,
    tensor: Any,
    max_images: int = 3,
    collections: Sequence[str] | None = None,
    name: str | None = None,
) -> Tensor:
    """The first form of `image`: the tag is used as it is."""
    with ops.name_scope(name, "ImageSummary", [tensor]) as scope:
        return _collect(
            raw_ops.ImageSummary(tag, tensor, max_images=max_images, name=scope), collections
        )


def merge_summary(
    inputs: Sequence[Any], collections: Sequence[str] | None = None, name: str | None = None
) -> Tensor:
    """`merge` under its first name."""
    return merge(inputs, collections, name)


def merge_all_summaries(key: str = GraphKeys.SUMMARIES) -> Tensor | None:
    """`merge_all` under its first name."""
    return merge_all(key)
