"""tf.saved_model: what one process saves, another loads and calls."""

import os

import numpy as np
import pytest
from saved_model_case import Dense, Model, again, model, run, saved, with_function

import thalweg as tf

# --- across processes


def test_another_process_loads_and_calls(tmp_path):
    path = saved(tmp_path, model())
    x = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    np.save(tmp_path / "x.npy", x)
    run(
        """
        import sys
        import numpy as np
        import thalweg as tf
        path, given, result = sys.argv[1:]
        m = tf.saved_model.load(path)
        out = m(tf.constant(np.load(given)))
        m(tf.ones([1, 2]))
        np.savez(result, y=out["y"], first=out["steps"], steps=m.steps)
        """,
        path,
        tmp_path / "x.npy",
        tmp_path / "out.npz",
    )
    out = np.load(tmp_path / "out.npz")
    expected = x @ np.array([[1, 2], [3, 4]], np.float32) * [1, 2] + [5, 6]
    np.testing.assert_allclose(out["y"], expected)
    assert (out["first"], out["steps"]) == (1, 2)


def test_what_another_process_saves(tmp_path):
    run(
        """
        import sys
        import thalweg as tf
        m = tf.Module()
        m.v = tf.Variable([1.0, 2.0])
        m.f = tf.function(lambda x: tf.reduce_sum(x * m.v))
        m.f(tf.ones([2]))
        m.v.assign([3.0, 4.0])
        tf.saved_model.save(m, sys.argv[1])
        """,
        tmp_path / "model",
    )
    m = tf.saved_model.load(tmp_path / "model")
    assert m.f(tf.constant([1.0, 10.0])).numpy() == 43.0


# --- objects


def test_attributes(tmp_path):
    m = again(tmp_path, model())
    assert m.scale.name == "scale:0"
    assert m.scale.dtype == tf.float32
    assert m.scale.shape == [2]
    assert m.scale.trainable
    assert not m.steps.trainable
    np.testing.assert_array_equal(m.layer.kernel.numpy(), [[1, 2], [3, 4]])
    assert m.items[0] is m.table["first"]
    assert m.items[0].numpy() == 3.0
    assert isinstance(m.table["pair"], tuple)
    assert m.table["pair"][0].numpy().tolist() == [True]
    assert len(m.variables) == 6
    assert m.steps.ref() in {v.ref() for v in m.variables}
    assert len(m.trainable_variables) == 5
    assert m.steps.ref() not in {v.ref() for v in m.trainable_variables}
    assert not callable(m.items)
    assert callable(m)
    assert callable(m.layer)


def test_an_attribute_called_variables_is_that_attribute(tmp_path):
    class Holder(tf.train.Checkpoint):
        pass

    m = again(tmp_path, Holder(variables=tf.Variable(1.0)))
    assert m.variables.numpy() == 1.0


@pytest.mark.parametrize(
    "value",
    [
        np.array([1, -2], np.int8),
        np.array([1, 2], np.uint16),
        np.array([2**40], np.int64),
        np.array([True, False]),
        np.array([1 + 2j], np.complex64),
        np.array([0.5], np.float16),
        np.array([0.1], np.float64),
        np.array([], np.float32),
    ],
    ids=lambda v: v.dtype.name,
)
def test_dtypes(tmp_path, value):
    m = with_function(lambda: (m.v.read_value(), m.c), v=tf.Variable(value), c=tf.constant(value))
    m.f()
    for got in again(tmp_path, m).f():
        assert got.dtype == value.dtype
        np.testing.assert_array_equal(got.numpy(), value)


def test_strings(tmp_path):
    words = tf.constant(["a", "\u00e9", ""])
    m = with_function(lambda s: tf.strings.join([s, words, m.v]), v=tf.Variable("!"))
    m.f(tf.constant("x"))
    assert again(tmp_path, m).f(tf.constant("y")).numpy().tolist() == [
        b"ya!",
        "y\u00e9!".encode(),
        b"y!",
    ]


def test_a_variable_of_unknown_shape(tmp_path):
    m = with_function(lambda x: m.v.assign(x).read_value(), v=tf.Variable([1.0], shape=[None]))
    m.f.get_concrete_function(tf.TensorSpec([None]))
    got = again(tmp_path, m)
    assert got.v.shape == [None]
    assert got.v.numpy().tolist() == [1.0]
    assert got.f(tf.constant([1.0, 2.0])).numpy().tolist() == [1.0, 2.0]
    assert got.v.numpy().tolist() == [1.0, 2.0]


def test_functions_in_containers(tmp_path):
    m = tf.Module()
    m.fs = [tf.function(lambda x: x + 1.0), tf.function(lambda x: x + 2.0)]
    m.by_name = {"third": tf.function(lambda x: x + 3.0)}
    for f in (*m.fs, m.by_name["third"]):
        f(tf.constant(0.0))
    m.concrete = m.fs[0].get_concrete_function(tf.constant(0.0))
    m = again(tmp_path, m)
    got = [f(tf.constant(1.0)).numpy() for f in (*m.fs, m.by_name["third"], m.concrete)]
    assert got == [2.0, 3.0, 4.0, 2.0]


