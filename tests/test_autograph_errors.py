"""What AutoGraph refuses, with TensorFlow 2.21's key words, and where errors point."""

from __future__ import annotations

import sys
import traceback

import pytest
from autograph_case import if_else

import thalweg as tf

pytest.importorskip("malt")


def here() -> int:
    """The line of the caller."""
    return sys._getframe(1).f_lineno


def raises(kind, words, f, *args):
    """The error of f, and the line of this file where it comes from: tracebacks end there or pass
    through it.
    """
    with pytest.raises(kind, match=words) as caught:
        tf.function(f)(*map(tf.constant, args))
    lines = [t.lineno for t in traceback.extract_tb(caught.tb) if t.filename == __file__]
    return lines[-1] - f.__code__.co_firstlineno


def test_undefined_in_a_branch():
    def f(x):
        if x > 0:
            y = x
        return y

    assert raises(ValueError, "'y' must also be initialized in the else branch", f, 1) == 1

    def g(x):
        if x > 0:
            pass
        else:
            z = 1
        return z

    assert raises(ValueError, "'z' must also be initialized in the main branch", g, 1) == 1


def test_return_in_one_branch():
    def f(x):  # noqa: RET503
        if x > 0:
            return x

    text = "the else branch must also have a return statement"
    raises(ValueError, f"{text}. .*{__file__}:{f.__code__.co_firstlineno + 1}", f, 1)


def test_none_in_one_branch():
    def f(x):
        y = None
        if x > 0:
            y = x
        return y

    assert raises(ValueError, "'y' is None at the end of the else branch", f, 1) == 2


def test_branches_disagree():
    def dtypes(x):
        if x > 0:
            y = 1
        else:
            y = 2.0
        return y

    text = "'y' has dtype int32 in the main branch, but dtype float32 in the else branch"
    assert raises(TypeError, text, dtypes, 1) == 1

    def structures(x):
        if x > 0:
            y = (x, x)
        else:
            y = x
        return y

    text = "'y' must have the same nested structure in the main and else branches"
    assert raises(TypeError, text, structures, 1) == 1

    def expression(x):
        return 1 if x > 0 else 2.0

    text = "'x > 0' has dtype int32 in the main branch, but dtype float32 in the else branch"
    assert raises(TypeError, text, expression, 1) == 1

    def objects(x):
        if x > 0:
            y = object()
        else:
            y = object()
        return y

    assert raises(TypeError, "has to be a tensor", objects, 1) == 1


def test_condition_of_another_type():
    def number(x):
        if x:
            return 1
        return 2

    text = r"condition of if statement expected to be `tf.bool` scalar, got .*use `tf.cast`"
    assert raises(ValueError, text, number, 1) == 1

    def vector(x):
        if x > 0:
            return 1
        return 2

    assert raises(ValueError, "expected to be `tf.bool` scalar", vector, [1, 2]) == 1


def test_loop_variable_undefined():
    def f(x):
        while x > 0:
            y = y + 1  # noqa: F821
            x -= 1
        return y

    text = "'y' must be defined before the loop\nNote: .* UnboundLocalError"
    assert raises(ValueError, text, f, 1) == 1


def test_loop_variable_changes():
    def dtype(x):
        y = 0
        for _ in tf.range(x):
            y = 1.5
        return y

    text = "'y' has dtype int32 before the loop, but dtype float32 after one iteration"
    assert raises(TypeError, text, dtype, 1) == 2

    def shape(x):
        y = tf.constant([0])
        for i in tf.range(x):
            y = tf.concat([y, [i]], 0)
        return y

    text = (
        r"'y' has shape \(1,\) before the loop, but shape \(2,\) after one iteration. Use "
        "tf.autograph.experimental.set_loop_options to set shape invariants"
    )
    assert raises(ValueError, text, shape, 1) == 2

    def structure(x):
        y = (x, x)
        while x > 0:
            y = x
            x -= 1
        return y

    text = "'y' does not have the same nested structure after one iteration"
    assert raises(TypeError, text, structure, 1) == 2

    def none(x):
        y = x
        while x > 0:
            y = None
            x -= 1
        return y

    assert raises(ValueError, "'y' is None at the end of the iteration", none, 1) == 2

    def to_object(x):
        y = object()
        while x > 0:
            y = object()
            x -= 1
        return y

    assert raises(TypeError, "may only be a Tensor, int, float, bool", to_object, 1) == 2


def test_shape_invariant_that_does_not_fit():
    def f(x):
        y = tf.constant([[0]])
        for _ in tf.range(x):
            tf.autograph.experimental.set_loop_options(shape_invariants=[(y, [None, 1])])
            y = tf.concat([y, y], 1)
        return y

    assert (
        raises(ValueError, r"after one iteration, which does not conform with the shape", f, 1) == 2
    )


