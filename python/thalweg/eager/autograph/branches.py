"""`if`, conditional expressions, `and`, `or`, `not` and `assert`, called by converted code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from malt.operators.variables import Undefined, UndefinedReturnValue

from thalweg import raw_ops
from thalweg.eager.autograph import state
from thalweg.framework import nest
from thalweg.framework.default_graph import get_default_graph
from thalweg.framework.tensor import SymbolicTensor
from thalweg.ops.check import Assert
from thalweg.ops.cond import cond as cond_op

_MAIN, _ELSE = "main", "else"


def if_stmt(
    cond: Any,
    body: Callable[[], Any],
    orelse: Callable[[], Any],
    get_state: Callable[[], tuple[Any, ...]],
    set_state: Callable[[tuple[Any, ...]], None],
    symbol_names: Sequence[str],
    nouts: int,
) -> None:
    """Runs `body` or `orelse`; where `cond` is a tensor, both become branches.

    Args:
        get_state, set_state: read and write the variables that the branches change.
        symbol_names: theirs.
        nouts: how many of them, from the first, are used afterwards.
    """
    if not state.staged(cond):
        if cond:
            body()
        else:
            orelse()
        return
    pred = state.condition(cond, "if statement")
    before = get_state()

    def run(branch: Callable[[], Any]) -> tuple[Any, ...]:
        set_state(before)
        branch()
        return get_state()[:nouts]

    after = _choose(pred, lambda: run(body), lambda: run(orelse), symbol_names[:nouts])
    set_state(after + before[nouts:])


def if_exp(
    cond: Any, if_true: Callable[[], Any], if_false: Callable[[], Any], expr_repr: str
) -> Any:
    """`if_true() if cond else if_false()`."""
    if not state.staged(cond):
        return if_true() if cond else if_false()
    pred = state.condition(cond, "conditional expression")
    return _choose(pred, lambda: (if_true(),), lambda: (if_false(),), [expr_repr])[0]


def _choose(
    pred: Any,
    main: Callable[[], tuple[Any, ...]],
    other: Callable[[], tuple[Any, ...]],
    names: Sequence[str],
) -> tuple[Any, ...]:
    """The variables after one branch or the other."""
    choice = _Choice(pred, names)
    made = cond_op(pred, lambda: choice.main(main), lambda: choice.other(other), strict=True)
    return choice.results(made)


class _Choice:
    """Two branches in the making, and the variables after each."""

    def __init__(self, pred: Any, names: Sequence[str]) -> None:
        self.pred, self.names = pred, names

    def main(self, run: Callable[[], tuple[Any, ...]]) -> list[list[Any]]:
        values = self._run(run, _MAIN)
        self.graph = get_default_graph()
        self.raw = values
        self.values = tuple(nest.map_structure(_tensor_or_object, v) for v in values)
        return _outputs(self.values)

    def other(self, run: Callable[[], tuple[Any, ...]]) -> list[list[Any]]:
        values = self._run(run, _ELSE)
        rows = zip(self.names, self.raw, values, strict=True)
        self.certain = [_returned(self.pred, name, a, b) for name, a, b in rows]
        values = self._with_return_values(values)
        _check_alike(self.names, self.values, values)
        values = tuple(nest.map_structure(_tensor_or_object, v) for v in values)
        _check_types(self.names, self.values, values)
        return _outputs(values)

    def _run(self, run: Callable[[], tuple[Any, ...]], which: str) -> tuple[Any, ...]:
        values = run()
        for name, value in zip(self.names, values, strict=True):
            if isinstance(value, Undefined):
                raise ValueError(f"'{name}' must also be initialized in the {which} branch")
        return values

    def _with_return_values(self, other: tuple[Any, ...]) -> tuple[Any, ...]:
        """A branch without `return` goes on: it has some return value, which nobody reads if a
        `return` follows; whether one does is seen at the end of the function.
        """
        main, values = list(self.values), list(other)
        for i, (a, b) in enumerate(zip(main, values, strict=True)):
            lacks = [isinstance(v, UndefinedReturnValue) for v in (a, b)]
            if lacks == [True, False] and b is not None:
                state.note_open_return(_MAIN)
                with self.graph.as_default():
                    main[i] = state.made(state.zeros_of(b)[0])
                _replace_output(self.graph, i, state.leaves(main[i]))
            elif lacks == [False, True] and a is not None:
                state.note_open_return(_ELSE)
                values[i] = state.made(state.zeros_of(a)[0])
        self.values = tuple(main)
        return tuple(values)

    def results(self, made: list[list[Any]]) -> tuple[Any, ...]:
        results: list[Any] = []
        for value, items, returned in zip(self.values, made, self.certain, strict=True):
            leaves = [
                leaf if _traceable(leaf) is None else item
                for leaf, item in zip(state.leaves(value), items, strict=True)
            ]
            results.append(True if returned else state.packed(value, leaves))
        return tuple(results)


def _outputs(values: Sequence[Any]) -> list[list[Any]]:
    return [[_traceable(leaf) for leaf in state.leaves(value)] for value in values]


def _replace_output(graph: Any, at: int, leaves: list[Any]) -> None:
    """Of a branch that has been traced already, its `at`-th variable."""
    given = iter(graph.flat_outputs)
    parts = [[next(given) for _ in part] for part in graph.structured_outputs]
    parts[at] = leaves
    graph.structured_outputs = parts
    graph.flat_outputs = [leaf for part in parts for leaf in part]
    graph.outputs = [t for t in graph.flat_outputs if t is not None]


def _returned(pred: Any, name: str, main: Any, other: Any) -> bool:
    """For the flag that says whether the function has returned: whether it has in any case."""
    if not name.startswith("do_return") or main is not True:
        return False
    if other is True:
        return True
    if not (isinstance(pred, SymbolicTensor) and isinstance(other, SymbolicTensor)):
        return False
    return pred.op.type == "LogicalNot" and pred.op.inputs[0] is other  # `if not do_return: ...`


def _tensor_or_object(value: Any) -> Any:
    return state.as_tensor(value) if state.can_be_tensor(value) else value


def _traceable(value: Any) -> Any:
    """None stands for what is the same object in both branches."""
    return value if state.can_be_tensor(value) else None


def _check_alike(names: Sequence[str], main: Sequence[Any], other: Sequence[Any]) -> None:
    """Structures agree, and what is no tensor is the same object."""
    for name, a, b in zip(names, main, other, strict=True):
        if state.missing(a) and state.missing(b):
            continue
        for value, which in ((a, _MAIN), (b, _ELSE)):
            if isinstance(value, UndefinedReturnValue):
                raise ValueError(f"the {which} branch must also have a return statement.")
            if value is None:
                raise ValueError(f"'{name}' is None at the end of the {which} branch.")
        try:
            nest.assert_same_structure(a, b)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"'{name}' must have the same nested structure in the main and else branches:\n\n"
                f"{error}"
            ) from error
        for x, y in zip(state.leaves(a), state.leaves(b), strict=True):
            if not (state.can_be_tensor(x) and state.can_be_tensor(y)) and x is not y:
                raise TypeError(
                    f"'{name}' is {x!r} in the main branch, but {y!r} in the else branch: what a "
                    "tensor condition decides about has to be a tensor, or a number, string or "
                    "array that can become one"
                )


def _check_types(names: Sequence[str], main: Sequence[Any], other: Sequence[Any]) -> None:
    for name, a, b in zip(names, main, other, strict=True):
        if state.missing(a) or state.missing(b):
            continue
        for x, y in zip(state.leaves(a), state.leaves(b), strict=True):
            if not hasattr(x, "dtype") or not hasattr(y, "dtype"):
                continue
            if x.dtype.base_dtype is not y.dtype.base_dtype:
                raise TypeError(
                    f"'{name}' has dtype {state.dtype_name(x)} in the main branch, but dtype "
                    f"{state.dtype_name(y)} in the else branch"
                )


# --- boolean operators


def and_(a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() and b()`; b is evaluated where a holds only."""
    left = a()
    if not state.staged(left):
        return left and b()
    pred = state.condition(left, "logical expression")
    return _both(pred, lambda: (b(),), lambda: (pred,))


