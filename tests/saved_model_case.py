"""Modules to save, and helpers that save and load."""

import os
import subprocess
import sys
import textwrap

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
