"""String ops: results TensorFlow gives, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf

WORDS = np.array([[b"ab", b"C d"], [b"", b" xyz "]], object)

# Op, arguments, result (several outputs: a tuple).
RESULTS: list[tuple[str, dict[str, Any], Any]] = [
    ("StringJoin", {"inputs": [["a", "b"], ["c", "d"]], "separator": "-"}, [b"a-c", b"b-d"]),
    ("StringJoin", {"inputs": [["a", "b"], "x"]}, [b"ax", b"bx"]),
    ("StringLower", {"input": WORDS}, [[b"ab", b"c d"], [b"", b" xyz "]]),
    ("StringLower", {"input": "ÀB".encode(), "encoding": "utf-8"}, "àb".encode()),
    ("StringUpper", {"input": WORDS}, [[b"AB", b"C D"], [b"", b" XYZ "]]),
    ("StringStrip", {"input": ["  a b\t", "\n", ""]}, [b"a b", b"", b""]),
    ("StringLength", {"input": WORDS}, [[2, 3], [0, 5]]),
    ("StringLength", {"input": ["é", "abc"], "unit": "BYTE"}, [2, 3]),
    ("StringLength", {"input": ["é", "abc"], "unit": "UTF8_CHAR"}, [1, 3]),
    ("Substr", {"input": ["hello", "world"], "pos": 1, "len": 3}, [b"ell", b"orl"]),
    ("Substr", {"input": ["hello", "world"], "pos": [-2, 0], "len": [9, 1]}, [b"lo", b"w"]),
    ("Substr", {"input": "aéb", "pos": 1, "len": 1, "unit": "UTF8_CHAR"}, "é".encode()),
    ("ReduceJoin", {"inputs": [["a", "b"], ["c", "d"]], "reduction_indices": 0}, [b"ac", b"bd"]),
    (
        "ReduceJoin",
        {"inputs": [["a", "b"], ["c", "d"]], "reduction_indices": [-1], "separator": "."},
        [b"a.b", b"c.d"],
    ),
    ("ReduceJoin", {"inputs": [["a", "b"], ["c", "d"]], "reduction_indices": [0, 1]}, b"acbd"),
    (
        "ReduceJoin",
        {"inputs": [["a", "b"]], "reduction_indices": [1], "keep_dims": True},
        [[b"ab"]],
    ),
    (
        "StringSplit",
        {"input": ["a b", "", "c"], "delimiter": " "},
        ([[0, 0], [0, 1], [2, 0]], [b"a", b"b", b"c"], [3, 2]),
    ),
    (
        "StringSplit",
        {"input": ["a,,b"], "delimiter": ",", "skip_empty": False},
        ([[0, 0], [0, 1], [0, 2]], [b"a", b"", b"b"], [1, 3]),
    ),
    (
        "StringSplitV2",
        {"input": ["a b  c"], "sep": ""},
        ([[0, 0], [0, 1], [0, 2]], [b"a", b"b", b"c"], [1, 3]),
    ),
    (
        "StringSplitV2",
        {"input": ["a<>b<>c"], "sep": "<>", "maxsplit": 1},
        ([[0, 0], [0, 1]], [b"a", b"b<>c"], [1, 2]),
    ),
    ("AsString", {"input": np.array([1, -23], np.int32)}, [b"1", b"-23"]),
    ("AsString", {"input": np.array([True, False])}, [b"true", b"false"]),
    (
        "AsString",
        {"input": np.array([3.14159, -0.5], np.float32), "precision": 2},
        [b"3.14", b"-0.50"],
    ),
    (
        "AsString",
        {"input": np.array([1.5], np.float32), "scientific": True, "precision": 3},
        [b"1.500e+00"],
    ),
    ("AsString", {"input": np.array([1.5], np.float64), "shortest": True}, [b"1.5"]),
    ("AsString", {"input": np.array([7], np.int64), "width": 4, "fill": "0"}, [b"0007"]),
    (
        "StringToNumber",
        {"string_tensor": ["1.5", "-2e3", " 7 "], "out_type": tf.float32},
        [1.5, -2000.0, 7.0],
    ),
    ("StringToNumber", {"string_tensor": ["12", "-7"], "out_type": tf.int64}, [12, -7]),
    ("StringFormat", {"inputs": [np.array([1, 2, 3], np.int32)], "template": "x=%s"}, b"x=[1 2 3]"),
    (
        "StringFormat",
        {"inputs": [np.int32(4), np.float32(0.5)], "template": "{}/{}", "placeholder": "{}"},
        b"4/0.5",
    ),
    (
        "StringFormat",
        {"inputs": [np.arange(8, dtype=np.int32)], "template": "%s", "summarize": 2},
        b"[0 1 ... 6 7]",
    ),
]


@pytest.mark.parametrize(("op", "arguments", "want"), RESULTS)
def test_result(op: str, arguments: dict[str, Any], want: Any) -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        got = sess.run(getattr(tf.raw_ops, op)(**arguments))
    if isinstance(want, tuple):
        assert tuple(g.tolist() for g in got) == want
    else:
        assert (got if isinstance(got, bytes) else got.tolist()) == want


ERRORS: list[tuple[str, dict[str, Any], str]] = [
    (
        "StringToNumber",
        {"string_tensor": ["1", "one"]},
        "StringToNumberOp could not correctly convert string: one",
    ),
    (
        "StringToNumber",
        {"string_tensor": ["3000000000"], "out_type": tf.int32},
        "could not correctly convert string",
    ),
    ("Substr", {"input": ["hey"], "pos": 5, "len": 1}, "pos 5 out of range for string"),
    ("ReduceJoin", {"inputs": [["a"]], "reduction_indices": [2]}, "2"),
]


@pytest.mark.parametrize(("op", "arguments", "text"), ERRORS)
def test_refused(op: str, arguments: dict[str, Any], text: str) -> None:
    refusal = pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=text)
    with tf.Graph().as_default(), tf.Session() as sess, refusal:
        sess.run(getattr(tf.raw_ops, op)(**arguments))


def test_empty_tensors_of_strings() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        none = tf.zeros([0, 3], tf.string)
        assert sess.run(tf.raw_ops.StringLower(input=none)).shape == (0, 3)
        assert sess.run(tf.raw_ops.ReduceJoin(inputs=none, reduction_indices=[0])).tolist() == [
            b"",
            b"",
            b"",
        ]
        assert [
            a.shape for a in sess.run(tf.raw_ops.StringSplit(input=none[:, 0], delimiter=" "))
        ] == [(0, 2), (0,), (2,)]


def test_strings_are_bytes_of_any_kind_and_length() -> None:
    long = bytes(range(256)) * 5000
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.string, [2])
        out = sess.run(tf.raw_ops.StringJoin(inputs=[x, x]), {x: [long, b"\0"]})
    assert out.tolist() == [long * 2, b"\0\0"]
