"""`python -m thalweg --version | --cmake-dir | --include-dir`: what a build against Thalweg needs
to know.
"""

from __future__ import annotations

import argparse
import os
import sys

import thalweg


def _folder(*candidates: str) -> str:
    """The first of the folders that exists, given relative to the package or to its sources."""
    package = os.path.abspath(thalweg.__file__)
    for candidate in candidates:
        for root in (package, os.path.realpath(package)):  # a build tree links to the sources
            path = os.path.normpath(os.path.join(os.path.dirname(root), candidate))
            if os.path.isdir(path):
                return path
    raise SystemExit(f"thalweg: there is none of {', '.join(candidates)} beside {package}")


def include_folder() -> str:
    """The folder of the C++ headers."""
    return _folder("include", "../../cpp")


def library_folder() -> str:
    """The folder of the libraries."""
    return _folder("lib")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m thalweg", description=__doc__)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument(
        "--cmake-dir", action="store_true", help="print the folder of thalwegConfig.cmake"
    )
    parser.add_argument(
        "--include-dir", action="store_true", help="print the folder of thalweg/thalweg.h"
    )
    args = parser.parse_args()
    if args.version:
        print(thalweg.__version__)
    if args.cmake_dir:
        print(_folder("lib/cmake/thalweg"))
    if args.include_dir:
        print(include_folder())
    if not (args.version or args.cmake_dir or args.include_dir):
        parser.print_help(sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
