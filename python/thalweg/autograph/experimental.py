"""`tf.autograph.experimental`: what is converted, and how loops are."""

from __future__ import annotations

import enum
from typing import Any

from thalweg.eager.autograph.status import do_not_convert

__all__ = ["Feature", "do_not_convert", "set_loop_options"]

_UNSPECIFIED = object()


class Feature(enum.Enum):
    """What `experimental_autograph_options` may turn on.

    BUILTIN_FUNCTIONS: `print` of tensors prints when the graph runs. ASSERT_STATEMENTS and
    EQUALITY_OPERATORS are on in any case; the others are refused.
    """

    ALL = "ALL"
    AUTO_CONTROL_DEPS = "AUTO_CONTROL_DEPS"
    ASSERT_STATEMENTS = "ASSERT_STATEMENTS"
    BUILTIN_FUNCTIONS = "BUILTIN_FUNCTIONS"
    EQUALITY_OPERATORS = "EQUALITY_OPERATORS"
    LISTS = "LISTS"
    NAME_SCOPES = "NAME_SCOPES"

    @classmethod
    def all(cls) -> tuple[Feature, ...]:
        return tuple(cls)

    @classmethod
    def all_but(cls, exclude: Any) -> tuple[Feature, ...]:
        """Without ALL and without those given."""
        excluded = exclude if isinstance(exclude, (list, tuple, set)) else [exclude]
        return tuple(f for f in cls if f is not cls.ALL and f not in excluded)


def set_loop_options(
    parallel_iterations: Any = _UNSPECIFIED,
    swap_memory: Any = _UNSPECIFIED,
    maximum_iterations: Any = _UNSPECIFIED,
    shape_invariants: Any = _UNSPECIFIED,
) -> None:
    """The first statement of a loop: arguments for the `tf.while_loop` that it becomes. Without
    effect where it stays Python's loop.

    Args:
        parallel_iterations, swap_memory: hints.
        maximum_iterations: how often the body runs at most.
        shape_invariants: pairs of a variable of the loop and what all its shapes agree with.
    """
