"""tf.saved_model: what one process saves, another loads, calls and trains."""

import os
import random
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import thalweg as tf


class Dense(tf.Module):
    def __init__(self, kernel, name=None):
        super().__init__(name)
        self.kernel = tf.Variable(kernel, name="kernel")

    @tf.function
    def __call__(self, x):
        return tf.matmul(x, self.kernel)


class Model(tf.Module):
    """Nested modules, containers, captured constants, and functions that change variables."""

    def __init__(self):
        super().__init__()
        self.layer = Dense([[1.0, 2.0], [3.0, 4.0]])
        self.scale = tf.Variable([1.0, 2.0], name="scale")
        self.steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="steps")
        self.items = [tf.Variable(3.0), Dense([[1.0], [1.0]]), "text"]
        self.table = {"first": self.items[0], "pair": (tf.Variable([True]), 2)}
        self.offset = tf.constant([5.0, 6.0])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], name="x")])
    def __call__(self, x):
        self.steps.assign_add(1)
        return {"y": self.layer(x) * self.scale + self.offset, "steps": self.steps.read_value()}

    @tf.function
    def choose(self, x, twice=False, *, shift=None):
        y = x * 2.0 if twice else x
        return (y, None) if shift is None else [y + shift]

    @tf.function
    def untouched(self, x):
        return x


