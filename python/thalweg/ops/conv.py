"""Convolution and pooling: TensorFlow's argument forms over the raw ops."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array
from thalweg.ops.arguments import one_of, required


def _four(value: Any, channel_first: bool, what: str) -> list[int]:
    """Window sizes as one number, (height, width) or a number for each of the four dimensions."""
    if value is None:
        value = 1
    sizes = [int(v) for v in value] if isinstance(value, (list, tuple)) else [int(value)]
    if len(sizes) == 1:
        sizes *= 2
    if len(sizes) == 2:
        return [1, 1, *sizes] if channel_first else [1, *sizes, 1]
    if len(sizes) != 4:
        raise ValueError(f"{what} should be of length 1, 2 or 4 but was {len(sizes)}")
    return sizes


def _padding(padding: Any) -> tuple[str, list[int]]:
    """'SAME', 'VALID', or explicit [[before, after], ...] as (padding, explicit_paddings)."""
    if isinstance(padding, str):
        return padding.upper(), []
    if len(padding) != 4 or any(len(p) != 2 for p in padding):
        raise ValueError(
            f"When padding is a list, it must be a list of 4 (before, after) pairs, got {padding}"
        )
    return "EXPLICIT", [int(v) for pair in padding for v in pair]


def _channel_first(data_format: str | None) -> bool:
    return (data_format or "NHWC").startswith("NC")


def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Correlates [batch, height, width, in] with [height, width, in, out] filters.

    Args:
        padding: 'SAME', 'VALID', or a (before, after) pair for each of the four dimensions.
    """
    filter = one_of("filter", filter, "filters", filters)
    required(filter=filter, padding=padding)
    first = _channel_first(data_format)
    kind, explicit = _padding(padding)
    return raw_ops.Conv2D(
        input,
        filter,
        strides=_four(strides, first, "strides"),
        padding=kind,
        explicit_paddings=explicit,
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format or "NHWC",
        dilations=_four(dilations, first, "dilations"),
        name=name,
    )


def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """Gradient of `conv2d` with respect to its input, whose shape is `input_sizes`."""
    filter = one_of("filter", filter, "filters", filters)
    required(filter=filter, out_backprop=out_backprop, padding=padding)
    first = _channel_first(data_format)
    kind, explicit = _padding(padding)
    return raw_ops.Conv2DBackpropInput(
        input_sizes,
        filter,
        out_backprop,
        strides=_four(strides, first, "strides"),
        padding=kind,
        explicit_paddings=explicit,
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=_four(dilations, first, "dilations"),
        name=name,
    )