def or_(a: Callable[[], Any], b: Callable[[], Any]) -> Any:
    """`a() or b()`; b is evaluated where a does not hold only."""
    left = a()
    if not state.staged(left):
        return left or b()
    pred = state.condition(left, "logical expression")
    return _both(pred, lambda: (pred,), lambda: (b(),))


def _both(pred: Any, main: Callable[[], Any], other: Callable[[], Any]) -> Any:
    return _choose(pred, main, other, ["logical expression"])[0]


def not_(a: Any) -> Any:
    if not state.staged(a):
        return not a
    return raw_ops.LogicalNot(state.condition(a, "logical expression") if _scalar(a) else a)


def _scalar(a: Any) -> bool:
    return a.dtype.base_dtype.name != "bool" or a.shape.ndims == 0


def eq(a: Any, b: Any) -> Any:
    if state.staged(a) or state.staged(b):
        return raw_ops.Equal(a, b)
    return a == b


def not_eq(a: Any, b: Any) -> Any:
    return not_(eq(a, b))


# --- assert


def assert_stmt(test: Any, message: Callable[[], Any]) -> None:
    """`assert test, message()`."""
    if not state.staged(test):
        assert test, message()
        return
    text = message()
    data = list(text) if isinstance(text, (list, tuple)) else [text]
    Assert(
        state.condition(test, "assert statement"),
        [d if state.can_be_tensor(d) else str(d) for d in data],
    )
