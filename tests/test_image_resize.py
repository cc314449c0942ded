"""tf.image: resizing (with its gradients) and colours, against what they must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg as tf

v1 = tf.compat.v1


def picture(shape: tuple[int, ...] = (2, 4, 6, 3), dtype: str = "float32") -> np.ndarray:
    x = np.random.default_rng(0).uniform(0, 1, shape)
    return (x * 255).astype(dtype) if dtype == "uint8" else x.astype(dtype)


def test_resize() -> None:
    x = picture()
    np.testing.assert_array_equal(tf.image.resize(x, [4, 6]).numpy(), x)
    ramp = np.arange(4, dtype=np.float32).reshape(1, 4, 1)
    want = [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]  # pixels' centres, at half distances
    np.testing.assert_allclose(tf.image.resize(ramp, [1, 8]).numpy().ravel(), want)
    np.testing.assert_array_equal(
        tf.image.resize(ramp, [1, 8], "nearest").numpy().ravel(), np.repeat(range(4), 2)
    )
    bytes_ = picture(dtype="uint8")
    assert tf.image.resize(bytes_, [3, 3]).dtype == tf.float32
    assert tf.image.resize(bytes_, [3, 3], "nearest").dtype == tf.uint8
    assert tf.image.resize(x[0], [8, 8], preserve_aspect_ratio=True).shape == [5, 8, 3]


def test_resize_with_pad() -> None:
    x = np.ones((4, 8, 1), np.float32)
    y = tf.image.resize_with_pad(x, 4, 4).numpy()[..., 0]
    np.testing.assert_array_equal(y, [[0] * 4, [1] * 4, [1] * 4, [0] * 4])


HILL = (np.arange(30, dtype=np.float32) ** 1.5).reshape(5, 6, 1)
# Method, antialias, row 1 of HILL in the sizes 3x4 and 7x8; noted from tensorflow-cpu.
METHODS: list[tuple[str, bool, list[list[float]]]] = [
    (
        "bilinear",
        False,
        [
            [42.89496, 51.005444, 59.57106, 68.569595],
            [8.39825, 10.031579, 12.185535, 14.581305, 17.216324, 20.057516, 23.051304, 25.638927],
        ],
    ),
    (
        "bilinear",
        True,
        [
            [45.291584, 52.81904, 60.98318, 69.29253],
            [8.39825, 10.031578, 12.185535, 14.581305, 17.216322, 20.057514, 23.051304, 25.63893],
        ],
    ),
    (
        "bicubic",
        False,
        [
            [42.45494, 50.986465, 59.553047, 69.06581],
            [6.305401, 7.7787943, 9.98875, 12.329807, 14.882199, 17.624138, 20.83134, 23.311012],
        ],
    ),
    (
        "bicubic",
        True,
        [
            [43.756195, 51.428913, 60.44039, 68.946526],
            [6.307621, 7.7813087, 9.991622, 12.332954, 14.885596, 17.627768, 20.835205, 23.315044],
        ],
    ),
    (
        "area",
        False,
        [
            [44.9, 52.02635, 61.45657, 69.39617],
            [8.818165, 10.614159, 12.577377, 14.707821, 18.278461, 20.875265, 23.569733, 26.361862],
        ],
    ),
    (
        "lanczos3",
        False,
        [
            [42.31595, 51.204884, 59.31154, 69.21709],
            [5.7707744, 7.0698314, 9.417326, 11.520568, 14.114406, 16.49427, 20.063324, 22.32986],
        ],
    ),
    (
        "lanczos3",
        True,
        [
            [42.744415, 50.6974, 59.663445, 68.46463],
            [5.7707744, 7.0698314, 9.417326, 11.520568, 14.114406, 16.49427, 20.063324, 22.32986],
        ],
    ),
    (
        "lanczos5",
        False,
        [
            [42.329567, 51.220116, 59.239418, 69.20114],
            [4.33572, 5.5651174, 7.92141, 9.981544, 12.501368, 14.655558, 18.385048, 20.57911],
        ],
    ),
    (
        "lanczos5",
        True,
        [
            [42.406868, 50.451164, 59.252327, 68.12842],
            [4.33572, 5.5651174, 7.92141, 9.981544, 12.501368, 14.655558, 18.385048, 20.57911],
        ],
    ),
    (
        "gaussian",
        False,
        [
            [43.830093, 51.93866, 60.171394, 69.16331],
            [9.047463, 10.572145, 12.61836, 15.06431, 17.837952, 20.713305, 23.543285, 25.920973],
        ],
    ),
    (
        "gaussian",
        True,
        [
            [46.71155, 53.536427, 62.084476, 69.62844],
            [9.047463, 10.572145, 12.61836, 15.06431, 17.837952, 20.713305, 23.543285, 25.920973],
        ],
    ),
    (
        "mitchellcubic",
        False,
        [
            [43.176388, 51.4074, 59.951843, 69.11062],
            [7.2991815, 8.740525, 10.929323, 13.298462, 15.880352, 18.65207, 21.7769, 24.140402],
        ],
    ),
    (
        "mitchellcubic",
        True,
        [
            [45.16165, 52.436867, 61.21709, 69.27165],
            [7.2991815, 8.740525, 10.929323, 13.298462, 15.880352, 18.65207, 21.7769, 24.140402],
        ],
    ),
]
# TensorFlow 1's methods, align_corners, row 1 in the size 3x4.
METHODS_V1: list[tuple[int, bool, list[float]]] = [
    (0, False, [32.611794, 39.94307, 47.72983, 56.048542]),
    (0, True, [41.56922, 50.54619, 60.063168, 70.0928]),
    (1, False, [14.6969385, 18.520258, 27.0, 31.622776]),
    (1, True, [41.56922, 52.3832, 58.09475, 70.0928]),
    (2, False, [30.06773, 37.43165, 45.28848, 54.131416]),
    (2, True, [41.56922, 50.30975, 60.248356, 70.0928]),
    (3, False, [44.9, 52.02635, 61.45657, 69.39617]),
    (3, True, [61.31928, 70.94978, 81.02252, 90.198456]),
]


@pytest.mark.parametrize(("method", "antialias", "rows"), METHODS)
def test_methods(method: str, antialias: bool, rows: list[list[float]]) -> None:
    for size, want in zip(([3, 4], [7, 8]), rows, strict=True):
        got = tf.image.resize(HILL, size, method, antialias=antialias)
        np.testing.assert_allclose(got[1, :, 0], want, rtol=1e-6)
        batch = tf.image.resize(np.stack([HILL, -HILL]), size, method, antialias=antialias)
        np.testing.assert_array_equal(batch[1], -got)


@pytest.mark.parametrize(("method", "corners", "row"), METHODS_V1)
def test_methods_of_tensorflow_1(method: int, corners: bool, row: list[float]) -> None:
    got = v1.image.resize_images(HILL, [3, 4], method, corners)
    np.testing.assert_allclose(got[1, :, 0], row, rtol=1e-6)
    name = ["bilinear", "nearest", "bicubic", "area"][method]
    np.testing.assert_array_equal(v1.image.resize(HILL, [3, 4], name, corners), got)
    op = [
        v1.image.resize_bilinear,
        v1.image.resize_nearest_neighbor,
        v1.image.resize_bicubic,
        v1.image.resize_area,
    ][method]
    np.testing.assert_array_equal(op(HILL[None], [3, 4], corners)[0], got)


def test_images_of_the_size_wanted_stay_what_they_are() -> None:
    """In TensorFlow 1, where the size is known."""
    x = picture(dtype="uint8")
    assert v1.image.resize_images(x, [4, 6]).dtype == tf.uint8
    assert tf.image.resize(x, [4, 6]).dtype == tf.float32
    assert v1.image.resize_images(x, [4, 5]).dtype == tf.float32


@pytest.mark.parametrize("method", ["area", "lanczos3", "bicubic"])
def test_antialiased_images_keep_their_mean(method: str) -> None:
    """A checkerboard becomes grey; without antialiasing it need not."""
    board = np.indices((64, 64)).sum(0)[..., None] % 2
    small = tf.image.resize(board.astype(np.uint8), [8, 8], method, antialias=True).numpy()
    np.testing.assert_allclose(small[2:-2, 2:-2], 0.5, atol=0.02)


def test_pixels_outside_of_the_image_are_zero() -> None:
    x = np.ones((1, 2, 4, 1), np.float32)
    y = tf.raw_ops.ScaleAndTranslate(
        images=x, size=[2, 6], scale=[1.0, 1.0], translation=[0.0, 2.0], kernel_type="triangle"
    )
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 0, 1, 1, 1, 1]] * 2)
    for kernel, scale, words in (
        ("foo", 1.0, "Unrecognized kernel type"),
        ("box", 0.0, "greater than zero"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            tf.raw_ops.ScaleAndTranslate(
                images=x,
                size=[2, 6],
                scale=[1.0, scale],
                translation=[0.0, 2.0],
                kernel_type=kernel,
            )


def test_resize_image_with_pad_of_tensorflow_1() -> None:
    x = np.ones((4, 8, 1), np.float32)
    y = v1.image.resize_image_with_pad(x, 4, 4, v1.image.ResizeMethod.AREA).numpy()[..., 0]
    np.testing.assert_array_equal(y, [[0] * 4, [1] * 4, [1] * 4, [0] * 4])


BOXES = np.array(
    [[0.21, 0.13, 0.77, 0.92], [0.9, 0.8, 0.1, 0.3], [-0.3, 0.4, 0.6, 1.4]], np.float32
)


def test_boxes() -> None:
    """CropAndResize, CropAndResizeGradImage, CropAndResizeGradBoxes; noted from tensorflow-cpu."""
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-5)  # noqa: E731
    wanted = {
        "bilinear": [
            [
                [14.53696060180664, 21.99195671081543, 30.597932815551758],
                [83.90826416015625, 97.18437957763672, 111.09880828857422],
            ],
            [
                [130.1728973388672, 120.83392333984375, 111.72471618652344],
                [17.449111938476562, 13.125276565551758, 9.37806510925293],
            ],
            [[7.0, 7.0, 7.0], [67.20701599121094, 82.92649841308594, 7.0]],
        ],
        "nearest": [
            [
                [18.5202579498291, 27.0, 36.482872009277344],
                [82.81907653808594, 96.23409271240234, 110.30412292480469],
            ],
            [
                [148.1620635986328, 140.29611206054688, 132.5745086669922],
                [8.0, 5.196152687072754, 2.8284270763397217],
            ],
            [[7.0, 7.0, 7.0], [52.383201599121094, 70.0927963256836, 7.0]],
        ],
    }
    for method, want in wanted.items():
        got = tf.image.crop_and_resize(HILL[None], BOXES, [0, 0, 0], [2, 3], method, 7.0)
        close(got[..., 0], want)
    close(
        v1.image.crop_and_resize(
            HILL[None], BOXES, box_ind=[0] * 3, crop_size=[2, 3], extrapolation_value=7.0
        )[..., 0],
        wanted["bilinear"],
    )
    gradients = [
        (
            [2, 3],
            [
                [248.8590087890625, 76.79884338378906, 524.24853515625, 86.18263244628906],
                [525.8349609375, 26.297950744628906, 254.34011840820312, 75.9683609008789],
                [0.0, 16.254169464111328, 307.03900146484375, 16.254169464111328],
            ],
            [
                2.2799997329711914,
                3.7200000286102295,
                1.1999998092651367,
                4.760000705718994,
                2.039999485015869,
            ],
        ),
        (
            [1, 1],
            [
                [61.185279846191406, 14.144973754882812, 61.185279846191406, 14.144973754882812],
                [0.0, 14.27886962890625, 0.0, 14.27886962890625],
                [48.92530822753906, 10.470483779907227, 48.92530822753906, 10.470483779907227],
            ],
            [0.3999999761581421, 0.6400001049041748, 1.9599997997283936, 0.0, 0.0],
        ),
    ]
    for size, by_boxes, by_rows in gradients:
        x, b = tf.constant(HILL[None]), tf.constant(BOXES)
        with tf.GradientTape() as tape:
            tape.watch([x, b])
            y = tf.image.crop_and_resize(x, b, [0, 0, 0], size)
        d_image, d_boxes = tape.gradient(y, [x, b])
        np.testing.assert_allclose(d_boxes, by_boxes, rtol=1e-5)
        close(tf.reduce_sum(d_image, [0, 2, 3]), by_rows)


def test_boxes_that_do_not_fit() -> None:
    with pytest.raises(tf.errors.OutOfRangeError, match="box_index has values outside"):
        tf.image.crop_and_resize(HILL[None], BOXES, [0, 1, 0], [2, 2])
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="must be positive"):
        tf.image.crop_and_resize(HILL[None], BOXES, [0, 0, 0], [0, 2])
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="must be equal"):
        tf.image.crop_and_resize(HILL[None], BOXES, [0, 0], [2, 2])
    with tf.Graph().as_default():
        image = v1.placeholder(tf.float32, [None, 8, 8, 3])
        crops = tf.image.crop_and_resize(image, BOXES, [0, 1, 0], [2, 3])
        assert crops.shape.as_list() == [3, 2, 3, 3]


def test_area_has_no_gradient() -> None:
    x = tf.constant(HILL)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.image.resize(x, [3, 4], "area")
    assert tape.gradient(y, x) is None


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(
    "method", ["bilinear", "nearest", "bicubic", "lanczos3", "gaussian", "mitchellcubic"]
)
@pytest.mark.parametrize("size", [(7, 9), (2, 3), (1, 1)])
def test_gradient_is_the_adjoint(method: str, size: tuple[int, int], antialias: bool) -> None:
    """<resize(x), dy> = <x, gradient(dy)>, since resizing is linear."""
    x = picture()
    rng = np.random.default_rng(1)
    with tf.Graph().as_default(), v1.Session() as session:
        p = v1.placeholder(tf.float32, x.shape)
        y = tf.image.resize(p, size, method, antialias=antialias)
        dy = rng.standard_normal(y.shape.as_list()).astype(np.float32)
        dx = tf.gradients(y, p, dy)[0]
        there, back = session.run([y, dx], {p: x})
    np.testing.assert_allclose(np.vdot(there, dy), np.vdot(x, back), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float16, tf.bfloat16])
@pytest.mark.parametrize("method", ["bicubic", "lanczos3"])
def test_gradients_have_the_dtype_of_images(method: str, dtype: Any) -> None:
    x = tf.cast(picture(), dtype)
    dy = np.random.default_rng(1).standard_normal((2, 3, 5, 3)).astype(np.float32)
    grads = []
    for images in (x, tf.cast(x, tf.float32)):
        with tf.GradientTape() as tape:
            tape.watch(images)
            y = tf.image.resize(images, [3, 5], method)
        grads.append(tape.gradient(y, images, dy))
    assert grads[0].dtype == dtype
    tol = {tf.float64: 1e-6, tf.float16: 2e-3, tf.bfloat16: 2e-2}[dtype]
    got = tf.cast(grads[0], tf.float32).numpy()
    np.testing.assert_allclose(got, grads[1].numpy(), rtol=tol, atol=tol)


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos3"])
def test_gradient_of_the_gradient(method: str) -> None:
    x = picture()
    with tf.Graph().as_default(), v1.Session() as session:
        p = v1.placeholder(tf.float32, x.shape)
        dy = tf.ones([2, 3, 5, 3]) * tf.constant(2.0)
        dx = tf.gradients(tf.image.resize(p, [3, 5], method), p, dy)[0]
        second = tf.gradients(dx, dy, p)[0]
        got, want = session.run([second, tf.image.resize(p, [3, 5], method)], {p: x})
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"method": "no such"}, ValueError, "not implemented"),
        ({"size": [0, 3]}, (ValueError, tf.errors.InvalidArgumentError), "must be positive"),
        ({"size": [1, 2, 3]}, ValueError, "2 elements"),
    ],
)
def test_refusals(arguments: dict[str, Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        tf.image.resize(picture(), **{"size": [3, 3], **arguments})


def test_rank() -> None:
    with pytest.raises(ValueError, match="3 or 4 dimensions"):
        tf.image.resize(np.zeros((2, 2)), [3, 3])


def test_colours() -> None:
    x = picture()
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5)  # noqa: E731
    close(tf.image.hsv_to_rgb(tf.image.rgb_to_hsv(x)), x)
    close(tf.image.yuv_to_rgb(tf.image.rgb_to_yuv(x)), x)
    np.testing.assert_allclose(tf.image.yiq_to_rgb(tf.image.rgb_to_yiq(x)), x, atol=2e-4)
    close(tf.image.adjust_hue(x, 0.0), x)
    close(tf.image.adjust_hue(tf.image.adjust_hue(x, 0.3), -0.3), x)
    close(tf.image.adjust_saturation(x, 0.0)[..., 0], x.max(-1))
    close(tf.image.adjust_gamma(x, 2.0, 0.5), 0.5 * x**2)
    close(tf.image.adjust_hue([[[1.0, 0.0, 0.0]]], 1 / 3), [[[0.0, 1.0, 0.0]]])
    with pytest.raises(ValueError, match="delta"):
        tf.image.adjust_hue(x, 2.0)
    with pytest.raises(ValueError, match="max_delta"):
        tf.image.random_hue(x, 0.7)
    with pytest.raises(ValueError, match="upper"):
        tf.image.random_saturation(x, 2.0, 1.0)


def test_distances() -> None:
    x, y = picture(), picture() * 0.9
    want = -10 * np.log10(np.mean((x - y) ** 2, (-3, -2, -1)))
    np.testing.assert_allclose(tf.image.psnr(x, y, 1.0), want, rtol=1e-5)
    total = np.abs(np.diff(x, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(x, axis=2)).sum((1, 2, 3))
    np.testing.assert_allclose(tf.image.total_variation(x), total, rtol=1e-5)


def test_random_changes_stay_in_range() -> None:
    tf.random.set_seed(1)
    x = picture()
    for y in (
        tf.image.random_hue(x, 0.2),
        tf.image.random_saturation(x, 0.5, 1.5),
        tf.image.random_brightness(x, 0.1),
    ):
        assert y.shape == x.shape
        assert (y.numpy() != x).any()
