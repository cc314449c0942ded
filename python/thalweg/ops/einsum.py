"""Sums of products in Einstein's notation, over matrix products and transpositions."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, math
from thalweg.ops.transpose import transpose

# A label is a letter, or the number of a dimension of the ellipsis, counted from its end.
Labels = list[Any]
Term = tuple[Tensor, Labels]


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """The sum over all labels that the output lacks of products of elements: 'ij,jk->ik'.

    Args:
        equation: a label for each dimension of each input, '...' for dimensions that broadcast;
            without '->' the output has the labels that occur once, in alphabetical order.
        name: of the operation.
        optimize: the order of more than two inputs: 'greedy' (the default), 'optimal' and 'auto'
            look for a cheap one, as numpy.einsum_path does.

    Raises:
        ValueError: the equation is not well formed or does not fit the inputs.
    """
    name = kwargs.pop("name", None)
    optimize = kwargs.pop("optimize", "greedy")
    if kwargs:
        raise TypeError(f"Invalid keyword arguments for this function: {', '.join(kwargs)}")
    if optimize not in ("greedy", "optimal", "branch-2", "branch-all", "auto"):
        raise ValueError(f"einsum: no such value of optimize: {optimize!r}")
    with op_scope(name, "einsum", [equation, *inputs]) as scope:
        tensors = _same_dtype(inputs)
        ranks = tuple(t.shape.ndims for t in tensors)
        if None in ranks:
            raise ValueError("einsum: the ranks of all inputs must be known")
        labels, output = _parse(equation, ranks)
        terms = [
            _prepare((t, list(own)), labels, output, i)
            for i, (t, own) in enumerate(zip(tensors, labels, strict=True))
        ]
        for pair in _order(terms, output, optimize):
            right, left = (terms.pop(i) for i in sorted(pair, reverse=True))
            others = {label for _, own in terms for label in own} | set(output)
            terms.append(_contract(left, right, others))
        result, own = terms[0]
        if own != list(output):
            result = transpose(result, [own.index(label) for label in output])
        return raw_ops.Identity(result, name=scope)


def _same_dtype(inputs: Sequence[Any]) -> list[Tensor]:
    """Python values take the dtype of the tensors among the inputs."""
    dtype = next((v.dtype for v in inputs if isinstance(v, Tensor)), None)
    return [convert_to_tensor(v, dtype=None if hasattr(v, "dtype") else dtype) for v in inputs]


@functools.lru_cache(maxsize=512)
def _parse(equation: str, ranks: tuple[int, ...]) -> tuple[list[Labels], Labels]:
    """The labels of each input and of the output, the ellipsis spelled out."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if not re.fullmatch(r"(?:[a-zA-Z]|\.\.\.|,)*(?:->(?:[a-zA-Z]|\.\.\.)*)?", text) or any(
        t.count("...") > 1 for t in (*terms, right)
    ):
        raise ValueError(f"Indices have incorrect format: {equation}")
    if len(terms) != len(ranks):
        raise ValueError(
            f'Got {len(ranks)} arguments for equation "{equation}", expecting {len(terms)}'
        )
    labels = []
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        named = len(term.replace("...", ""))
        if rank < named or ("..." not in term and rank != named):
            raise ValueError(
                f"einsum: input {i} has {rank} dimensions, but its labels are {term!r} in "
                f"{equation}"
            )
        labels.append(_spelled(term, rank - named))
    widest = max((sum(type(x) is int for x in own) for own in labels), default=0)
    if arrow:
        output = _spelled(right, widest)
    else:
        letters = left.replace(",", "").replace("...", "")
        once = sorted(c for c in set(letters) if letters.count(c) == 1)
        output = [*_spelled("...", widest), *once]
    known = {label for own in labels for label in own}
    if len(set(output)) != len(output) or not set(output) <= known:
        raise ValueError(
            f"einsum: the output's labels must occur in the inputs, once each: {equation}"
        )
    return labels, output


def _spelled(term: str, ellipsis: int) -> Labels:
    before, dots, after = term.partition("...")
    return [*before, *(range(ellipsis - 1, -1, -1) if dots else ()), *after]


def _prepare(term: Term, labels: list[Labels], output: Labels, index: int) -> Term:
    """The term with its repeated labels reduced to diagonals, and its private ones summed."""
    x, own = term
    while len(set(own)) < len(own):
        label = next(c for c in own if own.count(c) > 1)
        first = own.index(label)
        second = own.index(label, first + 1)
        rest = [i for i in range(len(own)) if i not in (first, second)]
        x = raw_ops.MatrixDiagPart(transpose(x, [*rest, first, second]))
        own = [*(own[i] for i in rest), label]
    others = {c for i, theirs in enumerate(labels) if i != index for c in theirs} | set(output)
    alone = [i for i, c in enumerate(own) if c not in others]
    if alone:
        x = raw_ops.Sum(x, alone)
        own = [c for i, c in enumerate(own) if i not in alone]
    return x, own