def test_checkpoints_read_saved_models(tmp_path):
    path = saved(tmp_path, model())
    other = Model()
    other.scale.assign([7.0, 7.0])
    tf.train.Checkpoint(other).restore(path).expect_partial()
    assert other.scale.numpy().tolist() == [1.0, 2.0]


# --- functions


def test_arguments_choose_the_graph(tmp_path):
    m = again(tmp_path, model())
    x = tf.constant([[1.0, 2.0]])
    y, nothing = m.choose(x)
    assert y.numpy().tolist() == [[1.0, 2.0]]
    assert nothing is None
    assert m.choose(x, True)[0].numpy().tolist() == [[2.0, 4.0]]
    assert m.choose(x, twice=True)[0].numpy().tolist() == [[2.0, 4.0]]
    assert m.choose(x, shift=3.0)[0].numpy().tolist() == [[4.0, 5.0]]
    assert m.choose(np.array([[1, 2]], np.float32))[0].numpy().tolist() == [[1.0, 2.0]]
    assert m.choose.get_concrete_function(tf.TensorSpec([1, 2]), True).structured_outputs[1] is None


def test_arguments_that_fit_no_graph(tmp_path):
    m = again(tmp_path, model())
    with pytest.raises(
        ValueError, match="Could not find matching concrete function to call loaded"
    ):
        m.choose(tf.ones([2, 2]))
    with pytest.raises(ValueError, match="Could not find matching concrete function"):
        m.choose(tf.ones([1, 2], tf.float64))
    with pytest.raises(ValueError, match="Could not find matching concrete function"):
        m.choose(tf.ones([1, 2]), 5)
    with pytest.raises(TypeError, match=r"Binding inputs to tf\.function failed"):
        m.choose()
    with pytest.raises(ValueError, match="zero restored functions"):
        m.untouched(tf.ones([1]))


def test_an_input_signature_casts(tmp_path):
    m = again(tmp_path, model())
    assert m([[1.0, 1.0]])["y"].numpy().tolist() == [[9.0, 18.0]]
    assert m(np.ones([1, 2]))["y"].dtype == tf.float32
    with pytest.raises(TypeError, match="Can not cast"):
        m(tf.ones([1, 2], tf.float64))
    with pytest.raises(TypeError, match="Can not cast"):
        m(tf.ones([1, 3]))


def test_repeated_calls_do_not_mix_graphs(tmp_path):
    m = again(tmp_path, model())
    x = tf.constant([[1.0, 2.0]])
    for _ in range(3):
        assert m.choose(x)[0].numpy().tolist() == [[1.0, 2.0]]
        assert m.choose(x, True)[0].numpy().tolist() == [[2.0, 4.0]]
        assert m([[1.0, 1.0]])["y"].numpy().tolist() == [[9.0, 18.0]]
        assert m(tf.ones([1, 2]))["y"].numpy().tolist() == [[9.0, 18.0]]


def test_structures(tmp_path):
    def f(args, *more, scale=2.0, **kw):
        total = args["a"] * scale
        for item in more:
            total += item
        return {"total": total - kw["q"], "rest": [args["b"], (total, None)]}

    m = with_function(f)
    arguments = {"a": tf.constant(1.0), "b": tf.constant([2])}
    m.f(arguments, tf.constant(3.0), scale=4.0, q=tf.constant(1.0))
    m = again(tmp_path, m)
    arguments = {"b": tf.constant([5]), "a": tf.constant(2.0)}
    got = m.f(arguments, tf.constant(3.0), q=tf.constant(1.0), scale=4.0)
    assert got["total"].numpy() == 10.0
    assert got["rest"][0].numpy().tolist() == [5]
    assert got["rest"][1][0].numpy() == 11.0
    assert got["rest"][1][1] is None
    assert isinstance(got["rest"], list)
    assert isinstance(got["rest"][1], tuple)


def test_control_flow_that_changes_variables(tmp_path):
    m = tf.Module()
    m.count = tf.Variable(0)
    m.value = tf.Variable(1.0)
    m.one_branch = tf.Variable(0.0)

    @tf.function
    def f(x, n):
        def body(i, total):
            m.count.assign_add(1)
            return i + 1, total * m.value

        _, total = tf.while_loop(lambda i, _: i < n, body, (0, x))

        def positive():
            m.one_branch.assign(tf.reduce_sum(total))
            return total + m.value

        result = tf.cond(tf.reduce_sum(x) > 0, positive, lambda: total)
        return tf.switch_case(n, [lambda: result, lambda: result * m.value], lambda: -result)

    m.f = f
    f(tf.constant([0.0, 0.0]), tf.constant(0))
    m.value.assign(2.0)
    m = again(tmp_path, m)
    assert m.f(tf.constant([1.0, 2.0]), tf.constant(3)).numpy().tolist() == [-10.0, -18.0]
    assert (m.count.numpy(), m.one_branch.numpy()) == (3, 24.0)
    assert m.f(tf.constant([-1.0, 0.0]), tf.constant(1)).numpy().tolist() == [-4.0, 0.0]
    assert (m.count.numpy(), m.one_branch.numpy()) == (4, 24.0)
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = m.f(x, tf.constant(1))  # (x v + v) v
    dx, dv = tape.gradient(y, [x, m.value])
    assert dx.numpy().tolist() == [4.0, 4.0]
    assert dv.numpy() == 2 * 2 * 3.0 + 2 * 2 * 2.0


