"""Ops that are more than functions of their inputs, called eagerly: variables, updates, random streams, text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from eager_case import assert_same_bits, eager_values, run_eagerly, widened
from op_case import Case, run_case
from ops import TABLE
from test_random import KNOWN
from test_training_ops import RULES, SPARSE

import thalweg.compat.v1 as tf
from thalweg import _core
from thalweg.framework.graph_stack import eager_mode

raw = tf.raw_ops


def variable(value: Any, name: str = "v") -> Any:
    """What tf.Variable is made of, holding a tensor."""
    v = _core.VariableBase()
    v._setup(value.dtype.as_datatype_enum, tuple(value.shape.as_list()), name, True)
    v._assign(value)
    return v


def value_of(v: Any) -> Any:
    return eager_values([v._read()])[0]


def tensor(x: Any, dtype: str) -> Any:
    return tf.cast(tf.constant(x), dtype)


# --- variables passed by reference

Step = tuple[str, dict[str, np.ndarray], dict[str, Any]]  # op, arguments, attributes

START = np.array([[8, 16], [32, 64], [4, 2]])
ROWS, UPDATES = np.array([2, 0, 2]), np.array([[2, 4], [4, 2], [2, 8]])
POINTS = {"indices": np.array([[0, 1], [2, 0]]), "updates": np.array([3, 5])}
STEPS: list[Step] = [
    ("Assign", {"value": START + 1}, {}),
    ("AssignAdd", {"value": START}, {}),
    ("AssignSub", {"value": np.full((3, 2), 3)}, {}),
    ("ScatterUpdate", {"indices": ROWS[:2], "updates": UPDATES[:2]}, {}),
    ("ScatterNdUpdate", POINTS, {}),
    ("ScatterNdAdd", POINTS, {}),
    ("ScatterNdSub", POINTS, {}),
    *(
        (f"Scatter{what}", {"indices": ROWS, "updates": UPDATES}, {})
        for what in ("Add", "Sub", "Mul", "Div", "Min", "Max")
    ),
]


def typed(op: str, arguments: dict[str, np.ndarray], dtype: str) -> dict[str, Any]:
    """Indices keep their type, values take the variable's."""
    return {k: tf.constant(v) if k == "indices" else tensor(v, dtype) for k, v in arguments.items()}


def typed_steps() -> list[Any]:
    """Every step with every type that its op has a kernel for."""
    return [
        pytest.param(step, dtype, id=f"{step[0]}-{dtype}")
        for step in STEPS
        for dtype in ["float16", "bfloat16", "float32", "float64", "int32", "int64"]
        if tf.as_dtype(dtype).as_datatype_enum in _core.kernel_dtypes(step[0], "T", "CPU")
    ]


@pytest.mark.parametrize(("step", "dtype"), typed_steps())
def test_updates_by_reference(step: Step, dtype: str) -> None:
    op, arguments, attrs = step
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(tensor(START, dtype))
        sess.run(v.initializer)
        updated = getattr(raw, op)(v._ref(), **typed(op, arguments, dtype), **attrs)
        want = [sess.run(widened(updated)) for _ in range(2)]
    with eager_mode():
        held = variable(tensor(START, dtype))
        before = held._read()
        got = []
        for _ in range(2):
            out = getattr(raw, op)(held, **typed(op, arguments, dtype), **attrs)
            assert out is held
            got.append(value_of(held))
        assert_same_bits(
            eager_values([before]), eager_values([tensor(START, dtype)]), "the old value"
        )
    assert_same_bits(got, want, f"{op} {dtype}")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
def test_optimizer_updates(rule: str, dtype: str) -> None:
    op, slots, attrs, scalars, _ = RULES[rule]
    rng = np.random.default_rng(3)
    start = {k: rng.uniform(0.5, 1, (5, 7)) for k in ("var", *slots)}
    if "mg" in start:
        start["mg"] = rng.uniform(0, 0.1, (5, 7))
    steps = [rng.standard_normal((5, 7)) for _ in range(3)]
    gradient = "delta" if "alpha" in scalars(1) and "sign_decay" not in scalars(1) else "grad"

    def run(variables: dict[str, Any], t: int) -> Any:
        values = {k: tensor(v, dtype) for k, v in scalars(t).items()}
        arguments = {**variables, **values, gradient: tensor(steps[t - 1], dtype)}
        return getattr(raw, op)(**arguments, **attrs)

    with tf.Graph().as_default(), tf.Session() as sess:
        refs = {k: tf.Variable(tensor(v, dtype)) for k, v in start.items()}
        sess.run(tf.global_variables_initializer())
        for t in (1, 2, 3):
            sess.run(run({k: v._ref() for k, v in refs.items()}, t).op)
        want = sess.run([widened(v.read_value()) for v in refs.values()])
    with eager_mode():
        held = {k: variable(tensor(v, dtype), k) for k, v in start.items()}
        for t in (1, 2, 3):
            assert run(held, t) is held["var"]
        got = [value_of(v) for v in held.values()]
    assert_same_bits(got, want, f"{op} {dtype}")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rule", SPARSE)
