"""`tf.io.gfile`: the same functions as `tf.gfile` under their later names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from thalweg.platform import gfile
from thalweg.platform.gfile import GFile, Path

__all__ = [
    "GFile",
    "copy",
    "exists",
    "glob",
    "isdir",
    "join",
    "listdir",
    "makedirs",
    "mkdir",
    "remove",
    "rename",
    "rmtree",
    "stat",
    "walk",
]

exists: Callable[[Path], bool] = gfile.Exists
isdir: Callable[[Path], bool] = gfile.IsDirectory
mkdir = gfile.MkDir
makedirs = gfile.MakeDirs
remove = gfile.Remove
rmtree = gfile.DeleteRecursively
listdir = gfile.ListDirectory
stat = gfile.Stat


def copy(src: Path, dst: Path, overwrite: bool = False) -> None:
    """Copies a file."""
    gfile.Copy(src, dst, overwrite)


def rename(src: Path, dst: Path, overwrite: bool = False) -> None:
    """Renames or moves."""
    gfile.Rename(src, dst, overwrite)


def glob(pattern: Any) -> list[str]:
    """Names that match a pattern, or any of several patterns."""
    return gfile.Glob(pattern)


def join(path: Path, *paths: Path) -> str:
    """Joins parts of a path."""
    return os.path.join(path, *paths)


def walk(
    top: Path, topdown: bool = True, onerror: Callable[[Exception], Any] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """(folder, its folders, its files) for `top` and every folder below."""
    return os.walk(os.fsdecode(top), topdown, onerror)
