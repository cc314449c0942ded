"""`tf.image`, as far as there are ops: no codecs, no boxes."""

from __future__ import annotations

from thalweg._gen.image import hsv_to_rgb, rgb_to_hsv
from thalweg.ops.image import (
    adjust_brightness,
    adjust_contrast,
    central_crop,
    convert_image_dtype,
    crop_to_bounding_box,
    flip_left_right,
    flip_up_down,
    grayscale_to_rgb,
    pad_to_bounding_box,
    per_image_standardization,
    random_brightness,
    random_contrast,
    random_flip_left_right,
    random_flip_up_down,
    resize_with_crop_or_pad,
    rgb_to_grayscale,
    rot90,
)
from thalweg.ops.image import transpose_image as transpose
from thalweg.ops.image_colour import (
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    psnr,
    random_hue,
    random_saturation,
    rgb_to_yiq,
    rgb_to_yuv,
    total_variation,
    yiq_to_rgb,
    yuv_to_rgb,
)
from thalweg.ops.image_resize import ResizeMethod, extract_patches, resize, resize_with_pad
from thalweg.ops.random import random_crop

__all__ = [
    "ResizeMethod",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "central_crop",
    "convert_image_dtype",
    "crop_to_bounding_box",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "pad_to_bounding_box",
    "per_image_standardization",
    "psnr",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_saturation",
    "resize",
    "resize_with_crop_or_pad",
    "resize_with_pad",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rgb_to_yiq",
    "rgb_to_yuv",
    "rot90",
    "total_variation",
    "transpose",
    "yiq_to_rgb",
    "yuv_to_rgb",
]
