"""Sessions. `run` itself is the core's: it knows a signature that it has seen by the objects in it,
and comes here with all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg import _core
from thalweg.client.config import ConfigProto, RunMetadata, RunOptions, step_stats
from thalweg.client.feed import converter, feed_tensor, flat_feeds
from thalweg.client.fetch import FlatFetches, structure_key
from thalweg.client.memory_plan import MemoryPlan
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.default_session import default_session_stack
from thalweg.framework.devices import load_device_plugins
from thalweg.framework.graph import Graph

_FED = object()  # starts the key of a signature with feeds, so that it equals no fetch structure
_MAX_CALLS = 512  # signatures remembered per session; the core keeps its own bounded set of plans


class DeviceAttributes:
    """A device of a session."""

    __slots__ = ("device_type", "incarnation", "memory_limit_bytes", "name")

    def __init__(self, name: str, device_type: str, memory_limit_bytes: int) -> None:
        self.name = name
        self.device_type = device_type
        self.memory_limit_bytes = memory_limit_bytes
        self.incarnation = 0

    def __repr__(self) -> str:
        return f"_DeviceAttributes({self.name}, {self.device_type}, {self.memory_limit_bytes}, 0)"


class BaseSession(_core.SessionCalls):
    """Runs a graph; holds the values of its variables."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        if target and not isinstance(target, (str, bytes)):
            raise TypeError(
                f"Argument `target` must be a string, but got {type(target).__name__}: {target!r}"
            )
        if target:
            raise NotImplementedError(
                f"sessions on a remote target are not supported, got {target!r}"
            )
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(
                f"Argument `graph` must be a tf.Graph, but got {type(graph).__name__!r}"
            )
        if config is not None and not isinstance(config, ConfigProto):
            raise TypeError(
                f"Argument `config` must be a tf.ConfigProto, but got {type(config).__name__!r}"
            )
        self._graph = get_default_graph() if graph is None else graph
        self._config = config
        self._target = target
        self._closed = False
        # By the structure of fetches and feed keys; the core knows the same by identity.
        self._calls: dict[Any, tuple[_core.Runner, bool]] = {}
        self._timeout = config.operation_timeout_in_ms if config is not None else 0
        self._has_options = bool(self._timeout)
        load_device_plugins()
        self._session = _core.Session(self._graph.core, _core_options(config))

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def graph_def(self) -> Any:
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> str:
        return self._target

    def list_devices(self) -> list[DeviceAttributes]:
        return [DeviceAttributes(*d) for d in self._session.list_devices()]

    def close(self) -> None:
        """Ends the session; runs on other threads are cancelled."""
        if not self._closed:
            self._closed = True
            self._calls = {}
            self._forget_calls()
            self._session.close()

    def _run_with_options(
        self, fetches: Any, feed_dict: Any, options: Any, run_metadata: Any
    ) -> Any:
        if options is not None and not isinstance(options, RunOptions):
            raise TypeError(f"`options` must be a tf.RunOptions, got {options!r}")
        if run_metadata is not None and not isinstance(run_metadata, RunMetadata):
            raise TypeError(f"`run_metadata` must be a tf.RunMetadata, got {run_metadata!r}")
        runner, values, _ = self._prepare(fetches, feed_dict)
        timeout = (options.timeout_in_ms if options is not None else 0) or self._timeout
        if run_metadata is not None and options is not None and options.trace_level:
            result, trace = runner.trace(*values)
            run_metadata.step_stats.CopyFrom(step_stats(trace))
            return result
        if timeout:
            return runner.run_with_timeout(timeout, *values)
        return runner(*values)

    def _prepare(self, fetches: Any, feed_dict: Any) -> tuple[_core.Runner, list[Any], bool]:
        """What runs a signature, its feeds in order, and whether the same objects in the same
        containers will mean the same again.
        """
        self._check_usable()
        keys, values = _pairs(feed_dict)
        key: Any = None
        call = None
        try:
            key = structure_key(fetches)
            key = (_FED, key, *keys) if keys else key
            call = self._calls.get(key)
        except TypeError:
            key = None
        if call is None:
            flat = FlatFetches(self._graph, fetches)
            call = self._make_runner(flat, keys), flat.plain
            if key is not None:
                if len(self._calls) >= _MAX_CALLS:
                    self._calls.clear()
                self._calls[key] = call
        runner, plain = call
        return runner, values, plain and (not keys or len(keys) == len(feed_dict))

    def _make_runner(self, flat: FlatFetches, keys: list[Any]) -> _core.Runner:
        feeds = [feed_tensor(self._graph, key) for key in keys]
        return self._session.prepare(
            [(t.op._id, t.value_index) for t in feeds],
            [(t.op._id, t.value_index) for t in flat.tensors],
            [op._id for op in flat.targets],
            converter(feeds),
            flat.structure,
            self._graph,
        )

    def _check_usable(self) -> None:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        if self._graph.core.size() == 0:
            raise RuntimeError(
                "The Session graph is empty. Add operations to the graph before calling run()."
            )

    def make_callable(
        self, fetches: Any, feed_list: Any = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """`run` with the fetches and the feeded tensors fixed: call it with the values."""
        self._check_usable()
        keys = [] if feed_list is None else feed_list
        if not isinstance(keys, (list, tuple)):
            raise TypeError("Argument `feed_list` must be a list.")
        runner = self._make_runner(FlatFetches(self._graph, fetches), list(keys))
        if not accept_options:
            return runner

        def function(*values: Any, **options: Any) -> Any:
            if options:
                return self.run(fetches, dict(zip(keys, values, strict=True)), **options)
            return runner(*values)

        return function

    def memory_plan(self, fetches: Any, feed_dict: Any = None) -> MemoryPlan:
        """What memory `run(fetches, feed_dict)` holds, known before it runs."""
        runner, values, _ = self._prepare(fetches, feed_dict)
        return MemoryPlan(*runner.memory_plan(*values))

    def as_default(self) -> _DefaultSession:
        """Makes this the session of `eval` and `run` methods; does not close it."""
        return _DefaultSession(self)

    def __repr__(self) -> str:
        return f"<tf.{type(self).__name__} of a graph with {self._graph.core.size()} operations>"


def _pairs(feed_dict: Any) -> tuple[list[Any], list[Any]]:
    if not feed_dict:
        return [], []
    if not isinstance(feed_dict, dict):
        raise TypeError(f"The feed_dict has to be a dictionary, got {feed_dict!r}")
    pairs = [pair for key, value in feed_dict.items() for pair in flat_feeds(key, value)]
    return [k for k, _ in pairs], [v for _, v in pairs]


def _core_options(config: Any) -> dict[str, Any]:
    if config is None:
        return {}
    options: dict[str, Any] = {
        "allow_soft_placement": config.allow_soft_placement,
        "log_device_placement": config.log_device_placement,
        "device_count": dict(config.device_count),
        "optimize": config.graph_options.optimizer_options.opt_level >= 0,
    }
    if config.intra_op_parallelism_threads > 0:
        options["intra_op_threads"] = config.intra_op_parallelism_threads
    return options


class _DefaultSession:
    __slots__ = ("graph", "session")

    def __init__(self, session: BaseSession) -> None:
        self.session = session
        self.graph = session.graph.as_default()

    def __enter__(self) -> BaseSession:
        self.graph.__enter__()
        default_session_stack.sessions.append(self.session)
        return self.session

    def __exit__(self, *error: Any) -> None:
        sessions = default_session_stack.sessions
        if not sessions or sessions[-1] is not self.session:
            raise AssertionError("Nesting violated for default stack of sessions")
        sessions.pop()
        self.graph.__exit__(*error)


class Session(BaseSession):
    """`with Session() as sess:` is the default session and graph inside, and closed after."""

    def __enter__(self) -> Session:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        self.__dict__.setdefault("_contexts", []).append(self.as_default())
        self.__dict__["_contexts"][-1].__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.__dict__["_contexts"].pop().__exit__(*error)
        self.close()

    @staticmethod
    def reset(target: str, containers: Any = None, config: Any = None) -> None:
        """Nothing is shared between sessions, so there is nothing to reset."""


class InteractiveSession(BaseSession):
    """A session that is the default one from its creation until it is closed."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._default_graph = None if graph is None else graph.as_default()
        if self._default_graph is not None:
            self._default_graph.__enter__()
        default_session_stack.sessions.append(self)

    def close(self) -> None:
        if self._closed:
            return
        super().close()
        sessions = default_session_stack.sessions
        if self in sessions:
            sessions.remove(self)
        if self._default_graph is not None:
            self._default_graph.__exit__()
            self._default_graph = None
