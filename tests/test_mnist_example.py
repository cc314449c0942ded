"""The MNIST example: its file reader against broken files, and a short training run."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import thalweg.compat.v1 as tf
from thalweg.examples.tutorials.mnist import input_data

NAMES = (
    input_data.TRAIN_IMAGES,
    input_data.TRAIN_LABELS,
    input_data.TEST_IMAGES,
    input_data.TEST_LABELS,
)


def idx(array: np.ndarray) -> bytes:
    return (
        struct.pack(">HBB", 0, 8, array.ndim)
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


def digits(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images with a bright band whose row is the label: easy to learn, different each time."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n).astype(np.uint8)
    images = rng.integers(0, 60, (n, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label + 4 : 2 * label + 6] = 250
    return images, labels


def write(folder: Path, packed: bool = True) -> Path:
    for (images, labels), (a, b) in zip((digits(600, 0), digits(200, 1)), (NAMES[:2], NAMES[2:])):
        for name, array in ((a, images), (b, labels)):
            data = idx(array)
            (folder / (name if packed else name[:-3])).write_bytes(
                gzip.compress(data, 1) if packed else data
            )
    return folder


@pytest.mark.parametrize("packed", [True, False])
def test_files_are_read(tmp_path: Path, packed: bool) -> None:
    data = input_data.read_data_sets(
        str(write(tmp_path, packed)), one_hot=True, validation_size=100
    )
    assert (data.train.num_examples, data.validation.num_examples, data.test.num_examples) == (
        500,
        100,
        200,
    )
    images, labels = digits(200, 1)
    np.testing.assert_allclose(
        data.test.images, images.reshape(200, 784) / np.float32(255), rtol=1e-6
    )
    np.testing.assert_array_equal(data.test.labels, np.eye(10)[labels])


def test_batches_cover_an_epoch_once(tmp_path: Path) -> None:
    train = input_data.read_data_sets(str(write(tmp_path)), validation_size=0).train
    seen = np.concatenate([train.next_batch(100)[0] for _ in range(6)])
    assert train.epochs_completed == 0
    assert sorted(map(bytes, seen)) == sorted(map(bytes, train.images))
    train.next_batch(1)
    assert train.epochs_completed == 1


IMAGES = idx(digits(600, 0)[0])
BROKEN = {
    "empty": (b"", "offset 0|0 bytes|truncated|too short"),
    "magic": (b"\x01" + IMAGES[1:], "offset 0|magic"),
    "type": (IMAGES[:2] + b"\x0d" + IMAGES[3:], "offset 2|type|magic"),
    "header": (IMAGES[:9], "offset|header"),
    "pixels": (IMAGES[:-1], "offset|byte"),
    "more": (IMAGES + b"x", "offset|byte"),
    "huge": (IMAGES[:4] + b"\xff" * 12 + IMAGES[16:], "offset|byte"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_named(tmp_path: Path, case: str) -> None:
    content, text = BROKEN[case]
    write(tmp_path)
    path = tmp_path / input_data.TRAIN_IMAGES
    path.write_bytes(gzip.compress(content, 1))
    with pytest.raises(ValueError, match=text) as info:
        input_data.read_data_sets(str(tmp_path), validation_size=0)
    assert input_data.TRAIN_IMAGES in str(info.value)


@pytest.mark.parametrize("cut", [3, 15, 1000])
def test_a_cut_gzip_file_is_named(tmp_path: Path, cut: int) -> None:
    write(tmp_path)
    path = tmp_path / input_data.TRAIN_IMAGES
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=f"{input_data.TRAIN_IMAGES}.*offset"):
        input_data.read_data_sets(str(tmp_path), validation_size=0)


def test_labels_and_images_must_be_as_many(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / input_data.TRAIN_LABELS).write_bytes(gzip.compress(idx(digits(599, 0)[1]), 1))
    with pytest.raises(ValueError, match=r"599"):
        input_data.read_data_sets(str(tmp_path), validation_size=0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=input_data.TRAIN_IMAGES):
        input_data.read_data_sets(str(tmp_path))


def test_sixty_steps_learn_the_digits(tmp_path: Path) -> None:
    data = input_data.read_data_sets(str(write(tmp_path)), one_hot=True, validation_size=0, seed=3)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(1)
        x, labels = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.float32, [None, 10])
        w1 = tf.Variable(tf.truncated_normal([784, 32], stddev=0.05))
        w2 = tf.Variable(tf.truncated_normal([32, 10], stddev=0.1))
        b1, b2 = tf.Variable(tf.zeros([32])), tf.Variable(tf.zeros([10]))
        logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1) + b1), w2) + b2
        loss = tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        )
        step = tf.train.AdamOptimizer(0.005).minimize(loss)
        right = tf.reduce_mean(
            tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(labels, 1)), tf.float32)
        )
        sess.run(tf.global_variables_initializer())
        test = {x: data.test.images, labels: data.test.labels}
        curve = [float(sess.run(loss, test))]
        for _ in range(6):
            for _ in range(10):
                images, wanted = data.train.next_batch(50)
                sess.run(step, {x: images, labels: wanted})
            curve.append(float(sess.run(loss, test)))
        assert abs(curve[0] - np.log(10)) < 0.5
        assert curve[-1] < 0.1 * curve[0]
        assert sess.run(right, test) > 0.97
