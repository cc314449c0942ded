"""tf.Variable of TensorFlow 2: the value lives with the object, and is changed at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from thalweg import _core, raw_ops
from thalweg.eager.variable_parts import VariableParts
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes, errors
from thalweg.framework.convert import convert_to_tensor, register_tensor_conversion_function
from thalweg.framework.eager_tensor import fallbacks
from thalweg.framework.func_graph import FuncGraph
from thalweg.framework.mode import executing_eagerly
from thalweg.framework.operators import overload_all
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import Reference, SymbolicTensor, TensorLike
from thalweg.ops import state
from thalweg.ops.variables import Variable as GraphVariable
from thalweg.ops.variables import VariableAggregation, VariableSynchronization
from thalweg.trackable.base import VARIABLE_VALUE, Trackable


class Variable(_core.VariableBase, VariableParts, TensorLike, Trackable):
    """A tensor that a program changes.

    Args:
        initial_value: a tensor, something convertible to one, or a function without arguments that
            returns either.
        trainable: whether gradient tapes watch it by themselves; True unless
            `synchronization` is ON_READ.
        validate_shape: no more than TensorFlow 2 does with it: `shape` declares an unknown shape.
        name: 'Variable' by default. Names need not be unique.
        dtype: the element type; that of the initial value by default.
        constraint: a function from a value to an allowed one, for optimizers.
        shape: a shape less specific than the initial value's, to be assigned to later.

    Changes return the variable itself, so that they may be chained; in TensorFlow they return an
    object that stands for it.

    In a plain graph (`tf.Graph().as_default()`, `tf.compat.v1`) this makes that graph's variables.

    Raises:
        ValueError: no initial value, or one that does not fit `shape`.
        NotImplementedError: `caching_device`, `variable_def`, `import_scope`.
    """

    __array_priority__ = 100  # array + variable is a tensor

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        in_graph = not executing_eagerly() and not ops.get_default_graph().building_function
        if cls is Variable and in_graph:
            return GraphVariable(*args, **kwargs)
        return super().__new__(cls)

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: str | None = None,
        constraint: Any = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
        experimental_enable_variable_lifting: bool = True,
    ) -> None:
        for option, value in (
            ("caching_device", caching_device),
            ("variable_def", variable_def),
            ("import_scope", import_scope),
        ):
            if value is not None:
                raise NotImplementedError(f"Variable: {option} is not supported; leave it unset")
        if initial_value is None:
            raise ValueError(
                "The `initial_value` arg to `tf.Variable` must not be None: a variable begins with "
                "a value."
            )
        if constraint is not None and not callable(constraint):
            raise ValueError(
                f"Argument `constraint` must be None or a callable. Got {constraint!r}"
            )
        if trainable is None:
            trainable = synchronization is not VariableSynchronization.ON_READ
        self._constraint = constraint
        self._synchronization, self._aggregation = synchronization, aggregation
        scope = ops.get_name_scope()
        name = name or "Variable"
        self._name = f"{scope}/{name}" if scope else name
        want = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
        value = _initial_value(initial_value, want)
        if shape is None:
            shape = value.shape
        declared = TensorShape(shape)
        if not declared.is_compatible_with(value.shape):
            raise ValueError(
                f"In this `tf.Variable` creation, the initial value's shape ({value.shape}) is not "
                f"compatible with the explicitly supplied `shape` argument ({declared})."
            )
        self._setup(value.dtype.as_datatype_enum, declared._dims, self._name, bool(trainable))
        self._assign(value)
        graph = ops.get_default_graph()
        if not executing_eagerly() and isinstance(graph, FuncGraph):
            graph.variable_created(self)

    # --- what it is

    @property
    def name(self) -> str:
        """Its name, with ':0' as tensors of graphs have it."""
        return f"{self._name}:0"

    @property
    def _shared_name(self) -> str:
        return self._name

    @property
    def _unique_id(self) -> str:
        return f"{self._name}_{self._id}"

    @property
    def dtype(self) -> dtypes.DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        """As declared; unknown where values of several shapes may be assigned."""
        return TensorShape._known(self._dims)

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Nothing, or ValueError where the shape is not compatible with the declared one."""
        if not self.shape.is_compatible_with(shape):
            raise ValueError(
                f"variable {self.name} of shape {self.shape} cannot have shape {shape}"
            )

    @property
    def device(self) -> str:
        """The device that holds the value."""
        return self._device

    @property
    def trainable(self) -> bool:
        """Whether gradient tapes watch it by themselves."""
        return self._trainable

    @property
    def constraint(self) -> Any:
        return self._constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        return self._aggregation

    @property
    def graph(self) -> Any:
        """The graph being built: a variable is used in it as if it were its own."""
        if executing_eagerly():
            raise AttributeError("Variable.graph is undefined when eager execution is enabled.")
        return ops.get_default_graph()

    @property
    def op(self) -> Any:
        """In a function being traced, the operation that last changed it there, or its place."""
        if executing_eagerly():
            raise AttributeError("Variable.op is undefined when eager execution is enabled.")
        return self._function_graph().last_change(self)

    @property
    def initializer(self) -> None:
        """None: a variable has its value from the start."""
        return None

    @property
    def initial_value(self) -> NoReturn:
        raise RuntimeError("This property is not supported when eager execution is enabled.")

    def is_initialized(self, name: str | None = None) -> Any:
        """True, as a tensor."""
        return convert_to_tensor(self._is_initialized())

    def ref(self) -> Reference:
        """A hashable stand-in, compared by identity."""
        return Reference(self)

    experimental_ref = ref

    def __hash__(self) -> int:
        raise TypeError("Variable is unhashable. Instead, use variable.ref() as the key.")

    def __repr__(self) -> str:
        text = f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}"
        if executing_eagerly() and self._is_initialized():
            from thalweg.framework.eager_tensor import _text

            text += f", numpy={_text(self._read(), True)}"
        return text + ">"

    # --- its value

    def _function_graph(self) -> FuncGraph:
        graph = ops.get_default_graph()
        if not isinstance(graph, FuncGraph):
            raise RuntimeError(
                f"variable {self.name} belongs to eager mode; graph mode has variables of its own "
                "(tf.compat.v1.Variable)"
            )
        return graph

    def _ref(self) -> Any:
        """What ops that change variables take."""
        return self if executing_eagerly() else self._function_graph().reference(self)

    def value(self) -> Any:
        """The value it has now, as a tensor."""
        return self._read() if executing_eagerly() else self._function_graph().read(self)

    def read_value(self) -> Any:
        """The value it has now, as a tensor."""
        return self.value()

    def numpy(self) -> Any:
        """A copy of the value as an array.

        Raises:
            NotImplementedError: a function is being traced.
        """
        if not executing_eagerly():
            raise NotImplementedError("numpy() is only available when eager execution is enabled.")
        return self._read().numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._read().__array__(dtype, copy)

    def eval(self, session: Any = None) -> NoReturn:
        raise RuntimeError("This operation is not supported when eager execution is enabled.")

    def __bool__(self) -> bool:
        return bool(self.value())

    def __int__(self) -> int:
        return int(self.value())

    def __float__(self) -> float:
        return float(self.value())

    def __complex__(self) -> complex:
        return complex(self.numpy())

    def __index__(self) -> int:
        return self.value().__index__()

    def __len__(self) -> int:
        return len(self.value())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value())

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec) if spec else str(self)

    def __copy__(self) -> Variable:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        if not executing_eagerly():
            raise NotImplementedError(
                "__deepcopy__() is only available when eager execution is enabled."
            )
        copied = type(self)(
            self._read(),
            trainable=self.trainable,
            name=self._name,
            constraint=self._constraint,
            dtype=self.dtype,
            synchronization=self._synchronization,
            aggregation=self._aggregation,
            shape=self.shape,
        )
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> Any:
        return _restored, (self.numpy(), self.trainable, self._name, self.dtype, self.shape)

    # --- checkpoints

    def _serialize_to_tensors(self) -> dict[str, Any]:
        return {VARIABLE_VALUE: self._read()}

    def _restore_from_tensors(self, restored_tensors: dict[str, Any]) -> None:
        """Takes the tensor of a checkpoint for its value."""
        value = restored_tensors[VARIABLE_VALUE]
        if value.dtype != self.dtype:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"tensor_name = {self._name}; expected dtype {self.dtype.name} does not equal "
                f"original dtype {value.dtype.name}",
            )
        if not self.shape.is_compatible_with(value.shape):
            raise ValueError(
                f"Received incompatible tensor with shape {value.shape} when attempting to restore "
                f"variable with shape {self.shape} and name {self.name}."
            )
        self._assign(value)

    # --- changes

    def _changed(self, read_value: bool) -> Any:
        """What a change gives: the variable, which stands for the value it then has."""
        return self if read_value or not executing_eagerly() else None

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Gives it a value of its dtype and a shape compatible with its own."""
        value = convert_to_tensor(value, self.dtype)
        if not self.shape.is_compatible_with(value.shape):
            raise ValueError(
                f"Cannot assign value to variable '{self.name}': Shape mismatch.The variable shape "
                f"{self.shape}, and the assigned value shape {value.shape} are incompatible."
            )
        if executing_eagerly():
            self._assign(value)
        else:
            state.assign(
                self._ref(), value, validate_shape=self.shape.is_fully_defined(), name=name
            )
        return self._changed(read_value)

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Adds to it."""
        state.assign_add(self._ref(), self._same_shape(delta), name=name)
        return self._changed(read_value)

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtracts from it."""
        state.assign_sub(self._ref(), self._same_shape(delta), name=name)
        return self._changed(read_value)

    def _same_shape(self, delta: Any) -> Any:
        delta = convert_to_tensor(delta, self.dtype)
        if not self.shape.is_compatible_with(delta.shape):
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Cannot update variable {self.name} with shape {self.shape} using a Tensor with "
                f"shape {delta.shape}, shapes must be equal.",
            )
        return delta

    def count_up_to(self, limit: int) -> Any:
        """Its value before it is raised by 1; OutOfRangeError once it has reached `limit`."""
        return state.count_up_to(self._ref(), limit)

    def load(self, value: Any, session: Any = None) -> None:
        """As assign."""
        self.assign(value)


def _initial_value(value: Any, dtype: Any) -> Any:
    """As an eager tensor, whatever is being traced."""
    with ops.init_scope():
        if callable(value) and not isinstance(value, TensorLike):
            value = value()
    if isinstance(value, SymbolicTensor):
        graph = ops.get_default_graph()
        if not isinstance(graph, FuncGraph):
            raise ValueError(
                f"the initial value {value} belongs to a graph that is not being built"
            )
        value = graph.lift(value)
    with ops.init_scope():
        return convert_to_tensor(value, dtype)


def _restored(value: Any, trainable: bool, name: str, dtype: Any, shape: Any) -> Variable:
    return Variable(value, trainable=trainable, name=name, dtype=dtype, shape=shape)


def _tensor_of(
    value: Variable, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Any:
    if dtype is not None and value.dtype != dtypes.as_dtype(dtype).base_dtype:
        raise ValueError(
            f"Incompatible type conversion requested to type {dtypes.as_dtype(dtype).name!r} for "
            f"`tf.Variable of type {value.dtype.name!r}'. (Variable: {value})"
        )
    if as_ref and not executing_eagerly():
        return value._ref()
    return value.value()


def _equality(operator: str) -> Any:
    def compare(self: Any, other: Any) -> Any:
        if other is None:
            return operator == "ne"
        if executing_eagerly():
            other = other.value() if isinstance(other, Variable) else other
            return fallbacks[operator](self.value(), other)
        return raw_ops.Equal(self, other) if operator == "eq" else raw_ops.NotEqual(self, other)

    return compare


def _in_place(sign: str, instead: str) -> Any:
    def refuse(self: Any, value: Any) -> NoReturn:
        raise RuntimeError(
            f"`variable {sign}= value` with `tf.Variable`s is not supported. Use "
            f"`{instead}` to modify the variable, or `out = variable {sign} value` if you need to "
            "get a new output Tensor."
        )

    return refuse


for _name, _sign, _instead in (
    ("add", "+", "variable.assign_add(value)"),
    ("sub", "-", "variable.assign_sub(value)"),
    ("mul", "*", "variable.assign(variable * value)"),
    ("truediv", "/", "variable.assign(variable / value)"),
    ("floordiv", "//", "variable.assign(variable // value)"),
    ("pow", "**", "variable.assign(variable ** value)"),
):
    setattr(Variable, f"__i{_name}__", _in_place(_sign, _instead))
_getitem = Variable.__getitem__
overload_all(Variable)
Variable.__getitem__ = _getitem  # type: ignore[method-assign]
Variable.__eq__ = _equality("eq")  # type: ignore[method-assign]
Variable.__ne__ = _equality("ne")  # type: ignore[method-assign]
register_tensor_conversion_function(Variable, _tensor_of, 90)
