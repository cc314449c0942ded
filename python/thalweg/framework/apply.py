"""Calling one op: in eager mode the core runs it; in graph mode it is added here, with inputs
converted to the types the op asks for and attributes to the core's form.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg import _core
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.default_graph import get_default_graph, graph_of
from thalweg.framework.graph import Graph
from thalweg.framework.op_spec import Arg, Attr, OpSpec, op_spec
from thalweg.framework.shapes import TensorShape
from thalweg.framework.tensor import Operation, SymbolicTensor, Tensor, TensorLike

Endpoint = tuple[int, int]


def _add_op(op_type: str, name: str | None = None, /, **arguments: Any) -> Any:
    spec = op_spec(op_type)
    return result_of(spec, _create(spec, name, arguments))


#: apply_op(op_type, name=None, /, **arguments) runs an op or adds it to the default graph; returns
#: its output, a list or named tuple of outputs, or (in a graph) the Operation if it has none.
apply_op = _core.apply_op


def create(op_type: str, name: str | None = None, /, **arguments: Any) -> Operation:
    """Adds an op; returns the Operation."""
    return _create(op_spec(op_type), name, arguments)


def _create(spec: OpSpec, name: str | None, arguments: dict[str, Any]) -> Operation:
    if "name" in arguments and "name" not in spec.known:
        name = arguments.pop("name") or name
    if not arguments.keys() <= spec.known:
        extra = sorted(arguments.keys() - spec.known)
        raise TypeError(
            f"{spec.name} got unexpected keyword arguments: {', '.join(extra)}; it is "
            f"{spec.signature}"
        )
    graph = graph_of([arguments.get(arg.name) for arg in spec.inputs])
    attrs: dict[str, Any] = {}
    for attr in spec.attrs:
        value = arguments.get(attr.name)
        if value is not None or (attr.kind == "shape" and attr.name in arguments):
            attrs[attr.name] = _checked_attr(spec, attr, value)
        elif attr.name == "container" and graph._scopes.container:
            attrs["container"] = graph._scopes.container
    final = graph._final_name(name or spec.name)
    return graph._add(spec.name, final, _inputs(spec, graph, final, arguments, attrs), attrs, 4)


class _Scope:
    """Conversions of an op's inputs: in its graph, under its name."""

    __slots__ = ("default", "graph", "name", "outer")

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph = graph
        self.name = name

    def __enter__(self) -> None:
        scopes = self.graph._scopes
        self.outer, scopes.name = scopes.name, self.name
        self.default = None if get_default_graph() is self.graph else self.graph.as_default()
        if self.default is not None:
            self.default.__enter__()

    def __exit__(self, *error: Any) -> None:
        self.graph._scopes.name = self.outer
        if self.default is not None:
            self.default.__exit__(*error)


def _inputs(
    spec: OpSpec, graph: Graph, scope: str, arguments: dict[str, Any], attrs: dict[str, Any]
) -> list[Endpoint]:
    """The flat list of inputs. `attrs` receives list lengths; types are left for the core to
    infer.
    """
    endpoints: list[Endpoint] = []
    types: dict[str, int] = {}  # what the inputs and attributes seen so far fix
    for arg in spec.inputs:
        try:
            value = arguments[arg.name]
        except KeyError:
            raise TypeError(
                f"{spec.name} is missing its argument '{arg.name}'; it is {spec.signature}"
            ) from None
        known = arg.type or types.get(arg.type_attr) or attrs.get(arg.type_attr)
        if arg.is_list:
            tensors = _list(spec, graph, scope, arg, value, known, attrs)
        elif type(value) is SymbolicTensor:
            tensors = [value]
        else:
            with _Scope(graph, scope):
                tensors = [_convert(spec, arg, arg.name, value, known)]
        for t in tensors:
            if t.op.graph is not graph:
                t = graph.capture(t)
            endpoints.append((t.op._id, t.value_index))
        if arg.type_attr and tensors and arg.type_attr not in types:
            types[arg.type_attr] = tensors[0].dtype.base_dtype.as_datatype_enum
    return endpoints


def _list(
    spec: OpSpec,
    graph: Graph,
    scope: str,
    arg: Arg,
    values: Any,
    known: int | None,
    attrs: dict[str, Any],
) -> list[Tensor]:
    if not isinstance(values, (list, tuple)):
        raise TypeError(
            f"Expected list for '{arg.name}' argument to '{spec.name}' Op, not {values!r}."
        )
    if arg.number_attr:
        attrs[arg.number_attr] = len(values)
        if not known:
            typed = (v for v in values if isinstance(v, TensorLike))
            first = next(typed, None)
            known = None if first is None else first.dtype.base_dtype.as_datatype_enum
    wanted = attrs.get(arg.type_list_attr) or [known] * len(values)
    if len(wanted) != len(values):
        raise ValueError(
            f"'{spec.name}' Op: '{arg.name}' has {len(values)} tensors but {len(wanted)} types"
        )
    tensors = []
    for i, (value, dtype) in enumerate(zip(values, wanted, strict=True)):
        if type(value) is not SymbolicTensor:
            with _Scope(graph, scope):
                value = _convert(spec, arg, f"{arg.name}_{i}", value, dtype)
        tensors.append(value)
    if arg.type_list_attr:
        attrs[arg.type_list_attr] = [t.dtype.base_dtype.as_datatype_enum for t in tensors]
    return tensors


