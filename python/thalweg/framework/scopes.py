"""What is active while nodes are added: names, devices, control inputs; and who adds them."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.framework.tensor import Operation

_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


def user_site(depth: int = 2) -> str:
    """'path:line' of the nearest caller outside this package."""
    frame = sys._getframe(depth)
    while frame.f_code.co_filename.startswith(_PACKAGE):
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


class Controller:
    """One `control_dependencies` block: what new nodes wait for, and the nodes made inside it."""

    __slots__ = ("before", "seen")

    def __init__(self, before: list[int]) -> None:
        self.before = before
        self.seen: set[int] = set()


class Scopes(threading.local):
    """The scopes active on this thread. All sequences are replaced, never changed in place."""

    def __init__(self) -> None:
        self.name = ""  # without the trailing slash
        self.controllers: tuple[Controller, ...] = ()
        self.devices: tuple[Any, ...] = ()  # strings and functions, innermost last; None cuts
        self.device: str | None = ""  # the devices merged; None if functions have to be asked
        self.colocation: tuple[Operation, ...] = ()
        self.overrides: dict[str, str] = {}
        self.container = ""


class _EagerScopes(threading.local):
    """What is active on this thread in eager mode."""

    def __init__(self) -> None:
        self.name = ""  # with the trailing slash
        self.device = ""


eager_scopes = _EagerScopes()


class Restore:
    """A context manager that sets attributes of an object (the scopes, as a rule) and puts the old
    values back.
    """

    __slots__ = ("new", "old", "result", "scopes")

    def __init__(self, scopes: Any, new: dict[str, Any], result: Any = None) -> None:
        self.scopes = scopes
        self.new = new
        self.old: list[dict[str, Any]] = []
        self.result = result

    def __enter__(self) -> Any:
        current = self.scopes.__dict__
        self.old.append({key: current[key] for key in self.new})
        current.update(self.new)
        return self.result

    def __exit__(self, *error: Any) -> None:
        self.scopes.__dict__.update(self.old.pop())