def _order(terms: list[Term], output: Labels, optimize: str) -> list[tuple[int, int]]:
    """Which two terms are joined next, their product going to the end of the list."""
    n = len(terms)
    shapes = [tuple(t.shape.as_list()) for t, _ in terms]
    if n <= 2 or any(None in s for s in shapes):
        return [(0, 1), *[(0, k - 1) for k in range(n - 1, 1, -1)]][: n - 1] if n > 1 else []
    names: dict[Any, str] = {}
    for _, own in terms:
        for label in own:
            names.setdefault(
                label, chr(ord("a") + len(names)) if len(names) < 26 else chr(39 + len(names))
            )
    text = ",".join("".join(names[c] for c in own) for _, own in terms)
    text += "->" + "".join(names[c] for c in output)
    return _path(text, tuple(shapes), "optimal" if optimize == "optimal" else "greedy")


@functools.lru_cache(maxsize=512)
def _path(text: str, shapes: tuple[tuple[int, ...], ...], kind: str) -> list[tuple[int, int]]:
    empty = [np.broadcast_to(np.float32(0), s) for s in shapes]
    steps = np.einsum_path(text, *empty, optimize=kind)[0][1:]
    count, path = len(shapes), []
    for step in steps:  # a step may join more than two
        at = sorted(step)
        path.append((at[0], at[1]))
        count -= 1
        for _ in at[2:]:
            # the rest have moved down by two, the product is last
            path.append((at[2] - 2, count - 1))
            count -= 1
            at = [at[0], at[1], *[i - 1 for i in at[3:]]]
    return path


def _contract(left: Term, right: Term, kept: set[Any]) -> Term:
    """The product of two terms, summed over the labels that nobody else has."""
    (x, of_x), (y, of_y) = left, right
    both = [c for c in of_x if c in of_y]
    batch = [c for c in both if c in kept]
    summed = [c for c in both if c not in kept]
    free_x = [c for c in of_x if c not in of_y]
    free_y = [c for c in of_y if c not in of_x]
    labels = [*batch, *free_x, *free_y]
    if not summed:
        x = _with_axes(x, of_x, [*batch, *free_x], len(free_y), at_end=True)
        y = _with_axes(y, of_y, [*batch, *free_y], len(free_x), at_end=False, after=len(batch))
        return raw_ops.Mul(x, y), labels
    turned_x, turned_y = (
        _turned(x, of_x, batch, free_x, summed),
        _turned(y, of_y, batch, summed, free_y),
    )
    x, sides_x = _as_matrices(x, of_x, batch, *((summed, free_x) if turned_x else (free_x, summed)))
    y, sides_y = _as_matrices(y, of_y, batch, *((free_y, summed) if turned_y else (summed, free_y)))
    product = math.matmul(x, y, transpose_a=turned_x, transpose_b=turned_y)
    rows = sides_x[2 if turned_x else 1]
    cols = sides_y[1 if turned_y else 2]
    if len(free_x) == len(free_y) == 1:
        return product, labels
    return _unfold(product, len(batch), [*rows, *cols]), labels


def _turned(x: Tensor, own: Labels, batch: Labels, rows: Labels, cols: Labels) -> bool:
    """Whether the matrices lie transposed in x, so that no data need be moved."""
    return (
        own == [*batch, *cols, *rows] and own != [*batch, *rows, *cols] and not x.dtype.is_complex
    )


def _with_axes(
    x: Tensor, own: Labels, order: Labels, extra: int, at_end: bool, after: int = 0
) -> Tensor:
    """x in the order given, `extra` dimensions of size 1 at the end or after the first ones."""
    if own != order:
        x = transpose(x, [own.index(c) for c in order])
    for _ in range(extra):
        x = raw_ops.ExpandDims(x, -1 if at_end else after)
    return x


def _as_matrices(
    x: Tensor, own: Labels, batch: Labels, rows: Labels, cols: Labels
) -> tuple[Tensor, tuple[list[Any], list[Any], list[Any]]]:
    """x as a batch of matrices, and the sizes of the dimensions of batch, rows and columns."""
    order = [*batch, *rows, *cols]
    if own != order:
        x = transpose(x, [own.index(c) for c in order])
    sides: list[Any] = x.shape.as_list()
    if None in sides:
        dynamic = array.shape(x)
        sides = [dynamic[i] if side is None else side for i, side in enumerate(sides)]
    parts = (
        sides[: len(batch)],
        sides[len(batch) : len(batch) + len(rows)],
        sides[len(batch) + len(rows) :],
    )
    if len(rows) != 1 or len(cols) != 1:
        x = array.reshape(x, _shape_of([*parts[0], _product(parts[1]), _product(parts[2])]))
    return x, parts


def _product(sides: list[Any]) -> Any:
    known = [side for side in sides if isinstance(side, int)]
    total: Any = 1
    for side in known:
        total *= side
    for side in sides:
        if not isinstance(side, int):
            total = raw_ops.Mul(side, total)
    return total


def _shape_of(sides: list[Any]) -> Any:
    return sides if all(isinstance(s, int) for s in sides) else array.stack(sides)


def _unfold(product: Tensor, batch: int, sides: list[Any]) -> Tensor:
    """The rows and columns of a product as the dimensions they were made of."""
    front: list[Any] = product.shape.as_list()[:batch]
    if None in front:
        dynamic = array.shape(product)
        front = [dynamic[i] if side is None else side for i, side in enumerate(front)]
    return array.reshape(product, _shape_of([*front, *sides]))