def _convert(spec: OpSpec, arg: Arg, name: str, value: Any, known: int | None) -> Tensor:
    if isinstance(value, TensorLike):  # has a type of its own: the core compares
        return convert_to_tensor(value, name=name, as_ref=arg.is_ref)
    if not known:
        preferred = next(
            (a.default for a in spec.attrs if a.name == arg.type_attr and a.has_default), None
        )
        return convert_to_tensor(value, name=name, preferred_dtype=preferred)
    dtype = dtypes.as_dtype(known)
    try:
        return convert_to_tensor(value, dtype, name)
    except TypeError as error:
        raise TypeError(
            f"Expected {dtype.name} passed to parameter '{arg.name}' of op '{spec.name}', got "
            f"{value!r} of type '{type(value).__name__}' instead. Error: {error}"
        ) from None


# --- attributes


def _checked_attr(spec: OpSpec, attr: Attr, value: Any) -> Any:
    converted = attr_value(spec.name, attr.name, attr.kind, value)
    if attr.choices and isinstance(converted, str) and converted not in attr.choices:
        choices = ", ".join(f'"{c}"' for c in attr.choices)
        raise ValueError(
            f"Attr '{attr.name}' of '{spec.name}' Op passed string '{converted}' not in: {choices}."
        )
    if attr.kind == "type" and attr.allowed and converted not in attr.allowed:
        allowed = ", ".join(dtypes.as_dtype(t).name for t in attr.allowed)
        raise TypeError(
            f"Value passed to parameter '{attr.name}' has DataType "
            f"{dtypes.as_dtype(converted).name} not in list of allowed values: {allowed}"
        )
    return converted


def attr_value(op_type: str, name: str, kind: str | None, value: Any) -> Any:
    """An attribute in the form the core takes."""
    if kind is None:
        return value
    if kind.startswith("list("):
        if not isinstance(value, (list, tuple, np.ndarray, TensorShape)):
            raise TypeError(
                f"Expected list for '{name}' argument to '{op_type}' Op, not {value!r}."
            )
        return [_scalar_attr(name, kind[5:-1], v) for v in value]
    return _scalar_attr(name, kind, value)


def _scalar_attr(name: str, kind: str, value: Any) -> Any:
    match kind:
        case "bool":
            if isinstance(value, (bool, np.bool_)):
                return bool(value)
        case "int":
            if not isinstance(value, (str, bytes)) and value is not None:
                try:
                    return int(value)
                except (TypeError, ValueError):
                    pass
        case "float":
            if not isinstance(value, (str, bytes)):
                try:
                    return float(value)
                except (TypeError, ValueError):
                    pass
        case "string":
            if isinstance(value, (str, bytes)):
                return value
        case "type":
            try:
                return dtypes.as_dtype(value).base_dtype.as_datatype_enum
            except TypeError:
                raise TypeError(f"Expected DataType for argument '{name}' not {value!r}.") from None
        case "shape":
            try:
                return TensorShape(value)._dims
            except (TypeError, ValueError) as error:
                raise type(error)(f"Error converting {name} to a TensorShape: {error}") from None
        case "tensor":
            if isinstance(value, np.ndarray):
                return value
            if hasattr(value, "tensor_content"):
                from thalweg.framework.graph_pb import make_ndarray

                return make_ndarray(value)
            return np.asarray(value)
        case "func":
            return value if isinstance(value, str) else value.name
    raise TypeError(f"Expected {kind} for argument '{name}' not {value!r}.")


# --- results


def result_of(spec: OpSpec, op: Operation) -> Any:
    outputs = op.outputs
    if not spec.outputs:
        return op
    if len(spec.outputs) == 1:
        return list(outputs) if spec.outputs[0].is_list else outputs[0]
    lengths: list[int | None] = []
    for arg in spec.outputs:
        if not arg.is_list:
            lengths.append(None)
            continue
        count = op.graph.core.node_attrs(op._id)[arg.number_attr or arg.type_list_attr]
        lengths.append(count if isinstance(count, int) else len(count))
    return _several(spec, outputs, lengths)


def _several(spec: OpSpec, outputs: Sequence[Any], lengths: list[int | None]) -> Any:
    """The named tuple of an op's outputs; those with a length are lists."""
    if spec.result is None:
        make: Any = namedtuple  # the fields are known at run time only
        spec.result = make(spec.name, [a.name for a in spec.outputs], rename=True)
    parts: list[Any] = []
    at = 0
    for length in lengths:
        if length is None:
            parts.append(outputs[at])
            at += 1
        else:
            parts.append(list(outputs[at : at + length]))
            at += length
    return spec.result(*parts)


# --- what the core asks for in eager mode


def _eager_input(value: Any, known: int | None, op_type: str, argument: str) -> Any:
    if known is not None:
        dtype = dtypes.as_dtype(known)
        if isinstance(value, TensorLike):  # has a type of its own: the core compares
            return convert_to_tensor(value)
        try:
            return convert_to_tensor(value, dtype)
        except TypeError as error:
            if isinstance(value, (bool, int, float, complex, str, bytes)):
                raise TypeError(
                    f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}"
                ) from None
            raise TypeError(f"{op_type}: argument '{argument}': {error}") from None
    spec = op_spec(op_type)
    attr = next((a.type_attr for a in spec.inputs if a.name == argument), "")
    hint = next((a.default for a in spec.attrs if a.name == attr and a.has_default), None)
    return convert_to_tensor(value, preferred_dtype=hint)


def _eager_attr(op_type: str, name: str, kind: str, value: Any) -> Any:
    return attr_value(op_type, name, kind, value)  # the core checks


def _eager_results(op_type: str, outputs: list[Any], lengths: list[int | None]) -> Any:
    return _several(op_spec(op_type), outputs, lengths)


_core.set_eager_face(_add_op, _eager_input, _eager_attr, _eager_results)
