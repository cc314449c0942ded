"""MNIST from four IDX files on disk: training, validation and test sets, and mini-batches of them.

Nothing is fetched from the network.
"""

from __future__ import annotations

import collections
import gzip
import os
import struct
import zlib
from typing import Any

import numpy as np

from thalweg.framework import dtypes
from thalweg.framework.random_seed import get_seed

TRAIN_IMAGES = "train-images-idx3-ubyte.gz"
TRAIN_LABELS = "train-labels-idx1-ubyte.gz"
TEST_IMAGES = "t10k-images-idx3-ubyte.gz"
TEST_LABELS = "t10k-labels-idx1-ubyte.gz"
VALIDATION_SIZE = 5000

Datasets = collections.namedtuple("Datasets", ["train", "validation", "test"])

_UNSIGNED_BYTE = 8
_LIMIT = 1 << 30  # bytes a file may unpack to; MNIST's largest has 47 million


def _find(folder: str, name: str) -> str:
    """The file, packed or not.

    Raises:
        FileNotFoundError: it is not there.
    """
    path = os.path.join(folder, name)
    for candidate in (path, path[: -len(".gz")]):
        if os.path.exists(candidate):
            return candidate
    raise FileNotFoundError(
        f"{path} not found: put the four MNIST files ({TRAIN_IMAGES}, {TRAIN_LABELS}, "
        f"{TEST_IMAGES}, {TEST_LABELS}) "
        "into this folder; nothing is downloaded"
    )


