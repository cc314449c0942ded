"""`tf.gfile`: files and folders, with TensorFlow's names and errors."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from thalweg.framework import errors

Path = Any  # str, bytes or os.PathLike

_MODES = ("r", "w", "a", "r+", "w+", "a+")


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """The operating system's errors as TensorFlow's classes."""
    try:
        yield
    except FileNotFoundError as error:
        raise errors.NotFoundError(None, None, f"{_text(path)}; {error.strerror}") from None
    except FileExistsError as error:
        raise errors.AlreadyExistsError(None, None, f"{_text(path)}; {error.strerror}") from None
    except PermissionError as error:
        raise errors.PermissionDeniedError(None, None, f"{_text(path)}; {error.strerror}") from None
    except (IsADirectoryError, NotADirectoryError) as error:
        raise errors.FailedPreconditionError(
            None, None, f"{_text(path)}; {error.strerror}"
        ) from None
    except OSError as error:
        raise errors.UnknownError(None, None, f"{_text(path)}; {error.strerror or error}") from None


def _text(path: Path) -> str:
    return os.fsdecode(path)


class FileStatistics:
    """Size in bytes, time of change in nanoseconds, and whether it is a folder."""

    def __init__(self, status: os.stat_result) -> None:
        self.length = status.st_size
        self.mtime_nsec = status.st_mtime_ns
        self.is_directory = (status.st_mode & 0o170000) == 0o040000

    def __repr__(self) -> str:
        kind = "folder" if self.is_directory else "file"
        return f"<FileStatistics {kind} length={self.length} mtime_nsec={self.mtime_nsec}>"


class GFile:
    """A file that is opened when it is first read or written; text unless the mode has a 'b'."""

    def __init__(self, name: Path, mode: str = "r") -> None:
        if mode.replace("b", "") not in _MODES:
            raise errors.InvalidArgumentError(
                None, None, f"mode is not 'r' or 'w' or 'a' or 'r+' or 'w+' or 'a+': {mode!r}"
            )
        self._name, self._mode = name, mode
        self._file: Any = None

    @property
    def name(self) -> Path:
        """The path given to the constructor."""
        return self._name

    @property
    def mode(self) -> str:
        """The mode given to the constructor."""
        return self._mode

    def _open(self, *, writing: bool = False) -> Any:
        allowed = any(c in self._mode for c in ("wa+" if writing else "r+"))
        if not allowed:
            rule = "File isn't open for writing" if writing else "File isn't open for reading"
            raise errors.PermissionDeniedError(None, None, rule)
        if self._file is None:
            with _translated(self._name):
                if "b" in self._mode:
                    self._file = open(_text(self._name), self._mode)  # noqa: SIM115
                else:
                    path = _text(self._name)
                    text = open(path, self._mode, encoding="utf-8", newline="")  # noqa: SIM115
                    self._file = text
        return self._file

    def size(self) -> int:
        """The size of the file in bytes."""
        self.flush()
        return Stat(self._name).length

    def read(self, n: int = -1) -> Any:
        """The next n bytes (characters), or all that follow."""
        with _translated(self._name):
            return self._open().read(n)

    def readline(self) -> Any:
        """The next line with its end; empty at the end of the file."""
        with _translated(self._name):
            return self._open().readline()

    def readlines(self) -> list[Any]:
        """All lines that follow."""
        with _translated(self._name):
            return self._open().readlines()

    def write(self, file_content: Any) -> None:
        """Appends text (bytes in a binary mode; text is encoded, bytes decoded as needed)."""
        file = self._open(writing=True)
        if "b" in self._mode:
            data = file_content.encode() if isinstance(file_content, str) else file_content
        else:
            data = file_content.decode() if isinstance(file_content, bytes) else str(file_content)
        with _translated(self._name):
            file.write(data)

    def seek(self, offset: int, whence: int = 0) -> None:
        """Moves to an offset from the start (whence 0), here (1) or the end (2)."""
        with _translated(self._name):
            self._open().seek(offset, whence)

    def tell(self) -> int:
        """The offset of the next read or write."""
        return self._file.tell() if self._file is not None else 0

    def seekable(self) -> bool:
        """Always true."""
        return True

    def flush(self) -> None:
        """Hands buffered writes to the operating system."""
        if self._file is not None and not self._file.closed:
            with _translated(self._name):
                self._file.flush()

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        if self._file is not None:
            with _translated(self._name):
                self._file.close()
            self._file = None

    def __enter__(self) -> GFile:
        if any(c in self._mode for c in "wa"):
            self._open(writing=True)
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def __del__(self) -> None:
        # Programs read whole files without closing them.
        if getattr(self, "_file", None) is not None:
            self._file.close()

    def __iter__(self) -> GFile:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


Open = FastGFile = GFile


def Exists(filename: Path) -> bool:
    """Whether there is a file or folder of this name."""
    return os.path.exists(filename)


def IsDirectory(dirname: Path) -> bool:
    """Whether this is a folder."""
    return os.path.isdir(dirname)


def MkDir(dirname: Path) -> None:
    """Makes a folder in one that exists; a folder that is there is left as it is."""
    if not IsDirectory(dirname):
        with _translated(dirname):
            os.mkdir(dirname)


def MakeDirs(dirname: Path) -> None:
    """Makes a folder and those above it; one that exists is left as it is."""
    with _translated(dirname):
        os.makedirs(dirname, exist_ok=True)


def Remove(filename: Path) -> None:
    """Deletes a file."""
    with _translated(filename):
        os.remove(filename)


def DeleteRecursively(dirname: Path) -> None:
    """Deletes a folder and what is in it, or a file."""
    with _translated(dirname):
        if os.path.isdir(dirname) and not os.path.islink(dirname):
            shutil.rmtree(dirname)
        else:
            os.remove(dirname)


def ListDirectory(dirname: Path) -> list[Any]:
    """Names in a folder, in no order."""
    if not IsDirectory(dirname):
        raise errors.NotFoundError(None, None, f"Could not find directory {_text(dirname)}")
    with _translated(dirname):
        return list(os.listdir(dirname))


def Copy(oldpath: Path, newpath: Path, overwrite: bool = False) -> None:
    """Copies a file; an existing one is replaced only where `overwrite` says so."""
    _check_target(newpath, overwrite)
    with _translated(oldpath):
        shutil.copyfile(oldpath, newpath)


def Rename(oldname: Path, newname: Path, overwrite: bool = False) -> None:
    """Renames or moves; an existing target is replaced only where `overwrite` says so."""
    _check_target(newname, overwrite)
    with _translated(oldname):
        os.replace(oldname, newname)


def _check_target(path: Path, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise errors.AlreadyExistsError(None, None, f"{_text(path)}; file already exists")


def Stat(filename: Path) -> FileStatistics:
    """Size, time and kind of a file or folder."""
    with _translated(filename):
        return FileStatistics(os.stat(filename))


def Glob(filename: Path | Iterable[Path]) -> list[str]:
    """Names that match a pattern, or any of several patterns."""
    patterns = [filename] if isinstance(filename, (str, bytes, os.PathLike)) else list(filename)
    return sorted(match for p in patterns for match in glob.glob(_text(p)))


def Walk(top: Path, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """(folder, its folders, its files) for `top` and every folder below; children first if not
    in_order.
    """
    yield from os.walk(_text(top), topdown=in_order)
