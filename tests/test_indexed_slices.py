"""Gradients of tables of which few rows are read: IndexedSlices, and what takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import thalweg as tf

TABLE = np.arange(12.0, dtype=np.float32).reshape(4, 3) / 7


def gradient(f: Callable[[Any], Any], how: str = "tape") -> Any:
    """Of f by the table: by a tape, or by one in a function."""
    v = tf.Variable(TABLE)

    def compute() -> Any:
        with tf.GradientTape() as tape:
            y = f(v)
        return tape.gradient(y, v)

    return tf.function(compute)() if how == "function" else compute()


def dense_of(slices: Any) -> np.ndarray:
    out = np.zeros(slices.dense_shape.numpy(), np.float64)
    np.add.at(out, slices.indices.numpy(), slices.values.numpy())
    return out


@pytest.mark.parametrize("how", ["tape", "function"])
@pytest.mark.parametrize("index", [tf.int32, tf.int64])
def test_of_gather(how: str, index: Any) -> None:
    at = tf.constant([[1, 1], [3, 0]], index)
    g = gradient(lambda v: tf.reduce_sum(tf.gather(v, at) ** 2), how=how)
    assert isinstance(g, tf.IndexedSlices)
    assert g.indices.dtype == index
    assert g.dense_shape.dtype == tf.int32
    np.testing.assert_array_equal(g.indices, [1, 1, 3, 0])
    np.testing.assert_allclose(g.values, 2 * TABLE[[1, 1, 3, 0]])
    np.testing.assert_array_equal(g.dense_shape, [4, 3])
    assert g.shape == [4, 3]
    assert g.dtype == tf.float32
    np.testing.assert_allclose(tf.convert_to_tensor(g), dense_of(g))


def test_around_a_function_that_captures_the_table() -> None:
    v = tf.Variable(TABLE)
    f = tf.function(lambda at: tf.reduce_sum(tf.nn.embedding_lookup(v, at) ** 2))
    for rows in ([1, 1, 3], [0, 2]):
        with tf.GradientTape() as tape:
            y = f(tf.constant(rows))
        g = tape.gradient(y, v)
        assert isinstance(g, tf.IndexedSlices)
        np.testing.assert_array_equal(g.indices, rows)
        np.testing.assert_allclose(g.values, 2 * TABLE[rows])


def test_which_reads_give_slices() -> None:
    def kind(f: Callable[[Any], Any]) -> Any:
        return type(gradient(lambda v: tf.reduce_sum(f(v))))

    at = tf.constant([0, 2])
    assert kind(lambda v: tf.gather(v, at)) is tf.IndexedSlices
    assert kind(lambda v: tf.gather_nd(v, [[0], [2]])) is tf.IndexedSlices
    assert kind(lambda v: tf.gather(v, 1)) is tf.IndexedSlices
    assert kind(lambda v: tf.gather(v, [0, 2], axis=1)) is not tf.IndexedSlices
    assert kind(lambda v: tf.gather(v, [[0], [1], [1], [2]], batch_dims=1)) is not tf.IndexedSlices
    assert kind(lambda v: tf.gather_nd(v, [[0, 1]])) is not tf.IndexedSlices
    assert kind(lambda v: v[1]) is not tf.IndexedSlices
    assert kind(lambda v: tf.gather(tf.tanh(v), at)) is not tf.IndexedSlices


@pytest.mark.parametrize("how", ["tape", "function"])
def test_values_of_every_read(how: str) -> None:
    """What the slices stand for is the gradient of the same reads by one-hot products."""
    reads: list[tuple[Callable[[Any], Any], Any]] = [
        (lambda v: tf.gather(v, [2, 0, 2]), [2, 0, 2]),
        (lambda v: tf.gather(v, 1), [1]),
        (lambda v: tf.gather(v, [[3, 3], [1, 0]]), [3, 3, 1, 0]),
        (lambda v: tf.gather_nd(v, [[2], [1]]), [2, 1]),
        (lambda v: tf.gather_nd(v, [[[2], [1]], [[0], [0]]]), [2, 1, 0, 0]),
        (lambda v: tf.gather(v, tf.zeros([0], tf.int32)), []),
    ]
    for read, rows in reads:
        g = gradient(lambda v, read=read: tf.reduce_sum(tf.exp(read(v))), how=how)
        assert isinstance(g, tf.IndexedSlices)
        want = np.zeros((4, 3))
        for r in rows:
            want[r] += np.exp(TABLE[r])
        np.testing.assert_allclose(dense_of(g), want, rtol=1e-6)


@pytest.mark.parametrize("how", ["tape", "function"])
def test_sums(how: str) -> None:
    two = gradient(
        lambda v: tf.reduce_sum(tf.gather(v, [1, 2])) + 2 * tf.reduce_sum(tf.gather(v, [2])),
        how=how,
    )
    assert isinstance(two, tf.IndexedSlices)
    assert two.indices.shape == [3]
    np.testing.assert_array_equal(dense_of(two), np.repeat([[0.0], [1], [3], [0]], 3, axis=1))
    wide = gradient(
        lambda v: (
            tf.reduce_sum(tf.gather(v, [1]))
            + tf.reduce_sum(tf.gather(v, tf.constant([2], tf.int64)))
        ),
        how=how,
    )
    assert wide.indices.dtype == tf.int64
    mixed = gradient(lambda v: tf.reduce_sum(tf.gather(v, [1])) + tf.reduce_sum(v) * 0.5, how=how)
    assert not isinstance(mixed, tf.IndexedSlices)
    np.testing.assert_array_equal(mixed, np.repeat([[0.5], [1.5], [0.5], [0.5]], 3, axis=1))


def test_of_a_tensor_that_is_watched_and_of_what_is_computed_from_it() -> None:
    x = tf.constant(TABLE)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.sin(x)
        z = tf.reduce_sum(tf.gather(y, [1, 1, 3]))
    of_y, of_x = tape.gradient(z, [y, x])
    assert isinstance(of_y, tf.IndexedSlices)
    assert not isinstance(of_x, tf.IndexedSlices)
    count = np.array([[0.0], [2], [0], [1]])
    np.testing.assert_allclose(of_x, count * np.cos(TABLE), rtol=1e-6)


def test_second_order() -> None:
    v = tf.Variable(TABLE)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.reduce_sum(tf.gather(v, [1, 1, 2]) ** 3)
        g = inner.gradient(y, v)
        z = tf.reduce_sum(tf.convert_to_tensor(g) ** 2)
    second = outer.gradient(z, v)
    count = np.array([[0.0], [2], [1], [0]])
    # d/dx (count 3 x^2)^2
    np.testing.assert_allclose(
        tf.convert_to_tensor(second), 36 * count**2 * TABLE**3, rtol=1e-5, atol=1e-6
    )


def test_jacobians_and_tangents() -> None:
    v = tf.Variable(TABLE)
    with tf.GradientTape() as tape:
        y = tf.gather(v, [2, 0]) ** 2
    jacobian = tape.jacobian(y, v)
    assert jacobian.shape == [2, 3, 4, 3]
    assert jacobian[0, 1, 2, 1] == 2 * v[2, 1]
    assert np.count_nonzero(jacobian) == 5
    tangent = np.linspace(1, 2, 12, dtype=np.float32).reshape(4, 3)
    with tf.autodiff.ForwardAccumulator(v, tf.constant(tangent)) as forward:
        y = tf.gather(v, [2, 0]) ** 2
    np.testing.assert_allclose(forward.jvp(y), 2 * TABLE[[2, 0]] * tangent[[2, 0]], rtol=1e-6)


def test_custom_gradients_take_whole_tensors() -> None:
    @tf.custom_gradient
    def doubled(x: Any) -> Any:
        return x * 2.0, lambda dy: dy * 2.0

    @tf.recompute_grad
    def again(x: Any) -> Any:
        return tf.gather(x, [1]) * 3.0

    g = gradient(lambda v: tf.reduce_sum(tf.gather(doubled(v), [1])))
    np.testing.assert_array_equal(g, [[0, 0, 0], [2, 2, 2], [0, 0, 0], [0, 0, 0]])
    g = gradient(lambda v: tf.reduce_sum(again(v)))
    np.testing.assert_array_equal(
        tf.convert_to_tensor(g), [[0, 0, 0], [3, 3, 3], [0, 0, 0], [0, 0, 0]]
    )


def test_of_branches_and_loops() -> None:
    v = tf.Variable(TABLE)

    @tf.function
    def f(p: Any, n: Any) -> Any:
        with tf.GradientTape() as tape:
            y = tf.cond(p, lambda: tf.reduce_sum(tf.gather(v, [1])), lambda: 0.0)
            _, total = tf.while_loop(
                lambda i, t: i < n,
                lambda i, t: (i + 1, t + tf.reduce_sum(tf.gather(v, i))),
                [0, 0.0],
            )
            y += total
        return tf.convert_to_tensor(tape.gradient(y, v))

    np.testing.assert_array_equal(f(tf.constant(True), 3)[:, 0], [1, 2, 1, 0])
    np.testing.assert_array_equal(f(tf.constant(False), 1)[:, 0], [1, 0, 0, 0])


def test_through_calls_and_branches_inside_of_functions() -> None:
    v = tf.Variable(TABLE)

    @tf.function
    def model(at: Any) -> Any:
        return tf.reduce_sum(tf.gather(v, at) ** 2)

    @tf.function
    def of_call(at: Any) -> Any:
        with tf.GradientTape() as tape:
            y = model(at) + model(at[:1])
        return tape.gradient(y, v)

    @tf.function
    def of_branch(p: Any, at: Any) -> Any:
        with tf.GradientTape() as tape:
            y = tf.cond(p, lambda: model(at), lambda: 0.0)
        return tape.gradient(y, v)

    g = of_call(tf.constant([2, 1]))
    assert isinstance(g, tf.IndexedSlices)
    np.testing.assert_allclose(dense_of(g), 2 * TABLE * [[0], [1], [2], [0]], rtol=1e-6)
    g = of_branch(tf.constant(True), tf.constant([2, 1]))
    assert isinstance(g, tf.IndexedSlices)
    np.testing.assert_allclose(dense_of(g), 2 * TABLE * [[0], [1], [1], [0]], rtol=1e-6)
    g = of_branch(tf.constant(False), tf.constant([2, 1]))
    assert g.values.shape == [0, 3]
    assert g.indices.shape == [0]
    np.testing.assert_array_equal(dense_of(g), np.zeros((4, 3)))


def slices(values: Any, indices: Any) -> Any:
    return tf.IndexedSlices(
        tf.constant(values), tf.constant(indices), tf.constant([4, len(values[0])])
    )


def test_functions_that_keep_slices() -> None:
    s = slices([[3.0, 4.0], [0.0, 12.0]], [1, 3])
    for result, want in [
        (tf.clip_by_value(s, 0.0, 4.0), [[3, 4], [0, 4]]),
        (tf.clip_by_norm(s, 6.5), [[1.5, 2], [0, 6]]),
        (tf.clip_by_global_norm([s], 6.5)[0][0], [[1.5, 2], [0, 6]]),
        (tf.math.scalar_mul(2.0, s), [[6, 8], [0, 24]]),
        (tf.identity(s), [[3, 4], [0, 12]]),
        (tf.cast(s, tf.float64), [[3, 4], [0, 12]]),
        (-s, [[-3, -4], [0, -12]]),
    ]:
        assert isinstance(result, tf.IndexedSlices)
        np.testing.assert_allclose(result.values, want, rtol=1e-6)
        np.testing.assert_array_equal(result.indices, [1, 3])
        np.testing.assert_array_equal(result.dense_shape, [4, 2])
    assert tf.cast(s, tf.float64).dtype == tf.float64
    assert tf.linalg.global_norm([s]) == 13
    np.testing.assert_array_equal(tf.add_n([s, tf.ones([4, 2])])[1], [4, 5])
    with pytest.raises(TypeError, match="unsupported operand"):
        s + s


def test_slices_without_a_dense_shape_do_not_convert() -> None:
    with pytest.raises(ValueError, match="without dense_shape"):
        tf.convert_to_tensor(tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([0])))


V1 = tf.compat.v1.train
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "descent": lambda: V1.GradientDescentOptimizer(0.1),
    "momentum": lambda: V1.MomentumOptimizer(0.1, 0.9),
    "nesterov": lambda: V1.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "adagrad": lambda: V1.AdagradOptimizer(0.1),
    "rmsprop": lambda: V1.RMSPropOptimizer(0.1, momentum=0.5),
    "centered": lambda: V1.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
    "adadelta": lambda: V1.AdadeltaOptimizer(0.5),
    "ftrl": lambda: V1.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    "ftrl_v2": lambda: V1.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=0.1),
    "proximal": lambda: V1.ProximalGradientDescentOptimizer(0.1, 0.01, 0.01),
    "proximal_adagrad": lambda: V1.ProximalAdagradOptimizer(0.1, 0.1, 0.01, 0.01),
    "adam": lambda: V1.AdamOptimizer(0.1),
}
ROWS = [np.array([1, 1, 3]), np.array([3, 0, 0]), np.array([1, 2, 1])]


def train(make: Callable[[], Any], how: str, of_rows: bool) -> np.ndarray:
    """Three steps, each on some rows of the table; or on a table of each of them alone."""
    table = TABLE + 1.0

    def loss(v: Any, at: Any) -> Any:
        rows = tf.gather(v, at) if of_rows else tf.matmul(tf.one_hot(at, v.shape[0]), v)
        return tf.reduce_sum(rows**2)

    if how == "graph":
        with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
            v = tf.compat.v1.Variable(table)
            at = tf.compat.v1.placeholder(tf.int32, [None])
            step = make().minimize(loss(v, at))
            sess.run(tf.compat.v1.global_variables_initializer())
            for rows in ROWS:
                sess.run(step, {at: rows})
            return np.asarray(sess.run(v))
    v, optimizer = tf.Variable(table), make()

    def train_step(at: Any) -> None:
        with tf.GradientTape() as tape:
            y = loss(v, at)
        optimizer.apply_gradients([(tape.gradient(y, v), v)])

    if how == "function":
        train_step = tf.function(train_step)
    for rows in ROWS:
        train_step(tf.constant(rows))
    return v.numpy()


@pytest.mark.parametrize("how", ["graph", "eager", "function"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str, how: str) -> None:
    """A row that a step does not read stays as it is, slots included; for the rest the gradient of a
    row is that of a dense table. Adam moves all rows, as TensorFlow's does.
    """
    got = train(OPTIMIZERS[name], how, of_rows=True)
    if name in ("descent", "adagrad", "adam"):  # a dense gradient of zero does nothing, or the same
        np.testing.assert_allclose(
            got, train(OPTIMIZERS[name], how, of_rows=False), rtol=1e-5, atol=1e-6
        )
        return
    for row in range(4):  # a dense table of one row, over the steps that read it
        with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
            v = tf.compat.v1.Variable(TABLE[row : row + 1] + 1.0)
            count = tf.compat.v1.placeholder(tf.float32, [])
            step = OPTIMIZERS[name]().minimize(count * tf.reduce_sum(v**2))
            sess.run(tf.compat.v1.global_variables_initializer())
            for rows in ROWS:
                if row in rows:
                    sess.run(step, {count: np.count_nonzero(rows == row)})
            want = sess.run(v)[0]
        np.testing.assert_allclose(got[row], want, rtol=1e-5, atol=1e-6, err_msg=str(row))


def test_subclasses_of_optimizer_get_each_row_once() -> None:
    seen = []

    class Mine(tf.compat.v1.train.Optimizer):
        def __init__(self) -> None:
            super().__init__(False, "Mine")

        def _apply_sparse(self, grad: Any, var: Any) -> Any:
            seen.append((grad.indices.numpy(), grad.values.numpy()))

    v = tf.Variable(TABLE)
    Mine().apply_gradients([(slices([[1.0, 1, 1], [2, 2, 2], [4, 4, 4]], [3, 1, 3]), v)])
    ((rows, values),) = seen
    np.testing.assert_array_equal(rows, [3, 1])
    np.testing.assert_array_equal(values[:, 0], [5, 2])


def test_tf_gradients_in_a_graph() -> None:
    with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
        v = tf.compat.v1.get_variable("table", initializer=TABLE)
        at = tf.compat.v1.placeholder(tf.int64, [None])
        loss = tf.reduce_sum(tf.nn.embedding_lookup(v, at) ** 2)
        (g,) = tf.gradients(loss, v)
        assert isinstance(g, tf.IndexedSlices)
        sess.run(v.initializer)
        got = sess.run(g, {at: [2, 2]})
        np.testing.assert_array_equal(got.indices, [2, 2])
        np.testing.assert_allclose(got.values, 2 * TABLE[[2, 2]])
        np.testing.assert_array_equal(got.dense_shape, [4, 3])
        doubled = tf.multiply(g, 2.0)  # converts
        np.testing.assert_allclose(sess.run(doubled, {at: [2, 2]})[2], 8 * TABLE[2])
        (zero,) = tf.gradients(tf.constant(1.0), v, unconnected_gradients="zero")
        assert not isinstance(zero, tf.IndexedSlices)
        # Nothing of the size of the table is computed for the slices.
        step = tf.compat.v1.train.GradientDescentOptimizer(0.1).minimize(loss)
        plan = str(sess.memory_plan([step])) if hasattr(sess, "memory_plan") else ""
        assert "UnsortedSegmentSum" not in plan
