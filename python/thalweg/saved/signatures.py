"""Signatures: functions from tensors by name to tensors by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thalweg.eager.concrete_function import ConcreteFunction
from thalweg.eager.function import Function
from thalweg.framework.composite import IndexedSlices, SparseTensor
from thalweg.framework.tensor import Tensor
from thalweg.framework.type_spec import TensorSpec

DEFAULT_KEY = "serving_default"
_RESERVED = ("__saved_model_init_op", "__saved_model_train_op")


def concrete_of(function: Any) -> Any:
    """The graph of a function that has exactly one, by its signature; None without."""
    if isinstance(function, Function) and function.input_signature is not None:
        return function.get_concrete_function()
    return function if isinstance(function, ConcreteFunction) else None


def default_signature(functions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The only function that could be one."""
    found = []
    for function in functions.values():
        concrete = concrete_of(function)
        if concrete is None:
            continue
        try:
            found.append(wrapped(DEFAULT_KEY, concrete))
        except ValueError:
            continue
    return {DEFAULT_KEY: found[0]} if len(found) == 1 else {}


def canonical(signatures: Any) -> dict[str, ConcreteFunction]:
    """The signatures of `tf.saved_model.save` as functions from names to dictionaries.

    Raises:
        ValueError: something that is no function, has no input signature, takes arguments that have
            no names of their own, or gives what has no names.
    """
    if not isinstance(signatures, Mapping):
        signatures = {DEFAULT_KEY: signatures}
    made = {}
    for key, function in signatures.items():
        if not isinstance(key, str):
            raise ValueError(f"the key of a signature is a str, got {key!r}")
        if key in _RESERVED:
            raise ValueError(
                f"Unable to save SavedModel because the signature key '{key}' is reserved"
            )
        concrete = concrete_of(function)
        if concrete is None:
            if not isinstance(function, Function):
                raise ValueError(
                    "Expected a TensorFlow function for which to generate a signature, but got "
                    f"{function}. Only functions of `tf.function` with an input signature, or "
                    "concrete functions, can be used as a signature."
                )
            raise ValueError(
                f"Unable to use the function {function} as a signature directly. Functions "
                "used to generate serving signatures must either have an `input_signature=` or be "
                "converted to concrete functions using `get_concrete_function`."
            )
        made[key] = wrapped(key, concrete)
    return made


def wrapped(key: str, concrete: ConcreteFunction) -> ConcreteFunction:
    """The function that takes its tensors by name and gives a dictionary."""
    names = list(concrete._names)
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"Got non-flat/non-unique argument names for SavedModel signature '{key}': more "
                f"than one argument to '{concrete.name}' was named '{name}'. Signatures have one "
                "Tensor per named input, so to have predictable names Python functions used to "
                "generate these signatures should avoid *args and Tensors in nested structures "
                "unless unique names are specified for each. Use tf.TensorSpec(..., name=...) to "
                "provide a name for a Tensor input."
            )
    specs = {
        name: TensorSpec(t.shape, t.dtype, name)
        for name, t in zip(names, concrete.inputs, strict=False)
    }
    named_outputs(key, concrete, concrete.structured_outputs)

    def signature_wrapper(**kwargs: Any) -> Any:
        outputs = concrete.call_flat([kwargs[name] for name in names])
        return named_outputs(key, concrete, outputs)

    made: ConcreteFunction = Function(signature_wrapper, autograph=False).get_concrete_function(
        **specs
    )
    return made


def named_outputs(key: str, concrete: ConcreteFunction, outputs: Any) -> dict[str, Any]:
    """The results of a function by name: 'output_0' and so on where they have none."""
    if outputs is None:
        return {}
    if isinstance(outputs, Mapping):
        named = dict(outputs)
    elif isinstance(outputs, (list, tuple)):
        named = {f"output_{i}": value for i, value in enumerate(outputs)}
    else:
        named = {"output_0": outputs}
    for name, value in named.items():
        if not isinstance(name, str):
            raise ValueError(
                f"Got a dictionary with a non-string key {name!r} in the output of the function "
                f"{concrete.name} used to generate the SavedModel signature '{key}'."
            )
        fits = isinstance(value, (Tensor, TensorSpec))
        if not fits or isinstance(value, (SparseTensor, IndexedSlices)):
            raise ValueError(
                f"Got a non-Tensor value {value!r} for key '{name}' in the output of the function "
                f"{concrete.name} used to generate the SavedModel signature '{key}'. Outputs for "
                "functions used as signatures should be one Tensor, a sequence of Tensors, or a "
                "dictionary from string to Tensor."
            )
    return named
