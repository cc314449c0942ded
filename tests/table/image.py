"""Images: other sizes, other colour spaces. test_image_resize.py has the gradients."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
from op_case import Case, Op

MODES = [(False, False), (True, False), (False, True)]
SIZES = [
    ((1, 3, 4, 2), (5, 7)),
    ((2, 6, 5, 3), (3, 2)),
    ((1, 1, 1, 1), (4, 3)),
    ((1, 4, 4, 1), (1, 1)),
]


def pixels(rng: np.random.Generator, shape: tuple[int, ...], t: np.dtype[Any]) -> np.ndarray:
    return rng.integers(0, 100, shape).astype(t)


def resize_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case(
            [pixels(rng, shape, t), np.array(size, np.int32)],
            {"align_corners": corners, "half_pixel_centers": centers},
        )
        for shape, size in SIZES
        for corners, centers in MODES
    ]


def places(n: int, m: int, corners: bool, centers: bool) -> np.ndarray:
    """Where the m new pixels of an axis lie among its n old ones."""
    scale = np.float32((n - 1) / (m - 1) if corners and m > 1 else n / m)
    i = np.arange(m, dtype=np.float32)
    return (i + np.float32(0.5)) * scale - np.float32(0.5) if centers else i * scale


def weights(n: int, m: int, corners: bool, centers: bool) -> np.ndarray:
    """The matrix that resizes an axis."""
    out = np.zeros((m, n))
    for i, at in enumerate(places(n, m, corners, centers)):
        share = float(at - np.floor(at))
        out[i, max(int(np.floor(at)), 0)] += 1 - share
        out[i, min(int(np.ceil(at)), n - 1)] += share
    return out


def bilinear(
    x: np.ndarray, size: np.ndarray, align_corners: bool, half_pixel_centers: bool
) -> np.ndarray:
    rows = weights(x.shape[1], size[0], align_corners, half_pixel_centers)
    cols = weights(x.shape[2], size[1], align_corners, half_pixel_centers)
    return np.einsum("ij,kl,bjlc->bikc", rows, cols, x).astype(np.float32)


def bilinear_grad_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case(
            [
                rng.uniform(-1, 1, (shape[0], *size, shape[3])).astype(np.float32),
                np.zeros(shape, t),
            ],
            {"align_corners": corners, "half_pixel_centers": centers},
        )
        for shape, size in SIZES
        for corners, centers in MODES
    ]


def bilinear_grad(
    dy: np.ndarray, x: np.ndarray, align_corners: bool, half_pixel_centers: bool
) -> np.ndarray:
    rows = weights(x.shape[1], dy.shape[1], align_corners, half_pixel_centers)
    cols = weights(x.shape[2], dy.shape[2], align_corners, half_pixel_centers)
    return np.einsum("ij,kl,bikc->bjlc", rows, cols, dy)


def nearest_at(n: int, m: int, corners: bool, centers: bool) -> np.ndarray:
    at = places(n, m, corners, False)
    if centers:
        at = (np.arange(m, dtype=np.float32) + np.float32(0.5)) * np.float32(n / m)
    away = np.floor(at + np.float32(0.5))  # halves go up: places are not negative
    return np.minimum((away if corners else np.floor(at)).astype(int), n - 1)


def nearest(
    x: np.ndarray, size: np.ndarray, align_corners: bool, half_pixel_centers: bool
) -> np.ndarray:
    rows = nearest_at(x.shape[1], size[0], align_corners, half_pixel_centers)
    cols = nearest_at(x.shape[2], size[1], align_corners, half_pixel_centers)
    return x[:, rows][:, :, cols]


def nearest_grad_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case(
            [
                rng.integers(0, 3, (shape[0], *size, shape[3])).astype(t),
                np.array(shape[1:3], np.int32),
            ],
            {"align_corners": corners, "half_pixel_centers": centers},
        )
        for shape, size in SIZES
        for corners, centers in MODES
    ]


def nearest_grad(
    dy: np.ndarray, size: np.ndarray, align_corners: bool, half_pixel_centers: bool
) -> np.ndarray:
    rows = nearest_at(size[0], dy.shape[1], align_corners, half_pixel_centers)
    cols = nearest_at(size[1], dy.shape[2], align_corners, half_pixel_centers)
    out = np.zeros((dy.shape[0], *size, dy.shape[3]), dy.dtype)
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            out[:, row, col] += dy[:, i, j]
    return out


WINDOWS = {
    "lanczos3": (3, lambda x: np.sinc(x) * np.sinc(x / 3)),
    "lanczos5": (5, lambda x: np.sinc(x) * np.sinc(x / 5)),
    "gaussian": (1.5, lambda x: np.exp(-2 * x * x)),
    "triangle": (1, lambda x: 1 - x),
    "keyscubic": (
        2,
        lambda x: np.where(
            x < 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        ),
    ),
    "mitchellcubic": (
        2,
        lambda x: np.where(
            x < 1, (21 * x**3 - 36 * x**2 + 16) / 18, (-7 * x**3 + 36 * x**2 - 60 * x + 32) / 18
        ),
    ),
}


def windowed(
    n: int, m: int, scale: float, translation: float, kernel: str, antialias: bool
) -> np.ndarray:
    """The matrix that resamples an axis."""
    radius, weight = WINDOWS[kernel]
    wide = max(1 / scale, 1) if antialias else 1
    at = (np.arange(m) + 0.5 - translation) / scale
    away = np.abs(np.arange(n) + 0.5 - at[:, None]) / wide
    out = np.where(away < radius, weight(away), 0)
    out /= out.sum(1, keepdims=True)
    out[(at < 0) | (at > n)] = 0
    return out


def matrices(
    old: tuple[int, ...],
    new: tuple[int, ...],
    scale: np.ndarray,
    translation: np.ndarray,
    kernel_type: str,
    antialias: bool,
) -> list[np.ndarray]:
    return [
        windowed(n, m, s, t, kernel_type, antialias)
        for n, m, s, t in zip(old[1:3], new, scale, translation, strict=True)
    ]


# Ratios of sizes at which no pixel lies on a window's edge, where rounding would decide.
SCALED = [
    ((2, 6, 5, 3), (13, 3), (2.11, 0.57), (0.0, 0.0)),
    ((1, 9, 7, 1), (4, 9), (0.43, 1.3), (0.3, 2.7)),
    ((1, 1, 3, 2), (2, 2), (1.9, 0.61), (-0.2, 0.1)),
]


def scaled_cases(rng: np.random.Generator, t: np.dtype[Any], grad: bool = False) -> list[Case]:
    return [
        Case(
            [
                rng.uniform(-1, 1, (old[0], *new, old[3])).astype(t)
                if grad
                else pixels(rng, old, t),
                np.zeros(old, t) if grad else np.array(new, np.int32),
                np.array(scale, np.float32),
                np.array(translation, np.float32),
            ],
            {"kernel_type": kernel, "antialias": antialias},
        )
        for kernel in WINDOWS
        for antialias in (False, True)
        for old, new, scale, translation in SCALED
    ]


def scaled(
    x: np.ndarray, size: np.ndarray, scale: np.ndarray, translation: np.ndarray, **attrs: Any
) -> np.ndarray:
    rows, cols = matrices(x.shape, tuple(size), scale, translation, **attrs)
    return np.einsum("ij,kl,bjlc->bikc", rows, cols, x).astype(np.float32)


def scaled_grad(
    dy: np.ndarray, x: np.ndarray, scale: np.ndarray, translation: np.ndarray, **attrs: Any
) -> np.ndarray:
    rows, cols = matrices(x.shape, dy.shape[1:3], scale, translation, **attrs)
    return np.einsum("ij,kl,bikc->bjlc", rows, cols, dy)


def cubic_weights(n: int, m: int, corners: bool, centers: bool) -> np.ndarray:
    """The matrix that resizes an axis by cubic convolution in steps of 1 / 1024 of a pixel."""
    a = -0.5 if centers else -0.75
    out = np.zeros((m, n))
    for i, at in enumerate(places(n, m, corners, centers)):
        low = int(np.floor(at))
        share = np.rint((at - np.float32(low)) * 1024) / 1024
        for j in range(low - 1, low + 3):
            x = abs(j - low - share)
            near = (a + 2) * x**3 - (a + 3) * x**2 + 1
            weight = near if x <= 1 else a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
            if 0 <= j < n or not centers:
                out[i, min(max(j, 0), n - 1)] += weight
    return out / out.sum(1, keepdims=True) if centers else out


def bicubic(
    x: np.ndarray, size: np.ndarray, align_corners: bool, half_pixel_centers: bool
) -> np.ndarray:
    rows = cubic_weights(x.shape[1], size[0], align_corners, half_pixel_centers)
    cols = cubic_weights(x.shape[2], size[1], align_corners, half_pixel_centers)
    return np.einsum("ij,kl,bjlc->bikc", rows, cols, x).astype(np.float32)


def bicubic_grad(
    dy: np.ndarray, x: np.ndarray, align_corners: bool, half_pixel_centers: bool
) -> np.ndarray:
    rows = cubic_weights(x.shape[1], dy.shape[1], align_corners, half_pixel_centers)
    cols = cubic_weights(x.shape[2], dy.shape[2], align_corners, half_pixel_centers)
    return np.einsum("ij,kl,bikc->bjlc", rows, cols, dy)


def area_weights(n: int, m: int, corners: bool) -> np.ndarray:
    scale = (n - 1) / (m - 1) if corners and m > 1 else n / m
    out = np.zeros((m, n))
    for i in range(m):
        # With align_corners pixels may reach beyond the image, where its border goes on.
        for j in range(int(np.ceil((i + 1) * scale))):
            covered = min((i + 1) * scale, j + 1) - max(i * scale, j)
            out[i, min(j, n - 1)] += max(covered, 0) / scale
    return out


def area(x: np.ndarray, size: np.ndarray, align_corners: bool) -> np.ndarray:
    rows = area_weights(x.shape[1], size[0], align_corners)
    cols = area_weights(x.shape[2], size[1], align_corners)
    return np.einsum("ij,kl,bjlc->bikc", rows, cols, x).astype(np.float32)


def area_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case([pixels(rng, shape, t), np.array(size, np.int32)], {"align_corners": corners})
        for shape, size in SIZES
        for corners in (False, True)
    ]


BOXES = np.array(
    [[0, 0, 1, 1], [0.21, 0.13, 0.77, 0.92], [0.83, 0.9, 0.11, 0.37], [-0.33, 0.4, 0.61, 1.43]],
    np.float32,
)
IMAGES = np.array([0, 1, 1, 0], np.int32)
CROPS = [((2, 6, 5, 3), (4, 7)), ((2, 3, 9, 1), (1, 3)), ((2, 1, 4, 2), (3, 1))]


def crop_places(n: int, m: int, low: float, high: float) -> np.ndarray:
    """Where the m pixels of a crop lie among the n pixels of an axis."""
    return np.linspace(low, high, m) * (n - 1) if m > 1 else np.array([(low + high) / 2 * (n - 1)])


def crop_weights(n: int, m: int, low: float, high: float, method: str) -> np.ndarray:
    """The matrix that crops an axis; rows of zeros lie outside."""
    out = np.zeros((m, n))
    for i, at in enumerate(crop_places(n, m, low, high)):
        at = np.round(at, 6)
        if not 0 <= at <= n - 1:
            continue
        if method == "nearest":
            out[i, int(np.floor(at + 0.5))] = 1
        else:
            share = at - np.floor(at)
            out[i, int(np.floor(at))] += 1 - share
            out[i, int(np.ceil(at))] += share
    return out


def crop_matrices(
    image: tuple[int, ...], boxes: np.ndarray, size: Any, method: str
) -> list[list[np.ndarray]]:
    sides = [
        [crop_weights(image[1 + i], size[i], box[i], box[2 + i], method) for i in range(2)]
        for box in boxes.astype(np.float64)
    ]
    return sides


def crop(
    x: np.ndarray,
    boxes: np.ndarray,
    index: np.ndarray,
    size: np.ndarray,
    method: str,
    extrapolation_value: float,
) -> np.ndarray:
    out = []
    for b, (rows, cols) in enumerate(crop_matrices(x.shape, boxes, size, method)):
        y = np.einsum("ij,kl,jlc->ikc", rows, cols, x[index[b]])
        inside = rows.any(1)[:, None] & cols.any(1)
        out.append(np.where(inside[..., None], y, extrapolation_value))
    return np.stack(out).astype(np.float32)


def crop_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case(
            [pixels(rng, shape, t), BOXES, IMAGES, np.array(size, np.int32)],
            {"method": method, "extrapolation_value": 3.5},
        )
        for shape, size in CROPS
        for method in ("bilinear", "nearest")
    ]


def crop_image_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    return [
        Case(
            [
                rng.uniform(-1, 1, (4, *size, shape[3])).astype(np.float32),
                BOXES,
                IMAGES,
                np.array(shape, np.int32),
            ],
            {"T": t.name, "method": method},
        )
        for shape, size in CROPS
        for method in ("bilinear", "nearest")
    ]


def crop_image_grad(
    dy: np.ndarray, boxes: np.ndarray, index: np.ndarray, shape: np.ndarray, method: str, **_: Any
) -> np.ndarray:
    out = np.zeros(shape)
    for b, (rows, cols) in enumerate(crop_matrices(tuple(shape), boxes, dy.shape[1:3], method)):
        out[index[b]] += np.einsum("ij,kl,ikc->jlc", rows, cols, dy[b])
    return out


def colour_cases(rng: np.random.Generator, t: np.dtype[Any]) -> list[Case]:
    grey = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [1.0, 0.0, 0.0], [0.25, 1.0, 1.0]])
    return [
        Case([rng.uniform(0, 1, (2, 3, 4, 3)).astype(t)]),
        Case([grey.astype(t)]),
        Case([np.zeros((0, 3), t)]),
    ]


def each(function: Any) -> Any:
    return lambda x: np.array([function(*v) for v in x.reshape(-1, 3)]).reshape(x.shape)


ROWS = [
    Op("ResizeBilinear", ref=bilinear, cases=resize_cases, grad=(), tol=4),
    Op("ResizeBilinearGrad", ref=bilinear_grad, cases=bilinear_grad_cases, grad=(), tol=4),
    Op("ResizeNearestNeighbor", ref=nearest, cases=resize_cases),
    Op("ResizeNearestNeighborGrad", ref=nearest_grad, cases=nearest_grad_cases),
    # Sums of many products of float32 weights, over values up to 100.
    Op("ScaleAndTranslate", ref=scaled, cases=scaled_cases, grad=(), tol=40),
    Op(
        "ScaleAndTranslateGrad",
        ref=scaled_grad,
        cases=lambda rng, t: scaled_cases(rng, t, grad=True),
        grad=(),
        tol=40,
    ),
    Op("ResizeBicubic", ref=bicubic, cases=resize_cases, grad=(), tol=20),
    # Weights are float32 for all dtypes; test_image_resize.py has float64.
    Op(
        "ResizeBicubicGrad",
        ref=bicubic_grad,
        cases=bilinear_grad_cases,
        dtypes=["float32"],
        grad=(),
        tol=20,
    ),
    Op("ResizeArea", ref=area, cases=area_cases, tol=20),
    # Differences of float32 places.
    Op("CropAndResize", ref=crop, cases=crop_cases, grad=(), tol=200),
    Op(
        "CropAndResizeGradImage",
        ref=crop_image_grad,
        cases=crop_image_cases,
        dtypes=["float32"],
        tol=20,
    ),
    Op("CropAndResizeGradBoxes", tested_by="test_image_resize.py"),
    # The hue is a difference over a difference.
    Op("RGBToHSV", ref=each(colorsys.rgb_to_hsv), cases=colour_cases, tol=20),
    Op("HSVToRGB", ref=each(colorsys.hsv_to_rgb), cases=colour_cases, tol=20),
]