def _unpacked(path: str) -> bytes:
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not packed:
            data = raw.read(_LIMIT + 1)
        else:
            try:
                with gzip.GzipFile(fileobj=raw) as file:
                    data = file.read(_LIMIT + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise ValueError(
                    f"{path}: broken gzip data near offset {raw.tell()}: {error}"
                ) from None
    if len(data) > _LIMIT:
        raise ValueError(f"{path}: more than {_LIMIT} bytes unpacked")
    return data


def read_idx(path: str, dimensions: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The unsigned bytes of an IDX file of this many dimensions, packed with gzip or not.

    Raises:
        ValueError: the file is damaged or another; the message names it and the offset.
    """
    data = _unpacked(path)
    if len(data) < 4:
        raise ValueError(f"{path}: ends at offset {len(data)}, within the header")
    magic = _UNSIGNED_BYTE << 8 | dimensions
    (found,) = struct.unpack_from(">I", data)
    if found != magic:
        raise ValueError(f"{path}: offset 0: magic number {found}, expected {magic}")
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise ValueError(f"{path}: ends at offset {len(data)}, within the header of {header} bytes")
    shape = struct.unpack_from(f">{dimensions}I", data, 4)
    want = header
    size = 1
    for side in shape:
        size *= side
    want += size
    if len(data) != want:
        raise ValueError(
            f"{path}: ends at offset {len(data)}, but shape {shape} ends at offset {want}"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def dense_to_one_hot(labels_dense: Any, num_classes: int) -> Any:
    """Rows with a one at each label."""
    one_hot = np.zeros((len(labels_dense), num_classes))
    one_hot[np.arange(len(labels_dense)), labels_dense] = 1
    return one_hot


def _labels(path: str, one_hot: bool, num_classes: int = 10) -> Any:
    labels = read_idx(path, 1)
    wrong = np.flatnonzero(labels >= num_classes)
    if wrong.size:
        raise ValueError(
            f"{path}: offset {8 + wrong[0]}: label {labels[wrong[0]]} is not below {num_classes}"
        )
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


class DataSet:
    """Images and labels that `next_batch` deals out, shuffled anew in every epoch.

    Args:
        images: [n, rows, columns, 1] unsigned bytes.
        dtype: uint8 keeps [0, 255]; float32 scales to [0, 1].
        reshape: flattens images to [n, rows * columns].
        seed: of the shuffling; the graph's seed or chance without one.
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = dtypes.float32,
        reshape: bool = True,
        seed: int | None = None,
    ) -> None:
        first, second = get_seed(seed)
        self._random = np.random.RandomState(
            (first if seed is None else second) if first is not None else None
        )
        dtype = dtypes.as_dtype(dtype).base_dtype
        if dtype not in (dtypes.uint8, dtypes.float32):
            raise TypeError(f"Invalid image dtype {dtype!r}, expected uint8 or float32")
        self._fake, self._one_hot = fake_data, one_hot
        if fake_data:
            self._num_examples = 10000
        else:
            if len(images) != len(labels):
                raise ValueError(
                    f"images.shape: {images.shape} labels.shape: {labels.shape}: lengths differ"
                )
            self._num_examples = len(images)
            if reshape:
                if images.shape[-1] != 1:
                    raise ValueError(f"images must have one channel, got shape {images.shape}")
                images = images.reshape(len(images), int(np.prod(images.shape[1:])))
            if dtype == dtypes.float32:
                images = np.multiply(images, np.float32(1.0 / 255.0), dtype=np.float32)
        self._images, self._labels = images, labels
        self._order = np.arange(self._num_examples)
        self._epochs_completed = self._index_in_epoch = 0

    @property
    def images(self) -> Any:
        """All images, in the order of the file."""
        return self._images

    @property
    def labels(self) -> Any:
        """All labels, in the order of the file."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many there are."""
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        """How often every example was dealt."""
        return self._epochs_completed

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[Any, Any]:
        """The next images and labels; a batch across the end of an epoch goes on with the next one.

        Raises:
            ValueError: the batch is larger than the set.
        """
        if fake_data or self._fake:
            label: Any = [1] + [0] * 9 if self._one_hot else 0
            return [[1] * 784 for _ in range(batch_size)], [label for _ in range(batch_size)]
        if not 0 <= batch_size <= self._num_examples:
            raise ValueError(
                f"next_batch: batch_size must be in [0, {self._num_examples}], got {batch_size=}"
            )
        start = self._index_in_epoch
        if self._epochs_completed == 0 and start == 0 and shuffle:
            self._random.shuffle(self._order)
        take = self._order[start : start + batch_size]
        self._index_in_epoch = start + batch_size
        if self._index_in_epoch > self._num_examples:
            self._epochs_completed += 1
            take = take.copy()
            if shuffle:
                self._random.shuffle(self._order)
            self._index_in_epoch = batch_size - len(take)
            take = np.concatenate([take, self._order[: self._index_in_epoch]])
        return self._images[take], self._labels[take]


def read_data_sets(
    train_dir: str,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = dtypes.float32,
    reshape: bool = True,
    validation_size: int = VALIDATION_SIZE,
    seed: int | None = None,
    source_url: str | None = None,
    *,
    verbose: bool = True,
) -> Datasets:
    """The `train`, `validation` and `test` sets of MNIST in a folder.

    Args:
        one_hot: labels as rows of ten instead of numbers.
        validation_size: how many of the first training images make the validation set.
        source_url: ignored; nothing is downloaded.
        verbose: print a line for every file that is read.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged (the message names it and the offset), or validation_size is
            too large.
    """
    del source_url
    if fake_data:
        empty = DataSet([], [], fake_data=True, one_hot=one_hot, dtype=dtype, seed=seed)
        return Datasets(train=empty, validation=empty, test=empty)
    parts = []
    for name in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS):
        path = _find(train_dir, name)
        if verbose:
            print("Extracting", path)
        is_images = name in (TRAIN_IMAGES, TEST_IMAGES)
        parts.append(read_idx(path, 3)[..., np.newaxis] if is_images else _labels(path, one_hot))
    train_images, train_labels, test_images, test_labels = parts
    for images, labels, name in (
        (train_images, train_labels, TRAIN_LABELS),
        (test_images, test_labels, TEST_LABELS),
    ):
        if len(images) != len(labels):
            raise ValueError(
                f"{os.path.join(train_dir, name)}: {len(labels)} labels for {len(images)} images"
            )
    if not 0 <= validation_size <= len(train_images):
        raise ValueError(
            f"Validation size should be between 0 and {len(train_images)}. Received: "
            f"{validation_size}."
        )
    options: dict[str, Any] = {"one_hot": one_hot, "dtype": dtype, "reshape": reshape, "seed": seed}
    v = validation_size
    return Datasets(
        train=DataSet(train_images[v:], train_labels[v:], **options),
        validation=DataSet(train_images[:v], train_labels[:v], **options),
        test=DataSet(test_images, test_labels, **options),
    )


def load_mnist(train_dir: str = "MNIST-data") -> Datasets:
    """`read_data_sets` of the tutorials' default folder."""
    return read_data_sets(train_dir)