def test_list_append_in_a_loop_of_the_graph():
    def f(x):
        items = []
        for i in tf.range(x):
            items.append(i)
        return items[0]

    raises(ValueError, "out of scope", f, 3)


def test_python_loops_do_not_stop_for_tensors():
    def broken_for(x):
        for _ in range(3):
            x += 1
            if x > 2:
                break
        return x

    text = "break and return statements which depend on a TF condition are not supported in Python"
    assert raises(NotImplementedError, text, broken_for, 1) == 1

    def endless(x):
        while True:
            x += 1
            if x > 2:
                break
        return x

    text = "The condition of while loop started as non-Tensor, then changed to Tensor"
    assert raises(NotImplementedError, text, endless, 1) == 1


def test_what_cannot_be_converted():
    def membership(x):
        return 3 in x

    raises(TypeError, "not iterable", membership, [1, 2])

    def comprehension(x):
        return [v for v in x]  # noqa: C416

    text = "Iterating over a symbolic `tf.Tensor` is not allowed.*AutoGraph did convert"
    raises(tf.errors.OperatorNotAllowedInGraphError, text, comprehension, [1, 2])

    def smallest(x):
        return min(x, 3)

    text = "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed.*smallest"
    raises(tf.errors.OperatorNotAllowedInGraphError, text, smallest, 1)


def test_recursion():
    def f(x):
        if x > 0:
            return f(x - 1)
        return x

    with pytest.raises(RecursionError):
        tf.function(f)(tf.constant(3))


# --- assert and print


def test_assert():
    line = here() + 4

    @tf.function
    def f(x):
        assert x > 0, f"not {'positive'}"
        assert tf.reduce_all(x < 100)
        return x

    assert f(tf.constant(3)).numpy() == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="not positive") as caught:
        f(tf.constant(-3))
    assert f"{__file__}:{line}" in str(caught.value)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Assertion error"):
        f(tf.constant(300))


def test_assert_of_python_values():
    @tf.function
    def f(x, n):
        assert n > 2, f"n is {n}"
        return x * n

    assert f(tf.constant(1), 3).numpy() == 3
    with pytest.raises(AssertionError, match="n is 1"):
        f(tf.constant(1), 1)


def test_print_happens_while_tracing_unless_asked_otherwise(capfd):
    def f(x):
        print("value", x)
        if x > 0:
            return x
        return -x

    traced = tf.function(f)
    traced(tf.constant(1))
    traced(tf.constant(2))
    out = capfd.readouterr().out
    assert out.count("value") == 1
    assert "shape=(), dtype=int32" in out

    features = tf.autograph.experimental.Feature.BUILTIN_FUNCTIONS
    printing = tf.function(f, experimental_autograph_options=features)
    printing(tf.constant(1))
    printing(tf.constant(2))
    assert capfd.readouterr().out == "value 1\nvalue 2\n"


def test_features_that_are_not_supported():
    lists = tf.autograph.experimental.Feature.LISTS
    f = tf.function(if_else, experimental_autograph_options=lists)
    with pytest.raises(NotImplementedError, match=r"Feature\.LISTS is not supported"):
        f(tf.constant(1))


# --- errors at the user's line


def test_failing_op_names_the_users_line():
    @tf.function
    def f(x):
        s = 0.0
        for i in tf.range(3):
            if i > 1:
                s += tf.reduce_sum(tf.linalg.inv(x))
        return s

    line = f.python_function.__code__.co_firstlineno + 5
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        f(tf.zeros([2, 2]))
    assert f"{__file__}:{line}" in str(caught.value)


def test_tracebacks_show_the_users_lines():
    def f(x):
        for _ in tf.range(3):
            if x > 1:
                x = tf.matmul(x, x)
        return x

    with pytest.raises(ValueError) as caught:
        tf.function(f)(tf.constant(3.0))
    frames = traceback.extract_tb(caught.tb)
    mine = [t for t in frames if t.filename == __file__ and t.name == "f"]
    first = f.__code__.co_firstlineno
    assert {t.lineno - first for t in mine} == {1, 2, 3}
    assert mine[-1].line == "x = tf.matmul(x, x)"
    assert not [t for t in frames if "autograph_generated" in t.filename]


def test_errors_of_the_user_pass_through():
    class Custom(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    def f(x):
        if x.shape.ndims == 0:
            raise Custom(1, "two")
        return x

    with pytest.raises(Custom) as caught:
        tf.function(f)(tf.constant(1))
    assert caught.value.args == (1, "two")
