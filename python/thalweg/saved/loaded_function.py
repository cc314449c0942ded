"""Functions of a SavedModel as functions of this program."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NoReturn

from thalweg.eager import call_key
from thalweg.eager.concrete_function import ConcreteFunction
from thalweg.eager.function import Function, _plain
from thalweg.eager.trace import TracedGraph
from thalweg.framework import nest
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.tensor import Tensor
from thalweg.framework.type_spec import TensorSpec


class LoadedGraph(TracedGraph):
    """A graph that was not traced but read."""

    def __init__(self, name: str, core: Any, others: bool) -> None:
        from thalweg.framework.func_graph import _by_number

        super().__init__(name)
        self.core = core
        _by_number[core.number] = self
        self._others = others

    def define_in(self, graph: Any) -> bool:
        stateful = super().define_in(graph)
        self.has_other_effects = self._others
        return stateful

    def bind(self, variables: Sequence[Any]) -> None:
        """Says which variables the graph's nodes are."""
        known = {f"variable_{v._id}": v for v in variables}
        for op in self.get_operations():
            if op.type == "VariableV2":
                shared = op.get_attr("shared_name")
                name = shared.decode() if isinstance(shared, bytes) else shared
                self._variable_clones[name] = op.outputs[0]
                self.variables[name] = known[name]
        for op in self.get_operations():
            if op.type == "Identity" and op.inputs[0].op.type == "VariableV2":
                shared = op.inputs[0].op.get_attr("shared_name")
                name = shared.decode() if isinstance(shared, bytes) else shared
                self._reads.append((op._id, known[name]))

    def set_captures(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        """The values from outside that follow the arguments; one may be there more than once."""
        for i, (outer, inner) in enumerate(pairs):
            self._captured[-1 - i] = outer, inner


class Signature(ConcreteFunction):
    """A function of `signatures`: takes tensors by name, gives a dictionary."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        takes = len(self._names) == 1  # then there is no doubt what is meant
        if len(args) > takes:
            raise TypeError(
                f"signature_wrapper(*, {', '.join(self._names)}) takes {int(takes)} positional "
                f"arguments, got {len(args)}"
            )
        return super().__call__(*args, **kwargs)


class LoadedFunction(Function):
    """Has the graphs it was saved with, and no others: arguments choose among them."""

    def __init__(
        self,
        name: str,
        signature: inspect.Signature,
        input_signature: Any,
        concretes: list[ConcreteFunction],
    ) -> None:
        def python_function(*args: Any, **kwargs: Any) -> Any:
            return self(*args, **kwargs)

        python_function.__name__ = name
        described: Any = python_function
        described.__signature__ = signature
        super().__init__(python_function, name=name, autograph=False)
        self._concretes = concretes
        self._saved_input_signature = input_signature

    @property
    def input_signature(self) -> Any:
        return self._saved_input_signature

    def _concrete_functions(self) -> list[ConcreteFunction]:
        return self._concretes

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        return "\n\n".join(c.pretty_printed_signature(verbose) for c in self._concretes)

    def __repr__(self) -> str:
        return f"<tf.function {self._name}, loaded, with {len(self._concretes)} graphs>"

    def __copy__(self) -> LoadedFunction:
        return self

    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise NotImplementedError(
            f"the loaded function {self._name} is bound to its variables and cannot be copied; "
            "load the SavedModel again"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"the loaded function {self._name} cannot be pickled; save it by tf.saved_model.save"
        )

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
        concrete, tensors, as_given = self._choose(args, kwargs or {})
        if as_given and not kwargs and executing_eagerly() and _plain(args):
            self._remember(args, concrete._function)
        return concrete.call_flat(tensors)

    def _find(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[ConcreteFunction, list[Any]]:
        return self._choose(args, kwargs)[:2]

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The graph that serves such arguments; without any, the only one."""
        if not args and not kwargs and len(self._concretes) == 1:
            return self._concretes[0]
        return self._find(args, kwargs)[0]

    def _choose(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[ConcreteFunction, list[Any], bool]:
        """A graph that fits, the tensors it takes, and whether these are the arguments' own. A
        graph that takes the arguments as they are goes before one that they are converted for.
        """
        if not self._concretes:
            raise ValueError(
                f"Found zero restored functions for caller function: {self._name} was never called "
                "before it was saved, and has no input_signature"
            )
        bound = self._bind(args, kwargs)
        given = (self._cast_arguments(bound.args), bound.kwargs)
        as_given = all(a is b for a, b in zip(given[0], bound.args, strict=True))
        for convert in (False, True):
            for concrete in self._concretes:
                tensors = _fitting(concrete.structured_input_signature, given, convert)
                if tensors is not None:
                    return concrete, tensors, as_given and not convert
        options = "\n\n".join(
            f"Option {i + 1}:\n  {_described(*concrete.structured_input_signature)}"
            for i, concrete in enumerate(self._concretes)
        )
        raise ValueError(
            "Could not find matching concrete function to call loaded from the SavedModel. Got:\n"
            f"  {_described(*given)}\n\n Expected these arguments to match one of the following "
            f"{len(self._concretes)} option(s):\n\n{options}"
        )

    def _cast_arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Python values as the tensors that an input signature asks for."""
        cast = list(args)
        for i, spec in enumerate(self._saved_input_signature or ()):
            if i >= len(cast) or not isinstance(spec, TensorSpec):
                continue
            value = cast[i]
            try:
                if not isinstance(value, (Tensor, TensorSpec)):
                    value = cast[i] = convert_to_tensor(value, spec.dtype)
            except (TypeError, ValueError) as error:
                self._refuse_cast(value, spec, args, error)
            if not spec.is_compatible_with(value):
                self._refuse_cast(value, spec, args, None)
        return tuple(cast)

    def _refuse_cast(self, value: Any, spec: Any, args: Any, error: Any) -> NoReturn:
        why = f"Can not cast {value!r} to {spec!r}" + ("" if error is None else f": {error}")
        raise TypeError(
            f"Binding inputs to tf.function failed due to `{why}`. Received args: {args} for "
            f"signature: {self._signature}."
        ) from None


def _described(args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    shown = "\n    * ".join(map(repr, args))
    return (
        f"Positional arguments ({len(args)} total):\n    * {shown}\n  Keyword arguments: {kwargs}"
    )


def _fitting(wanted: Any, given: Any, convert: bool) -> list[Any] | None:
    """The tensors among the arguments if they are what a graph was made for."""
    try:
        nest.assert_same_structure(wanted, given, check_types=False, expand_composites=True)
    except (TypeError, ValueError):
        return None
    tensors = []
    leaves = nest.flatten(given, expand_composites=True)
    for spec, leaf in zip(nest.flatten(wanted, expand_composites=True), leaves, strict=True):
        leaf = call_key.converted(leaf)
        if isinstance(spec, TensorSpec):
            if convert and not isinstance(leaf, (Tensor, TensorSpec)):
                try:
                    leaf = convert_to_tensor(leaf, dtype_hint=spec.dtype)
                except (TypeError, ValueError):
                    return None
            if not isinstance(leaf, (Tensor, TensorSpec)):
                return None
            if leaf.dtype.base_dtype != spec.dtype or not spec.shape.is_compatible_with(leaf.shape):
                return None
            tensors.append(leaf)
        elif isinstance(leaf, (Tensor, TensorSpec)) or not _equal(leaf, spec):
            return None
    return tensors


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        return False
