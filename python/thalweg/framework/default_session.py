"""The stack of default sessions; apart from the session so that tensors can evaluate without
importing it.
"""

from __future__ import annotations

import threading
from typing import Any


class _Stack(threading.local):
    def __init__(self) -> None:
        self.sessions: list[Any] = []


default_session_stack = _Stack()


def get_default_session() -> Any:
    """The innermost session entered on this thread, or None."""
    sessions = default_session_stack.sessions
    return sessions[-1] if sessions else None


def session_for(session: Any, graph: Any, what: str, call: str) -> Any:
    """The session to evaluate in; ValueError when there is none or it runs another graph."""
    if session is None:
        session = get_default_session()
        if session is None:
            raise ValueError(
                f"Cannot {what} using `{call}`: No default session is registered. Use `with "
                "sess.as_default()` or pass an explicit session to "
                f"`{call.replace('()', '(session=sess)')}`"
            )
        if session.graph is not graph:
            raise ValueError(
                f"Cannot use the default session to {what}: the tensor's graph is different from "
                "the session's graph. Pass an explicit session to "
                f"`{call.replace('()', '(session=sess)')}`."
            )
    elif session.graph is not graph:
        raise ValueError(
            f"Cannot use the given session to {what}: the tensor's graph is different from the "
            "session's graph."
        )
    return session
