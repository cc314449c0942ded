"""Ops called with arguments of any kind: nothing ends the process."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from eager_case import f32, f64

import thalweg.compat.v1 as tf
from thalweg import _core
from thalweg.framework.eager_tensor import EagerTensor
from thalweg.framework.graph_stack import eager_mode

raw = tf.raw_ops


@pytest.fixture(autouse=True)
def eager() -> Iterator[None]:
    with eager_mode():
        yield


OPS = [
    o
    for o in _core.op_defs()
    if not o.name.startswith("_") and not o.name.startswith(("Print", "PyFunc", "Timestamp"))
]


def arguments(rng: random.Random) -> list[Any]:
    """Things to call ops with, most of them wrong."""
    dtypes = [
        tf.float32,
        tf.float64,
        tf.float16,
        tf.bfloat16,
        tf.int32,
        tf.int64,
        tf.uint8,
        tf.bool,
        tf.complex64,
    ]
    shapes = [
        (),
        (0,),
        (1,),
        (3,),
        (2, 3),
        (3, 0, 2),
        (2, 3, 3),
        (1, 4, 4, 3),
        (1, 2, 2, 2, 1),
        (1,) * 8,
    ]
    tensors = [
        tf.cast(tf.constant(np.ones(s, np.float32)), t)
        for s in shapes
        for t in rng.sample(dtypes, 3)
    ]
    extremes = [
        *(tf.constant(v, t) for t in (tf.int32, tf.int64) for v in (-1, 0, 7, t.max, t.min)),
        *(tf.constant([v], t) for t in (tf.int32, tf.int64) for v in (-1, 0, 7, t.max, t.min)),
        tf.constant([[1, 1], [2, -(2**31)]]),
        *(tf.constant(v) for v in (np.nan, np.inf, -np.inf, 1e30)),
        tf.constant("text"),
        tf.constant(["a", ""]),
        raw.EmptyTensorList([2], 4, element_dtype=tf.float32),
    ]
    variable = _core.VariableBase()
    variable._setup(tf.float32.as_datatype_enum, (2, 3), "v", True)
    variable._assign(f32(2, 3))
    fresh = _core.VariableBase()
    fresh._setup(tf.float32.as_datatype_enum, (3,), "fresh", True)
    plain = [
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**70,
        1.5,
        np.nan,
        "SAME",
        b"x",
        [],
        [[]],
        (),
        [1, 2],
        [[1, 2], [3]],
        [None],
    ]
    plain += [
        {},
        object(),
        np.ones(3),
        np.zeros((0, 2)),
        np.array("s"),
        tf.float32,
        tf.TensorShape(None),
        int,
        len,
    ]
    return (
        tensors
        + extremes
        + plain
        + [variable, fresh, [f32(3), f32(3)], [f32(2), f64(2)], [variable]]
    )


ATTRS: dict[str, list[Any]] = {
    "bool": [True, False, None, 1, "yes"],
    "int": [0, 1, -1, 2, 5, 2**31, -(2**63), 2**70, None, 1.5, "a"],
    "float": [0.0, 0.5, -1.0, float("nan"), float("inf"), None, "a"],
    "string": ["SAME", "VALID", "NHWC", "NCHW", "", "\u00e9", None, 3],
    "type": [tf.float32, tf.int32, tf.string, tf.bool, tf.variant, "floaty", None, 0, 99],
    "shape": [None, [], [2], [-1, 3], [2**40, 2**40], tf.TensorShape([None, 2]), "a", [-5]],
    "list(int)": [
        [],
        [1],
        [0],
        [1, 1, 1, 1],
        [1, 2, 2, 1],
        [-1],
        [2**63],
        None,
        1,
        ["a"],
        [0, 0, 0, 0],
    ],
    "list(type)": [[], [tf.float32], [tf.float32, tf.int32], None, [None]],
    "list(shape)": [[], [[2]], [None], None],
    "tensor": [np.ones(2), np.array(["a"]), None, 1],
    "func": ["f", None, 3],
    "list(func)": [["f"], [], None],
}


def test_no_argument_ends_the_process(tmp_path: Any, monkeypatch: Any) -> None:
    """For a bounded time: random calls of all ops return tensors or raise exceptions of the documented kinds."""
    monkeypatch.chdir(tmp_path)  # some ops write files
    rng = random.Random(20)
    pool = arguments(rng)
    until = time.monotonic() + 8
    calls = ok = 0
    for op in itertools.cycle(rng.sample(OPS, len(OPS))):
        if time.monotonic() > until:
            break
        given: dict[str, Any] = {}
        same = rng.random() < 0.5  # of one kind, so that more calls get past the first check
        first = rng.choice(pool)
        for a in op.inputs:
            value = first if same else rng.choice(pool)
            given[a.name] = (
                [value] * rng.randint(0, 3) if a.number_attr or a.type_list_attr else value
            )
        for attr in op.attrs:
            if attr.inferred or (attr.has_default and rng.random() < 0.6):
                continue
            values = ATTRS.get(attr.kind, [None, 1, "a"])
            given[attr.name] = rng.choice(values)
        if rng.random() < 0.05 and given:
            del given[rng.choice(sorted(given))]
        if rng.random() < 0.02:
            given["no_such"] = 1
        if is_large(op.name, given):
            continue
        calls += 1
        try:
            result = _core.apply_op(op.name, **given)
        except (
            tf.errors.OpError,
            TypeError,
            ValueError,
            LookupError,
            RuntimeError,
            MemoryError,
            OverflowError,
        ):
            continue
        except AttributeError:
            if any("func" in a.kind for a in op.attrs):  # given what is no function
                continue
            raise
        ok += 1
        for t in result if isinstance(result, (list, tuple)) else [result]:
            assert t is None or isinstance(t, (EagerTensor, _core.VariableBase)), op.name
    assert calls > 300
    assert ok > calls // 50


def is_large(name: str, given: dict[str, Any]) -> bool:
    """Whether it may rightly ask for gigabytes, or take minutes."""
    sizes = [
        v
        for v in given.values()
        if isinstance(v, EagerTensor) and v.dtype.is_integer and v.ndim <= 1
    ]
    big = any(
        bool(tf.reduce_any(tf.cast(v, tf.int64) > 10_000)) for v in sizes if v.dtype.size >= 4
    )
    numbers = [
        x for v in given.values() for x in (v if isinstance(v, list) else [v]) if type(x) is int
    ]
    return (big or any(x > 10_000 for x in numbers)) and name not in HANDLES_LARGE


# Whose sizes are checked before memory is asked for.
HANDLES_LARGE = {
    o.name
    for o in OPS
    if not o.name.startswith(("Segment", "Random", "Stateless", "Truncated", "_Keyed"))
    and not o.name.startswith(("Resize", "CropAndResize", "ScaleAndTranslate", "MatrixDiag"))
    and not o.name.endswith("CandidateSampler")
} - {
    *("Fill", "Range", "Tile", "OneHot", "BroadcastTo", "Pad", "PadV2", "MirrorPad", "LinSpace"),
    *("TensorListReserve", "TensorListResize", "TensorListScatterV2", "UnsortedSegmentSum"),
    *(
        "UnsortedSegmentProd",
        "UnsortedSegmentMax",
        "UnsortedSegmentMin",
        "Bincount",
        "DenseBincount",
    ),
}
