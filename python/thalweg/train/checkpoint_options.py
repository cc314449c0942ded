"""Options of saving and restoring checkpoints."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any


class CheckpointOptions:
    """What `tf.train.Checkpoint` may be told. Files are always written by the calling thread, in
    one shard, from the host's memory: options that ask for something else are refused.
    """

    __slots__ = (
        "enable_async",
        "experimental_enable_async_checkpoint",
        "experimental_io_device",
        "experimental_sharding_callback",
        "experimental_skip_slot_variables",
        "experimental_write_callbacks",
    )

    def __init__(
        self,
        experimental_io_device: str | None = None,
        experimental_enable_async_checkpoint: bool = False,
        experimental_write_callbacks: Sequence[Callable[..., object]] | None = None,
        enable_async: bool = False,
        experimental_skip_slot_variables: bool = False,
        experimental_sharding_callback: Any = None,
    ) -> None:
        if enable_async or experimental_enable_async_checkpoint:
            raise NotImplementedError(
                "CheckpointOptions: asynchronous checkpoints are not supported"
            )
        if experimental_sharding_callback is not None:
            raise NotImplementedError("CheckpointOptions: sharding callbacks are not supported")
        if experimental_io_device not in (None, "/job:localhost", "localhost"):
            raise NotImplementedError(
                "CheckpointOptions: files are written by this process, "
                f"got {experimental_io_device=}"
            )
        self.experimental_io_device = experimental_io_device
        self.experimental_enable_async_checkpoint = False
        self.enable_async = False
        self.experimental_skip_slot_variables = experimental_skip_slot_variables
        self.experimental_sharding_callback = None
        self.experimental_write_callbacks = list(experimental_write_callbacks or [])
        for callback in self.experimental_write_callbacks:
            if len(inspect.signature(callback).parameters) > 1:
                raise AssertionError(
                    f"CheckpointOptions: {callback!r} takes more than the save path"
                )

    def written(self, save_path: str) -> None:
        """Tells the callbacks that a checkpoint is there."""
        for callback in self.experimental_write_callbacks:
            if inspect.signature(callback).parameters:
                callback(save_path)
            else:
                callback()
