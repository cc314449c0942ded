"""Writes python/thalweg/_gen from the op registry of the built core; with --check, only compares.

raw_ops.py has every op under its own name. Each other module holds the public functions of one
namespace (root.py: the top
level), for ops whose public form needs no wrapper.
"""

from __future__ import annotations

import argparse
import json
import keyword
import pathlib
import sys
import textwrap
from collections import defaultdict
from typing import Any

import numpy as np

from thalweg import _core
from thalweg.framework.dtypes import as_dtype

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "python" / "thalweg" / "_gen"
WIDTH = 100
ATTR_TYPES = {
    "bool": "bool",
    "int": "int",
    "float": "float",
    "string": "str | bytes",
    "type": "DTypeLike",
    "shape": "ShapeLike",
    "tensor": "TensorLike",
    "func": "str",
}
# What raw_ops calls arguments that have another name in graphs.
REDUCTIONS = ("All", "Any", "EuclideanNorm", "Max", "Mean", "Min", "Prod", "Sum")
RAW_NAMES: dict[str, dict[str, str]] = {
    **{op: {"reduction_indices": "axis"} for op in REDUCTIONS},
    **{op: {"split_dim": "axis"} for op in ("Split", "SplitV")},
    "ExpandDims": {"dim": "axis"},
    "Select": {"t": "x", "e": "y"},
    "Squeeze": {"squeeze_dims": "axis"},
    "Where": {"input": "condition"},
}
Parameter = tuple[str, str, str | None]  # name, type, default


def attr_type(kind: str) -> str:
    if kind.startswith("list("):
        return f"Sequence[{ATTR_TYPES[kind[5:-1]]}]"
    return ATTR_TYPES[kind]


def literal(kind: str, value: Any) -> str:
    """A default as Python text."""
    if kind.startswith("list("):
        items = [literal(kind[5:-1], v) for v in value]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if kind == "type":
        return f"dtypes.{as_dtype(value).name}".replace("dtypes.bool", "dtypes.bool_")
    if kind == "tensor":
        return "None"  # left out: the registry's own default
    if kind == "float":
        return repr(float(str(np.float32(value))))
    if kind == "string":
        return json.dumps(value.decode())
    if kind == "shape":
        return repr(value if value is None else tuple(None if d < 0 else d for d in value))
    return repr(value)


def safe(name: str) -> str:
    return name + "_" if keyword.iskeyword(name) else name


def parameters(op: Any) -> tuple[list[Parameter], list[Parameter], list[Parameter]]:
    """Inputs, attributes without a default, attributes with one."""
    inputs = [
        (
            safe(a.name),
            "Sequence[TensorLike]" if a.type_list_attr or a.number_attr else "TensorLike",
            None,
        )
        for a in op.inputs
    ]
    attrs = [a for a in op.attrs if not a.inferred]
    required = [(safe(a.name), attr_type(a.kind), None) for a in attrs if not a.has_default]
    optional = [
        (safe(a.name), attr_type(a.kind), literal(a.kind, a.default))
        for a in attrs
        if a.has_default
    ]
    return inputs, required, optional


def result_type(op: Any) -> str:
    if not op.outputs:
        return "Operation"
    kinds = ["list[Tensor]" if a.type_list_attr or a.number_attr else "Tensor" for a in op.outputs]
    return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"


def wrapped(head: str, items: list[str], tail: str, indent: str) -> str:
    """head(items)tail on one line, with the items on one line, or with a line for each."""
    line = f"{indent}{head}({', '.join(items)}){tail}"
    if len(line) <= WIDTH:
        return line + "\n"
    inner = indent + "    "
    one_line = "import" not in head and "*" not in items
    if one_line and len(inner) + len(", ".join(items)) <= WIDTH:
        return f"{indent}{head}(\n{inner}{', '.join(items)}\n{indent}){tail}\n"
    return f"{indent}{head}(\n" + "".join(f"{inner}{i},\n" for i in items) + f"{indent}){tail}\n"


def docstring(op: Any) -> str:
    """The op's own sentences, its signature, and the types it takes."""
    doc = textwrap.wrap(op.doc or op.name, WIDTH - 4 - 3)
    lines = [*doc, "", *textwrap.wrap(op.signature, WIDTH - 4, subsequent_indent="    ")]
    for a in op.attrs:
        if a.allowed and (a.kind == "type" or a.kind == "list(type)"):
            names = ", ".join(as_dtype(t).name for t in a.allowed)
            lines += textwrap.wrap(f"{a.name}: {names}", WIDTH - 4, subsequent_indent="    ")
    text = "\n".join(("    " + line).rstrip() for line in lines).replace("\\", "\\\\")
    return f'    """{text.lstrip()}\n    """\n'


