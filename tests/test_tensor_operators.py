"""Operators of tensors that have their value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tensor_case import BOOLS, INTS, MATRIX, TEXT, VECTOR, Invalid, V, same

import thalweg as tf

Binary = Callable[[Any, Any], Any]
ARITHMETIC: dict[str, Binary] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "/": lambda a, b: a / b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
BITS: dict[str, Binary] = {
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
}


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.int32, tf.int64], ids=repr)
@pytest.mark.parametrize("sign", ARITHMETIC)
def test_arithmetic_with_python_and_numpy(sign: str, dtype: Any) -> None:
    f = ARITHMETIC[sign]
    array = np.array([1, 2, 3], dtype.as_numpy_dtype)
    other = np.array([3, 2, 1], dtype.as_numpy_dtype)
    tensor = tf.constant(array)
    wide = {tf.int32: np.float64, tf.int64: np.float64}.get(dtype, array.dtype)
    kind = wide if sign == "/" else array.dtype
    for two in (2, np.int64(2), tf.constant(2, dtype), np.array(2, array.dtype)):
        for got, want in ((f(tensor, two), f(array, 2)), (f(two, tensor), f(2, array))):
            assert isinstance(got, tf.Tensor)
            np.testing.assert_array_equal(got.numpy(), np.asarray(want))
            assert got.dtype == (tf.bool if want.dtype == bool else kind)
    for b in (other, other.tolist(), tuple(other.tolist()), tf.constant(other)):
        np.testing.assert_array_equal(f(tensor, b).numpy(), f(array, other))
        np.testing.assert_array_equal(f(b, tensor).numpy(), f(other, array))


@pytest.mark.parametrize("sign", BITS)
def test_bits_and_truth_values(sign: str) -> None:
    f = BITS[sign]
    same(f(INTS, 5), f(np.array([1, 2, 3]), 5), tf.int32)
    same(f(5, INTS), f(5, np.array([1, 2, 3])), tf.int32)
    same(f(BOOLS, True), f(np.array([True, False]), True), tf.bool)
    same(f([True, True], BOOLS), f(np.array([True, True]), np.array([True, False])), tf.bool)


def test_unary_operators() -> None:
    same(-VECTOR, [-1, -2, -3], tf.float32)
    same(abs(-VECTOR), V, tf.float32)
    same(abs(tf.constant(3 + 4j)), 5.0, tf.float64)
    same(~INTS, [-2, -3, -4], tf.int32)
    same(~BOOLS, [False, True], tf.bool)


def test_products() -> None:
    m = np.array([[1, 2], [3, 4]], np.float32)
    v = np.array([[1], [2]], np.float32)
    same(MATRIX @ v, m @ v)
    same(v.T @ MATRIX, v.T @ m)
    same(MATRIX @ [[1.0], [2.0]], m @ v)
    batch = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    same(tf.constant(batch) @ batch, batch @ batch)


def test_numbers_adapt_to_narrow_types() -> None:
    for dtype in (tf.uint8, tf.int8, tf.int16, tf.float16):
        x = tf.constant(5, dtype)
        same(x + 1, 6, dtype)
        same(7 - x, 2, dtype)
        same(x * 2, 10, dtype)
        same(x == 5, True)
    half = tf.constant([1.5, 2.0], tf.bfloat16)
    for got, want in ((half + 1, [2.5, 3]), (1 - half, [-0.5, -1]), (half * 1.5, [2.25, 3])):
        assert got.dtype == tf.bfloat16
        same(tf.cast(got, tf.float32), want)
    same(tf.constant(1, tf.uint8) - 2, 255, tf.uint8)
    same(tf.constant(1, tf.uint8) / 2, 0.5, tf.float32)
    same(VECTOR + True, [2, 3, 4], tf.float32)
    same(VECTOR + 2**70, np.float32(2**70) + np.array(V, np.float32), tf.float32)


def test_text_is_joined() -> None:
    same(TEXT + "c", b"abc")
    same("c" + TEXT, b"cab")
    same(TEXT == "ab", True)
    same(TEXT != b"x", True)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: INTS + 1.5, Invalid, "was expected to be a int32 tensor but is a float tensor"),
        (lambda: 1.5 + INTS, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: INTS * 2.0, TypeError, "Cannot convert 2.0 to EagerTensor of dtype int32"),
        (lambda: INTS - [1.5, 2, 3], TypeError, "Cannot convert .* to EagerTensor of dtype int32"),
        (lambda: INTS / 2.0, TypeError, "of dtype int32|must have the same dtype"),
        (lambda: INTS < 1.5, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: INTS == 1.5, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: BOOLS & 1, TypeError, "Cannot convert 1 to EagerTensor of dtype bool"),
        (lambda: VECTOR - "a", TypeError, "Cannot convert 'a' to EagerTensor of dtype float32"),
        (lambda: VECTOR == "a", TypeError, "Cannot convert 'a' to EagerTensor of dtype float32"),
        (lambda: VECTOR + 1j, Invalid, "float tensor but is a complex128 tensor"),
        (lambda: VECTOR + INTS, Invalid, "expected to be a float tensor but is a int32 tensor"),
        (lambda: VECTOR == INTS, Invalid, "expected to be a float tensor but is a int32 tensor"),
        (lambda: VECTOR / INTS, TypeError, "must have the same dtype"),
        (lambda: VECTOR + None, ValueError, "unsupported type"),
        (lambda: None * VECTOR, ValueError, "unsupported type"),
        (lambda: VECTOR + tf.constant([1.0, 2.0]), Invalid, "Incompatible shapes"),
        (lambda: INTS // 0, Invalid, "Integer division by zero"),
        (lambda: 2 ** tf.constant([-1]), Invalid, "Integers to negative integer powers"),
        (lambda: ~VECTOR, Invalid, "Value for attr 'T' of float"),
        (lambda: pow(INTS, 2, 3), TypeError, "pow"),
    ],
)
def test_operands_that_do_not_go_together(call: Any, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_equality_with_what_is_no_tensor_of_that_shape() -> None:
    assert (VECTOR == None, VECTOR != None) == (False, True)  # noqa: E711
    assert (VECTOR == None, VECTOR != None) == (False, True)  # noqa: E711
    same(tf.constant([1.0, 2.0]) == VECTOR, False)
    same(VECTOR != [1.0, 2.0], True)
    same(VECTOR == 2, [False, True, False])
    assert (object() == VECTOR) is False
    assert (object() != VECTOR) is True


def test_operators_defer_to_classes_that_know_better() -> None:
    class Better:
        def __radd__(self, other: Any) -> str:
            return "mine"

        def __lt__(self, other: Any) -> str:
            return "smaller"

    assert VECTOR + Better() == "mine"
