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


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
@pytest.mark.parametrize("size", [(7, 9), (2, 3), (1, 1)])
def test_gradient_is_the_adjoint(method: str, size: tuple[int, int]) -> None:
    """<resize(x), dy> = <x, gradient(dy)>, since resizing is linear."""
    x = picture()
    rng = np.random.default_rng(1)
    with tf.Graph().as_default(), v1.Session() as session:
        p = v1.placeholder(tf.float32, x.shape)
        y = tf.image.resize(p, size, method)
        dy = rng.standard_normal(y.shape.as_list()).astype(np.float32)
        dx = tf.gradients(y, p, dy)[0]
        there, back = session.run([y, dx], {p: x})
    np.testing.assert_allclose(np.vdot(there, dy), np.vdot(x, back), rtol=1e-4, atol=1e-4)


def test_gradient_of_the_gradient() -> None:
    x = picture()
    with tf.Graph().as_default(), v1.Session() as session:
        p = v1.placeholder(tf.float32, x.shape)
        dy = tf.ones([2, 3, 5, 3]) * tf.constant(2.0)
        dx = tf.gradients(tf.image.resize(p, [3, 5]), p, dy)[0]
        second = tf.gradients(dx, dy, p)[0]
        got, want = session.run([second, tf.image.resize(p, [3, 5])], {p: x})
    np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"method": "bicubic"}, NotImplementedError, "bilinear"),
        ({"method": "no such"}, ValueError, "not implemented"),
        ({"antialias": True}, NotImplementedError, "antialias"),
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
