"""`tf.image` of other sizes, and what is made of it."""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array, math
from thalweg.ops.image import pad_to_bounding_box


class ResizeMethod:
    """Names of TensorFlow's methods; `resize` supports the first two."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


def resize(
    images: Any,
    size: Any,
    method: str = ResizeMethod.BILINEAR,
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Tensor:
    """Images, one or a batch, of the height and width in `size`.

    Args:
        method: 'bilinear', which gives float32, or 'nearest', which keeps the dtype.
        preserve_aspect_ratio: the largest size within `size` that has the images' proportions.
    """
    if method not in (ResizeMethod.BILINEAR, ResizeMethod.NEAREST_NEIGHBOR):
        if method in vars(ResizeMethod).values():
            raise NotImplementedError(
                f"image.resize: method must be 'bilinear' or 'nearest', got {method!r}"
            )
        raise ValueError(f"Resize method is not implemented: {method}")
    if antialias and method == ResizeMethod.BILINEAR:
        raise NotImplementedError("image.resize: antialias must be False")
    with op_scope(name, "resize", [images, size]):
        images = convert_to_tensor(images, name="images")
        if images.shape.ndims not in (3, 4):
            raise ValueError("'images' must have either 3 or 4 dimensions.")
        one = images.shape.ndims == 3
        batch = raw_ops.ExpandDims(images, 0) if one else images
        wanted = math.cast(convert_to_tensor(size, name="size"), dtypes.int32)
        if not wanted.shape.is_compatible_with([2]):
            raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
        if preserve_aspect_ratio:
            wanted = _largest_within(batch, wanted)
        op = (
            raw_ops.ResizeBilinear
            if method == ResizeMethod.BILINEAR
            else raw_ops.ResizeNearestNeighbor
        )
        resized = op(batch, wanted, half_pixel_centers=True)
        return array.squeeze(resized, [0]) if one else resized


def _largest_within(batch: Tensor, size: Tensor) -> Tensor:
    have = math.cast(array.shape(batch)[1:3], dtypes.float32)
    scale = raw_ops.Min(raw_ops.RealDiv(math.cast(size, dtypes.float32), have), [0])
    return math.cast(raw_ops.Round(raw_ops.Mul(have, scale)), dtypes.int32)


def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Tensor:
    """The windows of images [batch, height, width, channels], each as one pixel's channels.

    Args:
        sizes, strides, rates: [1, rows, columns, 1]: of a window, between windows, and between the
            pixels of a window.
        padding: 'VALID' or 'SAME', which surrounds images with zeros.
    """
    for what, value in (("sizes", sizes), ("strides", strides), ("rates", rates)):
        if len(value) != 4 or value[0] != 1 or value[3] != 1:
            raise ValueError(f"extract_patches: {what} must be [1, rows, columns, 1], got {value}")
    if padding not in ("VALID", "SAME"):
        raise ValueError(f"extract_patches: padding must be 'VALID' or 'SAME', got {padding!r}")
    with op_scope(name, "extract_patches", [images]):
        x = convert_to_tensor(images, name="images")
        sides = [s for s in x.shape.as_list()[1:3] if s is not None]
        if x.shape.ndims != 4 or len(sides) != 2:
            raise ValueError(
                "extract_patches: images must have 4 dimensions and known sides, got shape "
                f"{x.shape}"
            )
        counts, pads = [], [[0, 0]]
        for side, window, step, rate in zip(
            sides, sizes[1:3], strides[1:3], rates[1:3], strict=True
        ):
            reach = (window - 1) * rate + 1
            count = -(-side // step) if padding == "SAME" else (side - reach) // step + 1
            missing = max((count - 1) * step + reach - side, 0) if padding == "SAME" else 0
            counts.append(count)
            pads.append([missing // 2, missing - missing // 2])
        x = array.pad(x, [*pads, [0, 0]])
        rows, cols = counts
        pixels = [
            x[
                :,
                i * rates[1] : i * rates[1] + (rows - 1) * strides[1] + 1 : strides[1],
                j * rates[2] : j * rates[2] + (cols - 1) * strides[2] + 1 : strides[2],
            ]
            for i in range(sizes[1])
            for j in range(sizes[2])
        ]
        return array.concat(pixels, -1)


def resize_with_pad(
    image: Any,
    target_height: int,
    target_width: int,
    method: str = ResizeMethod.BILINEAR,
    antialias: bool = False,
) -> Tensor:
    """The image in its proportions, as large as fits, in the middle of zeros of this size."""
    with op_scope(None, "resize_image_with_pad", [image]):
        picture = convert_to_tensor(image, name="image")
        if picture.shape.ndims not in (3, 4):
            raise ValueError("'image' must have either 3 or 4 dimensions.")
        if target_height <= 0 or target_width <= 0:
            raise ValueError("target_height and target_width must be > 0.")
        height, width = picture.shape.as_list()[-3:-1]
        if height is None or width is None:
            raise ValueError(
                "resize_with_pad: height and width must be known when the graph is built, got "
                f"shape {picture.shape}"
            )
        ratio = max(width / target_width, height / target_height)
        rows, cols = int(height / ratio), int(width / ratio)
        top = max(0, int((target_height - height / ratio) / 2))
        left = max(0, int((target_width - width / ratio) / 2))
        fitted = resize(picture, [rows, cols], method, antialias=antialias)
        return pad_to_bounding_box(fitted, top, left, target_height, target_width)