def run(code, *args):
    """Another process."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def saved(tmp_path, module, **options):
    tf.saved_model.save(module, str(tmp_path / "model"), **options)
    return str(tmp_path / "model")


def again(tmp_path, module, **options):
    return tf.saved_model.load(saved(tmp_path, module, **options))


def with_function(function, **attributes):
    module = tf.Module()
    for name, value in attributes.items():
        setattr(module, name, value)
    module.f = tf.function(function)
    return module


def model(x=((1.0, 1.0),)):
    made = Model()
    made.choose(tf.constant(x))
    made.choose(tf.constant(x), True)
    made.choose(tf.constant(x), shift=tf.constant(1.0))
    return made


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


# --- training


def test_training_a_loaded_model(tmp_path):
    class Linear(tf.Module):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(tf.zeros([3, 1]))
            self.b = tf.Variable(0.0)
            self.frozen = tf.Variable(1.0, trainable=False)

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def __call__(self, x):
            return (tf.matmul(x, self.w) + self.b) * self.frozen

    m = again(tmp_path, Linear())
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    y = x @ np.array([[1], [-2], [3]], np.float32) + 0.5

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((m(x) - y) ** 2)
        for v, g in zip(m.trainable_variables, tape.gradient(loss, m.trainable_variables)):
            v.assign_sub(0.1 * g)
        return loss

    for _ in range(200):
        step()
    np.testing.assert_allclose(m.w.numpy().ravel(), [1, -2, 3], atol=1e-3)
    np.testing.assert_allclose(m.b.numpy(), 0.5, atol=1e-3)
    assert m.frozen.numpy() == 1.0


def test_gradients_equal_those_before(tmp_path):
    def gradients(m):
        x = tf.constant([[1.0, 2.0], [3.0, -1.0]])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(m(x)["y"] ** 2)
        return [g.numpy() for g in tape.gradient(y, [x, m.scale, m.layer.kernel])]

    m = model()
    loaded = again(tmp_path, m)
    for a, b in zip(gradients(m), gradients(loaded), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_step_that_was_saved(tmp_path):
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((x * m.w - y) ** 2)
        m.w.assign_sub(0.1 * tape.gradient(loss, m.w))
        return loss

    m = with_function(step, w=tf.Variable(0.0))
    m.f.get_concrete_function(tf.TensorSpec([]), tf.TensorSpec([]))
    m = again(tmp_path, m)
    w = 0.0
    for _ in range(3):
        assert m.f(1.0, 2.0).numpy() == pytest.approx((w - 2) ** 2)
        w -= 0.1 * 2 * (w - 2)
    assert m.w.numpy() == pytest.approx(w)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda v1: v1.AdamOptimizer(0.1),
        lambda v1: v1.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        lambda v1: v1.AdagradOptimizer(0.1),
        lambda v1: v1.RMSPropOptimizer(0.1),
        lambda v1: v1.FtrlOptimizer(0.1),
        lambda v1: v1.AdadeltaOptimizer(0.1),
        lambda v1: v1.GradientDescentOptimizer(0.1),
    ],
    ids=["adam", "momentum", "adagrad", "rmsprop", "ftrl", "adadelta", "sgd"],
)
def test_optimizers_inside_of_functions(tmp_path, optimizer):
    chosen = optimizer(tf.compat.v1.train)

    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((m.w * x) ** 2)
        chosen.apply_gradients([(tape.gradient(loss, m.w), m.w)])
        return loss

    m = with_function(step, w=tf.Variable([1.0, 2.0]))
    m.f(tf.ones([2]))
    m.slots = list(chosen.variables())
    loaded = again(tmp_path, m)
    before = m.w.numpy()
    for _ in range(3):
        np.testing.assert_array_equal(m.f(tf.ones([2])).numpy(), loaded.f(tf.ones([2])).numpy())
    np.testing.assert_array_equal(m.w.numpy(), loaded.w.numpy())
    assert (loaded.w.numpy() < before).all()


def test_a_loaded_model_is_saved_again(tmp_path):
    m = again(tmp_path / "a", model(), signatures=None)
    m.scale.assign([10.0, 10.0])
    outer = tf.Module()
    outer.inner = m
    outer.f = tf.function(lambda x: m(x)["y"] + m.items[0])
    outer.f(tf.ones([1, 2]))
    outer = again(tmp_path / "b", outer)
    np.testing.assert_allclose(outer.f(tf.ones([1, 2])).numpy(), [[48.0, 69.0]])
    np.testing.assert_allclose(outer.inner(tf.ones([1, 2]))["y"].numpy(), [[45.0, 66.0]])
    outer.inner.scale.assign([0.0, 0.0])
    np.testing.assert_allclose(outer.f(tf.ones([1, 2])).numpy(), [[8.0, 9.0]])


# --- signatures


def test_signatures(tmp_path):
    m = model()
    m.two = tf.function(lambda a, b: (a + b, a - b))
    concrete = m.two.get_concrete_function(
        tf.TensorSpec([], tf.int32, "left"), tf.TensorSpec([], tf.int32, "right")
    )
    m = again(tmp_path, m, signatures={"serving_default": m.__call__, "two": concrete})
    assert sorted(m.signatures) == ["serving_default", "two"]
    got = m.signatures["serving_default"](x=tf.ones([2, 2]))
    assert sorted(got) == ["steps", "y"]
    assert got["y"].numpy().tolist() == [[9.0, 18.0]] * 2
    got = m.signatures["serving_default"](tf.ones([2, 2]))  # the only argument needs no name
    assert got["y"].numpy().tolist() == [[9.0, 18.0]] * 2
    got = m.signatures["two"](left=tf.constant(5), right=tf.constant(3))
    assert {k: int(v) for k, v in got.items()} == {"output_0": 8, "output_1": 2}
    assert m.signatures["two"].structured_input_signature[1] == {
        "left": tf.TensorSpec([], tf.int32, "left"),
        "right": tf.TensorSpec([], tf.int32, "right"),
    }
    with pytest.raises(TypeError, match="positional"):
        m.signatures["two"](tf.constant(5), tf.constant(3))
    with pytest.raises(TypeError, match="missing"):
        m.signatures["two"](left=tf.constant(5))


def test_the_only_function_with_a_signature_is_the_default(tmp_path):
    assert list(again(tmp_path / "a", model()).signatures) == ["serving_default"]
    m = with_function(lambda x: x)
    m.f(tf.ones([1]))
    assert dict(again(tmp_path / "b", m).signatures) == {}


def test_signatures_that_make_no_sense(tmp_path):
    spec = tf.TensorSpec([], name="same")
    pair = tf.function(lambda a, b: a + b).get_concrete_function(spec, spec)
    nothing = tf.function(lambda a: {"a": [a, a]}, input_signature=[spec])
    for signatures, message in (
        (lambda x: x, "Expected a TensorFlow function"),
        (tf.function(lambda x: x), "input_signature"),
        ({3: pair}, "str"),
        (pair, "non-flat/non-unique argument names"),
        (nothing, "non-Tensor value"),
        ({"__saved_model_init_op": pair}, "reserved"),
    ):
        with pytest.raises(ValueError, match=message):
            tf.saved_model.save(model(), str(tmp_path / "model"), signatures=signatures)
    assert not os.path.exists(tmp_path / "model")


# --- errors of saving


def test_what_cannot_be_saved(tmp_path):
    path = str(tmp_path / "model")
    with pytest.raises(ValueError, match="Trackable"):
        tf.saved_model.save([1], path)
    outside = tf.Variable(1.0)
    m = with_function(lambda: outside + 1.0)
    m.f()
    with pytest.raises(AssertionError, match="untracked"):
        tf.saved_model.save(m, path)
    m = with_function(lambda x: tf.numpy_function(lambda a: a, [x], tf.float32))
    m.f(tf.ones([1]))
    with pytest.raises(ValueError, match="calls Python"):
        tf.saved_model.save(m, path)
    m = with_function(lambda x: tf.SparseTensor([[0]], [x], [1]))
    m.f(tf.constant(1.0))
    with pytest.raises(NotImplementedError, match="SparseTensor"):
        tf.saved_model.save(m, path)
    with pytest.raises(NotImplementedError, match="function_aliases"):
        tf.saved_model.SaveOptions(function_aliases={"a": m.f})

    @tf.function
    def inside():
        tf.saved_model.save(tf.Module(), path)

    with pytest.raises(AssertionError, match="not supported inside a traced"):
        inside()
    assert not os.path.exists(path)


def test_traces_for_objects_are_left_out(tmp_path, caplog):
    m = with_function(lambda x, how: x)
    m.f(tf.constant(1.0), object())
    m.f(tf.constant(1.0), "plain")
    m = again(tmp_path, m)
    assert "Unsupported signature" in caplog.text
    assert m.f(tf.constant(2.0), "plain").numpy() == 2.0
    with pytest.raises(ValueError, match="1 option"):
        m.f(tf.constant(2.0), object())


def test_gradients_written_in_python_are_not_saved(tmp_path, caplog):
    @tf.custom_gradient
    def doubled(x):
        return x * 2.0, lambda g: g * 100.0

    m = with_function(lambda x: doubled(x))
    m.f(tf.constant(1.0))
    m = again(tmp_path, m)
    assert "gradients written in Python" in caplog.text
    x = tf.constant(1.0)
    assert m.f(x).numpy() == 2.0
    with tf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(LookupError, match="gradient"):
            tape.gradient(m.f(x), x)


def test_ops_that_tensorflow_lacks(tmp_path, caplog):
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.map_fn(lambda row: row * row, x))
        return tape.gradient(y, x)

    m = with_function(gradient)
    m.f(tf.ones([2]))
    m = again(tmp_path, m)
    assert "TensorFlow does not have the ops _TensorList" in caplog.text
    assert m.f(tf.constant([1.0, 3.0])).numpy().tolist() == [2.0, 6.0]


# --- errors of loading


def test_folders(tmp_path):
    path = saved(tmp_path, model())
    assert tf.saved_model.contains_saved_model(path)
    assert not tf.saved_model.contains_saved_model(str(tmp_path))
    with pytest.raises(OSError, match="SavedModel file does not exist at"):
        tf.saved_model.load(str(tmp_path))
    assert tf.saved_model.load(path, tags=["serve"])
    assert tf.saved_model.load(path, tags="serve")
    with pytest.raises(ValueError, match="incompatible argument to `tags`"):
        tf.saved_model.load(path, tags="train")
    with pytest.raises(NotImplementedError, match="allow_partial_checkpoint"):
        tf.saved_model.LoadOptions(allow_partial_checkpoint=True)
    text = tmp_path / "text" / "saved_model.pbtxt"
    text.parent.mkdir()
    text.write_text("saved_model_schema_version: 1")
    assert tf.saved_model.contains_saved_model(text.parent)
    with pytest.raises(NotImplementedError, match="text is not read"):
        tf.saved_model.load(text.parent)
    for name in os.listdir(os.path.join(path, "variables")):
        os.unlink(os.path.join(path, "variables", name))
    with pytest.raises(tf.errors.NotFoundError, match="variables"):
        tf.saved_model.load(path)


def test_extra_tags(tmp_path):
    options = tf.saved_model.SaveOptions(extra_tags="gpu")
    path = saved(tmp_path, model(), options=options)
    assert tf.saved_model.load(path, tags={"serve", "gpu"})


def test_copies_of_loaded_functions_are_refused(tmp_path):
    import copy
    import pickle

    m = again(tmp_path, model())
    with pytest.raises(NotImplementedError, match="load the SavedModel again"):
        copy.deepcopy(m.choose)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(m.choose)


def test_damaged_files_are_errors(tmp_path):
    path = saved(tmp_path, model())
    file = os.path.join(path, "saved_model.pb")
    with open(file, "rb") as f:
        data = f.read()
    rng = random.Random(7)
    messages = []
    for _ in range(150):
        broken = bytearray(data)
        if rng.random() < 0.2:
            del broken[rng.randrange(len(broken)) :]
        else:
            for _ in range(rng.choice((1, 2, 8))):
                broken[rng.randrange(len(broken))] = rng.randrange(256)
        with open(file, "wb") as f:
            f.write(broken)
        try:
            tf.saved_model.load(path)
        except (OSError, NotImplementedError, tf.errors.OpError) as error:
            messages.append(str(error))
    assert len(messages) > 75
    assert all(path in message for message in messages)
    with open(file, "wb") as f:
        f.write(b"")
    with pytest.raises(tf.errors.DataLossError, match="damaged"):
        tf.saved_model.load(path)


def test_a_damaged_value_is_found(tmp_path):
    path = saved(tmp_path, model())
    folder = os.path.join(path, "variables")
    file = os.path.join(folder, next(n for n in os.listdir(folder) if ".data" in n))
    with open(file, "r+b") as f:
        first = f.read(1)[0]
        f.seek(0)
        f.write(bytes([first ^ 1]))
    with pytest.raises(tf.errors.DataLossError):
        tf.saved_model.load(path)


def test_saving_replaces_what_is_there(tmp_path):
    path = saved(tmp_path, model())
    m = with_function(lambda: m.v * 2.0, v=tf.Variable(4.0))
    m.f()
    tf.saved_model.save(m, path)
    assert tf.saved_model.load(path).f().numpy() == 8.0
    shutil.rmtree(path)


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