def test_one_function_over_two_variables(tmp_path):
    """A function that other functions call with the same code is saved once for each variable."""
    m = tf.Module()
    m.layers = [Dense([[2.0]]), Dense([[3.0]])]
    m.f = tf.function(lambda x: m.layers[1](m.layers[0](x)) + m.layers[0](x))
    m.f(tf.ones([1, 1]))
    m = again(tmp_path, m)
    m.layers[0].kernel.assign([[5.0]])
    assert m.f(tf.ones([1, 1])).numpy() == 20.0
    assert m.layers[0](tf.ones([1, 1])).numpy() == 5.0


def test_order_of_reads_and_changes(tmp_path):
    def f():
        before = m.v.read_value()
        m.v.assign(before * 2.0)
        between = m.v.read_value()
        m.v.assign_sub(1.0)
        return before, between, m.v + 0.0

    m = with_function(f, v=tf.Variable(3.0))
    m.f.get_concrete_function()
    m = again(tmp_path, m)
    assert [t.numpy() for t in m.f()] == [3.0, 6.0, 5.0]
    assert [t.numpy() for t in m.f()] == [5.0, 10.0, 9.0]


def test_scattered_changes(tmp_path):
    def f():
        rows = tf.IndexedSlices(tf.constant([[1.0, 1.0]]), tf.constant([1]))
        m.v.scatter_add(rows)
        m.v.scatter_nd_update([[0, 1]], [7.0])
        return tf.gather(m.v, [1, 0])

    m = with_function(f, v=tf.Variable([[1.0, 2.0], [3.0, 4.0]]))
    m.f.get_concrete_function()
    assert again(tmp_path, m).f().numpy().tolist() == [[4.0, 5.0], [1.0, 7.0]]


def test_large_captured_constants_are_saved_once(tmp_path):
    large = tf.constant(np.arange(50_000, dtype=np.float32))
    m = tf.Module()
    m.f = tf.function(lambda x: tf.reduce_sum(large) * x)
    m.g = tf.function(lambda x: large[3] * x)
    m.f(tf.constant(1.0))
    m.g(tf.constant(1.0))
    path = saved(tmp_path, m)
    assert os.path.getsize(os.path.join(path, "saved_model.pb")) < 300_000
    m = tf.saved_model.load(path)
    assert m.g(tf.constant(2.0)).numpy() == 6.0
    np.testing.assert_allclose(m.f(tf.constant(1.0)).numpy(), np.arange(50_000.0).sum(), rtol=1e-6)


# --- TensorFlow's own files


def test_functions_are_saved_as_tensorflow_has_them(tmp_path):
    """Variables are arguments there: no node of a file refers to one by name."""
    path = saved(tmp_path, model())
    with open(os.path.join(path, "saved_model.pb"), "rb") as f:
        data = f.read()
    assert b"VariableV2" not in data
    for op in (
        b"VarHandleOp",
        b"ReadVariableOp",
        b"AssignAddVariableOp",
        b"trackable_list_wrapper",
    ):
        assert op in data


def test_a_model_that_tensorflow_saved():
    m = tf.saved_model.load(os.path.join(os.path.dirname(__file__), "data", "tf_saved_model"))
    x = tf.constant([[1.0, 1.0], [0.0, 2.0]])
    kernel, scale, offset = np.array([[1, 2], [3, 4]]), [1, 2], [5, 6]
    np.testing.assert_allclose(m(x)["y"].numpy(), x.numpy() @ kernel * scale + offset)
    assert [v.name for v in m.layers] == ["a:0", "b:0"]
    assert m.layers[1].numpy() == 4.0
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = m.loop(x, tf.constant(2))  # x a^2 + s, a = 3, and counts
    dx, da = tape.gradient(y, [x, m.layers[0]])
    assert y.numpy().tolist() == [10.0, 20.0]
    assert m.count.numpy() == 2
    assert dx.numpy().tolist() == [9.0, 9.0]
    assert da.numpy() == 2 * 3 * 3.0
    assert m.loop(-x, tf.constant(1)).numpy().tolist() == [3.0, 6.0]
    assert m.rows(tf.constant([1, 0])).numpy().tolist() == [[3.0, 4.0], [1.0, 2.0]]
    got = m.signatures["serving_default"](x=tf.zeros([1, 2]))
    assert got["y"].numpy().tolist() == [[5.0, 6.0]]


def test_tables_are_refused():
    path = os.path.join(os.path.dirname(__file__), "data", "tf_saved_table")
    with pytest.raises(NotImplementedError, match=r"saved_model.pb: .*(table|resource)"):
        tf.saved_model.load(path)
