"""How ops on variables are called in the two programming models: by reference, as graphs here have
them, and by resource handle, as TensorFlow 2 saves them.
"""

from __future__ import annotations

from typing import Any

_DTYPE = {"T": "dtype"}
_SCATTER = ("Update", "Add", "Sub", "Mul", "Div", "Min", "Max")
_SCATTER_ND = ("Update", "Add", "Sub")
_APPLY = (
    "GradientDescent",
    "Momentum",
    "Adam",
    "Adagrad",
    "AdagradV2",
    "RMSProp",
    "CenteredRMSProp",
    "Adadelta",
    "Ftrl",
    "FtrlV2",
    "ProximalGradientDescent",
    "ProximalAdagrad",
    "AdaMax",
    "PowerSign",
    "AddSign",
)

#: op by reference -> (op by handle, attributes that are called something else there)
TO_RESOURCE: dict[str, tuple[str, dict[str, str]]] = {
    "Assign": ("AssignVariableOp", _DTYPE),
    "AssignAdd": ("AssignAddVariableOp", _DTYPE),
    "AssignSub": ("AssignSubVariableOp", _DTYPE),
    "IsVariableInitialized": ("VarIsInitializedOp", {}),
    "CountUpTo": ("ResourceCountUpTo", {}),
    **{f"Scatter{what}": (f"ResourceScatter{what}", _DTYPE) for what in _SCATTER},
    **{f"ScatterNd{what}": (f"ResourceScatterNd{what}", {}) for what in _SCATTER_ND},
    **{f"Apply{what}": (f"ResourceApply{what}", {}) for what in _APPLY},
}
TO_REFERENCE: dict[str, tuple[str, dict[str, str]]] = {
    resource: (reference, {there: here for here, there in renamed.items()})
    for reference, (resource, renamed) in TO_RESOURCE.items()
}
#: Attributes that ops by handle do not have.
WITHOUT_LOCKING = frozenset(
    name for name, (_, renamed) in TO_RESOURCE.items() if renamed
) | frozenset(("IsVariableInitialized",))

#: Nodes that call functions with their inputs: the attributes that name them, the one that has the
#: types of the inputs, and how many inputs come before these.
CALLS: dict[str, tuple[tuple[str, ...], str, int]] = {
    "PartitionedCall": (("f",), "Tin", 0),
    "StatefulPartitionedCall": (("f",), "Tin", 0),
    "If": (("then_branch", "else_branch"), "Tin", 1),
    "StatelessIf": (("then_branch", "else_branch"), "Tin", 1),
    "Case": (("branches",), "Tin", 1),
    "StatelessCase": (("branches",), "Tin", 1),
    "While": (("cond", "body"), "T", 0),
    "StatelessWhile": (("cond", "body"), "T", 0),
}
WITH_EFFECTS = {
    "PartitionedCall": "StatefulPartitionedCall",
    "StatelessIf": "If",
    "StatelessCase": "Case",
    "StatelessWhile": "While",
}


def is_loop(op: str) -> bool:
    return op in ("While", "StatelessWhile")


def called(node: Any) -> list[Any]:
    """The attributes (messages with a name) by which a node calls functions."""
    found = []
    for value in node.attr.values():
        kind = value.WhichOneof("value")
        if kind == "func":
            found.append(value.func)
        elif kind == "list":
            found += value.list.func
    return found


def split_inputs(node: Any) -> tuple[list[str], list[str]]:
    """Data and control inputs, as they are written."""
    data = [text for text in node.input if not text.startswith("^")]
    return data, [text for text in node.input if text.startswith("^")]


def unique(name: str, taken: set[str]) -> str:
    """A name not in `taken`, which it is added to."""
    found, i = name, 0
    while found in taken:
        i += 1
        found = f"{name}_{i}"
    taken.add(found)
    return found
