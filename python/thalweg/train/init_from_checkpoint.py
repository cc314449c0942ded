"""`tf.train.init_from_checkpoint`: variables that begin with values of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.ops import state
from thalweg.ops.variable_collections import all_variables
from thalweg.ops.variables import Variable
from thalweg.train.checkpoint_reader import CheckpointReader, checkpoint_prefix


def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Any) -> None:
    """Replaces initializers: those who run them get values of the checkpoint (of the latest one in
    a folder).

    Args:
        assignment_map: a dictionary, or pairs, of what is in the checkpoint and what it is for:
            a tensor's name and a variable or a variable's name, or two scopes "theirs/" and
            "ours/" ("/" for all), whose variables then have equal names below them.

    Raises:
        ValueError: the checkpoint lacks a tensor, or has it in another shape.
    """
    path = checkpoint_prefix(ckpt_dir_or_file)
    reader = CheckpointReader(path)
    shapes = reader.get_variable_to_shape_map()
    pairs: Iterable[tuple[str, Any]] = (
        assignment_map.items() if isinstance(assignment_map, Mapping) else assignment_map
    )
    by_name = {v.op.name: v for v in all_variables() if isinstance(v, Variable)}
    for tensor, target in pairs:
        if isinstance(target, (list, tuple)):
            raise NotImplementedError("init_from_checkpoint: partitioned variables")
        variable = target if isinstance(target, Variable) else by_name.get(target)
        if variable is not None:
            if tensor not in shapes:
                raise ValueError(f"Tensor {tensor} is not found in {path} checkpoint {shapes}")
            _initialize(variable, tensor, path, shapes[tensor])
        else:
            _initialize_scope(tensor, target, by_name, path, shapes)


def _initialize_scope(
    theirs: str, ours: Any, by_name: dict[str, Variable], path: str, shapes: dict[str, list[int]]
) -> None:
    if not isinstance(ours, str) or not theirs.endswith("/") or not ours.endswith("/"):
        raise ValueError(
            f"Assignment map with scope only name {ours} should map to scope only {theirs}. "
            "Should be 'scope/': 'other_scope/'."
        )
    scope = "" if ours == "/" else ours
    for name, variable in by_name.items():
        if not name.startswith(scope):
            continue
        rest = name[len(scope) :]
        tensor = rest if theirs == "/" else f"{theirs}{rest}"
        if tensor not in shapes:
            raise ValueError(
                f"Tensor {tensor} ({rest} in {theirs}) is not found in {path} checkpoint"
            )
        _initialize(variable, tensor, path, shapes[tensor])


def _initialize(variable: Variable, tensor: str, path: str, shape: list[int]) -> None:
    if not variable.shape.is_compatible_with(shape):
        raise ValueError(
            f"Shape of variable {variable.name} ({variable.shape}) doesn't match with shape of "
            f"tensor {tensor} ({shape}) from checkpoint reader."
        )
    with variable.graph.as_default(), ops.control_dependencies(None), ops.device("/cpu:0"):
        (value,) = raw_ops.RestoreV2(
            path, [tensor], [""], dtypes=[variable.dtype.base_dtype], name="checkpoint_initializer"
        )
        value.set_shape(shape)
        variable._initializer_op = state.assign(variable._ref(), value).op
        variable._initial_value = value
