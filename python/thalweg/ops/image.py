"""`tf.image` without codecs: colour, type conversion, flips, crops, padding, brightness and
contrast.
"""

from __future__ import annotations

from typing import Any

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.graph import Tensor
from thalweg.framework.op_scope import op_scope
from thalweg.ops import array, indexing, math, random, reduce
from thalweg.ops.cast import cast, saturate_cast
from thalweg.ops.transpose import transpose


def _image(image: Any, what: str) -> Tensor:
    """[height, width, channels] or a batch of them, of known rank."""
    image = convert_to_tensor(image, name="image")
    if image.shape.ndims not in (3, 4):
        raise ValueError(f"{what}: image must have 3 or 4 dimensions, got shape {image.shape}")
    return image


def grayscale_to_rgb(images: Any, name: str | None = None) -> Tensor:
    """Repeats the one channel three times."""
    with op_scope(name, "grayscale_to_rgb", [images]) as scope:
        images = convert_to_tensor(images, name="images")
        ndims = images.shape.ndims
        if ndims is None:
            raise ValueError(
                "grayscale_to_rgb: the rank of images must be known when the graph is built"
            )
        if images.shape.as_list()[-1] not in (1, None):
            raise ValueError(
                f"Last dimension of a grayscale image should be size 1: shape {images.shape}"
            )
        rgb = array.tile(images, [1] * (ndims - 1) + [3], name=scope)
        rgb.set_shape(images.shape[:-1].concatenate([3]))
        return rgb


def rgb_to_grayscale(images: Any, name: str | None = None) -> Tensor:
    """The luma of red, green and blue, as one channel of the same dtype."""
    with op_scope(name, "rgb_to_grayscale", [images]) as scope:
        images = convert_to_tensor(images, name="images")
        given = images.dtype.base_dtype
        floats = convert_image_dtype(images, dtypes.float32)
        weights = constant([0.2989, 0.5870, 0.1140], dtypes.float32)
        gray = reduce.reduce_sum(raw_ops.Mul(floats, weights), [-1], keepdims=True)
        if images.shape.ndims is not None:
            gray.set_shape(images.shape[:-1].concatenate([1]))
        return convert_image_dtype(gray, given, name=scope)


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Tensor:
    """Converts between dtypes and scales: floats span [0, 1], integers their own range.

    Args:
        saturate: limits values that would not fit instead of wrapping them.
    """
    image = convert_to_tensor(image, name="image")
    want, have = dtypes.as_dtype(dtype), image.dtype.base_dtype
    for kind in (want, have):
        if not (kind.is_floating or kind.is_integer):
            raise AttributeError(
                f"{'dtype' if kind is want else 'image dtype'} must be either floating point or "
                "integer"
            )
    if want == have:
        return array.identity(image, name=name)
    with op_scope(name, "convert_image", [image]) as scope:
        if have.is_integer and want.is_integer:
            narrow = have.max > want.max
            if narrow:
                scale = (int(have.max) + 1) // (int(want.max) + 1)
                scaled = raw_ops.FloorDiv(image, constant(scale, have))
                return (
                    saturate_cast(scaled, want, name=scope)
                    if saturate
                    else cast(scaled, want, name=scope)
                )
            wide = saturate_cast(image, want) if saturate else cast(image, want)
            scale = (int(want.max) + 1) // (int(have.max) + 1)
            return raw_ops.Mul(wide, constant(scale, want), name=scope)
        if have.is_floating and want.is_floating:
            return cast(image, want, name=scope)
        if have.is_integer:
            return raw_ops.Mul(cast(image, want), constant(1.0 / int(have.max), want), name=scope)
        # Half a step up, so that 1.0 is the largest integer and every integer has an interval of
        # equal width.
        scaled = raw_ops.Mul(image, constant(int(want.max) + 0.5, have))
        return (
            saturate_cast(scaled, want, name=scope) if saturate else cast(scaled, want, name=scope)
        )


# --- flips -------------------------------------------------------------------------------------


def _flip(image: Any, axis_from_end: int, name: str) -> Tensor:
    with op_scope(None, name, [image]):
        image = _image(image, name)
        return array.reverse(image, [image.shape.ndims - axis_from_end])


