"""Which functions AutoGraph converts, and what `tf.autograph` offers."""

from __future__ import annotations

import contextlib
import functools
import io
import subprocess
import sys

import pytest
from autograph_case import check, if_else

import thalweg as tf

pytest.importorskip("malt")


def halve(x):
    if x % 2 == 0:
        return x // 2
    return x


def call_helper(x):
    return halve(x) + halve(x + 1)


def call_through_partial(x):
    return functools.partial(halve, x)()


def call_local_function(x):
    def inner(y):
        return y + 1 if y > x else y - 1

    return inner(x) + inner(x + 5)


def call_lambda(x):
    return (lambda y: y * 2 if y > 3 else y)(x)


def call_map(x):
    return tf.map_fn(halve, tf.stack([x, x + 1, 8]))


def call_with_arguments(x):
    def inner(a, *rest, scale=1, **others):
        total = a * scale
        for r in rest:
            if r > 0:
                total += r
        return total + others["z"]

    return inner(x, x, x - 4, scale=3, z=1) + inner(*[x, x], z=2)


def decorated(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs) + 1

    return wrapper


@decorated
def wrapped(x):
    if x > 2:
        return x * 10
    return x


def closure_over(n):
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        if x > n:
            return x - n
        return x

    return f


def keyword_only(x, *, low=0, high=4):
    if x < low:
        x = x * 0 + low
    if x > high:
        x = x * 0 + high
    return x


def try_and_with(x):
    try:
        with contextlib.suppress(KeyError):
            if x > 1:
                x = x * 2
    finally:
        y = x + 1
    return y


def exceptions(x):
    try:
        raise KeyError("key")
    except (TypeError, KeyError) as error:
        if x > 1:
            x += len(error.args[0])
    return x


def docstring_and_annotations(x: tf.Tensor, y: int = 3) -> tf.Tensor:
    """Has both."""
    z: tf.Tensor = x
    if z > y:
        z -= y
    return z


a_lambda = lambda x: x * 2 if x > 3 else x  # noqa: E731


@pytest.mark.parametrize(
    "f",
    [
        call_helper,
        call_through_partial,
        call_local_function,
        call_lambda,
        call_map,
        call_with_arguments,
        wrapped,
        closure_over(3),
        keyword_only,
        try_and_with,
        exceptions,
        docstring_and_annotations,
        a_lambda,
        functools.partial(keyword_only, high=2),
    ],
)
def test_converted(f):
    f.__name__ = "f" if isinstance(f, functools.partial) else f.__name__
    check(f, *[(v,) for v in (-1, 0, 1, 3, 4, 6)])


class Base:
    def step(self, x):
        if x > 10:
            return x - 10
        return x


class Model(Base):
    def __init__(self):
        self.n = 3

    def step(self, x):
        if x > 5:
            x = super().step(x)
        return x + self.n

    @property
    def big(self):
        return self.n > 2

    def __call__(self, x):
        for _ in tf.range(self.n):
            x = self.step(x)
        return x

    @tf.function
    def compiled(self, x):
        return self.step(x) if x > 0 else x

    @staticmethod
    def static(x):
        return halve(x)

    @classmethod
    def of_class(cls, x):
        return cls.static(x) + 1


def test_methods_and_callable_objects():
    model = Model()
    check(model.step, (1,), (7,), (20,))
    check(model.of_class, (1,), (8,))
    traced = tf.function(model)
    for x in (1, 9, 30):
        assert traced(tf.constant(x)).numpy() == model(tf.constant(x)).numpy()
    assert model.compiled(tf.constant(20)).numpy() == 13
    assert model.compiled(tf.constant(-1)).numpy() == -1


def test_object_that_is_called():
    model = Model()

    @tf.function
    def f(x):  # no control flow of its own
        return model(x)

    assert f(tf.constant(9)).numpy() == model(tf.constant(9)).numpy()


def test_object_with_slots():
    class Slotted:
        __slots__ = ("__weakref__",)

        @tf.function
        def method(self, x):
            if x > 0:
                return x
            return -x

    assert Slotted().method(tf.constant(-3)).numpy() == 3


def test_nonlocal():
    counted = 0

    @tf.function
    def f(x):
        nonlocal counted
        counted += 1
        if x > 0:
            return x
        return -x

    f(tf.constant(-1))
    f(tf.constant(-2))
    assert counted == 1


def test_nested_functions():
    @tf.function
    def inner(x):
        if x > 3:
            return x * 2
        return x

    @tf.function
    def outer(x):
        s = 0
        for i in tf.range(x):
            s += inner(i)
        return s

    assert outer(tf.constant(6)).numpy() == 0 + 1 + 2 + 3 + 8 + 10


def test_generators_stay():
    def pairs(n):
        for i in range(n):
            yield i, i + 1

    @tf.function
    def f(x):
        s = x
        for a, b in pairs(3):
            if x > a:
                s += b
        return s

    assert f(tf.constant(2)).numpy() == 2 + 1 + 2


