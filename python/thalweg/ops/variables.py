"""Variables of graph mode: a VariableV2 op, its initializer and its snapshot."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.convert import (
    convert_to_tensor,
    register_tensor_conversion_function,
)
from thalweg.framework.default_session import get_default_session
from thalweg.framework.graph import Graph, GraphKeys, Operation, Tensor
from thalweg.framework.operators import overload_all
from thalweg.framework.scope_names import prepend_name_scope, strip_name_scope
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import SymbolicTensor, TensorLike
from thalweg.ops import state


class VariableSynchronization(enum.Enum):
    """When replicas of a variable are aggregated; graph mode here has one replica."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(enum.Enum):
    """How replicas of a variable are aggregated; graph mode here has one replica."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


class Variable(TensorLike):
    """A tensor that outlives runs; each session holds its own value.

    Args:
        initial_value: a tensor, something convertible to one, or a function without arguments
            that returns either (its ops then live under '<name>/Initializer').
        trainable: whether optimizers change it by default.
        collections: names of the collections that list it; GLOBAL_VARIABLES by default.
        validate_shape: False gives a variable of unknown shape.
        expected_shape: ignored, as in TensorFlow.
        constraint: applied to the value after each optimizer update.

    Raises:
        ValueError: no initial value, or one without a shape while `validate_shape` holds.
        NotImplementedError: resource variables, and caching devices.
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Sequence[str] | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: str | None = None,
        constraint: Callable[[Tensor], Any] | None = None,
        use_resource: bool | None = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
    ) -> None:
        if use_resource:
            raise NotImplementedError(
                "Variable: resource variables are not supported; leave use_resource unset"
            )
        if variable_def is not None:
            if initial_value is not None:
                raise ValueError("variable_def and initial_value are mutually exclusive.")
            self._from_proto(variable_def, import_scope)
            return
        if import_scope is not None:
            raise ValueError("Variable: import_scope goes with variable_def")
        if caching_device is not None:
            raise NotImplementedError("Variable: caching_device is not supported; leave it unset")
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        if collections is None:
            collections = [GraphKeys.GLOBAL_VARIABLES]
        if not isinstance(collections, (list, tuple, set)):
            raise ValueError(
                f"collections argument to Variable constructor must be a list, tuple, or set. "
                f"Got {collections} of type {type(collections)}"
            )
        if constraint is not None and not callable(constraint):
            raise ValueError("The `constraint` argument must be a callable.")
        self._trainable = trainable is not False
        if self._trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
        self._constraint = constraint
        self._synchronization, self._aggregation = synchronization, aggregation
        self._save_slice_info = None
        function = ops.get_default_graph()
        scope, graph = function.get_name_scope(), function.outermost()
        inside = function.building_function and isinstance(initial_value, SymbolicTensor)
        if inside and initial_value.graph is not graph:
            raise ValueError(
                "Tensor-typed variable initializers must be callable (e.g., `tf.Variable(lambda : "
                "tf.truncated_normal([10, 40]))`) when building functions, or come from the same "
                f"graph as the variable. Got: {initial_value}"
            )
        with (
            graph.as_default(),
            graph.control_dependencies(None),
            graph.name_scope(f"{scope}/" if scope else None),
        ):
            self._build(initial_value, name, dtype, shape, validate_shape)
        graph.add_to_collections(collections, self)

    def _build(
        self, initial_value: Any, name: str | None, dtype: Any, shape: Any, validate: bool
    ) -> None:
        want = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
        from_function = callable(initial_value) and not isinstance(
            initial_value, (Tensor, Variable)
        )
        values = [] if from_function else [initial_value]
        with ops.name_scope(name, "Variable", values) as scope:
            if from_function:
                with ops.name_scope("Initializer"), ops.device(None):
                    value = convert_to_tensor(initial_value(), dtype=want, name="initial_value")
            else:
                value = convert_to_tensor(initial_value, dtype=want, name="initial_value")
            static = (
                TensorShape(shape)
                if shape is not None
                else value.shape
                if validate
                else TensorShape(None)
            )
            if validate and not value.shape.is_fully_defined() and shape is None:
                raise ValueError(f"initial_value must have a shape specified: {value}")
            self._initial_value = value
            self._variable = raw_ops.VariableV2(
                shape=static, dtype=value.dtype.base_dtype, name=scope
            )
            op = self._variable.op
            source = _initialized_inputs(value)
            self._initializer_op = state.assign(self._variable, source, validate_shape=validate).op
            with ops.colocate_with(op):
                self._snapshot = raw_ops.Identity(self._variable, name="read")

    def _from_proto(self, variable_def: Any, import_scope: str | None) -> None:
        graph = ops.get_default_graph()

        def find(name: str) -> Any:
            return graph.as_graph_element(prepend_name_scope(name, import_scope))

        if variable_def.is_resource:
            raise NotImplementedError("Variable: resource variables are not supported")
        if variable_def.save_slice_info_def:
            raise NotImplementedError("Variable: partitioned variables are not supported")
        self._variable = find(variable_def.variable_name)
        self._initializer_op = find(variable_def.initializer_name)
        self._snapshot = find(variable_def.snapshot_name)
        # Graphs written before this name was kept: the initializer assigns it.
        self._initial_value = (
            find(variable_def.initial_value_name)
            if variable_def.initial_value_name
            else self._initializer_op.inputs[1]
        )
        self._trainable = variable_def.trainable
        self._constraint = None
        self._synchronization = VariableSynchronization(variable_def.synchronization)
        self._aggregation = VariableAggregation(variable_def.aggregation)
        self._save_slice_info = None

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The names of its nodes as a VariableDef; None if it lies outside of `export_scope`."""
        from thalweg.framework.meta_graph import VariableDef

        if export_scope and not self._variable.name.startswith(f"{export_scope.rstrip('/')}/"):
            return None

        def strip(name: str) -> str:
            return strip_name_scope(name, export_scope)

        return VariableDef(
            variable_name=strip(self._variable.name),
            initializer_name=strip(self._initializer_op.name),
            snapshot_name=strip(self._snapshot.name),
            initial_value_name=strip(self._initial_value.name),
            trainable=self._trainable,
            synchronization=self._synchronization.value,
            aggregation=self._aggregation.value,
        )

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> Variable:
        """The variable that a VariableDef names; its nodes must be in the default graph."""
        return Variable(variable_def=variable_def, import_scope=import_scope)

    # --- identity ---

    @property
    def name(self) -> str:
        """The name of its tensor, such as 'weights:0'."""
        return self._variable.name

    @property
    def op(self) -> Operation:
        """The op that stands for the variable."""
        return self._variable.op

    @property
    def dtype(self) -> dtypes.DType:
        """Its reference dtype; `dtype.base_dtype` is that of its value."""
        return self._variable.dtype._as_ref

    @property
    def shape(self) -> TensorShape:
        """Its static shape."""
        return self._variable.shape

    @property
    def device(self) -> str:
        """The device it was asked to live on."""
        return self._variable.device

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        return self._variable.graph

    @property
    def trainable(self) -> bool:
        """Whether optimizers change it by default."""
        return self._trainable

    @property
    def constraint(self) -> Callable[[Tensor], Any] | None:
        """The function applied to its value after each optimizer update."""
        return self._constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        """As given to the constructor."""
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        """As given to the constructor."""
        return self._aggregation

    @property
    def initializer(self) -> Operation:
        """The op that gives it its initial value."""
        return self._initializer_op

    @property
    def initial_value(self) -> Tensor:
        """The tensor that the initializer assigns."""
        return self._initial_value

    def get_shape(self) -> TensorShape:
        """Its static shape."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Adds knowledge about its shape."""
        self._variable.set_shape(shape)
        self._snapshot.set_shape(shape)

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __hash__(self) -> int:
        return id(self)

    def __iter__(self) -> Any:
        raise TypeError("'Variable' object is not iterable.")

    def _as_graph_element(self) -> Tensor:
        return self._variable

    # --- values ---

    def value(self) -> Tensor:
        """The snapshot that ops read when they are given the variable."""
        return self._snapshot

    def _ref(self) -> Tensor:
        return self._variable

    def ref(self) -> Any:
        """A hashable stand-in, compared by identity."""
        return self._variable.ref()

    def read_value(self) -> Tensor:
        """A new read, ordered by the control dependencies of this place."""
        return raw_ops.Identity(self._variable, name="read")

    def initialized_value(self) -> Tensor:
        """Its value once initialized: for initial values that depend on another variable.

        The initializer of this variable runs first, in the same run.
        """
        with (
            ops.control_dependencies(None),
            ops.control_dependencies([self._initializer_op]),
            ops.colocate_with(self.op),
        ):
            return raw_ops.Identity(self._variable)

    def eval(self, session: Any = None) -> Any:
        """Its value in `session` or the default session."""
        return self._snapshot.eval(session=session)

    def load(self, value: Any, session: Any = None) -> None:
        """Sets its value in `session` or the default session, adding nothing to the graph."""
        session = session or get_default_session()
        if session is None:
            raise ValueError(
                "Either session argument should be provided or default session should be "
                "established"
            )
        session.run(self.initializer, {self.initializer.inputs[1]: value})

    # --- updates ---

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Gives it a value; returns the variable's tensor after that, or the op."""
        done = state.assign(self._variable, value, use_locking=use_locking, name=name)
        return done if read_value else done.op

    def assign_add(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Adds to it; returns the variable's tensor after that, or the op."""
        done = state.assign_add(self._variable, delta, use_locking=use_locking, name=name)
        return done if read_value else done.op

    def assign_sub(
        self,
        delta: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtracts from it; returns the variable's tensor after that, or the op."""
        done = state.assign_sub(self._variable, delta, use_locking=use_locking, name=name)
        return done if read_value else done.op

    def scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        """Sets the rows named by IndexedSlices."""
        return state.scatter_update(
            self._variable, sparse_delta.indices, sparse_delta.values, use_locking, name
        )

    def scatter_add(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        """Adds IndexedSlices to its rows."""
        return state.scatter_add(
            self._variable, sparse_delta.indices, sparse_delta.values, use_locking, name
        )

    def scatter_sub(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Tensor:
        """Subtracts IndexedSlices from its rows."""
        return state.scatter_sub(
            self._variable, sparse_delta.indices, sparse_delta.values, use_locking, name
        )

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        """Sets the slices at index tuples."""
        return state.scatter_nd_update(self._variable, indices, updates, name=name)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        """Adds to the slices at index tuples."""
        return state.scatter_nd_add(self._variable, indices, updates, name=name)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Tensor:
        """Subtracts from the slices at index tuples."""
        return state.scatter_nd_sub(self._variable, indices, updates, name=name)

    def count_up_to(self, limit: int) -> Tensor:
        """Its value before adding one; OutOfRangeError once it has reached `limit`."""
        return state.count_up_to(self._variable, limit)


def _tensor_of(
    value: Variable, dtype: Any = None, name: str | None = None, as_ref: bool = False
) -> Tensor:
    if dtype is not None and not value.dtype.base_dtype == dtypes.as_dtype(dtype).base_dtype:
        raise ValueError(
            f"Incompatible type conversion requested to type '{dtypes.as_dtype(dtype).name}' "
            "for variable of type "
            f"'{value.dtype.base_dtype.name}'"
        )
    return value._ref() if as_ref else value.value()


overload_all(Variable)
register_tensor_conversion_function(Variable, _tensor_of)


def _initialized_inputs(value: Tensor) -> Tensor:
    """`value` computed from initialized variables, so that initializers may run in any order.

    Ops between a variable's read and `value` are copied; where no variable is read, `value`
    itself returns.
    """
    graph = value.graph
    readers = {
        v._snapshot.op: v
        for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
        if isinstance(v, Variable)
    }
    if not readers:
        return value
    done: dict[Tensor, Tensor] = {}
    pending = [value]
    while pending:
        tensor = pending[-1]
        if tensor in done:
            pending.pop()
            continue
        op = tensor.op
        if op in readers:
            done[tensor] = readers[op].initialized_value()
            continue
        # Reads of a reference (an assignment's result, for example) keep their own order.
        if any(i.dtype._is_ref_dtype for i in op.inputs):
            done[tensor] = tensor
            continue
        missing = [i for i in op.inputs if i not in done]
        if missing:
            pending += missing
            continue
        inputs = [done[i] for i in op.inputs]
        if all(a is b for a, b in zip(inputs, op.inputs, strict=True)):
            done[tensor] = tensor
            continue
        copied = _copy(op, inputs)
        done.update(zip(op.outputs, copied.outputs, strict=True))
    return done[value]


def _copy(op: Operation, inputs: list[Tensor]) -> Operation:
    attrs = {name: op.get_attr(name) for name in op.graph.core.node_attrs(op._id)}
    with ops.control_dependencies(op.control_inputs):
        return op.graph.create_op(
            op.type, inputs, name=op.name.rsplit("/", 1)[-1] + "_initialized", attrs=attrs
        )
