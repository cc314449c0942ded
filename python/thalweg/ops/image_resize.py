"""`tf.image` of other sizes, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant_value, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import array
from thalweg.ops.arguments import one_of
from thalweg.ops.cast import cast
from thalweg.ops.image import pad_to_bounding_box


class ResizeMethod:
    """The methods of `resize`."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


# The windows that methods resample with; the first two only to antialias.
_WINDOWS = {
    "bilinear": "triangle",
    "bicubic": "keyscubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
    "gaussian": "gaussian",
    "mitchellcubic": "mitchellcubic",
}


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
        method: one of `ResizeMethod`. The result is float32, but of the images' dtype for
            'nearest'. There are no gradients through 'area'.
        preserve_aspect_ratio: the largest size within `size` that has the images' proportions.
        antialias: where images shrink, every pixel counts. 'nearest' and 'area' do not ask.
    """

    def resized(batch: Tensor, wanted: Tensor) -> Tensor:
        if method == ResizeMethod.NEAREST_NEIGHBOR:
            return raw_ops.ResizeNearestNeighbor(batch, wanted, half_pixel_centers=True)
        if method == ResizeMethod.AREA:
            return raw_ops.ResizeArea(batch, wanted)
        if method == ResizeMethod.BILINEAR and not antialias:
            return raw_ops.ResizeBilinear(batch, wanted, half_pixel_centers=True)
        if method == ResizeMethod.BICUBIC and not antialias:
            return raw_ops.ResizeBicubic(batch, wanted, half_pixel_centers=True)
        if method not in _WINDOWS:
            raise ValueError(f"Resize method is not implemented: {method}")
        have = cast(array.shape(batch)[1:3], dtypes.float32)
        scale = raw_ops.RealDiv(cast(wanted, dtypes.float32), have)
        return raw_ops.ScaleAndTranslate(
            batch, wanted, scale, [0.0, 0.0], kernel_type=_WINDOWS[method], antialias=antialias
        )

    with op_scope(name, "resize", [images, size]):
        return _resized(images, size, resized, preserve_aspect_ratio)


class ResizeMethodV1:
    """The methods of TensorFlow 1's `resize_images`."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


