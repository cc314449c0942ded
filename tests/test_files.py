"""Ops over files: ReadFile, WriteFile, MatchingFiles; and DecodeRaw."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

import thalweg as tf


def test_write_and_read(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "new" / "folder" / "file")
    assert tf.io.write_file(path, b"some \x00 bytes") is None
    assert tf.io.read_file(path).numpy() == b"some \x00 bytes"
    tf.io.write_file(path, "other")
    assert tf.io.read_file(path).numpy() == b"other"


def test_errors(tmp_path: pathlib.Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match="No such file"):
        tf.io.read_file(str(tmp_path / "missing"))
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        tf.io.read_file(["a", "b"])


def test_matching_files(tmp_path: pathlib.Path) -> None:
    for name in ("b.txt", "a.txt", "c.dat"):
        (tmp_path / name).write_text(name)
    found = tf.io.matching_files(str(tmp_path / "*.txt")).numpy()
    assert [pathlib.Path(f.decode()).name for f in found] == ["a.txt", "b.txt"]
    both = tf.io.matching_files([str(tmp_path / "*.dat"), str(tmp_path / "a*")]).numpy()
    assert [pathlib.Path(f.decode()).name for f in both] == ["a.txt", "c.dat"]
    assert tf.io.matching_files(str(tmp_path / "none*")).shape == [0]


def test_a_graph_reads_at_every_run(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "file"
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        contents = tf.io.read_file(str(path))
        for text in (b"first", b"second"):
            path.write_bytes(text)
            assert session.run(contents) == text


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "complex64", "bool"])
def test_decode_raw(dtype: str) -> None:
    values = np.arange(6).reshape(2, 3).astype(dtype)
    strings = [row.tobytes() for row in values]
    np.testing.assert_array_equal(tf.io.decode_raw(strings, dtype).numpy(), values)
    swapped = [row.astype(row.dtype.newbyteorder(">")).tobytes() for row in values]
    np.testing.assert_array_equal(tf.io.decode_raw(swapped, dtype, False).numpy(), values)


def test_decode_raw_errors() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="not a multiple of 4"):
        tf.io.decode_raw(b"abcde", tf.int32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="same size"):
        tf.io.decode_raw([b"ab", b"abcd"], tf.uint8)
