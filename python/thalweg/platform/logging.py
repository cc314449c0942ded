"""`tf.logging`: the logger 'thalweg', written to standard error."""

from __future__ import annotations

import logging as _logging
import sys
from typing import Any

DEBUG, INFO, WARN, ERROR, FATAL = 10, 20, 30, 40, 50

_logger: _logging.Logger | None = None
_counts: dict[tuple[str, str], int] = {}


def get_logger() -> _logging.Logger:
    """The logger; it writes to standard error unless the root logger has handlers."""
    global _logger
    if _logger is None:
        _logger = _logging.getLogger("thalweg")
        if not _logging.getLogger().handlers:
            handler = _StandardError()
            handler.setFormatter(_logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
            _logger.addHandler(handler)
            _logger.propagate = False
        if _logger.level == _logging.NOTSET:
            _logger.setLevel(WARN)
    return _logger


class _StandardError(_logging.StreamHandler[Any]):
    """Writes to whatever sys.stderr is at the time."""

    def __init__(self) -> None:
        _logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


def log(level: int, msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at a level."""
    get_logger().log(level, msg, *args, **kwargs)


def debug(msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at level DEBUG."""
    get_logger().debug(msg, *args, **kwargs)


def info(msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at level INFO."""
    get_logger().info(msg, *args, **kwargs)


def warning(msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at level WARN."""
    get_logger().warning(msg, *args, **kwargs)


def warn(msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at level WARN."""
    get_logger().warning(msg, *args, **kwargs)


def error(msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at level ERROR."""
    get_logger().error(msg, *args, **kwargs)


def fatal(msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at level FATAL; the program goes on."""
    get_logger().critical(msg, *args, **kwargs)


def vlog(level: int, msg: str, *args: Any, **kwargs: Any) -> None:
    """Logs at a level."""
    get_logger().log(level, msg, *args, **kwargs)


def set_verbosity(v: Any) -> None:
    """Shows messages of this level and above."""
    get_logger().setLevel(v)


def get_verbosity() -> int:
    """The lowest level that is shown."""
    return get_logger().getEffectiveLevel()


def flush() -> None:
    """Nothing waits."""


def _calls(level: Any, msg: str) -> int:
    """How often this message came before, at this place in the program."""
    frame = sys._getframe(2)
    key = (f"{frame.f_code.co_filename}:{frame.f_lineno}:{level}", msg)
    count = _counts.get(key, -1) + 1
    _counts[key] = count
    return count


def log_every_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Logs the first, and then every n-th, call at this place."""
    if _calls(level, msg) % n == 0:
        log(level, msg, *args)


def log_first_n(level: int, msg: str, n: int, *args: Any) -> None:
    """Logs the first n calls at this place."""
    if _calls(level, msg) < n:
        log(level, msg, *args)


def log_if(level: int, msg: str, condition: Any, *args: Any) -> None:
    """Logs where the condition holds."""
    if condition:
        log(level, msg, *args)


def TaskLevelStatusMessage(msg: str) -> None:
    """Logs at level ERROR."""
    error(msg)
