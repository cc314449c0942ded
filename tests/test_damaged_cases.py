"""Cases of the op table with something wrong about them: computed or refused in TensorFlow's way, eagerly, under a
tape and in functions. Nothing ends the process, and no error is the library's own."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from eager_case import eager_inputs
from op_case import Case, call, group_inputs, outputs_of
from ops import BY_NAME, TABLE

import thalweg.compat.v1 as tf
from thalweg import _core
from thalweg.eager.function import function
from thalweg.eager.gradient_tape import GradientTape
from thalweg.framework.graph_stack import eager_mode
from thalweg.framework.type_spec import TensorSpec

CASES = 12  # an op; a search takes thousands, and a build with sanitizers
MOST_BYTES = 1 << 26

INTS = [-(2**63), -(2**31), -9, -2, -1, 0, 1, 2, 3, 7, 2**31 - 1, 2**31, 2**62, 2**63 - 1]
NUMBERS = [0.0, -0.0, 1.0, -7.5, np.nan, np.inf, -np.inf, 1e38, 1e-45, 1e308, 2.0**63]
TEXTS = [b"", b"\xff\xfe", b"-", b"1e999", b"9" * 40, b"(", "\u00e9".encode()]
TYPES = ["int32", "int64", "float32", "float64", "bool", "int8", "uint8", "complex64", "float16"]


def with_other_values(rng: random.Random, x: np.ndarray) -> np.ndarray:
    if x.size == 0 or x.dtype == bool:
        return x
    flat = x.flatten()
    for _ in range(rng.choice([1, 1, 2, x.size])):
        at = rng.randrange(x.size)
        if x.dtype == object:
            flat[at] = rng.choice(TEXTS)
        elif x.dtype.kind in "iu":
            limits = np.iinfo(x.dtype)
            flat[at] = min(max(rng.choice(INTS), limits.min), limits.max)
        else:
            flat[at] = rng.choice(NUMBERS)
    return flat.reshape(x.shape)


def with_other_shape(rng: random.Random, x: np.ndarray) -> np.ndarray:
    shape = list(x.shape)
    change = rng.randrange(6)
    if change < 3 and shape:
        at = rng.randrange(len(shape))
        shape[at] = [0, shape[at] + 1, max(0, shape[at] - 1)][change]
    elif change == 3 and shape:
        shape.pop(rng.randrange(len(shape)))
    elif change == 4:
        shape = [1] * (8 - len(shape)) + shape
    else:
        shape.insert(rng.randint(0, len(shape)), rng.choice([0, 1, 2]))
    filling = x if x.size else np.array([b"x"], object) if x.dtype == object else np.ones(1)
    return np.resize(filling, shape).astype(x.dtype)


def with_other_type(rng: random.Random, x: np.ndarray) -> np.ndarray:
    return x if x.dtype == object else x.astype(rng.choice(TYPES))


def other_attribute(rng: random.Random, attr: Any, old: Any) -> Any:
    if attr.kind == "list(int)":
        new = list(old) if isinstance(old, (list, tuple)) else [1, 1, 1, 1]
        change = rng.randrange(3) if new else 1
        if change == 0:
            new.pop(rng.randrange(len(new)))
        elif change == 1:
            new.insert(rng.randint(0, len(new)), rng.choice(INTS))
        else:
            new[rng.randrange(len(new))] = rng.choice(INTS)
        return new
    values: dict[str, list[Any]] = {
        "int": INTS,
        "float": NUMBERS,
        "bool": [True, False],
        "string": ["", "SAME", "VALID", "EXPLICIT", "NHWC", "NCHW", "REFLECT", "x" * 300],
        "type": [tf.float32, tf.int32, tf.int64, tf.string, tf.bool, tf.variant],
        "shape": [None, [], [0], [-1], [2, 3], [2**40, 2**40], [1] * 9, [-5]],
    }
    return rng.choice(values.get(attr.kind, [old]))


def damaged(rng: random.Random, name: str, case: Case) -> Case:
    inputs, attrs = list(case.inputs), dict(case.attrs)
    for _ in range(rng.choice([1, 1, 1, 2])):
        change, choices = rng.random(), list(_core.op_def(name).attrs)
        if change < 0.25 and choices:
            attr = rng.choice(choices)
            attrs[attr.name] = other_attribute(rng, attr, attrs.get(attr.name))
        elif inputs:
            # What decides shapes is of integers.
            ints = [i for i, x in enumerate(inputs) if x.dtype.kind in "iu"]
            at = rng.choice(ints if ints and rng.random() < 0.5 else range(len(inputs)))
            how = rng.choice(
                [with_other_values, with_other_values, with_other_shape, with_other_type]
            )
            inputs[at] = how(rng, np.asarray(inputs[at]))
    return Case(inputs, attrs, case.narrow)


def run(name: str, case: Case, how: str) -> None:
    def op(*xs: Any) -> Any:
        return outputs_of(call(name, group_inputs(name, list(xs)), case.attrs))

    xs = eager_inputs(case)
    if how == "in a function":
        op = function(op, autograph=False)
    elif how == "in a function of any shapes":
        specs = [TensorSpec(None, x.dtype) for x in xs]
        op = function(op, autograph=False, input_signature=specs)
    followed = [x for x in xs if x.dtype.is_floating]
    with GradientTape() as tape:
        tape.watch(followed)
        ys = op(*xs)
    for y in ys:
        assert y.dtype == tf.variant or y.numpy() is not None
    tape.gradient([y for y in ys if y.dtype.is_floating], followed)


def is_large(case: Case) -> bool:
    """Whether it may rightly ask for more memory than a test should."""
    sizes = [abs(int(v)) for x in case.inputs if x.dtype.kind in "iu" for v in x.flat]
    attrs = [v for a in case.attrs.values() for v in (a if isinstance(a, list) else [a])]
    sizes += [abs(v) for v in attrs if isinstance(v, int)]
    return any(MOST_BYTES < 8 * n < 1 << 40 for n in sizes)


REFUSED = (tf.errors.OpError, ValueError, TypeError, LookupError, OverflowError)


@pytest.mark.parametrize("name", [row.name for row in TABLE if row.tested_by is None])
def test_damaged_cases(name: str) -> None:
    row = BY_NAME[name]
    rng = random.Random(name)
    for _ in range(CASES):
        cases = row.make_cases(rng.choice(row.kernel_dtypes()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numbers that do not fit the type
            case = damaged(rng, name, rng.choice(cases))
        how = rng.choice(["eagerly", "eagerly", "in a function", "in a function of any shapes"])
        if is_large(case):
            continue
        try:
            with eager_mode():
                run(name, case, how)
        except tf.errors.InternalError as e:
            pytest.fail(f"{how}: {name} {case}: {e}")
        except REFUSED:
            pass
