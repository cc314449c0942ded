"""Errors of running graphs: TensorFlow's classes and numbers, each also the builtin it is a kind
of.
"""

from __future__ import annotations

from typing import Any

from thalweg import _core

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16

_TYPE_ERROR = 100  # the core's own code for a wrong dtype while a graph is built


class OpError(Exception):
    """Something went wrong while a graph ran; knows the node, its operation and the error code."""

    _code = UNKNOWN

    def __init__(
        self, node_def: Any, op: Any, message: str, error_code: int | None = None, *args: Any
    ) -> None:
        super().__init__(node_def, op, message, error_code, *args)
        self._node_def = node_def
        self._op = op
        self._node_name = ""
        self._message = message
        self._error_code = self._code if error_code is None else error_code

    @property
    def message(self) -> str:
        return self._message

    @property
    def op(self) -> Any:
        """The operation at fault, None if there is none or it was made by the runtime."""
        return self._op

    @property
    def error_code(self) -> int:
        return self._error_code

    @property
    def node_def(self) -> Any:
        if self._node_def is None and self._op is not None:
            self._node_def = self._op.node_def
        return self._node_def

    @property
    def experimental_payloads(self) -> dict[str, Any]:
        return {}

    def _attach(self, graph: Any) -> None:
        """Finds the operation by the name the runtime gave, once the graph is known."""
        if self._op is None and self._node_name:
            node = graph.core.find(self._node_name)
            if node >= 0:
                self._op = graph._op(node)

    def __str__(self) -> str:
        return self._message

    def __reduce__(self) -> Any:
        return _make, (self._error_code, self._message, self._node_name)


def _make(code: int, message: str, node: str) -> Exception:
    """What the core raises: the class of `code`. `message` is the bare sentence and its context
    lines.
    """
    if code == _TYPE_ERROR:
        return TypeError(message)
    if node and not message.startswith("Graph execution error"):
        message = f"Graph execution error:\n\nDetected at node '{node}':\n{message}"
    cls = exception_type_from_error_code(code)
    error = OpError(None, None, message, code) if cls is OpError else cls(None, None, message)
    error._node_name = node
    return error


class OperatorNotAllowedInGraphError(TypeError):
    """A tensor of a graph was used where Python needs its value."""


class InaccessibleTensorError(TypeError, ValueError):
    """A tensor of one graph was used in another, or outside of any; TensorFlow raises the one or
    the other of the two errors.
    """


class _Coded(OpError):
    def __init__(self, node_def: Any, op: Any, message: str, *args: Any) -> None:
        super().__init__(node_def, op, message, self._code, *args)


class CancelledError(_Coded):
    """The run was cancelled, by closing the session or by another error."""

    _code = CANCELLED


class UnknownError(OpError, RuntimeError):
    """An error without a better class."""

    _code = UNKNOWN


class InvalidArgumentError(_Coded, ValueError):
    """An operation was given a value it cannot work with."""

    _code = INVALID_ARGUMENT


class DeadlineExceededError(_Coded):
    """The run took longer than it was allowed to."""

    _code = DEADLINE_EXCEEDED


class NotFoundError(_Coded, LookupError):
    """Something named (a file, a variable, an op) does not exist."""

    _code = NOT_FOUND


class AlreadyExistsError(_Coded):
    """Something that was to be made exists already."""

    _code = ALREADY_EXISTS


class PermissionDeniedError(_Coded):
    """The caller may not do this."""

    _code = PERMISSION_DENIED


class UnauthenticatedError(_Coded):
    """The caller did not say who they are."""

    _code = UNAUTHENTICATED


class ResourceExhaustedError(_Coded, MemoryError):
    """There is not enough memory or disk space."""

    _code = RESOURCE_EXHAUSTED


class FailedPreconditionError(_Coded, RuntimeError):
    """The state does not allow this; a variable that was never initialised is the usual case."""

    _code = FAILED_PRECONDITION


class AbortedError(_Coded):
    """The operation was given up, often because of a concurrent one."""

    _code = ABORTED


class OutOfRangeError(_Coded):
    """An iteration went past the end of its input."""

    _code = OUT_OF_RANGE


class UnimplementedError(_Coded, NotImplementedError):
    """There is no code for this operation, type or device."""

    _code = UNIMPLEMENTED


class InternalError(_Coded, RuntimeError):
    """A rule inside the runtime was broken: a bug of Thalweg."""

    _code = INTERNAL


class UnavailableError(_Coded):
    """A service cannot be reached at the moment."""

    _code = UNAVAILABLE


class DataLossError(_Coded):
    """Stored data is damaged or incomplete."""

    _code = DATA_LOSS


_CLASSES: dict[int, type[OpError]] = {
    cls._code: cls
    for cls in (
        *(CancelledError, UnknownError, InvalidArgumentError, DeadlineExceededError, NotFoundError),
        *(
            AlreadyExistsError,
            PermissionDeniedError,
            ResourceExhaustedError,
            FailedPreconditionError,
            AbortedError,
        ),
        *(
            OutOfRangeError,
            UnimplementedError,
            InternalError,
            UnavailableError,
            DataLossError,
            UnauthenticatedError,
        ),
    )
}


def exception_type_from_error_code(error_code: int) -> type[OpError]:
    return _CLASSES.get(error_code, OpError)


def error_code_from_exception_type(cls: type[OpError]) -> int:
    return cls._code


_core.set_error_factory(_make)
