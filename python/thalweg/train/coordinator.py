"""`tf.train.Coordinator`: threads that stop together."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from thalweg.framework import errors
from thalweg.platform import logging


class Coordinator:
    """Tells a group of threads when to stop, waits for them, and raises what one of them raised.

    A thread runs until `should_stop()`; any of them, or the program, calls `request_stop()`.

    Args:
        clean_stop_exception_types: exceptions that end the threads without being raised by `join`;
            (OutOfRangeError,) by default.
    """

    def __init__(
        self, clean_stop_exception_types: tuple[type[BaseException], ...] | None = None
    ) -> None:
        self._clean: tuple[type[BaseException], ...] = (
            (errors.OutOfRangeError,)
            if clean_stop_exception_types is None
            else tuple(clean_stop_exception_types)
        )
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._raised: BaseException | None = None
        self._traceback: TracebackType | None = None
        self._joined = False
        self._registered: set[threading.Thread] = set()

    def request_stop(self, ex: Any = None) -> None:
        """Asks the threads to stop.

        Args:
            ex: an exception, or what `sys.exc_info()` returns, for `join` to raise; only the first
                one counts. After `join` it is raised here.
        """
        raised, traceback = (ex[1], ex[2]) if isinstance(ex, tuple) else (ex, None)
        with self._lock:
            if isinstance(raised, self._clean):
                raised = None
            if self._joined:
                if raised is not None:
                    raise raised.with_traceback(traceback or raised.__traceback__)
                return
            if self._stop.is_set():
                return
            if raised is not None:
                logging.info("Error reported to Coordinator: %s, %s", type(raised).__name__, raised)
                self._raised, self._traceback = raised, traceback or raised.__traceback__
            self._stop.set()

    def clear_stop(self) -> None:
        """Forgets that anyone has asked to stop, and what was raised."""
        with self._lock:
            self._joined = False
            self._raised = self._traceback = None
            self._stop.clear()

    def should_stop(self) -> bool:
        """Whether anyone has asked to stop."""
        return self._stop.is_set()

    @contextlib.contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Within it an exception does not leave the thread but becomes a request to stop."""
        try:
            yield
        except BaseException:
            self.request_stop(sys.exc_info())

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Waits until someone asks to stop, at most `timeout` seconds; whether that is so."""
        return self._stop.wait(timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Lets `join` wait for a thread."""
        with self._lock:
            self._registered.add(thread)

    def join(
        self,
        threads: Iterable[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:
        """Waits until all threads have ended, then raises what one of them asked to be raised.

        Args:
            threads: to wait for, beside the registered ones.
            stop_grace_period_secs: how long threads may go on once someone has asked to stop.
            ignore_live_threads: threads that are left after that are no error.

        Raises:
            RuntimeError: threads are left.
        """
        with self._lock:
            waiting = list(self._registered | set(threads or ()))
        while any(t.is_alive() for t in waiting) and not self.wait_for_stop(1.0):
            pass
        end = time.monotonic() + stop_grace_period_secs
        for t in waiting:
            t.join(max(0.0, end - time.monotonic()))
        left = [t.name for t in waiting if t.is_alive()]
        with self._lock:
            self._joined = True
            self._registered = set()
            if self._raised is not None:
                raise self._raised.with_traceback(self._traceback)
            if left:
                text = f"Coordinator stopped with threads still running: {' '.join(left)}"
                if not ignore_live_threads:
                    raise RuntimeError(text)
                logging.info("%s", text)

    @property
    def joined(self) -> bool:
        """Whether `join` has come to its end."""
        return self._joined

    def raise_requested_exception(self) -> None:
        """Raises what was given to `request_stop`, if anything was."""
        with self._lock:
            if self._raised is not None:
                raise self._raised.with_traceback(self._traceback)


class LooperThread(threading.Thread):
    """A thread that calls a function again and again until its coordinator stops.

    Args:
        timer_interval_secs: from one call to the next; None calls without a break.
        target, args, kwargs: what is called. Subclasses may define `run_loop` instead.

    Raises:
        ValueError: `coord` is not a Coordinator.
    """

    def __init__(
        self,
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any] | None = None,
        args: Iterable[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        if not isinstance(coord, Coordinator):
            raise ValueError(f"'coord' argument must be a Coordinator: {coord}")
        super().__init__()
        self.daemon = True
        self._coord = coord
        self._interval = timer_interval_secs
        self._target = target
        self._args = tuple(args or ())
        self._kwargs = dict(kwargs or {})
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any],
        args: Iterable[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> LooperThread:
        """A thread of these arguments, started."""
        thread = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        thread.start()
        return thread

    def run(self) -> None:
        with self._coord.stop_on_exception():
            self.start_loop()
            due = time.monotonic()
            while not (
                self._coord.should_stop()
                if self._interval is None
                else self._coord.wait_for_stop(max(0.0, due - time.monotonic()))
            ):
                due += self._interval or 0
                self.run_loop()
            self.stop_loop()

    def start_loop(self) -> None:
        """Called before the first call; for subclasses."""

    def stop_loop(self) -> None:
        """Called after the last call; for subclasses."""

    def run_loop(self) -> None:
        """One call."""
        if self._target is not None:
            self._target(*self._args, **self._kwargs)
