"""Fused steps and rewritten graphs compute what the plain ones do, on any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.profiler import Profile

raw = tf.raw_ops
Build = Callable[[np.random.Generator], tuple[list[Any], dict[Any, Any]]]
L0 = -1  # OptimizerOptions.L0: no folding, no rewriting, no fusion


def config(optimize: bool = True, threads: int = 0) -> Any:
    options = tf.OptimizerOptions(opt_level=0 if optimize else L0)
    return tf.ConfigProto(
        intra_op_parallelism_threads=threads,
        graph_options=tf.GraphOptions(optimizer_options=options),
    )


def results(fetches: list[Any], feeds: dict[Any, Any], **how: Any) -> list[np.ndarray]:
    with tf.Session(config=config(**how)) as sess:
        sess.run(tf.global_variables_initializer())
        return [np.asarray(r) for r in sess.run(fetches, feeds)]


def ops_of(fetches: list[Any], feeds: dict[Any, Any]) -> list[str]:
    """The ops of the steps that a run takes."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with Profile(sess) as profile:
            sess.run(fetches, feeds)
        return [step.op for step in profile.steps]


def f32(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(-2, 2, shape).astype(np.float32)


def fed(rng: np.random.Generator, feeds: dict[Any, Any], *shape: int, partial: bool = True) -> Any:
    x = tf.placeholder(tf.float32, [None, *shape[1:]] if partial and shape else list(shape))
    feeds[x] = f32(rng, *shape)
    return x


def tree(*shapes: tuple[int, ...]) -> Build:
    """tanh(a * b + c) * sigmoid(b) - sqrt(|c|) over operands that broadcast."""

    def build(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
        feeds: dict[Any, Any] = {}
        a, b, c = (fed(rng, feeds, *s) for s in shapes)
        return [tf.tanh(a * b + c) * tf.sigmoid(b) - tf.sqrt(tf.abs(c))], feeds

    return build


def reduced(shape: tuple[int, ...], axes: list[int] | None, reduce: str) -> Build:
    def build(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
        feeds: dict[Any, Any] = {}
        a, b = fed(rng, feeds, *shape), fed(rng, feeds, *shape[-1:], partial=False)
        x = tf.square(a - b) * 0.5 if reduce != "reduce_prod" else tf.square(a - b) * 0.01 + 0.9
        return [getattr(tf, reduce)(x, axes), getattr(tf, reduce)(x, axes, keepdims=True)], feeds

    return build


def mixed_types(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 33, 7)
    keep = tf.cast(tf.greater_equal(x, 0.25), tf.float32)
    y = tf.where(tf.less(x, -1.0), x * 2.0, tf.zeros_like(x) + 3.0)
    return [x * keep * 1.5, tf.cast(tf.round(x * 10.0), tf.int32) + 1, y * keep], feeds


def half(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    x = tf.placeholder(tf.float16, [None, 19])
    feeds = {x: f32(rng, 5, 19).astype(np.float16)}
    return [tf.exp(x) * 0.5 + tf.cast(1.0, tf.float16), tf.reduce_sum(tf.square(x), 1)], feeds


def shared_inside(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 9, 130)
    swish = (x + 1.0) * tf.sigmoid(x + 1.0)
    return [swish, swish * 2.0, tf.reduce_max(swish)], feeds


def dense(activation: str, units: int, batch: int = 13, depth: int = 37) -> Build:
    """A dense layer and its gradients."""

    def build(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
        feeds: dict[Any, Any] = {}
        x = fed(rng, feeds, batch, depth)
        w, v = tf.constant(f32(rng, depth, units)), tf.constant(f32(rng, units, 5))
        b, c = tf.constant(f32(rng, units)), tf.constant(f32(rng, 5))
        h = getattr(tf.nn, activation)(tf.matmul(x, w) + b)
        y = tf.nn.bias_add(tf.matmul(h, v), c)
        loss = tf.reduce_mean(tf.square(y))
        return [y, loss, *tf.gradients(loss, [w, b, v, c, x])], feeds

    return build


def convolutions(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 3, 11, 9, 2)
    w, b = tf.constant(f32(rng, 3, 3, 2, 5)), tf.constant(f32(rng, 5))
    v, c = tf.constant(f32(rng, 2, 4, 5, 6)), tf.constant(f32(rng, 6))
    h = tf.nn.relu(tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME") + b)
    y = tf.nn.sigmoid(tf.nn.conv2d(h, v, [1, 2, 2, 1], "SAME") + c)
    flat = tf.reshape(y, [-1, 6 * 5 * 6])
    u = tf.constant(f32(rng, 6 * 5 * 6, 4))
    loss = tf.reduce_sum(tf.square(tf.matmul(flat, u)))
    return [y, loss, *tf.gradients(loss, [x, w, b, v, c, u])], feeds


def constant_weights(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    """Large enough to be packed when the plan is made; one row is not worth it."""
    feeds: dict[Any, Any] = {}
    x, row = fed(rng, feeds, 30, 700), fed(rng, feeds, 1, 700)
    w, v = tf.constant(f32(rng, 700, 1000)), tf.constant(f32(rng, 260, 700))
    products = [tf.matmul(x, w), tf.matmul(x, v, transpose_b=True), tf.matmul(row, w)]
    return [*products, tf.nn.relu(tf.matmul(x, w) + tf.constant(f32(rng, 1000)))], feeds


def residual(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    """What follows the product is larger than it, or comes from both sides."""
    feeds: dict[Any, Any] = {}
    x, one = fed(rng, feeds, 6, 8), fed(rng, feeds, 1, 8, partial=False)
    w = tf.constant(f32(rng, 8, 8))
    return [tf.matmul(one, w) + x, tf.matmul(x, w) * tf.matmul(x, w, transpose_b=True) + x], feeds


def neutral(rng: np.random.Generator) -> tuple[list[Any], dict[Any, Any]]:
    feeds: dict[Any, Any] = {}
    x = fed(rng, feeds, 4, 3)
    ones = tf.ones([4, 3])
    return [
        x * 1.0,
        x / ones,
        x - tf.zeros([3]),
        tf.pow(x, 2.0),
        tf.transpose(x, [0, 1]),
        tf.reshape(tf.expand_dims(tf.reshape(x, [3, 4]), 0), [2, 6]),
        tf.matmul(tf.transpose(x), tf.transpose(tf.transpose(x))),
        tf.reduce_sum(x, []),
        tf.tile(x, [1, 1]),
        x * 1.0 + tf.fill([4, 3], 2.0),
        tf.zeros([4, 1]) + tf.zeros([3]),
        tf.add_n([x, x * 2.0]),
    ], feeds


CASES: dict[str, Build] = {
    "dense operands": tree((17, 70), (17, 70), (17, 70)),
    "long rows": tree((9, 300), (1, 300), (9, 1)),
    "short rows": tree((50, 10), (1, 10), (50, 1)),
    "scalars": tree((), (), ()),
    "one scalar": tree((2, 5000), (), ()),
    "ranks": tree((3, 4, 5, 6), (6,), (4, 1, 1)),
    "stretched": tree((5, 7, 80), (5, 7, 1), (7, 1)),
    "repeated planes": tree((2, 3, 40, 4), (3, 1, 4), (1, 3, 40, 1)),
    "more than a tile": tree((3, 2500), (3, 2500), (2500,)),
    "empty": tree((0, 4), (4,), (0, 1)),
    "sum of all": reduced((40, 1000), None, "reduce_sum"),
    "mean of rows": reduced((37, 10), [1], "reduce_mean"),
    "max of long rows": reduced((3, 20000), [1], "reduce_max"),
    "min of planes": reduced((5, 6, 7), [1, 2], "reduce_min"),
    "prod of rows": reduced((4, 33), [-1], "reduce_prod"),
    "sum of columns": reduced((40, 33), [0], "reduce_sum"),
    "types": mixed_types,
    "float16": half,
    "shared inside": shared_inside,
    "dense relu": dense("relu", 33),
    "dense sigmoid": dense("sigmoid", 10),
    "dense tanh": dense("tanh", 64, batch=1),
    "dense elu": dense("elu", 300, batch=70, depth=130),
    "convolutions": convolutions,
    "constant weights": constant_weights,
    "residual": residual,
    "neutral": neutral,
}


@pytest.mark.parametrize("build", CASES.values(), ids=list(CASES))
def test_fused_and_plain_agree(build: Build) -> None:
    fetches, feeds = build(np.random.default_rng(3))
    plain = results(fetches, feeds, optimize=False)
    fused = results(fetches, feeds)
    for a, b in zip(plain, fused, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        tolerance = 2e-3 if a.dtype == np.float16 else 3e-5
        np.testing.assert_allclose(
            b, a, rtol=tolerance, atol=tolerance * max(1, np.abs(a).max(initial=0)) / 10
        )


@pytest.mark.parametrize("build", CASES.values(), ids=list(CASES))
def test_threads_do_not_change_a_bit(build: Build) -> None:
    fetches, feeds = build(np.random.default_rng(5))
    one, two = results(fetches, feeds, threads=1), results(fetches, feeds, threads=2)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def network(rng: np.random.Generator) -> tuple[Any, Any, dict[Any, Any]]:
    """Loss, optimizer step and feeds of a small convolutional network."""
    feeds: dict[Any, Any] = {}
    x, y = fed(rng, feeds, 12, 8, 8, 1), fed(rng, feeds, 12, 4)
    feeds[y] = np.eye(4, dtype=np.float32)[rng.integers(0, 4, 12)]
    h = x
    for depth in (3, 5):
        w = tf.Variable(f32(rng, 3, 3, int(h.shape[3]), depth) / 4)
        h = tf.nn.relu(tf.nn.conv2d(h, w, [1, 2, 2, 1], "SAME") + tf.Variable(f32(rng, depth)))
    h = tf.reshape(h, [-1, 2 * 2 * 5])
    h = tf.nn.sigmoid(tf.matmul(h, tf.Variable(f32(rng, 20, 6))) + tf.Variable(f32(rng, 6)))
    logits = tf.nn.bias_add(tf.matmul(h, tf.Variable(f32(rng, 6, 4))), tf.Variable(f32(rng, 4)))
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=logits, labels=y))
    return loss, tf.train.AdamOptimizer(0.01).minimize(loss), feeds


def test_a_training_step_has_no_pass_of_its_own_for_biases_and_activations() -> None:
    _, step, feeds = network(np.random.default_rng(0))
    ops = ops_of([step], feeds)
    assert ops.count("_FusedConv2D") == 2
    assert (
        ops.count("_FusedMatMul") == 4
    )  # two layers forward, two gradients of what a layer was fed
    assert ops.count("_MatMulAndSums") == 2
    assert ops.count("_Conv2DBackpropFilterAndSums") == 2
    assert ops.count("_FusedConv2DBackpropInput") == 1  # none for the images, nobody asked
    assert ops.count("ApplyAdam") == 1
    for op in ("AddV2", "BiasAdd", "Relu", "Sigmoid", "ReluGrad", "SigmoidGrad", "Sum", "Shape"):
        assert op not in ops


def test_training_fused_and_plain_goes_the_same_way() -> None:
    loss, step, feeds = network(np.random.default_rng(1))
    paths = []
    for optimize in (True, False):
        with tf.Session(config=config(optimize)) as sess:
            sess.run(tf.global_variables_initializer())
            paths.append([sess.run([loss, step], feeds)[0] for _ in range(30)])
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-3)
    assert paths[0][-1] < paths[0][0] / 2


def test_a_session_without_optimization_fuses_nothing() -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.exp(x) * 2.0 + 1.0
    with tf.Session(config=config(optimize=False)) as sess, Profile(sess) as profile:
        sess.run(y, {x: [1.0, 2.0]})
    assert [s.op for s in profile.steps] == ["Exp", "Mul", "AddV2"]


def test_what_is_fetched_or_waited_for_is_computed() -> None:
    x = tf.placeholder(tf.float32, [None])
    a = tf.exp(x)
    b = a * 2.0
    with tf.control_dependencies([b]):
        c = tf.identity(a + 1.0)
    got = results([a, b, c], {x: np.float32([0.0, 1.0])})
    e = np.exp(np.float32([0.0, 1.0]))
    for value, expected in zip(got, [e, 2 * e, e + 1], strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_a_chain_of_a_thousand_is_one_step() -> None:
    x = tf.placeholder(tf.float32, [])
    y = x
    for _ in range(1000):
        y = tf.sin(y)
    assert ops_of([y], {x: 0.5}) == ["_Fused"]
    expected = np.float32(0.5)
    for _ in range(1000):
        expected = np.sin(expected)
    np.testing.assert_allclose(results([y], {x: 0.5})[0], expected, rtol=1e-5)


def test_wide_trees_are_cut_where_they_read_too_much() -> None:
    xs = [tf.placeholder(tf.float32, [33]) for _ in range(80)]
    total = tf.zeros([33])
    for i, x in enumerate(xs):
        total = total * 0.5 + tf.tanh(x) * float(i)
    rng = np.random.default_rng(0)
    feeds = {x: f32(rng, 33) for x in xs}
    expected = np.zeros(33)
    for i, x in enumerate(xs):
        expected = expected * 0.5 + np.tanh(feeds[x].astype(np.float64)) * i
    np.testing.assert_allclose(results([total], feeds)[0], expected, rtol=1e-5)


def test_updates_are_one_step_and_all_or_nothing() -> None:
    a, b = tf.Variable([1.0, 2.0], name="a"), tf.Variable([3.0], name="b")
    loss = tf.reduce_sum(tf.square(a)) + tf.reduce_sum(tf.constant([5.0]) * b)
    step = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    with tf.Session() as sess:
        sess.run(a.initializer)
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value b"):
            sess.run(step)
        assert sess.run(a).tolist() == [1.0, 2.0]
        sess.run(b.initializer)
        with Profile(sess) as profile:
            sess.run(step)
        assert [s.op for s in profile.steps].count("ApplyGradientDescent") == 1
        assert sess.run([a, b])[0].tolist() == [0.0, 0.0]
        assert sess.run(b).tolist() == [0.5]


def test_an_update_of_one_variable_twice_is_two_steps() -> None:
    v = tf.Variable([8.0])
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    first = optimizer.apply_gradients([(tf.constant([1.0]), v)])
    second = optimizer.apply_gradients([(tf.constant([2.0]), v)])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run([first, second])
        assert sess.run(v).tolist() == [5.0]


def test_any_number_of_shapes() -> None:
    x = tf.placeholder(tf.float32, [None, None])
    y = tf.reduce_sum(tf.exp(x - tf.reduce_max(x, 1, keepdims=True)), 1) + tf.cast(
        tf.size(x), tf.float32
    )
    rng = np.random.default_rng(0)
    with tf.Session() as sess:
        for n in [*range(1, 45), 3, 44, 1]:
            value = f32(rng, n, 3)
            expected = np.exp(value - value.max(1, keepdims=True)).sum(1) + value.size
            np.testing.assert_allclose(sess.run(y, {x: value}), expected, rtol=1e-5)


def test_shapes_that_do_not_fit_fail_at_their_node() -> None:
    a, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    y = tf.nn.relu(tf.matmul(a, b, name="product") + 1.0)
    with tf.Session() as sess:
        with pytest.raises(tf.errors.InvalidArgumentError, match="product"):
            sess.run(y, {a: np.ones((2, 3)), b: np.ones((4, 5))})
        assert sess.run(y, {a: np.ones((2, 3)), b: np.ones((3, 5))}).tolist() == [[4.0] * 5] * 2


def ones(*shape: int) -> Any:
    return tf.constant(np.ones(shape, np.float32))


def unknown(*shape: int | None) -> Any:
    """What is fed may have more shapes than fit."""
    return tf.placeholder(tf.float32, shape)


def claimed(*shape: int) -> Any:
    """The graph is told a shape that the value will not have: as many of everything as fed."""
    x = tf.py_func(lambda x: x, [tf.placeholder(tf.float32)], tf.float32)
    x.set_shape(shape)
    return x


def product(x: Any, w: Any, **options: Any) -> Any:
    return tf.nn.relu(tf.matmul(x, w, **options) + 1.0)


def convolution(x: Any, filters: Any) -> Any:
    return tf.nn.relu(tf.nn.conv2d(x, filters, strides=[1] * 4, padding="SAME") + 1.0)


STRIDES: dict[str, Any] = {"strides": [1] * 4, "padding": "SAME"}


def image_gradient(dy: Any) -> Any:
    return tf.nn.relu(raw.Conv2DBackpropInput([1, 4, 4, 3], ones(2, 2, 3, 5), dy, **STRIDES) + 1.0)


def dense_gradients(x: Any, dy: Any) -> list[Any]:
    return [tf.matmul(x, dy, transpose_a=True), raw.BiasAddGrad(dy)]


def filter_gradients(x: Any, dy: Any) -> list[Any]:
    return [raw.Conv2DBackpropFilter(x, [2, 2, 3, 5], dy, **STRIDES), raw.BiasAddGrad(dy)]


MISFITS: list[tuple[Callable[[], Any], tuple[int, ...]]] = [
    (lambda: product(unknown(3, None), ones(3, 4)), (3, 2)),
    (lambda: product(unknown(3, None), ones(3, 4)), (3, 50)),
    (lambda: product(ones(3, 3), unknown(None, 4)), (2, 4)),
    (lambda: product(unknown(None, 3), ones(3, 4), transpose_a=True), (500, 3)),
    (lambda: convolution(unknown(1, 4, 4, None), ones(2, 2, 3, 5)), (1, 4, 4, 2)),
    (lambda: convolution(unknown(1, 4, 4, None), ones(2, 2, 3, 5)), (1, 4, 4, 7)),
    (lambda: convolution(ones(1, 4, 4, 3), unknown(2, 2, None, 5)), (2, 2, 2, 5)),
    (lambda: image_gradient(unknown(1, 4, 4, None)), (1, 4, 4, 2)),
    (lambda: image_gradient(unknown(None, 4, 4, 5)), (2, 4, 4, 5)),
    (lambda: dense_gradients(unknown(None, 3), ones(5, 4)), (3, 3)),
    (lambda: dense_gradients(unknown(None, 3), ones(5, 4)), (500, 3)),
    (lambda: filter_gradients(unknown(1, None, 4, 3), ones(1, 4, 4, 5)), (1, 2, 4, 3)),
    (lambda: tf.exp(claimed(500) * 2.0), (3,)),
    (lambda: tf.exp(claimed(5) * 2.0) + ones(5), (700,)),
    (lambda: tf.reduce_sum(tf.exp(claimed(500) * 2.0)), (3,)),
    (lambda: product(claimed(3, 3), ones(3, 4)), (3, 2)),
    (lambda: convolution(claimed(1, 4, 4, 3), ones(2, 2, 3, 5)), (1, 2, 4, 3)),
    (lambda: image_gradient(claimed(1, 4, 4, 5)), (1, 2, 4, 5)),
    (lambda: dense_gradients(claimed(5, 3), ones(5, 4)), (3, 3)),
    (lambda: dense_gradients(ones(5, 3), claimed(5, 4)), (3, 4)),
    (lambda: filter_gradients(claimed(1, 4, 4, 3), ones(1, 4, 4, 5)), (1, 2, 4, 3)),
]


@pytest.mark.parametrize("at", range(len(MISFITS)))
def test_shapes_that_turn_out_not_to_fit(at: int) -> None:
    """The shape of a result may be known although those that it is made of are not."""
    build, shape = MISFITS[at]
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        y = build()
        feed = next(op.outputs[0] for op in graph.get_operations() if op.type == "Placeholder")
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(y, {feed: np.ones(shape, np.float32)})


def test_a_bias_that_does_not_fit_is_refused_though_it_would_broadcast() -> None:
    x, b = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
    y = tf.nn.relu(tf.nn.bias_add(x, b))
    with tf.Session() as sess:
        with pytest.raises(tf.errors.InvalidArgumentError, match="BiasAdd"):
            sess.run(y, {x: np.ones((2, 3)), b: np.ones(1)})
        assert sess.run(y, {x: np.ones((2, 3)), b: np.ones(3)}).tolist() == [[2.0] * 3] * 2


def test_nan_and_infinity_pass_through_fused_steps() -> None:
    special = np.float32([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-42, 3e38, -3e38] * 9)
    x = tf.placeholder(tf.float32, [None])
    fetches = [
        tf.maximum(x, 0.0) * 2.0,
        tf.nn.relu(x) - x,
        tf.exp(-tf.abs(x)) + 1.0,
        x * 1.0 - 0.0,
        tf.tanh(x) * x,
    ]
    for a, b in zip(
        results(fetches, {x: special}, optimize=False), results(fetches, {x: special}), strict=True
    ):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))
