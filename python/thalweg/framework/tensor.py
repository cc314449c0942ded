"""Tensor, and its graph form: Operation and SymbolicTensor are light views of a node of the core's
graph and of its outputs, unique per node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from thalweg.framework import dtypes
from thalweg.framework.default_session import session_for
from thalweg.framework.errors import OperatorNotAllowedInGraphError
from thalweg.framework.op_spec import op_spec
from thalweg.framework.shapes import TensorShape

if TYPE_CHECKING:
    from thalweg.framework.graph import Graph


class TensorLike:
    """Base class of what stands for a tensor: tensors, variables, slices."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def graph(self) -> Graph: ...
        @property
        def dtype(self) -> dtypes.DType: ...


_GROWING = frozenset(
    [
        "If",
        "StatelessIf",
        "Case",
        "StatelessCase",
        "While",
        "StatelessWhile",
        "PartitionedCall",
        "StatefulPartitionedCall",
    ]
)


def attribute_of(op: Any, attrs: dict[str, Any], name: str) -> Any:
    """Of what the core gives for the attributes of an operation, what programs see."""
    if name not in attrs:
        raise ValueError(f"Operation '{op.name}' has no attr named '{name}'.")
    value = attrs[name]
    kind = op_spec(op.type).attr_kinds.get(name)
    if kind == "type":
        return dtypes.as_dtype(value)
    if kind == "list(type)":
        return [dtypes.as_dtype(v) for v in value]
    if kind in ("shape", "list(shape)", "tensor"):
        from thalweg.framework import graph_pb

        if kind == "tensor":
            return graph_pb.make_tensor_proto(value)
        if kind == "shape":
            return graph_pb.shape_proto(value)
        return [graph_pb.shape_proto(v) for v in value]
    return value


