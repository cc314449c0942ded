"""tf.Variable of TensorFlow 2, eagerly and in functions."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

import thalweg as tf

Invalid = tf.errors.InvalidArgumentError
V = [1.0, 2.0, 3.0]


def vector() -> tf.Variable:
    return tf.Variable(V)


def holds(v: Any, want: Any) -> None:
    np.testing.assert_array_equal(v.numpy(), want)


# --- how they are made


def test_what_it_is() -> None:
    v = tf.Variable(V, name="w")
    assert (v.name, v.dtype, v.shape, v.trainable) == ("w:0", tf.float32, [3], True)
    assert v.get_shape() == [3]
    assert v.device.endswith("device:CPU:0")
    assert v.constraint is None
    assert v.synchronization is tf.VariableSynchronization.AUTO
    assert v.aggregation is tf.VariableAggregation.NONE
    assert v.is_initialized()
    assert v.initializer is None
    assert isinstance(v, tf.Variable)
    assert not isinstance(v, tf.Tensor)
    assert tf.is_tensor(v)
    for name in ("shape", "dtype", "name", "trainable", "device"):
        with pytest.raises(AttributeError):
            setattr(v, name, None)


def test_repr() -> None:
    text = "<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=1.0>"
    assert repr(tf.Variable(1.0)) == str(tf.Variable(1.0)) == f"{tf.Variable(1.0)}" == text
    assert repr(tf.Variable([[1, 2]], name="m")) == (
        "<tf.Variable 'm:0' shape=(1, 2) dtype=int32, numpy=array([[1, 2]], dtype=int32)>"
    )
    assert repr(tf.Variable([1.0, 2.0], shape=[None])) == (
        "<tf.Variable 'Variable:0' shape=(None,) dtype=float32, numpy=array([1., 2.], "
        "dtype=float32)>"
    )
    assert "shape=<unknown>" in repr(tf.Variable(1.0, shape=tf.TensorShape(None)))


@pytest.mark.parametrize(
    ("value", "dtype", "want"),
    [
        (1, None, tf.int32),
        (1, tf.float32, tf.float32),
        (1.0, "float64", tf.float64),
        (True, None, tf.bool),
        ("a", None, tf.string),
        (1j, None, tf.complex128),
        (np.array([1, 2]), None, tf.int64),
        (lambda: 3.0, None, tf.float32),
        (lambda: [1, 2], tf.float16, tf.float16),
        (lambda: tf.ones([2], tf.int64), None, tf.int64),
    ],
)
def test_types(value: Any, dtype: Any, want: Any) -> None:
    assert tf.Variable(value, dtype=dtype).dtype == want


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: tf.Variable(), ValueError, "`initial_value`"),
        (lambda: tf.Variable(None), ValueError, "`initial_value`"),
        (lambda: tf.Variable(1.5, dtype=tf.int32), TypeError, "Cannot convert 1.5"),
        (lambda: tf.Variable(tf.constant(1), dtype=tf.float32), ValueError, "dtype float32"),
        (lambda: tf.Variable([1.0], shape=[3]), ValueError, "is not compatible with the explicit"),
        (lambda: tf.Variable(1.0, constraint=3), ValueError, "`constraint` must be None or a call"),
        (lambda: tf.Variable(1.0, caching_device="/cpu:0"), NotImplementedError, "caching_device"),
    ],
)
def test_what_cannot_be_made(call: Any, kind: type, words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_options() -> None:
    assert not tf.Variable(1.0, trainable=False).trainable
    on_read = tf.VariableSynchronization.ON_READ
    assert not tf.Variable(1.0, synchronization=on_read).trainable
    assert tf.Variable(1.0, synchronization=on_read, trainable=True).trainable
    limit = tf.Variable(1.0, constraint=tf.abs).constraint
    assert float(limit(-2.0)) == 2


def test_names() -> None:
    assert tf.Variable(1.0).name == "Variable:0"
    assert [tf.Variable(1.0, name="a").name for _ in range(2)] == ["a:0", "a:0"]
    with tf.name_scope("s"):
        assert tf.Variable(1.0, name="n").name == "s/n:0"
        assert tf.Variable(1.0).name == "s/Variable:0"


# --- reading


def test_reads_keep_their_value() -> None:
    v = vector()
    reads = [v.value(), v.read_value(), tf.convert_to_tensor(v), tf.identity(v), v + 0.0]
    array, copied = np.asarray(v), v.numpy()
    v.assign_add([1.0, 1.0, 1.0])
    v.scatter_update(tf.IndexedSlices([9.0], [0]))
    holds(v, [9, 3, 4])
    for r in (*reads, array, copied):
        np.testing.assert_array_equal(r, V)


def test_nothing_shows_a_write() -> None:
    array = np.array(V, np.float32)
    tensor = tf.constant(V)
    of_array, of_tensor = tf.Variable(array), tf.Variable(tensor)
    other = tf.Variable(of_tensor)
    array[0] = 100
    of_tensor.assign_add(V)
    holds(of_array, V)
    holds(other, V)
    holds(tensor, V)
    of_array.assign(tensor)
    of_array.assign_sub(V)
    holds(tensor, V)
    array = np.array(V, np.float32)
    of_array.assign(array)
    array[0] = 100
    holds(of_array, V)
    mine = of_array.numpy()
    mine[0] = 7
    holds(of_array, V)
    of_array.assign(other)
    of_array[0].assign(5.0)
    holds(other, V)


def test_operators() -> None:
    v, x = vector(), np.array(V, np.float32)
    for got, want in (
        (v + 1, x + 1),
        (1 - v, 1 - x),
        (v * v, x * x),
        (2 / v, 2 / x),
        (v // 2, x // 2),
        (v % 2, x % 2),
        (v**2, x**2),
        (-v, -x),
        (abs(-v), x),
        (v < 2, x < 2),
        (v == 2, x == 2),
        (v != 2, x != 2),
        (x + v, x + x),
        ([[1.0, 2, 3]] @ tf.Variable([[1.0], [2], [3]]), [[14]]),
    ):
        assert isinstance(got, tf.Tensor)
        np.testing.assert_array_equal(got.numpy(), want)
    assert not bool(v == tf.constant([1.0, 2.0]))
    assert (v == None) is False  # noqa: E711
    with pytest.raises(TypeError, match="Cannot convert 'a'"):
        v == "a"  # noqa: B015


def test_changing_operators_are_refused() -> None:
    v = tf.Variable(1.0)
    with pytest.raises(RuntimeError, match=r"`variable \+= value` with `tf.Variable`s is not supp"):
        v += 1
    with pytest.raises(RuntimeError, match="not supported"):
        v -= 1
    with pytest.raises(RuntimeError, match="not supported"):
        v *= 2
    with pytest.raises(RuntimeError, match="not supported"):
        v /= 2
    holds(v, 1.0)


def test_python_conversions() -> None:
    assert (float(tf.Variable(1.5)), int(tf.Variable(3)), bool(tf.Variable(0))) == (1.5, 3, False)
    assert complex(tf.Variable(1 + 2j)) == 1 + 2j
    assert [float(x) for x in vector()] == V
    assert "%s" % tf.Variable(1.5) == repr(tf.Variable(1.5))  # noqa: UP031
    with pytest.raises(ValueError, match="ambiguous"):
        bool(vector())
    with pytest.raises(TypeError, match=r"Variable is unhashable. Instead, use variable.ref\(\)"):
        hash(vector())
    v = vector()
    assert {v.ref(): 1}[v.ref()] == 1
    assert v.ref().deref() is v
    assert v.experimental_ref() == v.ref()


def test_conversion_to_tensors() -> None:
    one = tf.Variable(1.0)
    for f in (tf.identity, tf.constant, tf.convert_to_tensor):
        assert float(f(one)) == 1
    np.testing.assert_array_equal(tf.stack([one, one]), [1, 1])
    np.testing.assert_array_equal(tf.convert_to_tensor([one, 2.0]), [1, 2])
    np.testing.assert_array_equal(np.add(vector(), 1), [2, 3, 4])
    assert tf.shape(vector()).numpy().tolist() == [3]
    with pytest.raises(ValueError, match="Incompatible type conversion requested to type 'int32'"):
        tf.convert_to_tensor(one, tf.int32)


def test_what_is_undefined_in_eager_mode() -> None:
    v = vector()
    for name in ("op", "graph"):
        with pytest.raises(AttributeError, match="is undefined when eager execution is enabled"):
            getattr(v, name)
    for call in (v.eval, lambda: v.initial_value):
        with pytest.raises(RuntimeError, match="not supported when eager execution is enabled"):
            call()


# --- assignment


def test_assign() -> None:
    v = vector()
    holds(v.assign([4.0, 5.0, 6.0]), [4, 5, 6])
    holds(v.assign([1, 2, 3]), V)
    holds(v.assign(np.array([1.0, 2.0, 4.0])), [1, 2, 4])
    holds(v.assign_add(V), [2, 4, 7])
    holds(v.assign_sub(V), [1, 2, 4])
    holds(v.assign(v + 1).assign(v * 2), [4, 6, 10])
    assert v.assign(V, read_value=False) is None
    assert v.assign_add(V, read_value=False) is None
    assert v.assign_sub(V, read_value=False) is None
    v.load([0.0, 0.0, 1.0])
    holds(v, [0, 0, 1])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda v: v.assign([1.0]), ValueError, "Cannot assign value to variable .*Shape mismatch"),
        (lambda v: v.assign(1.0), ValueError, r"variable shape \(3,\), and the assigned value sha"),
        (lambda v: v.assign("a"), TypeError, "Cannot convert 'a' to EagerTensor"),
        (lambda v: v.assign(tf.constant([1, 2, 3])), ValueError, "requested dtype float32"),
        (lambda v: v.assign_add(1.0), Invalid, "shapes must be equal"),
        (lambda v: v.assign_sub([1.0]), Invalid, "shapes must be equal"),
        (lambda v: v.assign_add(tf.constant([1, 2, 3])), ValueError, "requested dtype float32"),
    ],
)
def test_what_cannot_be_assigned(call: Any, kind: type, words: str) -> None:
    v = vector()
    with pytest.raises(kind, match=words):
        call(v)
    holds(v, V)


def test_unknown_shapes() -> None:
    v = tf.Variable([1.0, 2.0], shape=[None])
    v.assign(V)
    assert v.shape.as_list() == [None]
    assert v.value().shape == [3]
    with pytest.raises(ValueError, match="Shape mismatch"):
        v.assign([[1.0]])
    with pytest.raises(Invalid):
        v.assign_add([1.0])
    holds(v, V)
    free = tf.Variable(1.0, shape=tf.TensorShape(None))
    assert free.shape.rank is None
    for value in ([1.0, 2.0], [[3.0]], 4.0):
        holds(free.assign(value), value)

    @tf.function
    def doubled() -> Any:
        return v * 2.0

    holds(doubled(), [2, 4, 6])
    v.assign([5.0])
    holds(doubled(), [10])


@pytest.mark.parametrize(
    ("dtype", "start", "add", "want"),
    [
        (tf.int64, 1, 2, 3),
        (tf.int32, 1, 2, 3),
        (tf.uint8, 250, 10, 4),
        (tf.float16, 1, 0.5, 1.5),
        (tf.complex64, 1 + 1j, 1, 2 + 1j),
    ],
)
def test_other_types(dtype: Any, start: Any, add: Any, want: Any) -> None:
    v = tf.Variable(start, dtype=dtype)
    assert v.assign_add(add).dtype == dtype
    holds(v, want)


def test_truth_values_and_text() -> None:
    holds(tf.Variable([True, False]).assign([False, True]), [False, True])
    assert tf.Variable("s").assign("t").numpy() == b"t"
    half = tf.Variable([1.0, 2.0], dtype=tf.bfloat16).assign_add([1.0, 1.0])
    np.testing.assert_array_equal(tf.cast(half, tf.float32), [2, 3])
    with pytest.raises(TypeError, match=r"Cannot convert 1.5"):
        tf.Variable(1).assign(1.5)


def test_counting() -> None:
    v = tf.Variable(1)
    assert [int(v.count_up_to(3)) for _ in range(2)] == [1, 2]
    with pytest.raises(tf.errors.OutOfRangeError):
        v.count_up_to(3)


# --- parts


def slices(values: Any, indices: Any) -> Any:
    return tf.IndexedSlices(tf.constant(values), tf.constant(indices))


def test_scatter() -> None:
    x = np.array(V, np.float32)
    for name, want in (
        ("add", [2, 2, 5]),
        ("sub", [0, 2, 1]),
        ("mul", [1, 2, 6]),
        ("div", [1, 2, 1.5]),
        ("max", [1, 2, 3]),
        ("min", [1, 2, 2]),
        ("update", [1, 2, 2]),
    ):
        v = tf.Variable(x)
        holds(getattr(v, f"scatter_{name}")(slices([1.0, 2.0], [0, 2])), want)
        holds(v, want)
    repeated = vector().scatter_add(slices([1.0, 1.0, 1.0], [1, 1, 0]))
    holds(repeated, [2, 4, 3])
    rows = tf.Variable(np.zeros((3, 2), np.float32))
    holds(rows.scatter_update(slices([[1.0, 2.0]], [2])), [[0, 0], [0, 0], [1, 2]])
    with pytest.raises(TypeError, match=r"`sparse_delta` must be a `tf.IndexedSlices`"):
        vector().scatter_add(3.0)
    with pytest.raises(Invalid, match=r"indices\[0\] = 5 is not in \[0, 3\)"):
        vector().scatter_add(slices([1.0], [5]))


def test_scatter_nd() -> None:
    index, value = [[0], [2]], [5.0, -6.0]
    for name, want in (
        ("update", [5, 2, -6]),
        ("add", [6, 2, -3]),
        ("sub", [-4, 2, 9]),
        ("max", [5, 2, 3]),
        ("min", [1, 2, -6]),
    ):
        v = vector()
        holds(getattr(v, f"scatter_nd_{name}")(index, value), want)
        holds(v, want)


def test_batch_scatter_update() -> None:
    holds(vector().batch_scatter_update(slices([7.0], [1])), [1, 7, 3])
    m = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    holds(m.batch_scatter_update(slices([[7.0], [8.0]], [[0], [1]])), [[7, 2], [3, 8]])


def test_sparse_reads() -> None:
    holds(vector().sparse_read([0, 2]), [1, 3])
    holds(vector().gather_nd([[1]]), [2])


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 9.0),
        (slice(1, None), [8.0, 9.0]),
        (slice(1, None), 7.0),
        (slice(None, None, 2), [7.0, 8.0]),
        (slice(None, None, -1), [7.0, 8.0, 9.0]),
        (..., 4.0),
    ],
    ids=str,
)
def test_slice_assignment(index: Any, value: Any) -> None:
    v, want = vector(), np.array(V, np.float32)
    want[index] = value
    holds(v[index].assign(value), want)
    holds(v, want)

    inside = vector()

    @tf.function
    def f() -> Any:
        inside[index].assign(value)
        return inside + 0.0

    holds(f(), want)
    holds(inside, want)


def test_slice_assignment_in_matrices() -> None:
    m, want = tf.Variable(np.zeros((2, 3), np.float32)), np.zeros((2, 3), np.float32)
    index: Any
    for index, value in (
        ((0, 1), 5.0),
        ((slice(None), 2), [1.0, 2.0]),
        ((..., 0), [3.0, 4.0]),
        (1, [6.0, 7.0, 8.0]),
    ):
        m[index].assign(value)
        want[index] = value
        holds(m, want)
    with pytest.raises(Invalid, match="Cannot broadcast input shape"):
        m[0].assign([1.0, 2.0])
    with pytest.raises(Invalid, match="out of bounds"):
        m[5].assign(1.0)
    with pytest.raises(TypeError, match="does not support item assignment"):
        m[0] = 1.0  # type: ignore[index]
    holds(m, want)


# --- copies


def test_copies() -> None:
    v = tf.Variable(V, name="q", trainable=False, shape=[None])
    assert copy.copy(v) is v
    c = copy.deepcopy(v)
    c.assign([0.0])
    holds(v, V)
    assert (c.name, c.trainable, c.shape.as_list()) == ("q:0", False, [None])
    both = copy.deepcopy({"a": v, "b": v})
    assert both["a"] is both["b"] is not v


def test_pickles() -> None:
    v = tf.Variable([1.0, 2.0], name="pk", trainable=False)
    w = pickle.loads(pickle.dumps(v))
    assert (w.name, w.trainable, w.dtype) == ("pk:0", False, tf.float32)
    w.assign_add([1.0, 1.0])
    holds(v, [1, 2])


def test_memory_is_freed() -> None:
    v = vector()
    held = weakref.ref(v)
    value = v.value()
    del v
    gc.collect()
    assert held() is None
    holds(value, V)


# --- in functions


def test_functions_read_and_change_in_program_order() -> None:
    v = vector()

    @tf.function
    def f(delta: Any) -> Any:
        before = v.read_value()
        v.assign([4.0, 5.0, 6.0])
        between = v.read_value()
        v.assign_add(delta)
        v.scatter_sub(slices([1.0], [0]))
        return before, between, v.read_value(), v

    for got, want in zip(f([1.0, 1.0, 1.0]), (V, [4, 5, 6], [4, 6, 7], [4, 6, 7]), strict=True):
        assert isinstance(got, tf.Tensor)
        holds(got, want)
    holds(v, [4, 6, 7])


def test_changes_return_values_in_functions() -> None:
    v = tf.Variable(3.0)

    @tf.function
    def f() -> Any:
        return v.assign_add(1.0)

    first, second = f(), f()
    assert isinstance(first, tf.Tensor)
    assert (float(first), float(second), float(v)) == (4, 5, 5)


def test_functions_take_variables() -> None:
    @tf.function
    def f(v: Any, x: Any) -> Any:
        assert v.shape == []
        v.assign_add(x)
        return v * 2.0

    v, w = tf.Variable(3.0), tf.Variable(10.0)
    assert (float(f(v, 1.0)), float(f(w, 1.0)), float(v), float(w)) == (8, 22, 4, 11)


def test_what_functions_refuse() -> None:
    v = vector()

    @tf.function
    def reads() -> Any:
        return v.numpy()

    with pytest.raises(NotImplementedError, match=r"numpy.* only available when eager"):
        reads()

    @tf.function
    def makes() -> Any:
        return tf.Variable(1.0)

    with pytest.raises(ValueError, match="only supports singleton"):
        makes()

    @tf.function
    def wrong() -> Any:
        return v.assign_add(1.0)

    with pytest.raises(ValueError, match="shape"):
        wrong()
    holds(v, V)


def test_variables_are_made_on_the_first_call() -> None:
    class Model:
        v: Any = None

        @tf.function
        def __call__(self, x: Any) -> Any:
            if self.v is None:
                self.v = tf.Variable(2.0)
            return self.v.assign_add(x)

    m = Model()
    assert [float(m(tf.constant(1.0))) for _ in range(3)] == [3, 4, 5]
    assert float(m.v) == 5


def test_init_scope_leaves_the_function() -> None:
    made: list[Any] = []

    @tf.function
    def f(x: Any) -> Any:
        if not made:
            with tf.init_scope():
                assert tf.executing_eagerly()
                made.append(tf.Variable(5.0))
        return made[0] + x

    assert float(f(tf.constant(1.0))) == 6
    assert float(made[0].assign(7.0)) == 7
    assert float(f(tf.constant(1.0))) == 8


def test_modules_collect_variables() -> None:
    class Layer(tf.Module):
        def __init__(self) -> None:
            super().__init__(name="l")
            with self.name_scope:
                self.w = tf.Variable([1.0], name="w")
            self.frozen = tf.Variable(0.0, trainable=False)
            self.parts = [tf.Variable(2.0)]

        @tf.function
        def __call__(self, x: Any) -> Any:
            return x * self.w + self.parts[0]

    layer = Layer()
    assert layer.w.name == "l/w:0"
    assert (len(layer.variables), len(layer.trainable_variables)) == (3, 2)
    assert len(layer.non_trainable_variables) == 1
    holds(layer(2.0), [4])
    layer.w.assign([5.0])
    holds(layer(2.0), [12])


# --- graphs


def test_in_plain_graphs_they_are_the_graphs_own() -> None:
    with tf.Graph().as_default() as g:
        v, w = tf.Variable(1.0, name="x"), tf.Variable(2.0, name="x")
        assert [v.name, w.name] == ["x:0", "x_1:0"]
        assert v.graph is g
        assert tf.compat.v1.global_variables() == [v, w]
        with tf.compat.v1.Session() as sess:
            sess.run(tf.compat.v1.global_variables_initializer())
            assert sess.run(v + w) == 3


def test_eager_variables_do_not_cross_into_graphs() -> None:
    v = vector()
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="belongs to eager mode"):
        v + 1