def flip_left_right(image: Any) -> Tensor:
    """Mirrors images horizontally."""
    return _flip(image, 2, "flip_left_right")


def flip_up_down(image: Any) -> Tensor:
    """Mirrors images vertically."""
    return _flip(image, 3, "flip_up_down")


def _random_flip(image: Any, axis_from_end: int, seed: int | None, name: str) -> Tensor:
    """Each image of a batch draws its own flip."""
    with op_scope(None, name, [image]):
        image = _image(image, name)
        flipped = array.reverse(image, [image.shape.ndims - axis_from_end])
        batch = image.shape.ndims == 4
        shape: Any = array.stack([array.shape(image)[0], 1, 1, 1]) if batch else []
        draw = random.random_uniform(shape, 0.0, 1.0, seed=seed)
        result = raw_ops.SelectV2(raw_ops.Less(draw, 0.5), flipped, image)
        return array.set_shape_like(result, image)


def random_flip_left_right(image: Any, seed: int | None = None) -> Tensor:
    """Mirrors each image horizontally with probability 1/2."""
    return _random_flip(image, 2, seed, "random_flip_left_right")


def random_flip_up_down(image: Any, seed: int | None = None) -> Tensor:
    """Mirrors each image vertically with probability 1/2."""
    return _random_flip(image, 3, seed, "random_flip_up_down")


def transpose_image(image: Any, name: str | None = None) -> Tensor:
    """Swaps height and width."""
    with op_scope(name, "transpose", [image]) as scope:
        image = _image(image, "transpose")
        return transpose(image, [1, 0, 2] if image.shape.ndims == 3 else [0, 2, 1, 3], name=scope)


def rot90(image: Any, k: int = 1, name: str | None = None) -> Tensor:
    """Rotates by k quarter turns, counter-clockwise."""
    with op_scope(name, "rot90", [image]) as scope:
        image = _image(image, "rot90")
        rows = image.shape.ndims - 3
        k %= 4
        if k == 0:
            return array.identity(image, name=scope)
        if k == 2:
            return array.reverse(image, [rows, rows + 1], name=scope)
        if k == 1:
            return array.reverse(transpose_image(image), [rows], name=scope)
        return array.reverse(transpose_image(image), [rows + 1], name=scope)


# --- crops and padding -------------------------------------------------------------------------


