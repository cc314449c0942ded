"""`tf.io.gfile`: the same functions as `tf.gfile` under their later names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from thalweg.platform import gfile
from thalweg.platform.gfile import FileStatistics, GFile, Path

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


def exists(path: Path) -> bool:
    """Whether there is a file or folder of this name."""
    return gfile.Exists(path)


def isdir(path: Path) -> bool:
    """Whether there is a folder of this name."""
    return gfile.IsDirectory(path)


def mkdir(path: Path) -> None:
    """Makes a folder in an existing one."""
    gfile.MkDir(path)


def makedirs(path: Path) -> None:
    """Makes a folder and those above it, unless it is there."""
    gfile.MakeDirs(path)


def remove(path: Path) -> None:
    """Removes a file."""
    gfile.Remove(path)


def rmtree(path: Path) -> None:
    """Removes a folder and all in it."""
    gfile.DeleteRecursively(path)


def listdir(path: Path) -> list[Any]:
    """The names in a folder, without those of itself and the one above."""
    return gfile.ListDirectory(path)


def stat(path: Path) -> FileStatistics:
    """Size, time of change and kind of a file."""
    return gfile.Stat(path)


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
