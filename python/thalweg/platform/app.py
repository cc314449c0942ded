"""`tf.app`: runs a program's main function after its flags are parsed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from thalweg.platform import flags

__all__ = ["flags", "run"]


def run(main: Callable[[list[str]], Any] | None = None, argv: Sequence[str] | None = None) -> None:
    """Parses flags, calls `main` (by default that of __main__) with what is left, and exits with
    its result.
    """
    if main is None:
        main = sys.modules["__main__"].main
    try:
        rest = flags.FLAGS(list(sys.argv if argv is None else argv))
    except flags.Error as error:
        print(f"FATAL Flags parsing error: {error}", file=sys.stderr)
        print("Pass --help to see the flags of this program.", file=sys.stderr)
        sys.exit(1)
    sys.exit(main(rest))
