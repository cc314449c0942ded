"""`tf.layers`: functions that make a layer's variables under its name and apply it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg import raw_ops
from thalweg.framework import default_graph as ops
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import GraphKeys, Tensor
from thalweg.ops import array, conv, initializers, math, nn
from thalweg.ops.cast import cast
from thalweg.ops.variable_scope import get_variable, variable_scope

Activation = Callable[[Any], Any] | None


def _finish(x: Tensor, activation: Activation, activity_regularizer: Any) -> Tensor:
    y: Tensor = x if activation is None else activation(x)
    if activity_regularizer is not None:
        ops.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, activity_regularizer(y))
    return y


def _floats(inputs: Any, layer: str) -> Tensor:
    x = convert_to_tensor(inputs)
    if not (x.dtype.is_floating or x.dtype.is_complex):
        raise TypeError(f"{layer}: inputs must be floating point, got {x.dtype.name}")
    return x


def dense(
    inputs: Any,
    units: int,
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """activation(inputs @ kernel + bias) over the last dimension, which must be known."""
    with variable_scope(name, "dense", [inputs], reuse=reuse):
        x = _floats(inputs, "dense")
        width = x.shape.as_list()[-1] if x.shape.ndims else None
        if width is None or x.shape.ndims is None:
            raise ValueError(
                "The last dimension of the inputs to `Dense` should be defined. Found `None`."
            )
        kernel = get_variable(
            "kernel",
            [width, int(units)],
            x.dtype,
            kernel_initializer,
            kernel_regularizer,
            trainable=trainable,
            constraint=kernel_constraint,
        )
        bias = (
            _bias(
                int(units), x.dtype, bias_initializer, bias_regularizer, bias_constraint, trainable
            )
            if use_bias
            else None
        )
        y = (
            math.matmul(x, kernel)
            if x.shape.ndims == 2
            else math.tensordot(x, kernel, [[x.shape.ndims - 1], [0]])
        )
        return _finish(
            y if bias is None else nn.bias_add(y, bias), activation, activity_regularizer
        )


def _bias(
    units: int, dtype: Any, initializer: Any, regularizer: Any, constraint: Any, trainable: bool
) -> Any:
    return get_variable(
        "bias",
        [units],
        dtype,
        initializers.Zeros() if initializer is None else initializer,
        regularizer,
        trainable=trainable,
        constraint=constraint,
    )


def _pair(value: Any) -> list[int]:
    return [int(v) for v in value] if isinstance(value, (list, tuple)) else [int(value)] * 2


def _format(data_format: str) -> str:
    known = {"channels_last": "NHWC", "channels_first": "NCHW"}
    if data_format not in known:
        raise ValueError(f"data_format must be one of {sorted(known)}, got {data_format!r}")
    return known[data_format]


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = None,
    kernel_regularizer: Any = None,
    bias_regularizer: Any = None,
    activity_regularizer: Any = None,
    kernel_constraint: Any = None,
    bias_constraint: Any = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """A convolution with its kernel [height, width, in, filters] and bias."""
    with variable_scope(name, "conv2d", [inputs], reuse=reuse):
        x, layout = _floats(inputs, "conv2d"), _format(data_format)
        channels = x.shape.as_list()[1 if layout == "NCHW" else 3]
        if channels is None:
            raise ValueError("The channel dimension of the inputs should be defined. Found `None`.")
        kernel = get_variable(
            "kernel",
            [*_pair(kernel_size), channels, int(filters)],
            x.dtype,
            kernel_initializer,
            kernel_regularizer,
            trainable=trainable,
            constraint=kernel_constraint,
        )
        bias = (
            _bias(
                int(filters),
                x.dtype,
                bias_initializer,
                bias_regularizer,
                bias_constraint,
                trainable,
            )
            if use_bias
            else None
        )
        y = conv.conv2d(
            x,
            kernel,
            _pair(strides),
            padding.upper(),
            data_format=layout,
            dilations=_pair(dilation_rate),
        )
        return _finish(
            y if bias is None else nn.bias_add(y, bias, layout), activation, activity_regularizer
        )


def max_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The largest value of each window."""
    with ops.name_scope(name, "max_pooling2d", [inputs]):
        return conv.max_pool(
            inputs, _pair(pool_size), _pair(strides), padding.upper(), _format(data_format)
        )


def average_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> Tensor:
    """The mean of each window."""
    with ops.name_scope(name, "average_pooling2d", [inputs]):
        return conv.avg_pool(
            inputs, _pair(pool_size), _pair(strides), padding.upper(), _format(data_format)
        )


def flatten(inputs: Any, name: str | None = None) -> Tensor:
    """[batch, everything else]."""
    with ops.name_scope(name, "flatten", [inputs]):
        x = convert_to_tensor(inputs)
        ndims = x.shape.ndims
        if ndims is None or ndims == 0:
            raise ValueError(
                f"flatten: inputs must have a known rank of 1 or more, got shape {x.shape}"
            )
        width = x.shape[1:].num_elements()
        if width is not None:
            return array.reshape(x, [-1, width])
        return array.reshape(x, array.stack([array.shape(x)[0], -1]))


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Tensor:
    """`nn.dropout` while `training`, a Python or graph truth; the inputs otherwise."""
    with ops.name_scope(name, "dropout", [inputs]):
        x = convert_to_tensor(inputs)
        if isinstance(training, (bool, int)):
            return (
                nn.dropout(x, rate=rate, noise_shape=noise_shape, seed=seed)
                if training
                else array.identity(x)
            )
        # A rate of 0 keeps every element as it is.
        active = cast(cast(training, dtypes.bool), x.dtype.base_dtype)
        dynamic = raw_ops.Mul(convert_to_tensor(rate, dtype=x.dtype.base_dtype), active)
        return nn.dropout(x, rate=dynamic, noise_shape=noise_shape, seed=seed)
