"""`tf.sysconfig`: where the library and its headers are."""

from __future__ import annotations

from thalweg.__main__ import include_folder, library_folder


def get_include() -> str:
    """The folder of the C++ headers."""
    return include_folder()


def get_lib() -> str:
    """The folder of the libraries."""
    return library_folder()


__all__ = [
    "get_include",
    "get_lib",
]