def test_optimizer_updates_of_rows(rule: str, dtype: str) -> None:
    _, slots, attrs, scalars, _ = RULES[rule]
    rng = np.random.default_rng(6)
    start = {k: rng.uniform(0.5, 1, (5, 7)) for k in ("var", *slots)}
    if "mg" in start:
        start["mg"] = rng.uniform(0, 0.1, (5, 7))
    grad = rng.standard_normal((3, 7))

    def run(variables: dict[str, Any]) -> Any:
        values = {k: tensor(v, dtype) for k, v in scalars(1).items()}
        return getattr(raw, SPARSE[rule])(
            **variables, **values, grad=tensor(grad, dtype), indices=[3, 0, 3], **attrs
        )

    with tf.Graph().as_default(), tf.Session() as sess:
        refs = {k: tf.Variable(tensor(v, dtype)) for k, v in start.items()}
        sess.run(tf.global_variables_initializer())
        sess.run(run({k: v._ref() for k, v in refs.items()}).op)
        want = sess.run([widened(v.read_value()) for v in refs.values()])
    with eager_mode():
        held = {k: variable(tensor(v, dtype), k) for k, v in start.items()}
        assert run(held) is held["var"]
        got = [value_of(v) for v in held.values()]
    assert_same_bits(got, want, f"{rule} {dtype}")


def test_an_update_that_fails_changes_nothing() -> None:
    with eager_mode():
        v = variable(tf.constant([1.0, 2.0, 3.0]))
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"indices\[1\] = 3 is not in \[0, 3\)"
        ):
            raw.ScatterAdd(v, [0, 3], [1.0, 1.0])
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be the same size"):
            raw.AssignAdd(v, [1.0, 2.0])
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a float tensor"):
            raw.AssignAdd(v, tf.constant([1, 2, 3]))
        assert value_of(v).tolist() == [1, 2, 3]


def test_a_reference_has_to_be_a_variable() -> None:
    with eager_mode(), pytest.raises(TypeError, match="'ref' has to be a variable"):
        raw.AssignAdd(tf.constant([1.0]), [1.0])


def test_counting() -> None:
    with eager_mode():
        v = variable(tf.constant(0))
        assert bool(raw.IsVariableInitialized(v))
        assert [int(raw.CountUpTo(v, limit=2)) for _ in range(2)] == [0, 1]
        with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 2"):
            raw.CountUpTo(v, limit=2)


def test_a_variable_without_a_value() -> None:
    with eager_mode():
        v = _core.VariableBase()
        v._setup(tf.float32.as_datatype_enum, (2,), "fresh", True)
        assert not bool(raw.IsVariableInitialized(v))
        with pytest.raises(tf.errors.FailedPreconditionError, match="fresh"):
            raw.Neg(v)
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized"):
            raw.AssignAdd(v, [1.0, 2.0])
        raw.Assign(v, [3.0, 4.0])
        assert raw.Neg(v).numpy().tolist() == [-3, -4]


# --- random numbers


@pytest.mark.parametrize(("op", "arguments", "first", "second"), KNOWN)
def test_random_numbers(
    op: str, arguments: dict[str, Any], first: list[Any], second: list[Any]
) -> None:
    """The first calls with given seeds give the numbers of a session's first runs, to the bit."""
    with tf.Graph().as_default(), tf.Session() as sess:
        y = getattr(raw, op)(**arguments)
        want = [sess.run(y) for _ in range(3)]
    with eager_mode():
        _core.forget_eager_ops()
        got = [getattr(raw, op)(**arguments).numpy() for _ in range(3)]
        assert_same_bits(got, want, op)
        _core.forget_eager_ops()
        assert_same_bits([getattr(raw, op)(**arguments).numpy()], want[:1], f"{op} anew")


