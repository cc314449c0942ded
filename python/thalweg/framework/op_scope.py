"""The name scope of a function that is more than one op."""

from __future__ import annotations

from typing import Any

from thalweg.framework.default_graph import name_scope
from thalweg.framework.mode import executing_eagerly


class _NoScope:
    """Eager ops have no names, so there is nothing to enter."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: Any) -> None:
        return None


_NO_SCOPE = _NoScope()


def op_scope(name: str | None, default_name: str | None = None, values: Any = None) -> Any:
    """`name_scope` for the nodes of one function; gives None in eager mode."""
    return _NO_SCOPE if executing_eagerly() else name_scope(name, default_name, values)
