"""`tf.train.CheckpointManager`: a folder of checkpoints of which the last few are kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from thalweg.platform import logging
from thalweg.train.checkpoint import Checkpoint
from thalweg.train.checkpoint_options import CheckpointOptions
from thalweg.train.checkpoint_state import (
    checkpoint_exists,
    get_checkpoint_mtimes,
    get_checkpoint_state,
    remove_checkpoint,
    write_checkpoint_state,
)


def _number(value: Any) -> int:
    return int(value.numpy()) if hasattr(value, "numpy") else int(value)


class CheckpointManager:
    """Writes checkpoints `directory/checkpoint_name-number` and removes old ones: all but the last
    `max_to_keep` (None: no limit) and one every `keep_checkpoint_every_n_hours`. What an earlier
    run left in the folder counts. With `step_counter` and `checkpoint_interval`, `save` does
    nothing before the counter has moved on so far.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Callable[[], Any] | None = None,
        last_checkpoint_step: int | None = None,
    ) -> None:
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(
                f"Expected a positive integer or `None` for `max_to_keep`, got {max_to_keep}."
            )
        if checkpoint_interval is not None and step_counter is None:
            raise ValueError(
                "`step_counter` should be passed if `checkpoint_interval` is not None."
            )
        self._checkpoint = checkpoint
        self._directory = os.fspath(directory)
        self._max_to_keep = max_to_keep
        self._keep_hours = keep_checkpoint_every_n_hours
        self._prefix = os.path.join(self._directory, checkpoint_name)
        self._step_counter = step_counter
        self._interval = checkpoint_interval
        self._last_step = last_checkpoint_step
        self._init_fn = init_fn
        self._kept: dict[str, float] = {}  # path -> when it was written; oldest first
        self._latest: str | None = None
        now = time.time()
        self._last_preserved = now
        self._find_earlier(now)

    def _find_earlier(self, now: float) -> None:
        state = get_checkpoint_state(self._directory)
        if state is None:
            return
        self._latest = state.model_checkpoint_path
        if state.last_preserved_timestamp and state.last_preserved_timestamp <= now:
            self._last_preserved = state.last_preserved_timestamp
        paths = [p for p in state.all_model_checkpoint_paths if checkpoint_exists(p)]
        times = list(state.all_model_checkpoint_timestamps)
        if len(times) != len(state.all_model_checkpoint_paths):
            self._kept = dict(zip(paths, get_checkpoint_mtimes(paths), strict=True))
        else:
            written = dict(zip(state.all_model_checkpoint_paths, times, strict=True))
            self._kept = {p: min(written[p], now) for p in paths}

    @property
    def directory(self) -> str:
        return self._directory

    @property
    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    @property
    def checkpoint_interval(self) -> int | None:
        return self._interval

    @property
    def latest_checkpoint(self) -> str | None:
        """The prefix of the latest checkpoint, for `Checkpoint.restore`; None before the first."""
        return self._latest

    @property
    def checkpoints(self) -> list[str]:
        """The prefixes of those kept, oldest first; without those preserved by the hour."""
        return list(self._kept)

    def _sweep(self) -> None:
        """Removes what is too much."""
        if self._max_to_keep is None:
            return
        while len(self._kept) > self._max_to_keep:
            path, written = next(iter(self._kept.items()))
            hours = self._keep_hours
            del self._kept[path]
            if hours is not None and written - hours * 3600.0 >= self._last_preserved:
                self._last_preserved = written
            else:
                remove_checkpoint(path)

    def _write_state(self) -> None:
        assert self._latest is not None
        write_checkpoint_state(
            self._directory,
            self._latest,
            list(self._kept),
            all_model_checkpoint_timestamps=list(self._kept.values()),
            last_preserved_timestamp=self._last_preserved,
            save_relative_paths=True,
        )

    def save(
        self,
        checkpoint_number: Any = None,
        check_interval: bool = True,
        options: CheckpointOptions | None = None,
    ) -> str | None:
        """Writes a checkpoint and returns its prefix; None if the step counter has not moved on by
        `checkpoint_interval` since the last one, unless `check_interval` is False. The number is
        that of the save, unless one (a number or a variable) is given.
        """
        step = None if self._step_counter is None else _number(self._step_counter)
        if (
            check_interval
            and self._interval is not None
            and self._last_step is not None
            and step is not None
            and step < self._last_step + self._interval
        ):
            return None
        counter = self._checkpoint.save_counter
        counter.assign_add(1)
        number = _number(counter if checkpoint_number is None else checkpoint_number)
        path = self._checkpoint.write(f"{self._prefix}-{number}", options)
        self._latest = path
        self._kept.pop(path, None)
        self._kept[path] = time.time()
        # The new one is known before an old one goes: whatever breaks off, a checkpoint is named.
        self._write_state()
        if self._max_to_keep is not None and len(self._kept) > self._max_to_keep:
            self._sweep()
            self._write_state()
        self._last_step = step
        return path

    def restore_or_initialize(self) -> str | None:
        """Restores the latest checkpoint and returns its prefix; without one calls `init_fn` and
        returns None.
        """
        if self._latest is not None:
            self._checkpoint.restore(self._latest)
            if self._step_counter is not None:
                self._last_step = _number(self._step_counter)
            logging.info(f"Restored {self._latest}")
            return self._latest
        if self._init_fn is not None:
            self._init_fn()
        return None

    def sync(self) -> None:
        """Waits for writes under way; every write is done when its call returns."""
        self._checkpoint.sync()