def test_without_seeds_numbers_differ() -> None:
    with eager_mode():
        a, b = (raw.RandomUniform([8], dtype=tf.float32).numpy() for _ in range(2))
        assert a.tolist() != b.tolist()


# --- text, summaries, control

WORDS = np.array([[b"a b", b"", b"C d,e"], [b" x ", b"\xc3\xa9t\xc3\xa9", b"12"]], object)
NUMBERS = np.array([1.5, -0.0, np.nan, np.inf, 1e-30, 12345678.0], np.float32)
SQUARE = np.array([[2.0, 1.0, 0.5], [0.0, 3.0, -1.0], [1.0, -2.0, 4.0]])
SEED = np.array([3, 4])
STREAM = [np.array([5], np.uint64), np.array([6, 7], np.uint64), np.array(1, np.int32)]
RATES = np.array([0.5, 20.0])
TRUE = np.array([[0, 1], [4, 5]])
SEEDED = {"seed": 187, "seed2": 112}
SAMPLES = {"num_true": 2, "num_sampled": 6, "unique": True}
CALLS: list[tuple[str, list[np.ndarray], dict[str, Any]]] = [
    ("StringJoin", [WORDS, WORDS], {"separator": "-"}),
    ("AsString", [NUMBERS], {"precision": 3}),
    ("AsString", [np.arange(5)], {"width": 4, "fill": "0"}),
    ("StringToNumber", [np.array([b"1.5", b"-2e3", b" inf"], object)], {}),
    ("StringToNumber", [np.array([b"15", b"-2"], object)], {"out_type": tf.int64}),
    ("StringLower", [WORDS], {"encoding": "utf-8"}),
    ("StringUpper", [WORDS], {}),
    ("StringStrip", [WORDS], {}),
    ("StringLength", [WORDS], {"unit": "UTF8_CHAR"}),
    ("Substr", [WORDS[:1, :1], np.array([[1]]), np.array([[2]])], {}),
    ("ReduceJoin", [WORDS, np.array([0], np.int32)], {"separator": "+"}),
    ("StringSplit", [WORDS[0], np.array(b" ", object)], {}),
    ("StringSplitV2", [WORDS[0], np.array(b",", object)], {}),
    ("StringFormat", [np.arange(5), NUMBERS], {"template": "%s and %s", "summarize": 2}),
    ("ScalarSummary", [np.array(b"loss", object), np.array(2.5, np.float32)], {}),
    ("HistogramSummary", [np.array(b"h", object), np.arange(9, dtype=np.float32)], {}),
    ("ImageSummary", [np.array(b"i", object), np.zeros((1, 2, 3, 1), np.uint8)], {}),
    ("Print", [np.arange(3), np.arange(2)], {"message": "values: "}),
    ("DecodeRaw", [np.array([b"abcd", b"efgh"], object)], {"out_type": tf.int16}),
    ("ShardedFilename", [np.array(b"f", object), np.array(1, np.int32), np.array(3, np.int32)], {}),
    ("Qr", [SQUARE], {"full_matrices": True}),
    ("SelfAdjointEigV2", [SQUARE + SQUARE.T], {}),
    ("Svd", [SQUARE], {}),
    ("StatelessRandomGetKeyCounter", [SEED], {}),
    ("StatelessRandomGetKeyCounterAlg", [SEED], {}),
    ("StatelessRandomGetAlg", [], {}),
    *(
        (f"StatelessRandom{kind}V2", [np.array([7, 3]), *STREAM], {})
        for kind in ("Uniform", "Normal", "UniformFullInt")
    ),
    ("StatelessTruncatedNormalV2", [np.array([7, 3]), *STREAM], {}),
    ("StatelessRandomUniformIntV2", [np.array([7, 3]), *STREAM, np.array(-5), np.array(9)], {}),
    ("StatelessShuffle", [np.arange(9), *STREAM], {}),
    ("PlaceholderWithDefault", [np.arange(3)], {"shape": [3]}),
    ("RandomGamma", [np.array([4]), RATES], SEEDED),
    ("RandomPoissonV2", [np.array([4]), RATES], {"dtype": tf.float32, **SEEDED}),
    ("StatelessRandomGammaV2", [np.array([4, 2]), SEED, RATES], {}),
    ("StatelessRandomGammaV3", [np.array([4, 2]), *STREAM, RATES], {}),
    ("StatelessRandomPoisson", [np.array([4, 2]), SEED, RATES], {"dtype": tf.int64}),
    ("StatelessRandomBinomial", [np.array([4, 2]), SEED, RATES * 9, RATES / 50], {}),
    *(
        (f"{kind}CandidateSampler", [TRUE], {"range_max": 9, **SAMPLES, **SEEDED})
        for kind in ("Uniform", "LogUniform", "LearnedUnigram")
    ),
    (
        "FixedUnigramCandidateSampler",
        [TRUE],
        {"range_max": 9, "unigrams": [float(n) for n in range(1, 10)], **SAMPLES, **SEEDED},
    ),
    ("AllCandidateSampler", [TRUE], SAMPLES),
    ("ComputeAccidentalHits", [TRUE, np.array([3, 1, 5])], {"num_true": 2}),
    ("RegexReplace", [WORDS, np.array(b"[a-d]", object), np.array(b"<\\0>", object)], {}),
    ("StaticRegexReplace", [WORDS], {"pattern": "[a-d]", "rewrite": r"<\0>"}),
    ("RegexFullMatch", [WORDS, np.array(b".*d.*", object)], {}),
    ("StaticRegexFullMatch", [WORDS], {"pattern": ".*d.*"}),
    (
        "CropAndResizeGradBoxes",
        [
            np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1),
            np.arange(30, dtype=np.float32).reshape(1, 5, 6, 1) ** 2,
            np.array([[0.1, 0.2, 0.8, 0.9]], np.float32),
            np.array([0], np.int32),
        ],
        {},
    ),
]


