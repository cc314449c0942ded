"""The op table: a row for every op of the registry. The rows live by family in tests/table/."""

from __future__ import annotations

from op_case import Op
from table import (
    array,
    binary,
    compare,
    control,
    decompose,
    diagonals,
    flow,
    image,
    indexing,
    linear,
    nn,
    random,
    reduce,
    search,
    state,
    text,
    training,
    unary,
)

TABLE: list[Op] = [
    row
    for family in (
        unary,
        binary,
        compare,
        reduce,
        linear,
        decompose,
        nn,
        array,
        diagonals,
        indexing,
        search,
        image,
        control,
        flow,
        state,
        training,
        random,
        text,
    )
    for row in family.ROWS
]
BY_NAME = {row.name: row for row in TABLE}
