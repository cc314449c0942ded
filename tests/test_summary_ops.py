"""Summary ops: what is in the messages they make."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

raw = tf.raw_ops


def run(y: Any, feed: Any = None) -> Any:
    with tf.Session() as sess:
        return tf.Summary.FromString(sess.run(y, feed))


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default():
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "float16"])
def test_scalar_summary(dtype: str) -> None:
    s = run(raw.ScalarSummary(tags=["a", "b"], values=np.array([1, 3], dtype)))
    assert [(v.tag, v.simple_value) for v in s.value] == [("a", 1.0), ("b", 3.0)]


def test_scalar_summary_wants_one_tag_a_value() -> None:
    tags, values = tf.placeholder(tf.string), tf.placeholder(tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not the same shape"):
        run(raw.ScalarSummary(tags=tags, values=values), {tags: ["a"], values: [1.0, 2.0]})


def test_histogram_summary() -> None:
    x = np.array([-1.0, 0.0, 0.5, 0.5, 2.0], np.float32)
    h = run(raw.HistogramSummary(tag="h", values=x)).value[0].histo
    assert (h.min, h.max, h.num, h.sum, h.sum_squares) == (-1.0, 2.0, 5.0, 2.0, 5.5)
    assert sum(h.bucket) == 5
    assert len(h.bucket) == len(h.bucket_limit)
    limits = np.array(h.bucket_limit)
    assert (np.diff(limits) > 0).all()
    # Every value lies in its bucket: limits grow by a tenth, so 0.5's bucket ends within a tenth above it.
    at = int(np.searchsorted(limits, 0.5, side="right"))
    assert h.bucket[at] == 2
    assert limits[at] <= 0.5 * 1.11


def test_histogram_summary_refuses_nan() -> None:
    x = tf.placeholder(tf.float32, [2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Nan in summary histogram for: h"):
        run(raw.HistogramSummary(tag="h", values=x, name="h"), {x: [1.0, np.nan]})


def pixels(png: bytes) -> np.ndarray:
    """The pixels of a PNG file whose rows use no filter but the standard five."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, header = 8, b"", b""
    while at < len(png):
        (n,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + n]
        assert struct.unpack(">I", png[at + 8 + n : at + 12 + n])[0] == zlib.crc32(kind + body)
        header = body if kind == b"IHDR" else header
        data += body if kind == b"IDAT" else b""
        at += 12 + n
    width, height, depth, color = struct.unpack(">IIBB", header[:10])
    channels = {0: 1, 2: 3, 6: 4}[color]
    assert depth == 8
    raw_bytes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * channels)
    out = np.zeros((height, width, channels), np.uint8)
    for y in range(height):
        kind, line = raw_bytes[y, 0], raw_bytes[y, 1:].reshape(width, channels)
        up = out[y - 1] if y else np.zeros_like(line)
        left = np.zeros(channels, np.uint8)
        for x in range(width):
            corner = up[x - 1] if x else np.zeros(channels, np.uint8)
            guess = left.astype(int) + up[x] - corner
            near = np.argmin([abs(guess - left), abs(guess - up[x]), abs(guess - corner)], 0)
            paeth = np.choose(near, [left, up[x], corner])
            add = [0, left, up[x], (left.astype(int) + up[x]) // 2, paeth][kind]
            left = out[y, x] = (line[x].astype(int) + add) % 256
    return out


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_image_summary(channels: int) -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 5, channels)).astype(np.uint8)
    s = run(raw.ImageSummary(tag="img", tensor=tf.constant(x)))
    assert [v.tag for v in s.value] == ["img/image/0", "img/image/1"]
    for v, want in zip(s.value, x):
        assert (v.image.height, v.image.width, v.image.colorspace) == (3, 5, channels)
        np.testing.assert_array_equal(pixels(v.image.encoded_image_string), want)


def test_image_summary_scales_floats_and_counts_images() -> None:
    x = np.array([0.0, 1.0, 2.0, np.nan], np.float32).reshape(1, 2, 2, 1).repeat(4, 0)
    s = run(raw.ImageSummary(tag="img", tensor=x, max_images=1))
    assert [v.tag for v in s.value] == ["img/image"]
    seen = pixels(s.value[0].image.encoded_image_string)
    # The largest value becomes 255; what is not finite shows in the bad colour, red, whose first channel is 255.
    assert seen[..., 0].ravel().tolist() == [0, 127, 255, 255]


def test_merge_summary() -> None:
    a, b = (raw.ScalarSummary(tags=t, values=v) for t, v in (("a", 1.0), ("b", 2.0)))
    s = run(raw.MergeSummary(inputs=[a, b]))
    assert [(v.tag, v.simple_value) for v in s.value] == [("a", 1.0), ("b", 2.0)]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag a"):
        run(raw.MergeSummary(inputs=[a, b, a]))
