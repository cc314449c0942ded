"""Mistakes in eager programs: TensorFlow's exception classes and key words."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from eager_case import f32, f64, recording

import thalweg.compat.v1 as tf
from thalweg import _core
from thalweg.framework.graph_stack import eager_mode

raw = tf.raw_ops
Invalid = tf.errors.InvalidArgumentError


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    with eager_mode():
        yield


def int64(x: int) -> Any:
    return tf.constant([x], tf.int64)


def ints() -> Any:
    return tf.constant([1, 2, 3])


def image() -> Any:
    return f32(1, 4, 4, 3)


VALID: dict[str, Any] = {"strides": [1] * 4, "padding": "VALID"}
MISTAKES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # types
    (lambda: raw.AddV2(ints(), f32(3)), Invalid, "cannot compute AddV2 as input #1"),
    (lambda: ints() + f32(3), Invalid, "was expected to be a int32 tensor but is a float tensor"),
    (lambda: ints() + 1.5, Invalid, "expected to be a int32 tensor but is a float tensor"),
    (lambda: f64(3) + f32(3), Invalid, "expected to be a double tensor but is a float tensor"),
    (lambda: f32() + "a", Invalid, "expected to be a float tensor but is a string tensor"),
    (lambda: tf.constant("a") + 1.0, Invalid, "cannot compute Add as input #1"),
    (lambda: raw.MatMul(f32(2, 2), f64(2, 2)), Invalid, "expected to be a float tensor but is a"),
    (
        lambda: raw.LogicalAnd(f32(), f32()),
        Invalid,
        "input #0.zero-based. was expected to be a bool",
    ),
    (lambda: raw.SelectV2(ints(), ints(), ints()), Invalid, "expected to be a bool tensor"),
    (lambda: raw.ConcatV2([f32(2), f64(2)], 0), Invalid, "cannot compute ConcatV2 as input #1"),
    (lambda: raw.Pack([f32(), ints()]), Invalid, "cannot compute Pack as input #1"),
    (lambda: raw.AddN([f32(2), f64(2)]), Invalid, "cannot compute AddN as input #1"),
    (
        lambda: raw.Sqrt(ints()),
        Invalid,
        "Value for attr 'T' of int32 is not in the list of allowed",
    ),
    (lambda: raw.Exp("a"), Invalid, "Value for attr 'T' of string is not in the list of allowed"),
    (lambda: -tf.constant(True), Invalid, "Value for attr 'T' of bool is not in the list"),
    (lambda: ~f32(), Invalid, "Value for attr 'T' of float is not in the list"),
    (lambda: raw.Bitcast(f32(3), type=tf.float64), Invalid, "Cannot bitcast from"),
    (
        lambda: raw.Fill([1.5], 1.0),
        Invalid,
        "Value for attr 'index_type' of float is not in the list",
    ),
    (lambda: raw.RandomUniform([1], dtype=tf.int32), Invalid, "Value for attr 'dtype' of int32"),
    (
        lambda: tf.constant("a", tf.float32),
        TypeError,
        "Cannot convert 'a' to EagerTensor of dtype float",
    ),
    (lambda: tf.constant([1.5], tf.int32), TypeError, r"Cannot convert \[1.5\] to EagerTensor"),
    (
        lambda: tf.convert_to_tensor(f32(2), tf.int32),
        ValueError,
        "Tensor conversion requested dtype int32",
    ),
    # shapes
    (lambda: f32(2, 3) + f32(2, 4), Invalid, r"Incompatible shapes: \[2,3\] vs. \[2,4\]"),
    (lambda: f32(2, 3) @ f32(2, 3), Invalid, r"\[2,3\], .*\[2,3\]"),
    (lambda: raw.MatMul(f32(2, 3), f32(3)), Invalid, r"\[Op:MatMul\]"),
    (
        lambda: raw.Reshape(f32(2, 3), [4]),
        Invalid,
        "tensor with 6 values, but the requested shape has 4",
    ),
    (
        lambda: raw.Reshape(f32(6), [-1, -1]),
        Invalid,
        "Only one input size may be -1, not both 0 and 1",
    ),
    (lambda: raw.Reshape(f32(6), [-1, 4]), Invalid, "requested shape requires a multiple of 4"),
    (lambda: raw.Reshape(f32(6), [-2, 3]), Invalid, "Size 0 must be non-negative, not -2"),
    (lambda: raw.Transpose(f32(2, 3), [0]), Invalid, "transpose expects a vector of size 2"),
    (lambda: raw.Transpose(f32(2, 3), [0, 0]), Invalid, "1 is missing from {0,0}"),
    (lambda: raw.Transpose(f32(2, 3), [0, 5]), Invalid, r"5 is out of range \[0 .. 2\)"),
    (
        lambda: raw.ConcatV2([f32(2, 3), f32(2, 4)], 0),
        Invalid,
        "ConcatOp : Dimension 1 in both shapes must be equal",
    ),
    (
        lambda: raw.ConcatV2([f32(2), f32(2)], 2),
        Invalid,
        "ConcatOp : Expected concatenating dimensions in the range",
    ),
    (lambda: raw.Pack([f32(2, 3), f32(3)]), Invalid, "Shapes of all inputs must match"),
    (lambda: raw.Pack([f32(2)], axis=5), Invalid, r"axis = 5 not in \[-2, 2\)"),
    (
        lambda: raw.Sum(f32(2, 3), 5),
        Invalid,
        "Invalid reduction dimension .?5 for input with 2 dimension",
    ),
    (
        lambda: raw.ArgMax(f32(2, 3), 5),
        Invalid,
        r"Expected dimension in the range \[-2, 2\), but got 5",
    ),
    (
        lambda: raw.Squeeze(f32(2, 3), axis=[0]),
        Invalid,
        r"Can not squeeze dim\[0\], expected a dimension of 1, got 2",
    ),
    (
        lambda: raw.ExpandDims(f32(2, 3), 5),
        Invalid,
        "Tried to expand dim index 5 for tensor with 2 dimensions",
    ),
    (lambda: raw.GatherV2(f32(3), [5], 0), Invalid, r"indices\[0\] = 5 is not in \[0, 3\)"),
    (lambda: raw.GatherV2(f32(3), [-1], 0), Invalid, r"indices\[0\] = -1 is not in \[0, 3\)"),
    (
        lambda: raw.GatherNd(f32(2, 3), [[5, 0]]),
        Invalid,
        r"does not index into param shape \[2,3\]",
    ),
    (
        lambda: raw.Slice(f32(2, 3), [0, 0], [3, 3]),
        Invalid,
        r"Expected size\[0\] in \[0, 2\], but got 3",
    ),
    (lambda: f32(3)[5], Invalid, "slice index 5 of dimension 0 out of bounds"),
    (lambda: f32(3)[0, 0], Invalid, "Index out of range using input dim 1; input has only 1 dims"),
    (lambda: f32(3)[::0], Invalid, r"strides\[0\] must be non-zero"),
    (
        lambda: raw.Split(0, f32(3), num_split=2),
        Invalid,
        "Number of ways to split should evenly divide",
    ),
    (
        lambda: raw.Unpack(f32(3), num=2),
        Invalid,
        r"Input shape axis 0 must equal 2, got shape \[3\]",
    ),
    (lambda: raw.Pad(f32(3), [[-1, 1]]), Invalid, "Paddings must be non-negative: -1 1"),
    (
        lambda: raw.Tile(f32(3), [1, 2]),
        Invalid,
        "multiples argument to be a vector of length 1 but got length 2",
    ),
    (lambda: raw.Fill([-1], 1.0), Invalid, "Dimension -1 must be >= 0"),
    (lambda: raw.Range(0, 3, 0), Invalid, "Requires delta != 0: 0"),
    (lambda: raw.Range(5, 3, 1), Invalid, "Requires start <= limit when delta > 0: 5/3"),
    (lambda: raw.BroadcastTo(f32(3), [4]), Invalid, r"Incompatible shapes: \[3\] vs. \[4\]"),
    (
        lambda: raw.SparseSoftmaxCrossEntropyWithLogits(f32(2, 3), [0, 7]),
        Invalid,
        "label value of 7 which is outside",
    ),
    (lambda: raw.OneHot([1], -1, 1.0, 0.0), Invalid, "depth must be non-negative, got: -1"),
    (lambda: raw.TopKV2(f32(3), 5), Invalid, "input must have at least k columns. Had 3, needed 5"),
    (lambda: raw.SegmentSum(f32(3), [1, 0, 2]), Invalid, "segment ids are not increasing"),
    (
        lambda: raw.UnsortedSegmentSum(f32(3), [0, 5, 1], 2),
        Invalid,
        r"segment_ids\[1\] = 5 is out of range \[0, 2\)",
    ),
    (
        lambda: raw.EnsureShape(f32(2, 3), shape=[3, 2]),
        Invalid,
        r"\[2,3\] is not compatible with expected shape \[3,2\]",
    ),
    # values
    (lambda: ints() // 0, Invalid, "Integer division by zero"),
    (lambda: raw.FloorMod(ints(), 0), Invalid, "Integer division by zero"),
    (
        lambda: raw.CheckNumerics([1.0, np.nan], message="bad"),
        Invalid,
        "bad : Tensor had NaN values",
    ),
    (lambda: raw.Assert(False, [f32(2)]), Invalid, r"assertion failed: \[1 1\]"),
    (
        lambda: raw.StringToNumber("abc"),
        Invalid,
        "StringToNumberOp could not correctly convert string: abc",
    ),
    (
        lambda: raw.StringToNumber(b"1\xff\n"),
        Invalid,
        r"could not correctly convert string: 1\\xff\n",
    ),
    (lambda: raw.ReadFile(b"no\xff"), tf.errors.NotFoundError, r"no\\xff"),
    (lambda: raw.Fill([2**40, 2**40], 1.0), Invalid, r"\[1099511627776,1099511627776\]"),
    (lambda: raw.Tile(f32(3), [2**31 - 1]), tf.errors.ResourceExhaustedError, r"\[Op:Tile\]"),
    # the ends of ranges, and what does not go together
    (lambda: raw.Slice([1], int64(0), int64(-(2**63))), Invalid, r"Expected size\[0\]"),
    (lambda: raw.Tile(f32(1), int64(-(2**63))), Invalid, "multiples"),
    (lambda: raw.Real(tf.constant(1j), Tout=tf.string), Invalid, "does not go with string"),
    (lambda: raw.DecodeRaw(b"x", out_type=tf.float32), Invalid, "not a multiple of 4"),
    (lambda: raw.ShardedFilename([], [], []), Invalid, "must be rank 0 but is rank 1"),
    (lambda: raw.SplitV(ints(), [3], 0, num_split=2**31), Invalid, "must be at most"),
    (
        lambda: raw.ResizeNearestNeighbor(image(), [3, -1]),
        Invalid,
        "output dimensions must be positive",
    ),
    (lambda: raw.ResizeBilinear(image(), [-1, 3]), Invalid, "output dimensions must be positive"),
    (
        lambda: raw.Conv2DBackpropInput([1, -1, 4, 3], f32(2, 2, 3, 1), image(), **VALID),
        Invalid,
        r"input_sizes must be >= 0, got \[1,\?,4,3\]",
    ),
    (
        lambda: raw.Conv2DBackpropFilter(image(), [2, 2, 3, -1], image(), **VALID),
        Invalid,
        r"filter_sizes must be >= 0, got \[2,2,3,\?\]",
    ),
    (
        lambda: raw.AvgPoolGrad([1, 4, -1, 3], image(), ksize=[1] * 4, **VALID),
        Invalid,
        r"orig_input_shape must be >= 0, got \[1,4,\?,3\]",
    ),
    (
        lambda: raw.Conv2D(image(), f32(2, 2, 3, 1), strides=[1, 1, 2**62, 1], padding="SAME"),
        Invalid,
        "strides must be at most 2147483647, got 4611686018427387904",
    ),
    (
        lambda: raw.Conv2D(image(), f32(2, 2, 3, 1), dilations=[1, 2**32, 1, 1], **VALID),
        Invalid,
        "dilations must be at most 2147483647",
    ),
    (
        lambda: raw.MaxPool(image(), ksize=[1, 2**62, 1, 1], strides=[1] * 4, padding="SAME"),
        Invalid,
        "rows and columns of the window must be at most 2147483647",
    ),
    (
        lambda: raw.Conv2D(
            *(image(), f32(2, 2, 3, 1)),
            strides=[1] * 4,
            padding="EXPLICIT",
            explicit_paddings=[0, 0, 2**40, 0, 0, 0, 0, 0],
        ),
        Invalid,
        "explicit_paddings must be at most 2147483647",
    ),
    (
        lambda: raw.Conv2D(
            *(image(), f32(2, 2, 3, 1)),
            strides=[1] * 4,
            dilations=[1, 2**31 - 1, 2**31 - 1, 1],
            padding="SAME",
        ),
        tf.errors.ResourceExhaustedError,
        "out of memory",
    ),
    (
        lambda: raw.TensorListConcatV2(
            raw.TensorListReserve([-1], 4, element_dtype=tf.float32),
            [-1],
            tf.constant([2**62] * 4, tf.int64),
            element_dtype=tf.float32,
        ),
        Invalid,
        "leading_dims has a sum beyond",
    ),
    (
        lambda: raw.TensorListSplit(
            f32(2), tf.constant([-1], tf.int64), tf.constant([2**62] * 4 + [2], tf.int64)
        ),
        Invalid,
        "lengths has a sum beyond",
    ),
    # arguments
    (lambda: raw.AddV2(f32()), TypeError, "missing 1 required positional argument: 'y'"),
    (lambda: raw.AddV2(f32(), f32(), z=1), TypeError, "got an unexpected keyword argument 'z'"),
    (
        lambda: raw.AddV2(None, f32()),
        ValueError,
        r"Attempt to convert a value .None. with an unsupported type",
    ),
    (
        lambda: f32() + None,
        ValueError,
        r"Attempt to convert a value .None. with an unsupported type",
    ),
    (
        lambda: f32() < None,
        ValueError,
        r"Attempt to convert a value .None. with an unsupported type",
    ),
    (lambda: raw.Neg(object()), ValueError, r"unsupported type .<class 'object'>. to a Tensor"),
    (lambda: tf.constant({1}), ValueError, r"unsupported type .<class 'set'>. to a Tensor"),
    (
        lambda: tf.constant([[1, 2], [3]]),
        ValueError,
        "Can't convert non-rectangular Python sequence to Tensor",
    ),
    (
        lambda: tf.constant([1.0, "a"]),
        ValueError,
        "Can't convert Python sequence with mixed types to Tensor",
    ),
    (
        lambda: tf.constant([1, None]),
        ValueError,
        "Can't convert Python sequence with mixed types to Tensor",
    ),
    (
        lambda: tf.constant(2**80),
        ValueError,
        "Can't convert Python sequence with out-of-range integer",
    ),
    (lambda: ints() + 2**80, ValueError, "Can't convert Python sequence with out-of-range integer"),
    (
        lambda: tf.constant([1, 2, 3], shape=[2, 2]),
        TypeError,
        "unsupported shape.* has 3 elements, but got `shape`",
    ),
    (lambda: raw.AddN(3), TypeError, "Expected list for 'inputs' argument"),
    (lambda: raw.AddN([]), Invalid, "AddN"),
    (
        lambda: raw.Sum(f32(2), 0, keep_dims="yes"),
        TypeError,
        "Expected bool for argument 'keep_dims' not 'yes'",
    ),
    (lambda: raw.Pack([f32()], axis="a"), TypeError, "Expected int for argument 'axis' not 'a'"),
    (
        lambda: raw.Squeeze(f32(1), axis=1),
        TypeError,
        "Expected list for '.*' argument to '.*' Op, not 1",
    ),
    (
        lambda: raw.Cast(f32(), DstT="floaty"),
        TypeError,
        "Expected DataType for argument 'DstT' not 'floaty'",
    ),
    (
        lambda: raw.Cast(f32(), DstT=None),
        TypeError,
        "Expected DataType for argument 'DstT' not None",
    ),
    (
        lambda: raw.Conv2D(image(), f32(2, 2, 3, 1), strides=[1] * 4, padding="FOO"),
        Invalid,
        'Value for attr \'padding\' of "FOO" is not in the list of allowed values: "SAME", "VALID"',
    ),
    (
        lambda: raw.Conv2D(image(), f32(2, 2, 3, 1), strides=[1, 1], padding="SAME"),
        Invalid,
        "Sliding window strides field must specify 4",
    ),
    (lambda: raw.NoSuchOp(f32()), AttributeError, "NoSuchOp"),
    # what a tensor is not
    (
        lambda: bool(f32(2)),
        ValueError,
        "truth value of an array with more than one element is ambiguous",
    ),
    (lambda: float(f32(2)), TypeError, "can be converted to Python scalars"),
    (lambda: int(tf.constant("x")), ValueError, "invalid literal for int"),
    (lambda: len(f32()), TypeError, r"Scalar tensor has no `len\(\)`"),
    (lambda: list(f32()), TypeError, "Cannot iterate over a scalar tensor"),
    (lambda: hash(f32()), TypeError, "Tensor is unhashable. Instead, use tensor.ref.. as the key"),
    (lambda: f32(3)["a"], TypeError, "Only integers, slices .*are valid indices, got 'a'"),
    (lambda: f32(3)[1.0], TypeError, "are valid indices, got 1.0"),
    (lambda: f32().no_such, AttributeError, "has no attribute 'no_such'"),
    (lambda: f32().op, AttributeError, "Tensor.op is undefined when eager execution is enabled"),
    (
        lambda: f32().name,
        AttributeError,
        "Tensor.name is undefined when eager execution is enabled",
    ),
    (
        lambda: f32().graph,
        AttributeError,
        "Tensor.graph is undefined when eager execution is enabled",
    ),
    (
        lambda: f32().eval(),
        NotImplementedError,
        "eval is not supported when eager execution is enabled",
    ),
    (lambda: f32(2).set_shape([3]), ValueError, "is not compatible"),
]


@pytest.mark.parametrize("at", range(len(MISTAKES)))
def test_a_mistake(at: int) -> None:
    call, kind, words = MISTAKES[at]
    with pytest.raises(kind, match=words):
        call()


def test_items_cannot_be_set() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        f32(3)[0] = 1.0


def test_a_tensor_of_a_graph_is_out_of_scope() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [])
    with pytest.raises(TypeError, match="out of scope"):
        raw.Neg(x)
    with pytest.raises(TypeError, match="out of scope"):
        f32() + x


def test_an_error_says_where_it_comes_from() -> None:
    with pytest.raises(Invalid) as caught:
        f32(2, 3) + f32(2, 4)
    assert caught.value.op is None
    assert caught.value.error_code == tf.errors.INVALID_ARGUMENT
    assert isinstance(caught.value, ValueError)
    assert caught.traceback[-1].path.name == "test_eager_errors.py"


def test_gradients_of_the_wrong_form() -> None:
    x = f32(3)
    with recording(x) as tape:
        y = x * 2.0
    for seed in (f32(4), f64(3), tf.constant([1, 2, 3])):
        with pytest.raises((Invalid, TypeError, ValueError)):
            tape.gradient([y], [seed], [x])
    assert tape.gradient([y], [f32(3)], [x])[0].numpy().tolist() == [2, 2, 2]
    for wrong in (1.0, None, "a", np.ones(3)):
        with pytest.raises(TypeError):
            tape.gradient([wrong], [None], [x])
        with pytest.raises(TypeError):
            tape.watch(wrong)


def test_a_tape_that_was_used_up() -> None:
    x = f32()
    tape = _core.Tape(False, True)
    tape.watch(x)
    tape.start()
    y = x * x
    tape.stop()
    tape.gradient([y], [None], [x])
    with pytest.raises((Invalid, RuntimeError), match="freed"):
        tape.gradient([y], [None], [x])


def test_a_list_that_shrinks_while_it_is_read() -> None:
    """Conversion runs Python code, which may change the list of arguments."""
    values: list[Any] = []

    class Sly:
        def __array__(self, *args: Any, **options: Any) -> np.ndarray:
            values.clear()
            return np.ones(2, np.float32)

    values += [Sly(), f32(2), Sly(), f32(2)]
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        raw.AddN(values)


def test_copies_of_errors() -> None:
    with pytest.raises(Invalid) as caught:
        f32(2, 3) + f32(2, 4)
    assert str(copy.copy(caught.value)) == str(caught.value)


def test_offsets_of_nothing() -> None:
    """An empty list had its first element read."""
    with pytest.raises(tf.errors.InvalidArgumentError, match="'N' of 0 must be at least"):
        tf.raw_ops.ConcatOffset(concat_dim=0, shape=[])


def test_numbers_at_the_ends_of_their_ranges() -> None:
    """Sums of integers wrap; indices and values without a place go to the nearest."""
    least, most = tf.constant([-(2**63)], tf.int64), tf.constant([2**63 - 1], tf.int64)
    x = tf.constant([[1, 2, 3], [4, 5, 6]])
    assert raw.StridedSlice(x, least, most, most).numpy().tolist() == [[1, 2, 3]]
    assert raw.StridedSlice(x, most, least, least).numpy().tolist() == [[4, 5, 6]]
    dx = raw.StridedSliceGrad(tf.constant([2, 3], tf.int64), least, most, most, [[7, 8, 9]])
    assert dx.numpy().tolist() == [[7, 8, 9], [0, 0, 0]]

    inf = float("inf")
    for low, high in ((0.0, inf), (-inf, 0.0), (-inf, inf)):
        bins = tf.histogram_fixed_width([1.0, inf, -inf], [low, high], 5).numpy()
        assert (bins.min(), bins.sum()) == (0, 3)

    wrapped = [-(2**31), 2**31 - 1]
    assert raw.Bincount([0, 0], 1, tf.constant([2**31 - 1, 1])).numpy().tolist() == wrapped[:1]
    assert raw.TileGrad(tf.constant([2**31 - 1, 1]), [2]).numpy().tolist() == wrapped[:1]
    assert raw.Mean(tf.constant([2**63 - 1, 1], tf.int64), 0).numpy() == -(2**62)
    assert raw.Mean(tf.constant([-128, -127, 1], tf.int8), 0).numpy() == -84

    for channels in (1, 70):

        def row(*pixels: int, n: int = channels) -> Any:
            return tf.constant(np.repeat(np.array([[[pixels]]], np.int16).T, n, 3).swapaxes(0, 2))

        window = {"ksize": [1, 1, 3, 1], "strides": [1] * 4, "padding": "SAME"}
        dx = raw.MaxPoolGrad(row(9, 3), row(9, 9), row(2**15 - 1, 1), **window)
        assert (dx.numpy() == row(-(2**15), 0).numpy()).all()
