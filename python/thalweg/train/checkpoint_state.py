"""The file "checkpoint" of a folder: which checkpoints there are, and which is the latest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from thalweg.framework.proto import Field, Message
from thalweg.framework.text_format import message_text
from thalweg.framework.text_parse import ParseError, parse_text
from thalweg.platform import logging
from thalweg.platform.whole_file import write_whole

_DEFAULT_NAME = "checkpoint"


class CheckpointState(Message):
    fields = (
        Field(1, "model_checkpoint_path", "string"),
        Field(2, "all_model_checkpoint_paths", "string", repeated=True),
        Field(3, "all_model_checkpoint_timestamps", "double", repeated=True),
        Field(4, "last_preserved_timestamp", "double"),
    )


def generate_checkpoint_state_proto(
    save_dir: Any,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> CheckpointState:
    """The state with paths relative to `save_dir` where they lie below it. The latest checkpoint is
    the last of all. ValueError if there is not a timestamp per path.
    """
    paths = list(all_model_checkpoint_paths or [])
    if not paths or paths[-1] != model_checkpoint_path:
        if all_model_checkpoint_timestamps and paths:
            logging.info(
                "%s is not in all_model_checkpoint_paths. Manually adding it.",
                model_checkpoint_path,
            )
        paths.append(model_checkpoint_path)
    times = list(all_model_checkpoint_timestamps or [])
    if times and len(times) != len(paths):
        raise ValueError(
            "Checkpoint timestamps, if provided, must match checkpoint paths (got paths "
            f"{paths} and timestamps {times})"
        )
    folder = os.fspath(save_dir)
    if not os.path.isabs(folder):  # relative paths stay readable from where the file is
        paths = [p if os.path.isabs(p) else os.path.relpath(p, folder or ".") for p in paths]
        model_checkpoint_path = paths[-1]
    return CheckpointState(
        model_checkpoint_path=model_checkpoint_path,
        all_model_checkpoint_paths=paths,
        all_model_checkpoint_timestamps=times,
        last_preserved_timestamp=last_preserved_timestamp,
    )


def update_checkpoint_state(
    save_dir: Any,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Writes the file. RuntimeError if the checkpoint that it is to name has the file's name."""
    write_checkpoint_state(
        save_dir,
        model_checkpoint_path,
        all_model_checkpoint_paths,
        latest_filename,
        all_model_checkpoint_timestamps,
        last_preserved_timestamp,
    )


def write_checkpoint_state(
    save_dir: Any,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
    save_relative_paths: bool = False,
) -> None:
    """The same, with a choice: relative paths let the folder be moved."""
    folder = os.fspath(save_dir)
    path = os.path.join(folder, latest_filename or _DEFAULT_NAME)
    if path == model_checkpoint_path:
        raise RuntimeError(
            f"Save path '{model_checkpoint_path}' conflicts with path used for checkpoint state.  "
            "Please use a different save path."
        )
    latest, every = model_checkpoint_path, list(all_model_checkpoint_paths or [])
    if save_relative_paths:
        latest = os.path.relpath(latest, folder or ".") if os.path.isabs(latest) else latest
        every = [os.path.relpath(p, folder or ".") if os.path.isabs(p) else p for p in every]
    state = generate_checkpoint_state_proto(
        folder, latest, every, all_model_checkpoint_timestamps, last_preserved_timestamp
    )
    write_whole(path, message_text(state).encode())


def get_checkpoint_state(
    checkpoint_dir: Any, latest_filename: str | None = None
) -> CheckpointState | None:
    """The folder's state with paths that hold from here; None without a file, or with one that
    cannot be read, which is logged.
    """
    folder = os.fspath(checkpoint_dir)
    path = os.path.join(folder, latest_filename or _DEFAULT_NAME)
    state = CheckpointState()
    try:
        with open(path, encoding="utf-8") as f:
            parse_text(f.read(), state)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError, ParseError) as error:
        logging.warning(f"{type(error).__name__}: {error}")
        logging.warning(f"{path}: Checkpoint ignored")
        return None
    if not state.model_checkpoint_path:
        raise ValueError(f"Invalid checkpoint state loaded from {folder} ")

    def here(p: str) -> str:
        return p if os.path.isabs(p) else os.path.join(folder, p)

    state.model_checkpoint_path = here(state.model_checkpoint_path)
    state.all_model_checkpoint_paths[:] = [here(p) for p in state.all_model_checkpoint_paths]
    return state


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint of that prefix."""
    prefix = os.fspath(checkpoint_prefix)
    return os.path.exists(f"{prefix}.index") or os.path.isfile(prefix)


def get_checkpoint_mtimes(checkpoint_prefixes: Sequence[str]) -> list[float]:
    """When the checkpoints were written, in seconds; those that do not exist are left out."""
    paths = [f"{p}.index" if os.path.exists(f"{p}.index") else p for p in checkpoint_prefixes]
    return [os.path.getmtime(path) for path in paths if os.path.exists(path)]


def remove_checkpoint(
    checkpoint_prefix: str, checkpoint_format_version: int = 2, meta_graph_suffix: str = "meta"
) -> None:
    """Removes a checkpoint's files, the index first: what is left of a removal that breaks off is
    no checkpoint.
    """
    if checkpoint_format_version != 2:
        raise NotImplementedError(
            f"remove_checkpoint: only format V2 is supported, got {checkpoint_format_version=}"
        )
    folder, name = os.path.split(checkpoint_prefix)
    rest = [
        entry
        for entry in (os.listdir(folder or ".") if os.path.isdir(folder or ".") else ())
        if entry.startswith(f"{name}.data-") or entry == f"{name}.{meta_graph_suffix}"
    ]
    for entry in [f"{name}.index", *rest]:
        path = os.path.join(folder, entry)
        if os.path.exists(path):
            os.unlink(path)


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """The prefix of the folder's latest checkpoint, None if there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    if state is None:
        return None
    if checkpoint_exists(state.model_checkpoint_path):
        path: str = state.model_checkpoint_path
        return path
    logging.error(f"Couldn't match files for checkpoint {state.model_checkpoint_path}")
    return None


def checkpoints_iterator(
    checkpoint_dir: Any,
    min_interval_secs: float = 0,
    timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> Iterator[str]:
    """Yields the latest checkpoint whenever there is a new one, at most one per
    `min_interval_secs`. After `timeout` seconds without one it ends, or asks `timeout_fn` whether
    to.
    """
    path = None
    while True:
        new = _wait_for_new(checkpoint_dir, path, timeout)
        if new is None:
            if timeout_fn is None or timeout_fn():
                return
            continue
        start = time.time()
        path = new
        yield path
        left = start + min_interval_secs - time.time()
        if left > 0:
            time.sleep(left)


def _wait_for_new(checkpoint_dir: Any, last: str | None, timeout: float | None) -> str | None:
    """The latest checkpoint once it is not `last`; None after `timeout` seconds."""
    pause = 1.0 if timeout is None else min(1.0, max(timeout / 20, 0.01))
    end = None if timeout is None else time.time() + timeout
    while True:
        latest = latest_checkpoint(checkpoint_dir)
        if latest is not None and latest != last:
            return latest
        if end is not None and time.time() + pause > end:
            return None
        time.sleep(pause)
