"""`while` and `for`, called by converted code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from malt.operators.variables import Undefined, UndefinedReturnValue

from thalweg import raw_ops
from thalweg.eager.autograph import state
from thalweg.eager.autograph.iterables import staged_rows
from thalweg.framework import default_graph as ops
from thalweg.framework import nest
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import Tensor
from thalweg.ops.check import Assert
from thalweg.ops.while_loop import while_loop

GetState = Callable[[], tuple[Any, ...]]
SetState = Callable[[tuple[Any, ...]], None]
_RETURN_VALUE = "the function return value"


def while_stmt(
    test: Callable[[], Any],
    body: Callable[[], Any],
    get_state: GetState,
    set_state: SetState,
    symbol_names: Sequence[str],
    opts: dict[str, Any],
) -> None:
    """`while test(): body()`; a loop of the graph where the test is a tensor the first time."""
    with state.aside():
        first = test()
    if state.staged(first):
        _Loop(get_state, set_state, symbol_names, opts).add(
            [], lambda _: test(), lambda _: body(), list, "while loop"
        )
        return
    holds = first  # a test may have effects: it is not run again
    while holds:
        body()
        holds = test()
        if state.staged(holds):
            raise NotImplementedError(
                "The condition of while loop started as non-Tensor, then changed to Tensor. Either "
                "a variable changed its type, or a break or return inside depends on a Tensor. "
                "Make the condition a Tensor from the start: it will be a loop of the graph."
            )


def for_stmt(
    iter_: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    get_state: GetState,
    set_state: SetState,
    symbol_names: Sequence[str],
    opts: dict[str, Any],
) -> None:
    """`for target in iter_: body(target)`; a loop of the graph over a tensor's rows.

    Args:
        extra_test: what has to hold to go on; false after a `break`.
    """
    rows = staged_rows(iter_)
    if rows is None:
        _python_for(iter_, extra_test, body)
        return
    loop = _Loop(get_state, set_state, symbol_names, opts)
    loop.start_target(opts.get("iterate_names"), rows)

    def test(hidden: Sequence[Any]) -> Any:
        going = rows.going(hidden)
        if extra_test is None:
            return going
        further = extra_test()
        if not state.staged(further):
            return going if further else convert_to_tensor(False)
        return raw_ops.LogicalAnd(going, state.condition(further, "for loop"))

    loop.add(rows.start(), test, lambda hidden: body(rows.item(hidden)), rows.next, "for loop")


def _python_for(
    iter_: Any, extra_test: Callable[[], Any] | None, body: Callable[[Any], Any]
) -> None:
    def going() -> bool:
        holds = True if extra_test is None else extra_test()
        if state.staged(holds):
            raise NotImplementedError(
                "break and return statements which depend on a TF condition are not supported in "
                "Python for loops. Did you intend to make it a TF loop? Loop over a tensor, such "
                "as tf.range(n)."
            )
        return bool(holds)

    if not going():
        return
    for target in iter_:
        body(target)
        if not going():
            break


class _Loop:
    """A converted loop, becoming one of the graph."""

    def __init__(
        self,
        get_state: GetState,
        set_state: SetState,
        names: Sequence[str],
        opts: dict[str, Any],
    ) -> None:
        self.get_state, self.set_state, self.names = get_state, set_state, names
        self.opts = opts
        # By the identity of variables: those that set_loop_options was given.
        self.given = {id(v): (v, s) for v, s in opts.get("shape_invariants", ())}
        self.returned: set[str] = set()  # names of what the function returns

    def start_target(self, name: Any, rows: Any) -> None:
        """The target of a loop over numbers is the first before it starts."""
        first = rows.first()
        if first is None or name not in self.names:
            return
        values = list(self.get_state())
        i = list(self.names).index(name)
        if isinstance(values[i], Undefined):
            values[i] = first
            self.set_state(tuple(values))

    def add(
        self,
        hidden: list[Any],
        test: Callable[[Sequence[Any]], Any],
        body: Callable[[Sequence[Any]], Any],
        following: Callable[[Sequence[Any]], list[Any]],
        what: str,
    ) -> None:
        """
        Args:
            hidden: variables of the loop that are not the program's.
            following: their next values.
        """
        before = self.get_state()
        lacking = [state.missing(v) for v in before]
        invariants: dict[int, list[TensorShape]] = {}
        if any(lacking):
            before = self._tried(before, lacking, lambda: body(hidden), invariants)
        self.before = tuple(nest.map_structure(_tensor_or_object, v) for v in before)
        self._find_shapes(before, invariants)
        flat = [v for value in self.before for v in state.leaves(value) if state.can_be_tensor(v)]
        unsure = [
            n
            for n, gone, v in zip(self.names, lacking, before, strict=True)
            if gone and not state.missing(v) and n not in self.returned
        ]
        ran = [convert_to_tensor(False)] if unsure else []
        extra = [*ran, *hidden]
        count = len(extra)

        def loop_test(*variables: Any) -> Any:
            self._enter(variables[count:])
            holds = test(variables[len(ran) : count])
            if not state.staged(holds):
                return convert_to_tensor(bool(holds))
            return state.condition(holds, what)

        def loop_body(*variables: Any) -> list[Any]:
            self._enter(variables[count:])
            inner = variables[len(ran) : count]
            state.depth.loops += 1
            try:
                body(inner)
            finally:
                state.depth.loops -= 1
            values = self._leave()
            has_run = [convert_to_tensor(True)] if ran else []
            return [*has_run, *following(inner), *values] or list(variables)

        loop_vars = [*extra, *flat] or [convert_to_tensor(0)]
        shapes: list[Any] = [v.shape for v in extra]
        shapes += [s for s, v in zip(self.shapes, flat, strict=True)]
        done = while_loop(
            loop_test,
            loop_body,
            loop_vars,
            shape_invariants=shapes or [TensorShape([])],
            parallel_iterations=self.opts.get("parallel_iterations", 10),
            swap_memory=self.opts.get("swap_memory", False),
            maximum_iterations=self.opts.get("maximum_iterations"),
            return_same_structure=True,
        )
        after = list(done[count:]) if flat else []
        if unsure:
            text = f"loop must iterate at least once to initialize {', '.join(unsure)}"
            with ops.control_dependencies([Assert(done[0], [text])]):
                after = [raw_ops.Identity(v) if isinstance(v, Tensor) else v for v in after]
        self.set_state(self._with_leaves(after))

    # --- variables without a value before the loop

    def _tried(
        self,
        before: tuple[Any, ...],
        lacking: Sequence[bool],
        body: Callable[[], Any],
        invariants: dict[int, list[TensorShape]],
    ) -> tuple[Any, ...]:
        """With zeros for what the body defines; for that it runs once, aside."""
        self.returned = {
            n
            for n, v in zip(self.names, before, strict=True)
            if isinstance(v, UndefinedReturnValue)
        }
        failure = ""
        after: tuple[Any, ...] = before
        state.depth.loops += 1
        try:
            with state.aside():
                body()
                after = self.get_state()
                found = [
                    state.zeros_of(v) if gone and not state.missing(v) else (None, [])
                    for gone, v in zip(lacking, after, strict=True)
                ]
        except Exception as error:
            if not all(v is None or not gone for gone, v in zip(lacking, before, strict=True)):
                failure = (
                    "\nNote: AutoGraph tried to define it automatically, but ran into a "
                    f"{type(error).__name__}: {error}"
                )
                cause: Exception | None = error
            else:
                raise
        else:
            cause = None
        finally:
            state.depth.loops -= 1
            self.set_state(before)
        values = list(before)
        for i, gone in enumerate(lacking):
            if not gone:
                continue
            if not failure and not state.missing(after[i]):
                self._check_kind(self.names[i], after[i])
                zeros, shapes = found[i]
                values[i] = state.made(zeros)
                invariants[i] = shapes
                if isinstance(before[i], UndefinedReturnValue) and state.depth.returns:
                    state.depth.returns[-1].by_loop = True
            elif isinstance(before[i], Undefined):
                raise ValueError(
                    f"'{self.names[i]}' must be defined before the loop{failure}"
                ) from cause
        return tuple(values)

    def _check_kind(self, name: str, value: Any) -> None:
        if not all(
            state.can_be_tensor(v) and not state.is_composite(v) for v in state.leaves(value)
        ):
            what = _RETURN_VALUE if name in self.returned else f"'{name}'"
            raise TypeError(
                f"{what} is first set inside of the loop: it may only be a Tensor, int, float, "
                f"bool or a list, tuple or dict thereof; got {value!r}. Set it before the loop."
            )

    # --- into an iteration, and out of it

    def _find_shapes(self, before: Sequence[Any], tried: dict[int, list[TensorShape]]) -> None:
        self.shapes: list[Any] = []
        self.with_invariant: list[bool] = []
        for i, (raw, value) in enumerate(zip(before, self.before, strict=True)):
            given = self.given.get(id(raw)) or self.given.get(id(value))
            items = [v for v in state.leaves(value) if state.can_be_tensor(v)]
            raw_items = [v for v in state.leaves(raw) if state.can_be_tensor(v)]
            if given is not None and nest.is_nested(value):
                shapes = [TensorShape(s) for s in _shape_leaves(value, given[1])]
            elif given is not None:
                shapes = [TensorShape(given[1])]
            else:
                own: list[Any] = tried.get(i) or list(map(_own_shape, items))
                parts = [self.given.get(id(v)) for v in raw_items]
                shapes = [
                    s if p is None else TensorShape(p[1]) for s, p in zip(own, parts, strict=True)
                ]
                given = next((p for p in parts if p is not None), None)
            for item, shape in zip(items, shapes, strict=True):
                if given is not None and not state.shape_of(item).is_subtype_of(shape):
                    raise ValueError(
                        f"'{self.names[i]}' has shape {item.shape} before the loop, which does not "
                        f"conform with the shape invariant {shape}."
                    )
                self.shapes.append(shape)
                self.with_invariant.append(given is not None)

    def _with_leaves(self, tensors: Sequence[Any]) -> tuple[Any, ...]:
        given = iter(tensors)
        return tuple(
            state.packed(
                value,
                [next(given) if state.can_be_tensor(v) else v for v in state.leaves(value)],
            )
            for value in self.before
        )

    def _enter(self, tensors: Sequence[Any]) -> None:
        self.set_state(self._with_leaves(tensors if any(self._staged_leaves()) else []))

    def _staged_leaves(self) -> list[bool]:
        return [state.can_be_tensor(v) for value in self.before for v in state.leaves(value)]

    def _leave(self) -> list[Any]:
        """The variables after an iteration, checked against those before the loop."""
        tensors: list[Any] = []
        shapes = iter(zip(self.shapes, self.with_invariant, strict=True))
        for name, old, new in zip(self.names, self.before, self.get_state(), strict=True):
            if new is None and old is not None:
                raise ValueError(f"'{name}' is None at the end of the iteration.")
            if isinstance(new, Undefined) and not isinstance(old, Undefined):
                raise ValueError(f"'{name}' must be defined at the end of the iteration.")
            if old is None and new is not None:
                raise ValueError(f"'{name}' is not allowed to be None before the loop.")
            try:
                nest.assert_same_structure(old, new)
            except (TypeError, ValueError) as error:
                raise TypeError(
                    f"'{name}' does not have the same nested structure after one iteration.\n\n"
                    f"{error}"
                ) from error
            for a, b in zip(state.leaves(old), state.leaves(new), strict=True):
                if not state.can_be_tensor(a):
                    _check_same(name, a, b)
                    continue
                if not state.can_be_tensor(b):
                    raise TypeError(
                        f"'{name}' is a Tensor before the loop, but {b!r} after one iteration"
                    )
                b = state.as_tensor(b)
                shape, by_user = next(shapes)
                _check_variable(name, a, b, shape, by_user)
                tensors.append(b)
        return tensors


def _tensor_or_object(value: Any) -> Any:
    return state.as_tensor(value) if state.can_be_tensor(value) else value


def _check_same(name: str, old: Any, new: Any) -> None:
    if old is new or (state.undefined(old) and state.undefined(new)):
        return
    raise TypeError(
        f"'{name}' is {old!r} before the loop, but {new!r} after one iteration: variables that a "
        "loop of the graph changes may only be a Tensor, int, float, bool or a list, tuple or dict "
        "thereof"
    )


def _check_variable(name: str, old: Any, new: Any, shape: Any, by_user: bool) -> None:
    if state.is_composite(old) or state.is_composite(new):
        if type(old) is not type(new):
            raise TypeError(
                f"'{name}' is a {type(old).__name__} before the loop, but a {type(new).__name__} "
                "after one iteration"
            )
        return
    if old.dtype.base_dtype is not new.dtype.base_dtype:
        raise TypeError(
            f"'{name}' has dtype {state.dtype_name(old)} before the loop, but dtype "
            f"{state.dtype_name(new)} after one iteration"
        )
    if state.shape_of(new).is_subtype_of(shape):
        return
    if by_user:
        raise ValueError(
            f"'{name}' has shape {new.shape} after one iteration, which does not conform with the "
            f"shape invariant {shape}."
        )
    raise ValueError(
        f"'{name}' has shape {old.shape} before the loop, but shape {new.shape} after one "
        "iteration. Use tf.autograph.experimental.set_loop_options to set shape invariants."
    )


def _shape_leaves(structure: Any, shapes: Any) -> list[Any]:
    """One shape for each leaf; a shape that is a list looks like a structure itself."""
    if nest.is_nested(structure) and not isinstance(shapes, TensorShape):
        items = list(structure.values()) if isinstance(structure, dict) else list(structure)
        given = [shapes[k] for k in structure] if isinstance(structure, dict) else list(shapes)
        if len(items) != len(given):
            raise TypeError("a shape invariant does not have the same nested structure")
        return [
            s for item, part in zip(items, given, strict=True) for s in _shape_leaves(item, part)
        ]
    return [shapes]


def _own_shape(value: Any) -> Any:
    return None if state.is_composite(value) else value.shape
