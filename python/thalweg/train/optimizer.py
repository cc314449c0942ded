"""The base of the optimizers: gradients, slots, and one op that applies a step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from thalweg import raw_ops
from thalweg.eager.gradient_tape import GradientTape
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.composite import IndexedSlices
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.gradients import gradients
from thalweg.framework.graph import Graph, GraphKeys, Operation, Tensor
from thalweg.framework.mode import executing_eagerly
from thalweg.ops import array, control, indexing, state, variable_collections
from thalweg.ops.cast import cast
from thalweg.ops.variables import Variable
from thalweg.train import slots

_FLOATS = (
    dtypes.float16,
    dtypes.bfloat16,
    dtypes.float32,
    dtypes.float64,
    dtypes.complex64,
    dtypes.complex128,
)


class Optimizer:
    """Base class; subclasses say how one variable takes one step.

    A subclass overrides `_apply_dense` (and `_apply_sparse` for IndexedSlices that must not be
    made dense), `_create_slots` for per-variable state, `_prepare` to turn hyper-parameters into
    tensors and `_finish` for what follows the updates.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Any, Variable]] = {}
        self._non_slots: dict[tuple[str, Graph | None], Variable] = {}

    def get_name(self) -> str:
        """The name given to the constructor."""
        return self._name

    def minimize(
        self,
        loss: Any,
        global_step: Variable | None = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """An op that takes one step down the gradient of `loss`, and adds one to `global_step`.

        Raises:
            ValueError: no variable has a gradient.
        """
        pairs = self.compute_gradients(
            loss,
            var_list=var_list,
            gate_gradients=gate_gradients,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
            grad_loss=grad_loss,
        )
        if not any(g is not None for g, _ in pairs):
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not "
                "support gradients, "
                f"between variables {[str(v) for _, v in pairs]} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """Pairs (gradient or None, variable) for `var_list`, by default all trainable variables."""
        if executing_eagerly():
            return self._eager_gradients(loss, var_list, grad_loss)
        if callable(loss) and not isinstance(loss, Tensor):
            loss = loss()
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                "Optimizer.GATE_GRAPH.  "
                f"Not {gate_gradients}"
            )
        self._check_dtype(loss)
        if grad_loss is not None:
            self._check_dtype(grad_loss)
        if var_list is None:
            found = variable_collections.trainable_variables() + ops.get_collection(
                GraphKeys.TRAINABLE_RESOURCE_VARIABLES
            )
            graph = ops.get_default_graph()
            if graph.building_function:
                found += graph._variables_read([[0, graph.core.size()]])
        else:
            found = _flatten(var_list)
        if not found:
            raise ValueError("No variables to optimize.")
        for v in found:
            if not isinstance(v, (Variable, Tensor)) and not slots.is_eager(v):
                raise TypeError(f"Argument is not a variable: {v!r}")
        grads = gradients(
            loss,
            [v if isinstance(v, Tensor) else v._ref() for v in found],
            grad_ys=grad_loss,
            gate_gradients=gate_gradients == self.GATE_OP,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )
        if gate_gradients == self.GATE_GRAPH:
            present = iter(control.tuple([g for g in grads if g is not None]))
            grads = [None if g is None else next(present) for g in grads]
        for g, v in zip(grads, found, strict=True):
            if g is not None:
                self._check_dtype(v)
        return list(zip(grads, found, strict=True))

    def _eager_gradients(self, loss: Any, var_list: Any, grad_loss: Any) -> list[tuple[Any, Any]]:
        """Of what `loss()` computes."""
        if not callable(loss) or isinstance(loss, Tensor):
            raise RuntimeError(
                "`loss` passed to Optimizer.compute_gradients should be a function when eager "
                "execution is enabled."
            )
        with GradientTape() as tape:
            wanted = None if var_list is None else _flatten(var_list)
            if wanted is not None:
                tape.watch(wanted)
            value = loss()
        found = list(tape.watched_variables()) if wanted is None else wanted
        if not found:
            raise ValueError("No variables to optimize.")
        self._check_dtype(value)
        grads = tape.gradient(value, found, grad_loss)
        return list(zip(grads, found, strict=True))

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[Any, Any]],
        global_step: Variable | None = None,
        name: str | None = None,
    ) -> Any:
        """An op that applies gradients to variables, and adds one to `global_step`.

        Raises:
            ValueError: the list is empty, or holds no gradient.
            TypeError: something in it is neither a tensor, IndexedSlices nor None.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise ValueError("No variables provided.")
        converted: list[tuple[Any, Any]] = []
        for g, v in pairs:
            if g is not None and not isinstance(g, IndexedSlices):
                try:
                    g = convert_to_tensor(g)
                except TypeError as error:
                    raise TypeError(
                        f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {g}"
                    ) from error
            converted.append((g, v))
        with_gradient = [v for g, v in converted if g is not None]
        if not with_gradient:
            raise ValueError(
                f"No gradients provided for any variable: {[str(v) for _, v in converted]}."
            )
        with ops.control_dependencies(None):
            self._create_slots(with_gradient)
        with ops.name_scope(name, self._name) as scope:
            self._prepare()
            updates = []
            for g, v in converted:
                if g is None:
                    continue
                with ops.name_scope("update_" + slots.name_of(v)), slots.beside(v):
                    updates.append(self._update(g, v))
            train_op: Any
            if global_step is None:
                train_op = self._finish(updates, scope)
            else:
                done = self._finish(updates, "update")
                waited = () if done is None else (done,)
                with ops.control_dependencies(waited), slots.beside(global_step):
                    train_op = state.assign_add(global_step, 1, name=scope)
            if executing_eagerly():
                return None
            train_op = control.operation(train_op)
            collected = ops.get_collection_ref(GraphKeys.TRAIN_OP)
            if train_op not in collected:
                collected.append(train_op)
            return train_op

    def _update(self, g: Any, v: Any) -> Any:
        """The update of one variable, followed by its constraint."""
        if not isinstance(v, Variable) and not slots.is_eager(v):
            raise NotImplementedError(f"Trying to update a Tensor {v}")
        if isinstance(g, IndexedSlices):
            update = self._apply_sparse_duplicate_indices(g, v)
        else:
            update = self._apply_dense(g, v)
        if executing_eagerly():
            return None if v.constraint is None else v.assign(v.constraint(v))
        if v.constraint is None:
            return control.operation(update)
        with ops.control_dependencies([control.operation(update)]):
            return v.assign(v.constraint(v.read_value()), use_locking=self._use_locking).op

    # --- slots ---

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """The slot of this name beside `var`; None before the first step is built or where there
        is none.
        """
        return self._slots.get(name, {}).get(slots.key_of(var))

    def get_slot_names(self) -> list[str]:
        """Names of the slots that this optimizer keeps."""
        return sorted(self._slots)

    def variables(self) -> list[Variable]:
        """Every variable that this optimizer made in the current graph."""
        graph = ops.get_default_graph().outermost()
        found = [v for (_, g), v in self._non_slots.items() if g is graph]
        found += [
            v
            for by_variable in self._slots.values()
            for v in by_variable.values()
            if slots.is_eager(v) or v.graph is graph
        ]
        found += [v for (_, g), v in self._non_slots.items() if g is None]
        return sorted(found, key=lambda v: v.name)

    def _slot_dict(self, slot_name: str) -> dict[Any, Variable]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Variable:
        named = self._slot_dict(slot_name)
        if slots.key_of(var) not in named:
            named[slots.key_of(var)] = slots.create_slot(var, val, op_name)
        return named[slots.key_of(var)]

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Variable:
        named = self._slot_dict(slot_name)
        if slots.key_of(var) not in named:
            named[slots.key_of(var)] = slots.create_slot(
                var, initializer, op_name, shape=shape, dtype=dtype
            )
        return named[slots.key_of(var)]

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Variable:
        named = self._slot_dict(slot_name)
        if slots.key_of(var) not in named:
            named[slots.key_of(var)] = slots.create_zeros_slot(var, op_name)
        return named[slots.key_of(var)]

    def _create_non_slot_variable(
        self, initial_value: Any, name: str, colocate_with: Any
    ) -> Variable:
        if slots.is_eager(colocate_with):
            if (name, None) not in self._non_slots:
                self._non_slots[name, None] = slots.eager_variable(initial_value, name)
            return self._non_slots[name, None]
        graph = colocate_with.graph
        if (name, graph) not in self._non_slots:
            with ops.colocate_with(colocate_with.op):
                self._non_slots[name, graph] = Variable(initial_value, name=name, trainable=False)
        return self._non_slots[name, graph]

    def _get_non_slot_variable(self, name: str, graph: Graph | None = None) -> Variable | None:
        if executing_eagerly():
            return self._non_slots.get((name, None))
        found = self._non_slots.get((name, graph or ops.get_default_graph().outermost()))
        return self._non_slots.get((name, None)) if found is None else found

    # --- for subclasses ---

    def _valid_dtypes(self) -> Sequence[dtypes.DType]:
        """Dtypes of losses, variables and gradients."""
        return _FLOATS

    def _check_dtype(self, value: Any) -> None:
        value = value if isinstance(value, Variable) else convert_to_tensor(value)
        if value.dtype.base_dtype not in self._valid_dtypes():
            allowed = [str(d) for d in self._valid_dtypes()]
            what = value if executing_eagerly() else value.name
            raise ValueError(
                f"Invalid type {value.dtype.base_dtype!r} for {what}, expected: {allowed}."
            )

    def _create_slots(self, var_list: Sequence[Any]) -> None:
        """Makes the slots for `var_list`."""

    def _prepare(self) -> None:
        """Turns hyper-parameters into tensors."""

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        """The op that updates `var` by a dense gradient."""
        raise NotImplementedError

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        """Adds up rows that occur twice, then `_apply_sparse`."""
        rows = indexing.unique(grad.indices)
        values = raw_ops.UnsortedSegmentSum(grad.values, rows.idx, array.size(rows.y))
        return self._apply_sparse(IndexedSlices(values, rows.y, grad.dense_shape), var)

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        """The op that updates `var` by IndexedSlices, no row of which occurs twice: by default as
        by a dense gradient.
        """
        return self._apply_dense(convert_to_tensor(grad), var)

    def _finish(self, update_ops: Sequence[Operation], name_scope: str) -> Operation:
        """The op that stands for the whole step."""
        return control.group(*update_ops, name=name_scope)

    def _call_if_callable(self, param: Any) -> Any:
        return param() if callable(param) and not isinstance(param, (Tensor, Variable)) else param

    def _cast(self, hyper: Tensor, var: Variable) -> Tensor:
        """A hyper-parameter in the dtype of the variable."""
        return cast(hyper, var.dtype.base_dtype)


def _flatten(values: Any) -> list[Any]:
    if isinstance(values, dict):
        return [leaf for v in values.values() for leaf in _flatten(v)]
    if isinstance(values, (list, tuple, set)):
        return [leaf for v in values for leaf in _flatten(v)]
    return [values]
