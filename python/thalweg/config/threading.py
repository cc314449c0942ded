"""`tf.config.threading`: how many threads work on one op, and on ops side by side."""

from __future__ import annotations

from thalweg import _core
from thalweg.framework import config_state


def get_intra_op_parallelism_threads() -> int:
    """The most threads that work on one op; 0: as many as there are cores."""
    return config_state.state.intra_op_threads


def set_intra_op_parallelism_threads(num_threads: int) -> None:
    """The most threads that work on one op; 0: as many as there are cores.

    Raises:
        RuntimeError: the runtime has started.
    """
    count = _checked(num_threads)
    if count != config_state.state.intra_op_threads:
        message = "Intra op parallelism cannot be modified after initialization."
        config_state.require_not_started(message)
        if not _core.set_shared_threads(count):
            raise RuntimeError(message)
        config_state.state.intra_op_threads = count


def get_inter_op_parallelism_threads() -> int:
    """What was set; ops of one run follow one another here, whatever it is."""
    return config_state.state.inter_op_threads


def set_inter_op_parallelism_threads(num_threads: int) -> None:
    """Kept for programs that ask for it: ops of one run follow one another here.

    Raises:
        RuntimeError: the runtime has started.
    """
    count = _checked(num_threads)
    if count != config_state.state.inter_op_threads:
        config_state.require_not_started(
            "Inter op parallelism cannot be modified after initialization."
        )
        config_state.state.inter_op_threads = count


def _checked(num_threads: int) -> int:
    if num_threads < 0:
        raise ValueError(f"the number of threads must not be negative, got {num_threads=}")
    return int(num_threads)


__all__ = [
    "get_inter_op_parallelism_threads",
    "get_intra_op_parallelism_threads",
    "set_inter_op_parallelism_threads",
    "set_intra_op_parallelism_threads",
]
