"""Where the digits come from: a folder, a cache filled once from the network, or scikit-learn."""

from __future__ import annotations

import gzip
import hashlib
import os
import pathlib
import sys
from typing import Any

import numpy as np

from thalweg.examples.tutorials.mnist import input_data

# SHA-256 of the unpacked files: archives of the same bytes may be packed differently.
_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
FILES = {name + ".gz": digest for name, digest in _SHA256.items()}
SOURCE = "https://storage.googleapis.com/cvdf-datasets/mnist/"


def cache_dir() -> pathlib.Path:
    """$XDG_CACHE_HOME/thalweg/mnist, by default below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "thalweg" / "mnist"


def load(folder: str | None, seed: int = 0) -> tuple[Any, str]:
    """Returns data sets with one-hot labels and images [n, 28, 28, 1], and a sentence about their
    origin. `seed` is that of their shuffling.

    Raises OSError or ValueError (naming file and offset) for a folder that lacks the files or
    holds broken ones.
    """
    if folder is not None:
        return read(pathlib.Path(folder), seed), f"MNIST from {folder}"
    cache = cache_dir()
    try:
        download(cache)
    except OSError as error:
        print(f"MNIST could not be downloaded ({error})", file=sys.stderr)
        stand_in = "scikit-learn's 1,797 digits of 8x8, enlarged: a stand-in, not MNIST"
        return small_digits(seed), stand_in
    return read(cache, seed), f"MNIST from {cache}"


def read(folder: pathlib.Path, seed: int = 0) -> Any:
    """The four IDX files of `folder`."""
    missing = [f for f in FILES if not (folder / f).exists()]
    if missing:
        raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}")
    return input_data.read_data_sets(
        str(folder), one_hot=True, reshape=False, validation_size=0, seed=seed, verbose=False
    )


def download(cache: pathlib.Path, source: str = SOURCE) -> None:
    """Fetches what the cache lacks, checks it, then gives it its name. Raises OSError."""
    import urllib.request

    cache.mkdir(parents=True, exist_ok=True)
    for name, sha256 in FILES.items():
        target = cache / name
        if target.exists():
            continue
        with urllib.request.urlopen(source + name, timeout=30) as response:
            packed = response.read(64 << 20)
        got = hashlib.sha256(gzip.decompress(packed)).hexdigest()
        if got != sha256:
            raise OSError(f"{source}{name}: checksum {got}, expected {sha256}")
        partial = target.with_suffix(f".{os.getpid()}.part")
        partial.write_bytes(packed)
        partial.replace(target)


def small_digits(seed: int = 0) -> Any:
    """scikit-learn's digits, enlarged three times with a border: 1,497 to train on, 300 to test.

    Raises OSError when scikit-learn is not installed either.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise OSError(
            "no MNIST and no scikit-learn: give --data DIR, or pip install 'thalweg[examples]'"
        ) from error
    bunch = load_digits()
    images = np.kron(bunch.images, np.ones((1, 3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    images = np.round(images * (255 / 16)).astype(np.uint8)[..., None]
    labels = np.eye(10)[bunch.target]
    order = np.random.default_rng(0).permutation(len(labels))
    images, labels = images[order], labels[order]

    def part(rows: slice) -> Any:
        return input_data.DataSet(
            images[rows], labels[rows], one_hot=True, reshape=False, seed=seed
        )

    return input_data.Datasets(
        train=part(slice(0, 1497)), validation=part(slice(0, 0)), test=part(slice(1497, None))
    )
