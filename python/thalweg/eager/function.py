"""tf.function: Python functions that become graphs when they are called."""

from __future__ import annotations

import functools
import inspect
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from thalweg import _core
from thalweg.eager import call_key, function_type
from thalweg.eager.autograph import convert_if_needed, unconverted
from thalweg.eager.concrete_function import ConcreteFunction
from thalweg.eager.input_signature import checked_signature, fitted
from thalweg.eager.trace import outermost, trace
from thalweg.framework import default_graph as ops
from thalweg.framework import nest, random_seed
from thalweg.framework.config_state import state as settings
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.func_graph import unique_function_name
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.scopes import eager_scopes
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import Tensor
from thalweg.framework.type_spec import TensorSpec
from thalweg.platform import logging

_MOST_GRAPHS = 256  # of one function; the one not called for longest goes
_MANY_TRACES = 5  # in as many calls: worth a warning


class Function(_core.FunctionCalls):
    """A Python function that is traced once for every form of its arguments, and called as a graph
    from then on. Made by `tf.function`.

    Python code in it, side effects included, runs while it is traced. Arguments that are tensors or
    arrays are told apart by dtype and shape, all others by their value.
    """

    def __init__(
        self,
        python_function: Callable[..., Any],
        name: str | None = None,
        input_signature: Any = None,
        autograph: bool = True,
        jit_compile: bool | None = None,
        reduce_retracing: bool = False,
        autograph_options: Any = None,
    ) -> None:
        self._python_function = python_function
        own_name: Any = getattr(python_function, "__name__", None)
        self._name = str(name or own_name or type(python_function).__name__)
        self._signature = _signature(python_function)
        self._input_signature = checked_signature(input_signature, self._signature, self._name)
        self._autograph = autograph
        self._autograph_options = autograph_options
        self._jit_compile = jit_compile
        self._reduce_retracing = reduce_retracing
        self._lock = threading.RLock()
        self._graphs: OrderedDict[Any, ConcreteFunction] = OrderedDict()
        self._relaxed: dict[Any, list[tuple[Any, ConcreteFunction]]] = {}
        self._created_variables = False
        self._traces = 0
        self._descriptor: Function | None = None  # of the class, where this one is an object's
        self._traced = False  # a trace that failed does not count
        self._recent: list[bool] = []  # whether the last calls were traced
        self._last_leaves: list[Any] = []
        self._bound: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        functools.update_wrapper(self, python_function, updated=())
        _live.add(self)

    # --- what it is

    @property
    def python_function(self) -> Callable[..., Any]:
        return self._python_function

    @property
    def name(self) -> str:
        return self._name

    @property
    def input_signature(self) -> Any:
        return self._input_signature

    @property
    def function_spec(self) -> inspect.Signature:
        """Its parameters."""
        return self._signature

    def _concrete_functions(self) -> list[ConcreteFunction]:
        return list(self._graphs.values())

    def experimental_get_tracing_count(self) -> int:
        """How often the Python function has been traced."""
        return self._traces

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """Arguments and results of all its graphs, as text."""
        graphs = {id(c): c for c in self._graphs.values()}.values()
        return "\n\n".join(c.pretty_printed_signature(verbose) for c in graphs)

    def __repr__(self) -> str:
        return f"<tf.function {self._name} with {len(self._graphs)} graphs>"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """The function of one object, with graphs of its own."""
        if instance is None:
            return self
        kept = getattr(instance, "__dict__", None)
        found = None if kept is None else kept.get(self._name)
        if isinstance(found, Function) and found._descriptor is self:
            return found  # methods such as __call__ are looked up in the class first
        try:
            found = self._bound.get(instance)
        except TypeError:  # not hashable, or no weak references to it
            found = None
        if found is not None:
            return found
        if (
            kept is not None
            and self._name.isidentifier()
            and vars(type(instance)).get(self._name) is self
        ):
            found = kept[self._name] = self._bind_to(instance)  # found before this one from now on
            return found
        try:
            found = self._copy(_weakly(self._python_function, weakref.ref(instance)))
            self._bound[instance] = found
        except TypeError:
            found = self._bind_to(instance)
        return found

    def _bind_to(self, instance: Any) -> Function:
        bound = self._copy(self._python_function.__get__(instance, type(instance)))
        bound._descriptor = self
        return bound

    def _options(self) -> dict[str, Any]:
        """What another one of the kind is made with."""
        return {
            "name": self._name,
            "input_signature": self._input_signature,
            "autograph": self._autograph,
            "jit_compile": self._jit_compile,
            "reduce_retracing": self._reduce_retracing,
            "autograph_options": self._autograph_options,
        }

    def _copy(self, python_function: Any) -> Function:
        return type(self)(python_function, **self._options())

    def __copy__(self) -> Function:
        return self._copy(self._python_function)

    def __deepcopy__(self, memo: dict[int, Any]) -> Function:
        function = self._python_function
        instance = getattr(function, "__self__", None)
        if instance is not None and id(instance) in memo:
            function = function.__func__.__get__(memo[id(instance)])  # type: ignore[attr-defined]
        return self._copy(function)

    def __reduce__(self) -> Any:
        return _restored, (self._python_function, self._options())

    # --- calls

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
        """What the core does not know yet."""
        kwargs = kwargs or {}
        if settings.functions_run_eagerly:
            return self._python_function(*args, **kwargs)
        concrete, tensors = self._find(args, kwargs)
        if not executing_eagerly():
            return concrete.call_flat(tensors)
        if not kwargs and _plain(args) and self._takes_as_they_are(args):
            self._remember(args, concrete._function)
        return concrete.call_flat(tensors)

    def _takes_as_they_are(self, args: tuple[Any, ...]) -> bool:
        """Whether an input signature leaves these arguments unchanged, as tensors of its types."""
        if self._input_signature is None:
            return True
        return len(args) == len(self._input_signature) and all(
            isinstance(spec, TensorSpec) and isinstance(v, Tensor) and v.dtype == spec.dtype
            for v, spec in zip(args, self._input_signature, strict=True)
        )

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The graph for such arguments; `tf.TensorSpec`s stand for tensors."""
        if self._input_signature is not None and not args and not kwargs:
            args = tuple(self._input_signature)
        return self._find(args, kwargs)[0]

    def _find(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[ConcreteFunction, list[Any]]:
        """The graph for a call, made if there is none; and the tensors that it takes."""
        bound = self._bind(args, kwargs)
        structure = (self._as_specified(bound.args), bound.kwargs)
        leaves = nest.flatten(structure, expand_composites=True)
        if self._input_signature is not None:
            leaves = self._cast(leaves, args, kwargs)
        leaves = [call_key.converted(v) for v in leaves]
        places = [i for i, v in enumerate(leaves) if isinstance(v, (Tensor, TensorSpec))]
        tensors = [leaves[i] for i in places]
        device, shape_of = eager_scopes.device, call_key.structure_key(structure)
        kinds = tuple(map(call_key.leaf_key, leaves))
        keys = [(context, device, shape_of, kinds) for context in _contexts()]
        with self._lock:
            key = next((k for k in keys if k in self._graphs), keys[0])
            found = self._graphs.get(key)
            if found is None and self._input_signature is not None:
                found, key = self._with_signature(keys, structure, leaves, places)
            if found is None and self._reduce_retracing:
                found, key = self._relaxed_for(keys, structure, leaves)
            if found is not None:
                self._graphs.setdefault(key, found)
                self._graphs.move_to_end(key)
                self._note(False, leaves)
                return found, tensors
            found = self._trace(structure, leaves, places)
            self._graphs[_place(keys, found)] = found
            if len(self._graphs) > _MOST_GRAPHS:
                self._graphs.popitem(last=False)
                self._forget()
            self._note(True, leaves)
            return found, tensors

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise self._unbound(error, args, kwargs) from None
        bound.apply_defaults()
        return bound

    def _unbound(self, why: Any, args: Any, kwargs: Any) -> TypeError:
        takes = str(self._signature)
        if self._input_signature is not None:
            specs = function_type.parameters(self._signature, self._input_signature, {})
            takes = function_type.parameters_text(specs)
        return TypeError(
            f"Binding inputs to tf.function failed due to `{why}`. Received args: {args} and "
            f"kwargs: {kwargs} for signature: {takes}."
        )

    def _note(self, traced: bool, leaves: list[Any]) -> None:
        """Warns of a function that is traced again and again, and names what keeps changing."""
        self._recent = [*self._recent[1 - 2 * _MANY_TRACES :], traced]
        if (
            traced
            and self._recent.count(True) == _MANY_TRACES
            and len(self._recent) >= _MANY_TRACES
        ):
            changing = [
                name
                for name, a, b in zip(
                    self._leaf_names(len(leaves)), self._last_leaves, leaves, strict=False
                )
                if call_key.leaf_key(a) != call_key.leaf_key(b)
            ]
            what = (
                f"argument {', '.join(changing)} keeps changing"
                if changing
                else "its arguments change"
            )
            logging.warning(
                "%d out of the last %d calls to %s triggered tf.function retracing: %s. Tracing is "
                "expensive. Pass tensors instead of Python numbers, shapes that stay the same, or "
                "reduce_retracing=True.",
                _MANY_TRACES,
                len(self._recent),
                self._name,
                what,
            )
        self._last_leaves = [
            TensorSpec(v.shape, v.dtype) if isinstance(v, Tensor) else v for v in leaves
        ]

    def _leaf_names(self, count: int) -> list[str]:
        names = list(self._signature.parameters)
        return names if len(names) == count else [f"#{i}" for i in range(count)]

    # --- tracing

    def _trace(
        self, structure: Any, leaves: list[Any], places: list[int], relax: Any = None
    ) -> ConcreteFunction:
        names = _argument_names(structure, self._signature)
        specs = []
        for i in places:
            leaf = leaves[i]
            shape = leaf.shape if relax is None else relax[i]
            given = leaf.name if isinstance(leaf, TensorSpec) and leaf.name else None
            specs.append((i, leaf.dtype, shape, given or names[i]))
        python_function = self._python_function
        if self._autograph:
            python_function = convert_if_needed(python_function, self._autograph_options)
        else:
            python_function = unconverted(python_function)

        def call(function: Callable[..., Any], values: list[Any]) -> Any:
            args, kwargs = nest.pack_sequence_as(structure, values, expand_composites=True)
            result = function(*args, **kwargs)
            self._check_unchanged(structure, values, args, kwargs)
            return result

        first = not self._traced and not self._created_variables
        self._traces += 1
        name = unique_function_name(f"__inference_{self._name}", "graph")
        graph = trace(python_function, name, leaves, specs, call, may_create=first)
        if graph.created:
            # What is made on the first call must not be made on the next.
            self._created_variables = True
            self._keep = graph.created
            name = unique_function_name(f"__inference_{self._name}", "graph")
            graph = trace(python_function, name, leaves, specs, call, may_create=False)
        self._traced = True
        signature, typed = list(leaves), list(leaves)
        for i, dtype, shape, argument in specs:
            signature[i] = TensorSpec(shape, dtype, argument)
            own = leaves[i].name if isinstance(leaves[i], TensorSpec) else None
            typed[i] = TensorSpec(shape, dtype, own)
        packed = [
            nest.pack_sequence_as(structure, values, expand_composites=True)
            for values in (signature, typed)
        ]
        parameters = function_type.parameters(self._signature, *packed[1])
        return ConcreteFunction(graph, [s[3] for s in specs], packed[0], parameters)

    def _check_unchanged(self, structure: Any, values: list[Any], args: Any, kwargs: Any) -> None:
        """Containers among the arguments are copies: changing them would change nothing outside."""
        given = nest.pack_sequence_as(structure, values, expand_composites=True)
        before, after = self._named(*given), self._named(args, kwargs)
        changed = [n for n, v in before.items() if not _same_containers(v, after[n])]
        if changed:
            raise ValueError(
                f"{self._name}{self._signature} should not modify its Python input arguments. "
                "Modifying a copy is allowed. The following parameter(s) were modified: "
                f"{', '.join(changed)}"
            )

    def _named(self, args: Any, kwargs: Any) -> OrderedDict[str, Any]:
        return OrderedDict(self._signature.bind(*args, **kwargs).arguments)

    def _relaxed_for(
        self, keys: list[Any], structure: Any, leaves: list[Any]
    ) -> tuple[ConcreteFunction | None, Any]:
        """A graph for unknown sizes, or ranks, where calls so far differ in them alone."""
        general = [_without_sizes(key) for key in keys]
        shapes = [
            TensorShape(v.shape) if isinstance(v, (Tensor, TensorSpec)) else None for v in leaves
        ]
        for key, kept in zip(keys, general, strict=True):
            for taken, concrete in self._relaxed.get(kept, ()):
                if all(
                    s is None or t.is_compatible_with(s) for t, s in zip(taken, shapes, strict=True)
                ):
                    return concrete, key
        others = [k for k in self._graphs if _without_sizes(k) in general]
        if not others:
            return None, keys[0]
        relax = [
            s if s is None else _wider(s, [TensorShape(k[3][i][2]) for k in others])
            for i, s in enumerate(shapes)
        ]
        places = [i for i, s in enumerate(shapes) if s is not None]
        concrete = self._trace(structure, leaves, places, relax)
        key = _place(keys, concrete)
        self._relaxed.setdefault(_without_sizes(key), []).append((relax, concrete))
        return concrete, key

    # --- input signatures

    def _as_specified(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """With lists of numbers as tensors where the signature has a tensor."""
        specs = self._input_signature
        if specs is None:
            return args
        first = [fitted(spec, v) for spec, v in zip(specs, args, strict=False)]
        return (*first, *args[len(first) :])

    def _cast(self, leaves: list[Any], args: Any, kwargs: Any) -> list[Any]:
        """The arguments as tensors of the signature; what is a tensor has to fit as it is."""
        specs = nest.flatten(self._input_signature, expand_composites=True)
        given = list(leaves)
        if len(given) < len(specs):
            raise self._unbound(
                f"{self._name} takes {len(specs)} tensors, got {len(given)}", args, kwargs
            )
        for i, spec in enumerate(specs):
            value: Any = given[i]
            why = ""
            if not isinstance(value, (Tensor, TensorSpec)):
                try:
                    value = convert_to_tensor(value, spec.dtype)
                except (TypeError, ValueError) as error:
                    why = f": {error}"
            fits = isinstance(value, (Tensor, TensorSpec)) and value.dtype is spec.dtype
            if not fits or not spec.shape.is_compatible_with(value.shape):
                text = function_type.type_text
                why = f"Can not cast {text(value)} to {text(spec)}{why}"
                raise self._unbound(why, args, kwargs)
            given[i] = value
        return given

    def _with_signature(
        self, keys: list[Any], structure: Any, leaves: list[Any], places: list[int]
    ) -> tuple[ConcreteFunction, Any]:
        specs = nest.flatten(self._input_signature, expand_composites=True)
        rest = tuple(map(call_key.leaf_key, leaves[len(specs) :]))
        general = [(key[0], "signature", key[2], rest) for key in keys]
        for key, kept in zip(keys, general, strict=True):
            if kept in self._graphs:
                return self._graphs[kept], key
        found = self._trace(structure, [*specs, *leaves[len(specs) :]], places)
        self._graphs[_place(general, found)] = found
        return found, _place(keys, found)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # builtins
        parameter = inspect.Parameter
        return inspect.Signature(
            [
                parameter("args", parameter.VAR_POSITIONAL),
                parameter("kwargs", parameter.VAR_KEYWORD),
            ]
        )
    return signature


def _same_containers(a: Any, b: Any) -> bool:
    """Whether the same leaves are in the same places."""
    if not nest.is_nested(a) or not nest.is_nested(b):
        return a is b or nest.is_nested_or_composite(a)
    try:
        nest.assert_same_structure(a, b)
    except (TypeError, ValueError):
        return False
    pairs = zip(nest.flatten(a), nest.flatten(b), strict=True)
    return all(x is y or nest.is_nested_or_composite(x) for x, y in pairs)


def _weakly(function: Callable[..., Any], instance: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return function(instance(), *args, **kwargs)

    parameters = list(inspect.signature(function).parameters.values())[1:]
    described: Any = method
    described.__signature__ = inspect.Signature(parameters)
    described._weakly_bound = function, lambda other: _weakly(other, instance)
    return method


def _plain(args: Any) -> bool:
    """Whether the core tells the arguments apart as the key here does: no arrays among them."""
    return all(
        _plain(v) if type(v) in (tuple, list) else not hasattr(v, "__array_interface__")
        for v in args
    )


def _argument_names(structure: Any, signature: inspect.Signature) -> list[str]:
    """For every leaf, the name of the parameter that it belongs to."""
    args, kwargs = structure
    names: list[str] = []
    parameters = list(signature.parameters.values())
    for i, value in enumerate(args):
        p = parameters[min(i, len(parameters) - 1)] if parameters else None
        name = "args" if p is None else p.name
        names += [name] * len(nest.flatten(value, expand_composites=True))
    for key in sorted(kwargs):
        names += [key] * len(nest.flatten(kwargs[key], expand_composites=True))
    return names


_live: weakref.WeakSet[Function] = weakref.WeakSet()


def _forget_calls() -> None:
    """Graphs that draw random numbers begin anew: what the core remembers is of before."""
    for function in list(_live):
        if any(concrete.draws() for concrete in function._concrete_functions()):
            function._forget()


random_seed.on_set_seed(_forget_calls)


def _contexts() -> list[Any]:
    """Where graphs may be that serve a call from here: None for those that serve all; last of all
    those that are for the function which is being traced.
    """
    if outermost():
        return [None]
    around = ops.get_default_graph()
    own = call_key.Same(around)
    return [own] if around._scopes.device or around._scopes.overrides else [None, own]


def _place(keys: list[Any], concrete: ConcreteFunction) -> Any:
    """A graph that uses nothing of the function around it goes to those that serve all calls."""
    return keys[0] if len(keys) == 1 or concrete.graph.stands_alone() else keys[-1]


def _without_sizes(key: Any) -> Any:
    """A key in which tensors count by their dtype alone."""
    kinds = tuple(k[:2] if isinstance(k, tuple) and k[0] == "tensor" else k for k in key[3])
    return (*key[:3], kinds)


def _wider(shape: TensorShape, others: list[TensorShape]) -> TensorShape:
    for other in others:
        shape = shape.most_specific_compatible_shape(other)
    return shape


def _restored(python_function: Any, options: dict[str, Any]) -> Function:
    return Function(python_function, **options)


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: Any = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Any:
    """Makes a Python function a graph when it is called; a decorator, with or without arguments.

    Args:
        input_signature: a `tf.TensorSpec` for each argument: one graph serves all calls.
        autograph: whether `if`, `while`, `for` and the like over tensors become operations.
        jit_compile: accepted; graphs are planned and fused in any case.
        reduce_retracing: whether a second shape of an argument makes a graph for all shapes.
        experimental_implements, experimental_attributes: refused.
        experimental_relax_shapes, experimental_compile: older names.
        experimental_follow_type_hints: whether numbers for parameters annotated tf.Tensor become
            tensors.
    """
    for name, value in (
        ("experimental_implements", experimental_implements),
        ("experimental_attributes", experimental_attributes),
        ("experimental_follow_type_hints", experimental_follow_type_hints),
    ):
        if value:
            raise NotImplementedError(f"tf.function: {name} is not supported; leave it unset")
    if func is not None and not callable(func):
        raise TypeError(f"{func!r} is not a callable object")
    options = {
        "input_signature": input_signature,
        "autograph": autograph,
        "jit_compile": experimental_compile if jit_compile is None else jit_compile,
        "reduce_retracing": bool(reduce_retracing or experimental_relax_shapes),
        "autograph_options": experimental_autograph_options,
    }

    def decorate(python_function: Callable[..., Any]) -> Function:
        if isinstance(python_function, Function):
            python_function = python_function.python_function
        return Function(python_function, **options)

    return decorate if func is None else decorate(func)