@pytest.mark.parametrize(("op", "inputs", "attrs"), CALLS, ids=[c[0] for c in CALLS])
def test_text_and_summaries(op: str, inputs: list[np.ndarray], attrs: dict[str, Any]) -> None:
    case = Case(inputs, attrs)
    ran = run_case(op, case)
    got, dtypes = run_eagerly(op, case)
    assert dtypes == ran.dtypes
    assert_same_bits(got, ran.values, op)


def test_files(tmp_path: Any) -> None:
    """WriteFile, ReadFile, MatchingFiles, SaveV2 and RestoreV2."""
    name, values = str(tmp_path / "a.txt"), np.arange(6.0, dtype=np.float32).reshape(2, 3)
    with eager_mode():
        assert raw.WriteFile(name, b"a\0b") is None
        assert raw.ReadFile(name).numpy() == b"a\0b"
        assert raw.MatchingFiles(str(tmp_path / "*.txt")).numpy().tolist() == [name.encode()]
        with pytest.raises(tf.errors.NotFoundError):
            raw.ReadFile(name + "x")
        prefix = str(tmp_path / "saved")
        raw.SaveV2(prefix, ["v", "w"], ["", ""], [values, [b"text"]])
        v, w = raw.RestoreV2(prefix, ["v", "w"], ["", ""], dtypes=[tf.float32, tf.string])
        assert_same_bits([v.numpy(), w.numpy()], [values, np.array([b"text"], object)], "restored")


def test_a_constant_and_nothing() -> None:
    with eager_mode():
        value = np.arange(6, dtype=np.float32).reshape(2, 3)
        assert_same_bits([raw.Const(value=value, dtype=tf.float32).numpy()], [value], "Const")
        assert raw.NoOp() is None
        assert raw.Timestamp().dtype == tf.float64
        assert raw.Assert(True, [value]) is None


def test_merged_summaries() -> None:
    with eager_mode():
        parts = [raw.ScalarSummary(t, 1.0) for t in ("a", "b")]
        merged = raw.MergeSummary(parts).numpy()
        assert merged == b"".join(p.numpy() for p in parts)


def test_printing(capfd: Any) -> None:
    with eager_mode():
        raw.PrintV2("hello", output_stream="stderr")
    assert capfd.readouterr().err == "hello\n"


@pytest.mark.parametrize("stateful", [True, False])
def test_python_functions(stateful: bool) -> None:
    def double(x: np.ndarray) -> np.ndarray:
        return x * 2

    with eager_mode():
        y = tf.py_func(double, [tf.constant([1.0, 2.0])], tf.float32, stateful=stateful)
        assert y.numpy().tolist() == [2, 4]


