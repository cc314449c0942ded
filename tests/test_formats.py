"""Bytes that other programs read and write: GraphDef, summaries."""

from __future__ import annotations

import pathlib
import struct
import zlib

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg import _core, raw_ops

DATA = pathlib.Path(__file__).resolve().parent / "data"


def run(make):
    with tf.Graph().as_default(), tf.Session() as sess:
        return sess.run(make())


def test_a_graph_written_by_tensorflow_survives_the_round_trip() -> None:
    """every_type.pb: constants of all types in both forms, nodes in reverse order, by 2.21."""
    graph = _core.Graph()
    nodes = graph.import_graph_def((DATA / "every_type.pb").read_bytes(), "", {})
    assert len(nodes) == 67
    assert graph.node_attrs(nodes["neg8"])["value"] == -3
    assert graph.node_attrs(nodes["cplx"])["value"] == 1 + 2j
    assert graph.node_attrs(nodes["bin"])["value"] == b"\xff\x00z"
    assert graph.node_attrs(nodes["e2"])["value"].shape == (3, 0)
    np.testing.assert_array_equal(graph.node_attrs(nodes["f0"])["value"], np.ones((2, 3)))
    assert graph.node_control_inputs(nodes["after"]) == [nodes["y"]]
    again = _core.Graph()
    again.import_graph_def(graph.to_graph_def(), "", {})
    assert again.to_graph_def() == graph.to_graph_def()


# The bytes are TensorFlow 2.21's for the same op.
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            [0.0],
            "0a420a01682a3d19000000000000f03f3218000000000000000011ea2d819997713dffffffffffffef7f"
            "3a180000000000000000000000000000f03f0000000000000000",
        ),
        (
            [],
            "0a2b0a01682a2609ffffffffffffef7f11ffffffffffffefff3208ffffffffffffef7f"
            "3a080000000000000000",
        ),
        (
            [1.0, 1.0],
            "0a660a01682a6109000000000000f03f11000000000000f03f190000000000000040210000000000000040"
            "290000000000000040321808996919155aed3f2b14facdbe24f03fffffffffffffef7f"
            "3a18000000000000000000000000000000400000000000000000",
        ),
        (
            [1e300],
            "0a560a01682a51099c7500883ce4377e119c7500883ce4377e19000000000000f03f219c7500883ce4377e"
            "29000000000000f07f32104c549f0223831544ffffffffffffef7f"
            "3a100000000000000000000000000000f03f",
        ),
    ],
)
def test_histograms_are_tensorflows(values: list[float], expected: str) -> None:
    made = run(lambda: raw_ops.HistogramSummary("h", tf.constant(values, tf.float64)))
    assert made.hex() == expected


def test_scalars_and_merging() -> None:
    a = bytes.fromhex("0a080a01611500002040")
    assert run(lambda: raw_ops.ScalarSummary("a", 2.5)) == a
    both = run(
        lambda: raw_ops.MergeSummary(
            [raw_ops.ScalarSummary("a", 2.5), raw_ops.ScalarSummary("b", 2)]
        )
    )
    assert both == a + bytes.fromhex("0a080a01621500000040")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: raw_ops.HistogramSummary("h", [1.0, np.nan]), "Nan in summary histogram for: "),
        (lambda: raw_ops.HistogramSummary("h", [1.0, np.inf]), "Infinity in Histogram for: "),
        (lambda: raw_ops.HistogramSummary(["h"], [1.0]), "tags must be scalar"),
        (
            lambda: raw_ops.ScalarSummary(["a", "b"], [1, 2, 3]),
            "tags and values are not the same shape: [2] != [3]",
        ),
        (
            lambda: raw_ops.MergeSummary([raw_ops.ScalarSummary("a", 1.0)] * 2),
            "Duplicate tag a found in summary inputs ",
        ),
        (lambda: raw_ops.MergeSummary(["xyz"]), "Could not parse one of the summary inputs"),
        (
            lambda: raw_ops.ImageSummary("i", np.zeros((2, 2, 2), np.uint8)),
            "Tensor must be 4-D with last dim 1, 3, or 4, not [2,2,2]",
        ),
    ],
)
def test_summary_errors(make, message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        run(make)
    assert message in str(error.value)


def pixels(summary: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The first PNG in a summary, whose rows must be unfiltered."""
    png = summary[summary.index(b"\x89PNG") :]
    at, data = 8, b""
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(
            kind + body
        )
        data += body if kind == b"IDAT" else b""
        if kind == b"IEND":
            break
        at += 12 + size
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(shape[0], -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(shape)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_are_stored_as_they_are(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 201, 333, channels), np.uint8)
    made = run(lambda: raw_ops.ImageSummary("i", image))
    np.testing.assert_array_equal(pixels(made, image.shape[1:]), image[0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_images_are_scaled(dtype: type) -> None:
    for values, expected in [
        ([0, 1, 2, 0.5], [0, 127, 255, 63]),
        ([-1, 1, 2, 0.5], [64, 191, 255, 159]),
        ([0, np.nan, 2, 0.5], [0, 255, 255, 63]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ]:
        image = np.array(values, dtype).reshape(1, 2, 2, 1)
        made = run(lambda image=image: raw_ops.ImageSummary("i", image))
        assert pixels(made, (2, 2)).ravel().tolist() == expected
