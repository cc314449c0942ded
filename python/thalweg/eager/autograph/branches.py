"""`if`, conditional expressions, `and`, `or`, `not` and `assert`, called by converted code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from malt.operators.variables import Undefined, UndefinedReturnValue

from thalweg import raw_ops
from thalweg.eager.autograph import state
from thalweg.framework import nest
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

    if state.depth.trials:
        before = _with_return_value(before, [body, orelse], run, symbol_names[:nouts])
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
    found: list[tuple[Any, ...]] = []

    def branch(run: Callable[[], tuple[Any, ...]], which: str) -> Callable[[], Any]:
        def traced() -> Any:
            values = run()
            for name, value in zip(names, values, strict=True):
                _check_defined(name, value, which)
            if found:
                _check_alike(names, found[0], values)
            values = tuple(nest.map_structure(_tensor_or_object, v) for v in values)
            if found:
                _check_types(names, found[0], values)
            found.append(values)
            return [v for value in values for v in map(_traceable, state.leaves(value))]

        return traced

    made = iter(cond_op(pred, branch(main, _MAIN), branch(other, _ELSE), strict=True))
    results: list[Any] = []
    for main_value, else_value in zip(*found, strict=True):
        objects = state.leaves(main_value)
        items = [
            object_ if _traceable(object_) is None else made_item
            for object_, made_item in zip(objects, made, strict=False)
        ]
        if isinstance(main_value, UndefinedReturnValue) or isinstance(
            else_value, UndefinedReturnValue
        ):
            results.append(None)
        else:
            results.append(state.packed(main_value, items))
    return tuple(results)


def _tensor_or_object(value: Any) -> Any:
    return state.as_tensor(value) if state.can_be_tensor(value) else value


def _traceable(value: Any) -> Any:
    """None stands for what is the same object in both branches."""
    return value if state.can_be_tensor(value) else None


def _check_defined(name: str, value: Any, which: str) -> None:
    if isinstance(value, Undefined):
        raise ValueError(f"'{name}' must also be initialized in the {which} branch")


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


def _with_return_value(
    before: tuple[Any, ...],
    branches: Sequence[Callable[[], Any]],
    run: Callable[[Callable[[], Any]], tuple[Any, ...]],
    names: Sequence[str],
) -> tuple[Any, ...]:
    """Inside of a loop, a branch without `return` goes on: it has some return value, which nobody
    reads.
    """
    lacking = [i for i, v in enumerate(before[: len(names)]) if isinstance(v, UndefinedReturnValue)]
    if not lacking:
        return before
    with state.aside():
        after = [run(branch) for branch in branches]
    values = list(before)
    for i in lacking:
        given = [a[i] for a in after if not isinstance(a[i], UndefinedReturnValue)]
        if len(given) == 1 and given[0] is not None:
            values[i] = state.made(state.zeros_of(given[0])[0])
    return tuple(values)


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
