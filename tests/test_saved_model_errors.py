"""What tf.saved_model cannot save or load, and damaged files."""

import os
import random
import shutil

import pytest
from saved_model_case import again, model, saved, with_function

import thalweg as tf

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