def test_lists_of_tensors() -> None:
    rows, more = np.arange(6.0).reshape(3, 2), np.array([7.0, 8.0])

    def program(wrap: Callable[[Any], Any]) -> list[Any]:
        kind = {"element_shape": [2], "element_dtype": tf.float64}
        a = raw.TensorListFromTensor(wrap(rows), [2])
        b = raw.TensorListPushBack(a, wrap(more))
        c = raw.TensorListSetItem(b, 0, wrap(more))
        rest, last = raw.TensorListPopBack(c, [2], element_dtype=tf.float64)
        d = raw.TensorListResize(rest, 2)
        e = raw.TensorListScatterV2(wrap(rows), [2, 0, 1], [2], 3)
        f = raw.TensorListScatterIntoExistingList(e, wrap(rows[:1]), [1])
        g = raw.TensorListSplit(wrap(rows), [-1, 2], np.array([1, 2]))
        h = raw.TensorListPushBack(
            raw.EmptyTensorList([2], 4, element_dtype=tf.float64), wrap(more)
        )
        reserved = raw.TensorListReserve([2], 5, element_dtype=tf.float64)
        return [
            *(raw.TensorListStack(x, **kind) for x in (a, b, c, d, e, f, h)),
            *(raw.TensorListLength(x) for x in (a, b, reserved)),
            raw.TensorListElementShape(a, shape_type=tf.int32),
            raw.TensorListGetItem(c, 0, [2], element_dtype=tf.float64),
            raw.TensorListGather(e, [2, 1], [2], element_dtype=tf.float64),
            *raw.TensorListConcatV2(g, [-1, 2], [], element_dtype=tf.float64),
            last,
        ]

    with tf.Graph().as_default(), tf.Session() as sess:
        want = sess.run(program(tf.constant))
    with eager_mode():
        assert_same_bits(eager_values(program(tf.constant)), want, "lists")


# What an eager program has no use for: values that come from outside of it, and functions that graphs own.
GRAPH_ONLY: dict[str, dict[str, Any]] = {
    "Placeholder": {"dtype": tf.float32, "shape": [2]},
    "PlaceholderV2": {"dtype": tf.float32, "shape": [2]},
    "VariableV2": {"dtype": tf.float32, "shape": [2]},
    "Variable": {"dtype": tf.float32, "shape": [2]},
    **{
        f"{kind}If": {
            "cond": True,
            "input": [1.0],
            "Tout": [tf.float32],
            "then_branch": "f",
            "else_branch": "f",
        }
        for kind in ("", "Stateless")
    },
    **{
        f"{kind}Case": {"branch_index": 0, "input": [1.0], "Tout": [tf.float32], "branches": ["f"]}
        for kind in ("", "Stateless")
    },
    **{f"{kind}While": {"input": [1.0], "cond": "f", "body": "f"} for kind in ("", "Stateless")},
    **{
        f"{kind}PartitionedCall": {"args": [1.0], "Tout": [tf.float32], "f": "f"}
        for kind in ("", "Stateful")
    },
}
HERE = {
    "IsVariableInitialized",
    "CountUpTo",
    "Const",
    "NoOp",
    "Timestamp",
    "Assert",
    "MergeSummary",
    *("PrintV2", "PyFunc", "PyFuncStateless"),
    *("WriteFile", "ReadFile", "MatchingFiles", "SaveV2", "RestoreV2"),
}


def test_every_row_runs_eagerly() -> None:
    """Rows with cases do in test_eager_ops.py."""
    called = {c[0] for c in CALLS} | {s[0] for s in STEPS} | {r[0] for r in RULES.values()}
    called |= set(SPARSE.values())
    called |= {k[0] for k in KNOWN} | HERE | set(GRAPH_ONLY)
    rest = {r.name for r in TABLE if r.tested_by and not r.name.startswith("TensorList")} - called
    assert not rest - {"EmptyTensorList"}, sorted(rest)


@pytest.mark.parametrize("op", GRAPH_ONLY)
def test_graph_only_ops_say_so(op: str) -> None:
    with eager_mode(), pytest.raises(tf.errors.OpError, match=op):
        getattr(raw, op)(**GRAPH_ONLY[op])
