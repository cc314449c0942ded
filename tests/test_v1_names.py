"""Names that TensorFlow 1 shares with TensorFlow 2, or has in another form."""

from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest

import thalweg as tf
import thalweg.compat.v1 as tf1
from thalweg.compat.v1 import _shared

SPACES = ["", "debugging", "dtypes", "image", "io", "linalg", "math", "nn", "strings"]


@pytest.mark.parametrize("space", SPACES)
def test_shared_names_are_the_same_objects(space: str) -> None:
    module = getattr(tf1, space) if space else tf1
    names = _shared.names_of(space)
    assert names
    for name, (home, there) in names.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), there), name
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = module.no_such_name


def test_no_table_is_left_out() -> None:
    assert set(SPACES) == set(_shared._NAMES)


def test_they_load_on_first_use() -> None:
    program = """
import sys, thalweg.compat.v1 as tf
assert "thalweg.linalg" not in sys.modules
with tf.Graph().as_default(), tf.Session() as sess:
    print(sess.run(tf.matrix_inverse([[2.0]]))[0, 0], tf.config.list_physical_devices("CPU")[0].name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["0.5", "/physical_device:CPU:0"], done.stderr


def test_earlier_argument_names() -> None:
    raw = np.arange(3, dtype=np.int16).tobytes()
    for call in (
        lambda: tf1.decode_raw(raw, tf.int16),
        lambda: tf1.decode_raw(bytes=raw, out_type=tf.int16),
        lambda: tf1.io.decode_raw(input_bytes=raw, out_type=tf.int16),
    ):
        assert call().numpy().tolist() == [0, 1, 2]
    assert tf1.decode_raw(raw, tf.int16, little_endian=False).numpy().tolist() == [0, 256, 512]
    assert tf1.string_to_number(["1", "2"], tf.int32).numpy().tolist() == [1, 2]
    assert tf1.strings.to_number(string_tensor="1.5").numpy() == 1.5
    assert tf1.string_to_number(input="1.5").numpy() == 1.5
    with pytest.raises(ValueError, match="input"):
        tf1.string_to_number("1", input="2")