def function(name: str, op: Any, raw: bool) -> str:
    inputs, required, optional = parameters(op)
    positional = inputs if raw else inputs + required + optional
    keywords = required + optional if raw else []

    shown = RAW_NAMES.get(op.name, {}) if raw else {}

    def text(p: Parameter) -> str:
        return f"{shown.get(p[0], p[0])}: {p[1]}" + ("" if p[2] is None else f" = {p[2]}")

    own = {p[0] for p in inputs + required + optional}
    by_name = "name" if "name" not in own else "op_name"
    signature = [text(p) for p in positional]
    signature += ["*"] if raw else []
    signature += [text(p) for p in keywords] + [f"{by_name}: str | None = None"]
    arguments = [f'"{op.name}"', by_name]
    arguments += [f"{p}={shown.get(p, p)}" for p, _, _ in inputs + required + optional]
    head = "" if raw else "@endpoint\n"
    return (
        head
        + wrapped(f"def {name}", signature, f" -> {result_type(op)}:", "")
        + docstring(op)
        + wrapped("return apply_op", arguments, "", "    ")
    )


def module(title: str, functions: list[tuple[str, Any]], raw: bool) -> str:
    body = "\n\n".join(function(name, op, raw) for name, op in functions)
    exported = ", ".join(f'"{name}"' for name, _ in functions)
    listed = wrapped("__all__ = ", sorted({f'"{name}"' for name, _ in functions}), "", "")
    listed = (
        listed.replace("__all__ = (", "__all__ = [", 1).rstrip()[:-1] + "]\n" if exported else ""
    )
    api = [n for n in ("DTypeLike", "Operation", "ShapeLike", "Tensor", "TensorLike") if n in body]
    api += ["apply_op"] + ([] if raw else ["endpoint"])
    imports = ["from collections.abc import Sequence\n"] if "Sequence[" in body else []
    first = ["from thalweg.framework import dtypes"] if "= dtypes." in body else []
    first.append(wrapped("from thalweg.framework.api import ", api, "", "").rstrip())
    line = first[-1].replace("import (", "import ", 1)
    first[-1] = line[:-1] if "\n" not in line else first[-1].replace("import  (", "import (")
    return (
        f'"""{title} Generated by tools/gen_ops.py: do not edit."""\n\n'
        '# mypy: disable-error-code="no-any-return"\n\n'
        "from __future__ import annotations\n\n"
        + "".join(i + "\n" for i in imports)
        + "\n".join(first)
        + "\n\n"
        + listed
        + "\n\n"
        + body
    )


def generate() -> dict[str, str]:
    """File name -> text."""
    ops = sorted(_core.op_defs(), key=lambda op: op.name)
    ops = [op for op in ops if not op.name.startswith("_")]
    files = {
        "__init__.py": '"""Generated by tools/gen_ops.py from the op registry: do not edit."""\n',
        "raw_ops.py": module(
            "Every op under its own name.", [(op.name, op) for op in ops], raw=True
        ),
    }
    spaces: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for op in ops:
        for endpoint in op.endpoints:
            space, _, name = endpoint.rpartition(".")
            spaces[space].append((safe(name), op))
    for space, functions in spaces.items():
        title = (
            f"The ops of `{space}` that need no wrapper."
            if space
            else "Top-level ops that need no wrapper."
        )
        files[(space.replace(".", "_") or "root") + ".py"] = module(
            title, sorted(functions, key=lambda f: f[0]), False
        )
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file would change"
    )
    parser.add_argument("--output", type=pathlib.Path, default=FOLDER)
    args = parser.parse_args()
    files = generate()
    old = {p.name: p.read_text() for p in args.output.glob("*.py")} if args.output.is_dir() else {}
    changed = sorted(name for name in files.keys() | old.keys() if files.get(name) != old.get(name))
    if args.check:
        for name in changed:
            print(f"{args.output / name} is not what the registry says; run tools/gen_ops.py")
        return bool(changed)
    args.output.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in files:
            (args.output / name).write_text(files[name])
        else:
            (args.output / name).unlink()
    print(f"{len(files)} files, {len(changed)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