_EAGER = """if 1:
    import sys
    import thalweg as tf
    def f(x):
        if x > 0:
            return x
        return -x
    assert f(tf.constant(-1)).numpy() == 1
    tf.config.run_functions_eagerly(True)
    assert tf.function(f)(tf.constant(-1)).numpy() == 1
    tf.config.run_functions_eagerly(False)
    @tf.function
    def g(x):
        with tf.name_scope('scope'), tf.GradientTape() as tape:
            try:
                y = tf.exp(x) * 2 if x is not None else 0
            except ValueError:
                y = 0
        return y, tape
    def h(x):
        return g.python_function(x)[0]
    tf.function(h)(tf.constant(1.))
    assert not [m for m in sys.modules if m.partition('.')[0] == 'malt']
    assert tf.function(f)(tf.constant(-1)).numpy() == 1
    assert 'malt' in sys.modules
"""


def test_without_control_flow_nothing_is_imported(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(_EAGER)
    subprocess.run([sys.executable, file], check=True)


def test_do_not_convert():
    @tf.autograph.experimental.do_not_convert
    def f(x):
        if x > 0:
            return x
        return -x

    assert f(tf.constant(-1)).numpy() == 1
    text = "AutoGraph is disabled in f"
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match=text):
        tf.function(f)(tf.constant(1))

    @tf.autograph.experimental.do_not_convert()
    def helper(x, flag):
        return x + 1 if flag else x

    @tf.function
    def g(x):
        if x > 0:
            return helper(x, True)
        return helper(x, False)

    assert g(tf.constant(2)).numpy() == 3


def test_enabled_inside_of_disabled():
    @tf.function
    def inner(x):
        if x > 100:
            return x
        return halve(x)

    @tf.function(autograph=False)
    def outer(x):
        return inner(x)

    assert outer(tf.constant(8)).numpy() == 4

    @tf.function
    def mixed(x):
        with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="disabled in halve"):
            tf.autograph.experimental.do_not_convert(halve)(x)
        return tf.function(halve)(x) if x > 0 else x

    assert mixed(tf.constant(8)).numpy() == 4


def test_autograph_false():
    @tf.function(autograph=False)
    def f(x):
        if x > 0:
            return x
        return -x

    line = f.python_function.__code__.co_firstlineno + 2
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError) as caught:
        f(tf.constant(1))
    assert "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed" in str(caught.value)
    assert "AutoGraph is disabled in f" in str(caught.value)
    assert f"{__file__}:{line}" in str(caught.value)


def test_source_that_cannot_be_had(caplog):
    scope = {}
    exec("def f(x):\n    if x > 0:\n        return x\n    return -x\n", scope)
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="could not convert f"):
        tf.function(scope["f"])(tf.constant(1))


def test_not_supported_by_the_converter():
    def f(x):
        for i in range(2):
            x += i
        else:
            x += 100
        return x

    with contextlib.redirect_stderr(io.StringIO()):
        assert tf.function(f)(tf.constant(1)).numpy() == 102


# --- tf.autograph


def test_to_graph():
    converted = tf.autograph.to_graph(if_else)
    assert converted(tf.constant(-2)).numpy() == 2  # eager: Python's control flow

    with tf.Graph().as_default():
        y = converted(tf.constant(-2))
        with tf.compat.v1.Session() as sess:
            assert sess.run(y) == 2
    assert tf.autograph.to_graph(Model().step)(tf.constant(1)).numpy() == 4
    with pytest.raises(ValueError, match="python_function"):
        tf.autograph.to_graph(tf.function(if_else))


def test_to_code():
    code = tf.autograph.to_code(if_else)
    assert "ag__.if_stmt" in code
    compile(code, "code", "exec")


def test_trace(capsys):
    tf.autograph.trace("seen", 3)
    assert capsys.readouterr().out == "seen 3\n"


# --- without the package


_WITHOUT = """if 1:
    import sys
    sys.modules['malt'] = None
    import thalweg as tf
    @tf.function
    def f(x):
        if x > 0:
            return x
        return -x
    @tf.function
    def g(x, n):
        if n > 2:
            return x * n
        return x
    assert g(tf.constant(2), 3).numpy() == 6
    try:
        f(tf.constant(1))
    except tf.errors.OperatorNotAllowedInGraphError as error:
        print(error)
    try:
        tf.autograph.to_graph(f.python_function)
    except ImportError as error:
        print(error)
"""


def test_without_the_package(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(_WITHOUT)
    run = subprocess.run([sys.executable, file], check=True, capture_output=True, text=True)
    first, second = run.stdout.splitlines()
    assert "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed" in first
    assert "pip install 'thalweg[autograph]'" in first
    assert f"f ({file}:7)" in first
    assert "pip install 'thalweg[autograph]'" in second
