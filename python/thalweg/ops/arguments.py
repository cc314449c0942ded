"""Old and new spellings of the same argument."""

from __future__ import annotations

from typing import Any


def one_of(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The value given under either spelling; None when neither is given.

    Raises:
        ValueError: both were given.
    """
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'.")
    return old


def required(**arguments: Any) -> None:
    """Raises TypeError for an argument that TensorFlow declares optional but cannot do without."""
    for name, value in arguments.items():
        if value is None:
            raise TypeError(f"Argument `{name}` must be specified.")