def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Any = (1, 1, 1, 1),
    name: str | None = None,
) -> Tensor:
    """Gradient of `conv2d` with respect to its filters, whose shape is `filter_sizes`."""
    first = _channel_first(data_format)
    kind, explicit = _padding(padding)
    return raw_ops.Conv2DBackpropFilter(
        input,
        filter_sizes,
        out_backprop,
        strides=_four(strides, first, "strides"),
        padding=kind,
        explicit_paddings=explicit,
        use_cudnn_on_gpu=use_cudnn_on_gpu,
        data_format=data_format,
        dilations=_four(dilations, first, "dilations"),
        name=name,
    )


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The gradient of `conv2d` used as a layer; filters are [height, width, out, in]."""
    value = one_of("value", value, "input", input)
    filter = one_of("filter", filter, "filters", filters)
    required(value=value, filter=filter, output_shape=output_shape)
    first = _channel_first(data_format)
    kind, explicit = _padding(padding)
    with op_scope(name, "conv2d_transpose", [value, filter, output_shape]) as scope:
        return raw_ops.Conv2DBackpropInput(
            convert_to_tensor(output_shape, name="output_shape"),
            filter,
            value,
            strides=_four(strides, first, "strides"),
            padding=kind,
            explicit_paddings=explicit,
            data_format=data_format,
            dilations=_four(dilations, first, "dilations"),
            name=scope,
        )


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Correlates [batch, width, in] with [width, in, out] filters."""
    value = one_of("value", value, "input", input)
    required(value=value, filters=filters, padding=padding)
    with op_scope(name, "conv1d", [value, filters]):
        channel_first = data_format in ("NCHW", "NCW")
        axis = 2 if channel_first else 1
        step = (
            int(stride[-1 if channel_first or len(stride) == 1 else 1])
            if isinstance(stride, (list, tuple))
            else int(stride or 1)
        )
        rate = (
            int(dilations[0] if len(dilations) == 1 else dilations[axis])
            if isinstance(dilations, (list, tuple))
            else int(dilations or 1)
        )
        result = conv2d(
            array.expand_dims(value, axis),
            array.expand_dims(filters, 0),
            strides=[1, step],
            padding=padding,
            data_format="NCHW" if channel_first else "NHWC",
            dilations=[1, rate],
        )
        return array.squeeze(result, [axis])


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """Convolves each channel with its own [height, width, in, multiplier] filters."""
    rate = one_of("dilations", dilations, "rate", rate)
    first = _channel_first(data_format)
    kind, explicit = _padding(padding)
    with op_scope(name, "depthwise", [input, filter]) as scope:
        input = convert_to_tensor(input, name="tensor_in")
        filter = convert_to_tensor(filter, name="filter_in")
        return raw_ops.DepthwiseConv2dNative(
            input,
            filter,
            strides=_four(strides, first, "strides"),
            padding=kind,
            explicit_paddings=explicit,
            data_format=data_format or "NHWC",
            dilations=_four(rate, first, "dilations"),
            name=scope,
        )


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """`depthwise_conv2d`, then a 1x1 convolution that mixes the channels."""
    with op_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        deep = depthwise_conv2d(
            input, depthwise_filter, strides, padding, rate, "depthwise", data_format, dilations
        )
        return conv2d(
            deep,
            pointwise_filter,
            [1, 1, 1, 1],
            "VALID",
            data_format=data_format or "NHWC",
            name=scope,
        )


def atrous_conv2d(
    value: Any, filters: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """`conv2d` with `rate` - 1 holes between filter taps."""
    return conv2d(
        value, filters, 1, padding, dilations=[1, rate, rate, 1], name=name or "convolution"
    )


def max_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """Largest value of each window; the first among equals gets the gradient."""
    value = one_of("value", value, "input", input)
    required(value=value, ksize=ksize, strides=strides, padding=padding)
    first = _channel_first(data_format)
    kind, explicit = _padding(padding)
    if explicit:
        raise NotImplementedError("max_pool: padding must be 'SAME' or 'VALID'")
    with op_scope(name, "MaxPool", [value]) as scope:
        return raw_ops.MaxPool(
            convert_to_tensor(value, name="input"),
            ksize=_four(ksize, first, "ksize"),
            strides=_four(strides, first, "strides"),
            padding=kind,
            data_format=data_format,
            name=scope,
        )


def avg_pool(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """Mean of each window; padding is not counted."""
    value = one_of("value", value, "input", input)
    required(value=value, ksize=ksize, strides=strides, padding=padding)
    first = _channel_first(data_format)
    kind, explicit = _padding(padding)
    if explicit:
        raise NotImplementedError("avg_pool: padding must be 'SAME' or 'VALID'")
    with op_scope(name, "AvgPool", [value]) as scope:
        return raw_ops.AvgPool(
            convert_to_tensor(value, name="value"),
            ksize=_four(ksize, first, "ksize"),
            strides=_four(strides, first, "strides"),
            padding=kind,
            data_format=data_format,
            name=scope,
        )


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """`max_pool` under its two-dimensional name."""
    return max_pool(input, ksize, strides, padding, data_format, name=name or "MaxPool2d")


def avg_pool2d(
    value: Any = None,
    ksize: Any = None,
    strides: Any = None,
    padding: Any = None,
    data_format: str = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """`avg_pool` under its two-dimensional name."""
    return avg_pool(value, ksize, strides, padding, data_format, name=name, input=input)
