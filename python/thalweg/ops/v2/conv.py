"""Convolution and pooling in TensorFlow 2's argument order."""

from __future__ import annotations

from typing import Any

from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, conv


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Correlates [batch, height, width, in] with [height, width, in, out] filters.

    Args:
        padding: 'SAME', 'VALID', or a (before, after) pair for each of the four dimensions.
    """
    return conv.conv2d(
        input, filters, strides, padding, data_format=data_format, dilations=dilations, name=name
    )


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Correlates [batch, width, in] with [width, in, out] filters."""
    return conv.conv1d(
        input, filters, stride, padding, data_format=data_format, name=name, dilations=dilations
    )


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` used as a layer; filters are [height, width, out, in]."""
    return conv.conv2d_transpose(
        input, filters, output_shape, strides, padding, data_format, name, dilations=dilations
    )


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """Convolves each channel with its own [height, width, in, multiplier] filters."""
    return conv.depthwise_conv2d(input, filter, strides, padding, dilations, name, data_format)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`depthwise_conv2d`, then a 1x1 convolution that mixes the channels."""
    return conv.separable_conv2d(
        input, depthwise_filter, pointwise_filter, strides, padding, dilations, name, data_format
    )


def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`conv1d` or `conv2d`, as the rank of `filters` says; strides and dilations default to 1."""
    kernel = convert_to_tensor(filters, name="filters")
    spatial = None if kernel.shape.ndims is None else kernel.shape.ndims - 2
    if spatial == 1:
        step = strides[0] if isinstance(strides, (list, tuple)) else strides or 1
        return conv1d(input, kernel, step, padding, data_format or "NWC", dilations, name)
    if spatial == 2:
        steps = 1 if strides is None else strides
        return conv2d(input, kernel, steps, padding, data_format or "NHWC", dilations, name)
    raise NotImplementedError(
        f"convolution: filters must have 1 or 2 spatial dimensions, got shape {kernel.shape}"
    )


def _format(data_format: str | None, ndims: int | None, function: str) -> str:
    """The layout of pictures of this rank; channels are last unless the format says otherwise."""
    if ndims == 4 or (ndims is None and data_format in ("NHWC", "NCHW")):
        return data_format or "NHWC"
    if ndims == 3 or (ndims is None and data_format in ("NWC", "NCW")):
        return data_format or "NWC"
    raise NotImplementedError(f"{function}: input must have rank 3 or 4, got rank {ndims}")


def _pool(
    function: Any,
    label: str,
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None,
    name: str | None,
) -> Tensor:
    x = convert_to_tensor(input, name="input")
    layout = _format(data_format, x.shape.ndims, label)
    if len(layout) == 4:
        return function(x, ksize, strides, padding, layout, name)
    # One row of a picture.
    axis = 2 if layout == "NCW" else 1
    sizes, steps = (
        _one_row(v, layout, what) for v, what in ((ksize, "ksize"), (strides, "strides"))
    )
    with op_scope(name, label, [x]):
        picture = array.expand_dims(x, axis)
        pooled = function(picture, sizes, steps, padding, "NCHW" if axis == 2 else "NHWC")
        return array.squeeze(pooled, [axis])


def _one_row(value: Any, layout: str, what: str) -> list[int]:
    """A window of one dimension as (height, width)."""
    sizes = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(sizes) == 3:
        sizes = [sizes[layout.index("W")]]
    if len(sizes) != 1:
        raise ValueError(f"{what} should be of length 1 or 3 but was {len(sizes)}")
    return [1, int(sizes[0])]


def max_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """Largest value of each window, over one or two spatial dimensions as the rank says."""
    return _pool(conv.max_pool, "max_pool", input, ksize, strides, padding, data_format, name)


def avg_pool(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """Mean of each window, over one or two spatial dimensions as the rank says."""
    return _pool(conv.avg_pool, "avg_pool", input, ksize, strides, padding, data_format, name)


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """Largest value of each window of [batch, width, channels]."""
    return _pool(conv.max_pool, "max_pool1d", input, ksize, strides, padding, data_format, name)


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NWC",
    name: str | None = None,
) -> Tensor:
    """Mean of each window of [batch, width, channels]."""
    return _pool(conv.avg_pool, "avg_pool1d", input, ksize, strides, padding, data_format, name)


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """Mean of each window; padding is not counted."""
    return conv.avg_pool(input, ksize, strides, padding, data_format, name=name)