def _sizes(image: Tensor, what: str) -> tuple[int, int]:
    height, width = image.shape.as_list()[-3:-1]
    if height is None or width is None:
        raise ValueError(
            f"{what}: height and width must be known when the graph is built, got shape "
            f"{image.shape}"
        )
    return height, width


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The box of this size whose upper left corner is at the offsets."""
    with op_scope(None, "crop_to_bounding_box", [image]):
        image = _image(image, "crop_to_bounding_box")
        if offset_width < 0 or offset_height < 0:
            raise ValueError("offset_width and offset_height must be >= 0.")
        if target_width <= 0 or target_height <= 0:
            raise ValueError("target_width and target_height must be > 0.")
        height, width = image.shape.as_list()[-3:-1]
        if width is not None and offset_width + target_width > width:
            raise ValueError("width must be >= target + offset.")
        if height is not None and offset_height + target_height > height:
            raise ValueError("height must be >= target + offset.")
        begin, size = [offset_height, offset_width, 0], [target_height, target_width, -1]
        if image.shape.ndims == 4:
            begin, size = [0, *begin], [-1, *size]
        return indexing.slice(image, begin, size)


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """The image at the offsets in a box of zeros of this size."""
    with op_scope(None, "pad_to_bounding_box", [image]):
        image = _image(image, "pad_to_bounding_box")
        if offset_height < 0 or offset_width < 0:
            raise ValueError("offset_height and offset_width must be >= 0")
        height, width = _sizes(image, "pad_to_bounding_box")
        below, right = target_height - offset_height - height, target_width - offset_width - width
        if right < 0:
            raise ValueError("width must be <= target - offset")
        if below < 0:
            raise ValueError("height must be <= target - offset")
        paddings = [[offset_height, below], [offset_width, right], [0, 0]]
        return array.pad(image, paddings if image.shape.ndims == 3 else [[0, 0], *paddings])


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Tensor:
    """Cuts or pads evenly on opposite sides to this size."""
    with op_scope(None, "resize_image_with_crop_or_pad", [image]):
        image = _image(image, "resize_with_crop_or_pad")
        if target_width <= 0 or target_height <= 0:
            raise ValueError("target_width and target_height must be > 0.")
        height, width = _sizes(image, "resize_with_crop_or_pad")
        cut = crop_to_bounding_box(
            image,
            max((height - target_height) // 2, 0),
            max((width - target_width) // 2, 0),
            min(target_height, height),
            min(target_width, width),
        )
        return pad_to_bounding_box(
            cut,
            max((target_height - height) // 2, 0),
            max((target_width - width) // 2, 0),
            target_height,
            target_width,
        )


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """The middle of the image, this fraction of each side."""
    with op_scope(None, "central_crop", [image]):
        image = _image(image, "central_crop")
        if not 0.0 < central_fraction <= 1.0:
            raise ValueError("central_fraction must be within (0, 1]")
        if central_fraction == 1.0:
            return image
        height, width = _sizes(image, "central_crop")
        top = int((height - height * central_fraction) / 2)
        left = int((width - width * central_fraction) / 2)
        return crop_to_bounding_box(image, top, left, height - 2 * top, width - 2 * left)


# --- values ------------------------------------------------------------------------------------


def per_image_standardization(image: Any) -> Tensor:
    """Each image less its mean, over its standard deviation (at least 1 / sqrt(elements)); as
    floats.
    """
    with op_scope(None, "per_image_standardization", [image]) as scope:
        image = _image(image, "per_image_standardization")
        given = image.dtype.base_dtype
        floats = image if given.is_floating else cast(image, dtypes.float32)
        if given == dtypes.float16:
            floats = cast(image, dtypes.float32)
        axes = [-1, -2, -3]
        count = cast(raw_ops.Prod(array.shape(image)[-3:], [0]), floats.dtype.base_dtype)
        mean = reduce.reduce_mean(floats, axes, keepdims=True)
        centred = raw_ops.Sub(floats, mean)
        deviation = raw_ops.Sqrt(reduce.reduce_mean(raw_ops.Square(centred), axes, keepdims=True))
        result = math.truediv(centred, raw_ops.Maximum(deviation, raw_ops.Rsqrt(count)))
        return convert_image_dtype(
            result, given if given.is_floating else dtypes.float32, name=scope
        )


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """Adds `delta`, which counts in the float range [0, 1], to every value."""
    with op_scope(None, "adjust_brightness", [image, delta]) as scope:
        image = convert_to_tensor(image, name="image")
        given = image.dtype.base_dtype
        floats = image if given.is_floating else convert_image_dtype(image, dtypes.float32)
        brighter = raw_ops.AddV2(floats, cast(delta, floats.dtype.base_dtype))
        return convert_image_dtype(brighter, given, saturate=True, name=scope)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """(x - mean) * factor + mean, with the mean of each channel of each image."""
    with op_scope(None, "adjust_contrast", [images, contrast_factor]) as scope:
        images = _image(images, "adjust_contrast")
        given = images.dtype.base_dtype
        floats = images if given.is_floating else convert_image_dtype(images, dtypes.float32)
        mean = reduce.reduce_mean(floats, [-3, -2], keepdims=True)
        factor = cast(contrast_factor, floats.dtype.base_dtype)
        adjusted = raw_ops.AddV2(raw_ops.Mul(raw_ops.Sub(floats, mean), factor), mean)
        return convert_image_dtype(adjusted, given, saturate=True, name=scope)


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_brightness` by a draw from [-max_delta, max_delta)."""
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_brightness(image, random.random_uniform([], -max_delta, max_delta, seed=seed))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_contrast` by a draw from [lower, upper)."""
    if upper <= lower:
        raise ValueError("upper must be > lower.")
    if lower < 0:
        raise ValueError("lower must be non-negative.")
    return adjust_contrast(image, random.random_uniform([], lower, upper, seed=seed))