class Operation:
    """One node of a graph. Made by the graph; `name` and `type` never change."""

    __slots__ = ("__dict__", "__weakref__", "_id", "_outputs", "_type", "graph", "name")

    def __init__(
        self, graph: Graph, node_id: int, name: str | None = None, op_type: str | None = None
    ) -> None:
        self.graph = graph
        self._id = node_id
        self.name: str = graph.core.node_name(node_id) if name is None else name
        self._type = op_type
        self._outputs: list[SymbolicTensor] | None = None

    @property
    def type(self) -> str:
        if self._type is None:
            self._type = self.graph.core.node_op(self._id)
        return self._type

    @property
    def outputs(self) -> list[SymbolicTensor]:
        outputs = self._outputs
        if outputs is None:
            outputs = self._outputs = [
                SymbolicTensor(self, i) for i in range(self.graph.core.num_outputs(self._id))
            ]
        elif self._type in _GROWING:  # gradients keep what they need in further outputs
            for i in range(len(outputs), self.graph.core.num_outputs(self._id)):
                outputs.append(SymbolicTensor(self, i))
        return outputs

    @property
    def inputs(self) -> tuple[SymbolicTensor, ...]:
        op_at = self.graph._op
        return tuple([op_at(node).outputs[i] for node, i in self.graph.core.node_inputs(self._id)])

    @property
    def control_inputs(self) -> list[Operation]:
        return [self.graph._op(i) for i in self.graph.core.node_control_inputs(self._id)]

    @property
    def device(self) -> str:
        return self.graph.core.node_device(self._id)

    @property
    def node_def(self) -> Any:
        from thalweg.framework.graph_pb import node_def

        return node_def(self)

    @property
    def op_def(self) -> Any:
        return op_spec(self.type)

    @property
    def site(self) -> str:
        """Where in the user's program the node was made: 'path/train.py:42'."""
        return self.graph.core.node_site(self._id)

    @property
    def traceback(self) -> list[Any]:
        import traceback

        path, _, line = self.site.rpartition(":")
        return [traceback.FrameSummary(path, int(line), "<user code>")] if line.isdigit() else []

    def values(self) -> tuple[SymbolicTensor, ...]:
        return tuple(self.outputs)

    def get_attr(self, name: str) -> Any:
        """An attribute's value: DType for types, bytes for strings, protos for shapes and
        tensors.
        """
        return attribute_of(self, self.graph.core.node_attrs(self._id), name)

    def colocation_groups(self) -> list[bytes]:
        groups = self.graph.core.node_attrs(self._id).get("_class", [])
        return list(groups) or [b"loc:@" + self.name.encode()]

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Runs this operation in `session` or the default session."""
        session_for(session, self.graph, "execute operation", "run()").run(self, feed_dict)

    def _set_attr(self, name: str, value: Any) -> None:
        self.graph.core.set_attr(self._id, name, value)

    def _set_device(self, device: Any) -> None:
        self.graph.core.set_device(
            self._id, device if isinstance(device, str) else device.to_string()
        )

    def _add_control_input(self, op: Operation) -> None:
        self.graph.core.add_control_input(self._id, op._id)

    def _add_control_inputs(self, ops: Any) -> None:
        for op in ops:
            self._add_control_input(op)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"

    def __str__(self) -> str:
        return str(self.node_def)

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Operation belongs to its graph and cannot be pickled")


class Tensor(TensorLike):
    """An array of one dtype: `SymbolicTensor` stands for a value that a run will compute,
    `EagerTensor` has its value.
    """

    __slots__ = ()
    __array_priority__ = 100  # array + tensor asks the tensor first

    if TYPE_CHECKING:  # the two kinds have them; operators.py installs the operators

        @property
        def shape(self) -> TensorShape: ...
        @property
        def op(self) -> Operation: ...
        @property
        def name(self) -> str: ...
        @property
        def device(self) -> str: ...
        @property
        def value_index(self) -> int: ...
        def numpy(self) -> Any: ...
        def set_shape(self, shape: Any) -> None: ...
        def consumers(self) -> list[Operation]: ...
        def eval(self, feed_dict: Any = None, session: Any = None) -> Any: ...

        def _binary(self, other: Any) -> Tensor: ...
        def _unary(self) -> Tensor: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _binary
        __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _binary
        __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __and__ = __rand__ = _binary
        __or__ = __ror__ = __xor__ = __rxor__ = __lt__ = __le__ = __gt__ = __ge__ = _binary
        __neg__ = __abs__ = __invert__ = _unary

        def __getitem__(self, index: Any) -> Tensor: ...

    def get_shape(self) -> TensorShape:
        return self.shape

    def _shape_as_list(self) -> list[int | None] | None:
        shape = self.shape
        return None if shape.ndims is None else shape.as_list()

    def ref(self) -> Reference:
        return Reference(self)

    experimental_ref = ref

    def get_static_value(self) -> Any:
        from thalweg.framework.convert import constant_value

        return constant_value(self)


class SymbolicTensor(Tensor):
    """An output of an operation: a value that a run will compute."""

    __slots__ = ("__dict__", "__weakref__", "_dtype", "_name", "op", "value_index")

    op: Operation
    value_index: int

    def __init__(self, op: Operation, value_index: int) -> None:
        self.op = op
        self.value_index = value_index
        self._dtype: dtypes.DType | None = None
        self._name: str | None = None

    @property
    def graph(self) -> Graph:
        return self.op.graph

    @property
    def name(self) -> str:
        if self._name is None:
            self._name = f"{self.op.name}:{self.value_index}"
        return self._name

    @property
    def dtype(self) -> dtypes.DType:
        if self._dtype is None:
            core, node = self.op.graph.core, self.op._id
            found = dtypes.as_dtype(core.output_dtype(node, self.value_index))
            self._dtype = found._as_ref if core.output_is_ref(node, self.value_index) else found
        return self._dtype

    @property
    def device(self) -> str:
        return self.op.device

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape; its ndims may be None."""
        return TensorShape._known(self.op.graph.core.output_shape(self.op._id, self.value_index))

    def set_shape(self, shape: Any) -> None:
        """Adds what the caller knows of the shape; ValueError where it contradicts."""
        dims = TensorShape(shape)._dims
        self.op.graph.core.set_shape(self.op._id, self.value_index, dims)

    def consumers(self) -> list[Operation]:
        """The operations that take this tensor as an input."""
        graph, wanted = self.op.graph, (self.op._id, self.value_index)
        inputs = graph.core.node_inputs
        return [
            graph._op(i) for i in range(self.op._id + 1, graph.core.size()) if wanted in inputs(i)
        ]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The tensor's value, computed in `session` or the default session."""
        return session_for(session, self.graph, "evaluate tensor", "eval()").run(self, feed_dict)

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape, device = self.shape, self.device
        text = f'Tensor("{self.name}"'
        if shape.ndims is not None:
            text += f", shape={shape}"
        text += f", dtype={self.dtype.name}"
        return text + (f", device={device})" if device else ")")

    def __eq__(self, other: object) -> Any:
        """In a function elementwise, as for eager tensors; in graph mode whether it is the same
        tensor.
        """
        if not self.op.graph.building_function:
            return self is other
        if other is None:
            return False
        return _compare("Equal", self, other)

    def __ne__(self, other: object) -> Any:
        if not self.op.graph.building_function:
            return self is not other
        if other is None:
            return True
        return _compare("NotEqual", self, other)

    def __hash__(self) -> int:
        if self.op.graph.building_function:
            raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")
        return id(self)

    def __bool__(self) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            f"Using a symbolic `tf.Tensor` as a Python `bool` is not allowed: {self.name} has no "
            f"value while the graph is built. {self._instead('`tf.cond` for a choice')}"
        )

    def __iter__(self) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            f"Iterating over a symbolic `tf.Tensor` is not allowed: {self.name} has no value while "
            f"the graph is built. {self._instead('`tf.unstack` or `tf.map_fn`')}"
        )

    def _instead(self, operation: str) -> str:
        """What to do where Python needs a value."""
        if self.op.graph.building_function:
            from thalweg.eager.autograph.status import advice

            return advice()
        return f"Use {operation}, or evaluate the tensor with a session."

    def __len__(self) -> NoReturn:
        raise TypeError(
            f"len is not well defined for a symbolic Tensor ({self.name}). Please call `x.shape` "
            "rather than `len(x)` for shape information."
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise NotImplementedError(
            f"Cannot convert a symbolic tf.Tensor ({self.name}) to a numpy array. This error may "
            "indicate that you're trying to pass a Tensor to a NumPy call, which is not supported."
        )

    def __copy__(self) -> SymbolicTensor:
        return self

    def __deepcopy__(self, memo: Any) -> SymbolicTensor:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Tensor belongs to its graph and cannot be pickled; evaluate it first")


def _compare(op_type: str, x: Any, y: Any) -> Any:
    from thalweg.framework.apply import apply_op

    return apply_op(op_type, x=x, y=y)


class Reference:
    """A hashable stand-in for a tensor or variable, equal only to references of the same object."""

    __slots__ = ("_wrapped",)

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def deref(self) -> Any:
        return self._wrapped

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._wrapped is other._wrapped

    def __hash__(self) -> int:
        return id(self._wrapped)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._wrapped!r}>"
