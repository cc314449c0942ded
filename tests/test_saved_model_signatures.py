"""Signatures of saved models."""

import os

import pytest
from saved_model_case import again, model, with_function

import thalweg as tf


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
