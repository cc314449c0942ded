"""Switches between graph and eager mode, and between TensorFlow's versions of itself as far as
there are two here.
"""

from __future__ import annotations

from typing import Any

from thalweg import _core
from thalweg.framework import mode, shapes
from thalweg.framework.default_graph import get_default_graph

executing_eagerly = mode.executing_eagerly


def disable_eager_execution() -> None:
    """Ops become nodes of the default graph."""
    mode.choose(False)


def enable_eager_execution(
    config: Any = None, device_policy: Any = None, execution_mode: Any = None
) -> None:
    """Ops run when they are called.

    Raises:
        ValueError: the default graph has nodes already, which nothing would run; or an argument
            that is not supported is given.
    """
    for name, value in (
        ("config", config),
        ("device_policy", device_policy),
        ("execution_mode", execution_mode),
    ):
        if value is not None:
            raise ValueError(f"enable_eager_execution: {name} is not supported; leave it unset")
    if not executing_eagerly() and get_default_graph().core.size():
        raise ValueError("tf.enable_eager_execution must be called at program startup.")
    mode.choose(True)


def executing_eagerly_outside_functions() -> bool:
    """Whether the process is in eager mode, whatever graph is being built."""
    return _core.process_eager()


def disable_v2_behavior() -> None:
    """Graph mode, and shapes whose sizes are Dimensions."""
    disable_eager_execution()
    disable_v2_tensorshape()


def enable_v2_behavior() -> None:
    """Eager mode, and shapes whose sizes are ints."""
    enable_eager_execution()
    enable_v2_tensorshape()


def disable_v2_tensorshape() -> None:
    """Shapes' sizes are Dimensions."""
    shapes.use_dimensions(True)


def enable_v2_tensorshape() -> None:
    """Shapes' sizes are ints and None."""
    shapes.use_dimensions(False)


def _nothing_to_switch() -> None:
    """There is one form of this here, and it is in force."""


disable_resource_variables = _nothing_to_switch
disable_tensor_equality = _nothing_to_switch
enable_control_flow_v2 = _nothing_to_switch


def _refuse(what: str) -> Any:
    def switch(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(f"{what} is not supported")

    switch.__doc__ = f"Raises NotImplementedError: {what} is not supported."
    return switch


enable_resource_variables = _refuse(
    "enable_resource_variables: variables of graph mode are references,"
)
enable_tensor_equality = _refuse("enable_tensor_equality in graph mode")


def disable_control_flow_v2() -> None:
    """Nothing: conditions and loops are functional here, and programs see no difference."""


def resource_variables_enabled() -> bool:
    """False: variables of graph mode are references."""
    return False
