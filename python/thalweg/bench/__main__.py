"""`python -m thalweg.bench`: times on this machine, Thalweg's beside those of installed peers.

Every library runs in a process of its own; they take turns at each workload. A cell is the best
pass and, in parentheses, the median of the passes; each pass is a median of many calls.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

from thalweg.bench import driver, peers, table, workloads


def _cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _at(text: str) -> tuple[str, str]:
    library, separator, python = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"expected LIBRARY=INTERPRETER, got {text!r}")
    return library, python


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"expected more than 0, got {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m thalweg.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="workloads:\n  " + "\n  ".join(workloads.NAMES),
    )
    parser.add_argument(
        "--workloads",
        nargs="+",
        metavar="TEXT",
        help="only those whose name contains one of the texts",
    )
    parser.add_argument("--passes", type=_count, default=3, help="default 3")
    parser.add_argument(
        "--seconds", type=_positive, default=0.3, help="of one measurement; default 0.3"
    )
    parser.add_argument(
        "--threads",
        type=_count,
        default=_cores(),
        help="that each library may use; default: as many as there are cores",
    )
    parser.add_argument(
        "--python",
        type=_at,
        action="append",
        default=[],
        metavar="LIBRARY=INTERPRETER",
        help=f"the interpreter that has a library ({', '.join(peers.LIBRARIES)}) "
        "that this one lacks; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser


def _progress(message: str) -> None:
    print(f"# {message}", file=sys.stderr, flush=True)


def main() -> None:
    parser = _parser()
    args = parser.parse_args()
    chosen = [
        name
        for name in workloads.NAMES
        if not args.workloads or any(text in name for text in args.workloads)
    ]
    if not chosen:
        parser.error(f"no workload's name contains {' or '.join(args.workloads)}; see --help")
    try:
        pythons, missing = peers.find(dict(args.python))
    except ValueError as error:
        parser.error(f"--python: {error}")
    samples, versions = driver.run(
        pythons,
        chosen,
        passes=args.passes,
        seconds=args.seconds,
        threads=args.threads,
        say=_progress,
    )
    if table.OURS not in versions:
        sys.exit(1)  # said why
    rows = table.summary(samples)
    if args.json:
        result = {
            "machine": platform.machine(),
            "threads": args.threads,
            "passes": args.passes,
            "seconds": args.seconds,
            "versions": versions,
            "missing": missing,
            "workloads": rows,
        }
        print(json.dumps(result, indent=2))
        return
    about = ", ".join(f"{peers.LIBRARIES[name]} {number}" for name, number in versions.items())
    print(f"{about}; {args.threads} threads, {args.passes} passes of {args.seconds:g} s each")
    print(table.text(rows, list(versions)))
    if missing:
        names = ", ".join(peers.LIBRARIES[name] for name in missing)
        print(f"Not installed here: {names} (--python LIBRARY=INTERPRETER points at another place)")


if __name__ == "__main__":
    main()
