"""`tf.image`: hue, saturation, gamma, other colour spaces, and how much two images differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from thalweg import raw_ops
from thalweg.framework import dtypes
from thalweg.framework.convert import constant, convert_to_tensor
from thalweg.framework.op_scope import op_scope
from thalweg.framework.tensor import Tensor
from thalweg.ops import math, random
from thalweg.ops.cast import cast
from thalweg.ops.image import convert_image_dtype


def _as_floats(image: Any) -> tuple[Tensor, dtypes.DType]:
    """The image as floats in [0, 1], and its dtype."""
    image = convert_to_tensor(image, name="image")
    given = image.dtype.base_dtype
    if given in (dtypes.float16, dtypes.float32):
        return image, given
    return convert_image_dtype(image, dtypes.float32), given


def _adjusted_hsv(image: Any, change: Any) -> Tensor:
    floats, given = _as_floats(image)
    hue, saturation, value = raw_ops.Split(-1, raw_ops.RGBToHSV(floats), num_split=3)
    changed = raw_ops.ConcatV2([*change(hue, saturation), value], -1)
    return convert_image_dtype(raw_ops.HSVToRGB(changed), given, saturate=True)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Tensor:
    """RGB images whose hue is turned by `delta`, in whole turns."""
    with op_scope(name, "adjust_hue", [image]):
        if isinstance(delta, (int, float)) and not -1.0 <= delta <= 1.0:
            raise ValueError("delta must be in the range [-1, 1]")

        def turn(hue: Tensor, saturation: Tensor) -> list[Tensor]:
            one = constant(1, hue.dtype.base_dtype)
            turned = raw_ops.AddV2(hue, cast(delta, hue.dtype.base_dtype))
            return [raw_ops.FloorMod(turned, one), saturation]

        return _adjusted_hsv(image, turn)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Tensor:
    """RGB images whose saturation is multiplied by a factor, up to 1."""
    with op_scope(name, "adjust_saturation", [image]):

        def scale(hue: Tensor, saturation: Tensor) -> list[Tensor]:
            dtype = hue.dtype.base_dtype
            scaled = raw_ops.Mul(saturation, cast(saturation_factor, dtype))
            return [hue, raw_ops.ClipByValue(scaled, constant(0, dtype), constant(1, dtype))]

        return _adjusted_hsv(image, scale)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """gain * image ** gamma."""
    with op_scope(None, "adjust_gamma", [image, gamma, gain]):
        if isinstance(gamma, (int, float)) and gamma < 0:
            raise ValueError("Gamma should be a non-negative real number.")
        floats, given = _as_floats(image)
        dtype = floats.dtype.base_dtype
        powered = raw_ops.Pow(floats, cast(gamma, dtype))
        return convert_image_dtype(raw_ops.Mul(cast(gain, dtype), powered), given, saturate=True)


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Tensor:
    """`adjust_hue` by a draw from [-max_delta, max_delta)."""
    if max_delta > 0.5:
        raise ValueError("max_delta must be <= 0.5.")
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_hue(image, random.random_uniform([], -max_delta, max_delta, seed=seed))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Tensor:
    """`adjust_saturation` by a draw from [lower, upper)."""
    if upper <= lower:
        raise ValueError("upper must be > lower.")
    if lower < 0:
        raise ValueError("lower must be non-negative.")
    return adjust_saturation(image, random.random_uniform([], lower, upper, seed=seed))


# Rows are red, green and blue; columns the other space's parts.
_YIQ = np.array(
    [
        [0.299, 0.59590059, 0.2115],
        [0.587, -0.27455667, -0.52273617],
        [0.114, -0.32134392, 0.31119955],
    ]
)
_YUV = np.array(
    [
        [0.299, -0.14714119, 0.61497538],
        [0.587, -0.28886916, -0.51496512],
        [0.114, 0.43601035, -0.10001026],
    ]
)
# The standards' rounded inverses, not the matrices' own.
_FROM_YIQ = np.array(
    [
        [1, 1, 1],
        [0.95598634, -0.27201283, -1.10674021],
        [0.6208248, -0.64720424, 1.70423049],
    ]
)
_FROM_YUV = np.array([[1, 1, 1], [0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0]])


def _mixed(images: Any, matrix: np.ndarray[Any, Any]) -> Tensor:
    images = convert_to_tensor(images, name="images")
    return math.tensordot(images, constant(matrix, images.dtype.base_dtype), [[-1], [0]])


def rgb_to_yiq(images: Any) -> Tensor:
    """Luma and the two chroma parts of NTSC."""
    return _mixed(images, _YIQ)


def yiq_to_rgb(images: Any) -> Tensor:
    """Inverse of `rgb_to_yiq`."""
    return _mixed(images, _FROM_YIQ)


def rgb_to_yuv(images: Any) -> Tensor:
    """Luma and the two chroma parts of PAL."""
    return _mixed(images, _YUV)


def yuv_to_rgb(images: Any) -> Tensor:
    """Inverse of `rgb_to_yuv`."""
    return _mixed(images, _FROM_YUV)


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Tensor:
    """Peak signal-to-noise ratio of each pair of images, in decibels."""
    with op_scope(name, "PSNR", [a, b]):
        a, b = convert_to_tensor(a), convert_to_tensor(b)
        limit = cast(convert_to_tensor(max_val), a.dtype.base_dtype)
        limit, a, b = (convert_image_dtype(x, dtypes.float32) for x in (limit, a, b))
        error = raw_ops.Mean(raw_ops.SquaredDifference(a, b), [-3, -2, -1])
        scale = np.float32(1 / np.log(10))
        peak = raw_ops.Mul(np.float32(20) * scale, raw_ops.Log(limit))
        return raw_ops.Sub(peak, raw_ops.Mul(np.float32(10) * scale, raw_ops.Log(error)))


def total_variation(images: Any, name: str | None = None) -> Tensor:
    """The sum of the absolute differences of neighbouring pixels, of each image."""
    with op_scope(name, "total_variation"):
        images = convert_to_tensor(images)
        down = raw_ops.Abs(images[..., 1:, :, :] - images[..., :-1, :, :])
        right = raw_ops.Abs(images[..., :, 1:, :] - images[..., :, :-1, :])
        axes = [-3, -2, -1]
        return raw_ops.AddV2(raw_ops.Sum(down, axes), raw_ops.Sum(right, axes))
