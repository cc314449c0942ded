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
    # The hue is a difference over a difference.
    Op("RGBToHSV", ref=each(colorsys.rgb_to_hsv), cases=colour_cases, tol=20),
    Op("HSVToRGB", ref=each(colorsys.hsv_to_rgb), cases=colour_cases, tol=20),
]