def resize_images(
    images: Any,
    size: Any,
    method: Any = ResizeMethodV1.BILINEAR,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Tensor:
    """Images, one or a batch, of the height and width in `size`, as TensorFlow 1 places pixels: the
    first one's corner stays where it is.

    Args:
        method: one of `ResizeMethod`, or its name. The result is float32, but of the images' dtype
            for 'nearest' and for images that have this size already.
        align_corners: the outermost pixels stay where they are.
        preserve_aspect_ratio: the largest size within `size` that has the images' proportions.
    """

    def resized(batch: Tensor, wanted: Tensor) -> Tensor:
        op: Callable[..., Tensor]
        if method in (ResizeMethodV1.BILINEAR, ResizeMethod.BILINEAR):
            op = raw_ops.ResizeBilinear
        elif method in (ResizeMethodV1.NEAREST_NEIGHBOR, ResizeMethod.NEAREST_NEIGHBOR):
            op = raw_ops.ResizeNearestNeighbor
        elif method in (ResizeMethodV1.BICUBIC, ResizeMethod.BICUBIC):
            op = raw_ops.ResizeBicubic
        elif method in (ResizeMethodV1.AREA, ResizeMethod.AREA):
            op = raw_ops.ResizeArea
        else:
            raise ValueError(f"Resize method is not implemented: {method}")
        sides = constant_value(wanted)
        if sides is not None and batch.shape.as_list()[1:3] == sides.tolist():
            return batch
        return op(batch, wanted, align_corners=align_corners)

    with op_scope(name, "resize", [images, size]):
        return _resized(images, size, resized, preserve_aspect_ratio)


def _resized(
    images: Any, size: Any, op: Callable[[Tensor, Tensor], Tensor], preserve_aspect_ratio: bool
) -> Tensor:
    """`op` of a batch, made of one image where need be, and a size."""
    images = convert_to_tensor(images, name="images")
    if images.shape.ndims not in (3, 4):
        raise ValueError("'images' must have either 3 or 4 dimensions.")
    one = images.shape.ndims == 3
    batch = raw_ops.ExpandDims(images, 0) if one else images
    wanted = cast(convert_to_tensor(size, name="size"), dtypes.int32)
    if not wanted.shape.is_compatible_with([2]):
        raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
    if preserve_aspect_ratio:
        wanted = _largest_within(batch, wanted)
    resized = op(batch, wanted)
    return array.squeeze(resized, [0]) if one else resized


def resize_bilinear(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """A batch of images of another height and width, as float32, by linear interpolation."""
    return raw_ops.ResizeBilinear(
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


def resize_nearest_neighbor(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """A batch of images of another height and width, of the nearest pixels."""
    return raw_ops.ResizeNearestNeighbor(
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


def resize_bicubic(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Tensor:
    """A batch of images of another height and width, as float32, by cubic interpolation."""
    return raw_ops.ResizeBicubic(
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


def resize_area(
    images: Any, size: Any, align_corners: bool = False, name: str | None = None
) -> Tensor:
    """A batch of images of another height and width, as float32; a pixel is the mean over what it
    covers.
    """
    return raw_ops.ResizeArea(images, size, align_corners=align_corners, name=name)


def _largest_within(batch: Tensor, size: Tensor) -> Tensor:
    have = cast(array.shape(batch)[1:3], dtypes.float32)
    scale = raw_ops.Min(raw_ops.RealDiv(cast(size, dtypes.float32), have), [0])
    return cast(raw_ops.Round(raw_ops.Mul(have, scale)), dtypes.int32)


def crop_and_resize(
    image: Any,
    boxes: Any,
    box_indices: Any,
    crop_size: Any,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
    name: str | None = None,
) -> Tensor:
    """The parts of images that lie in boxes, all of one size, as float32.

    Args:
        image: [batch, height, width, channels].
        boxes: [boxes, 4]: y1, x1, y2, x2, where 0 and 1 are the centres of the first and the last
            pixel. Boxes with y1 > y2 or x1 > x2 are flipped.
        box_indices: [boxes], the number of each box's image.
        crop_size: height and width of the result.
        method: 'bilinear' or 'nearest'.
        extrapolation_value: what is there outside of images.

    Returns:
        [boxes, *crop_size, channels]. There are gradients by images, and by boxes as if the method
        were 'bilinear'.

    Raises:
        OutOfRangeError: there is no image of such a number.
    """
    return raw_ops.CropAndResize(
        image,
        boxes,
        box_indices,
        crop_size,
        method=method,
        extrapolation_value=extrapolation_value,
        name=name,
    )


def crop_and_resize_v1(
    image: Any,
    boxes: Any,
    box_ind: Any = None,
    crop_size: Any = None,
    method: str = "bilinear",
    extrapolation_value: float = 0,
    name: str | None = None,
    box_indices: Any = None,
) -> Tensor:
    """`crop_and_resize` with an earlier name of `box_indices`."""
    return crop_and_resize(
        image,
        boxes,
        one_of("box_indices", box_indices, "box_ind", box_ind),
        crop_size,
        method,
        extrapolation_value,
        name,
    )


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
    return _with_pad(
        image,
        target_height,
        target_width,
        lambda picture, size: resize(picture, size, method, antialias=antialias),
    )


def resize_image_with_pad(
    image: Any,
    target_height: int,
    target_width: int,
    method: Any = ResizeMethodV1.BILINEAR,
    align_corners: bool = False,
) -> Tensor:
    """`resize_with_pad` by `resize_images`."""
    return _with_pad(
        image,
        target_height,
        target_width,
        lambda picture, size: resize_images(picture, size, method, align_corners),
    )


def _with_pad(image: Any, target_height: int, target_width: int, resized: Any) -> Tensor:
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
        fitted = resized(picture, [rows, cols])
        return pad_to_bounding_box(fitted, top, left, target_height, target_width)
