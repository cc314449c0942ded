"""The names of TensorFlow 2: what is there takes TensorFlow's arguments; what is not says so."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import types
from typing import Any

import pytest

import thalweg as tf

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from tf_signatures import FILE, NAMESPACES, names

# TensorFlow's, by full name; written by tools/tf_signatures.py.
TABLE = {
    line[: min(line.index(c) for c in "(:" if c in line)]: line[
        min(line.index(c) for c in "(:" if c in line) :
    ]
    for line in FILE.read_text().splitlines()
}
# What a program does not construct itself, or constructs with fewer arguments.
CONSTRUCTED_OTHERWISE = {
    "DType",
    "dtypes.DType",
    "errors.OpError",
    "errors.UnknownError",
}
WITHOUT_SIGNATURE = {"executing_eagerly"}  # written in C++
# The library's own, beside TensorFlow's.
OWN = {"profiler", "client", "framework", "ops", "platform", "examples", "summary", "TYPE_CHECKING"}


def resolve(path: str) -> Any:
    value: Any = tf
    for part in path.split(".") if path else []:
        value = getattr(value, part)
    return value


def exists(path: str) -> bool:
    try:
        resolve(path)
    except AttributeError:
        return False
    return True


SPACES = [path for path in ["", *NAMESPACES] if exists(path)]
HAVE = [row for path in SPACES for row in names(resolve(path), path)]


@pytest.mark.parametrize(
    ("name", "signature"),
    [(n, s) for n, s in HAVE if n in TABLE and n not in CONSTRUCTED_OTHERWISE | WITHOUT_SIGNATURE],
    ids=lambda x: x if "(" not in x else "",
)
def test_signature(name: str, signature: str) -> None:
    wanted = TABLE[name]
    if wanted.startswith("(") or wanted == ": module":
        assert signature == wanted


@pytest.mark.parametrize("path", SPACES)
def test_no_name_beyond_tensorflows(path: str) -> None:
    """Helpers and imports of a namespace's file are not part of it."""
    space = resolve(path)
    public = getattr(space, "__all__", None)
    own = [f"{path}.{n}" for n in public] if public else [n for n, _ in names(space, path)]
    beyond = {
        n for n in own if n not in TABLE and not isinstance(resolve(n), types.ModuleType)
    } - OWN
    assert beyond - {"annotations", "importlib", "Any"} == set()


@pytest.mark.parametrize("path", SPACES)
def test_what_a_namespace_lists_is_there(path: str) -> None:
    for name in getattr(resolve(path), "__all__", []):
        assert exists(f"{path}.{name}")


@pytest.mark.parametrize("name", ["placeholder", "Session", "get_variable", "global_variables"])
def test_names_of_tensorflow_1(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"thalweg\.compat\.v1\.{name}"):
        getattr(tf, name)
    assert not hasattr(tf, name)


@pytest.mark.parametrize("name", ["keras", "optimizers", "losses", "metrics", "data"])
def test_names_that_come_later(name: str) -> None:
    with pytest.raises(AttributeError, match="not supported yet"):
        getattr(tf, name)


def test_names_that_are_nobodys() -> None:
    with pytest.raises(AttributeError, match=r"has no attribute 'no_such_name'$"):
        tf.no_such_name


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_compat_v1_by_attribute_leaves_the_mode_alone() -> None:
    assert (
        run("import thalweg as tf; tf.compat.v1.Session; print(tf.executing_eagerly())") == "True"
    )
    assert (
        run(
            "import thalweg as tf; tf.constant; import thalweg.compat.v1; print(tf.executing_eagerly())"
        )
        == "True"
    )
    assert run("import thalweg.compat.v1 as tf; print(tf.executing_eagerly())") == "False"


def test_shapes_have_the_form_of_their_version() -> None:
    two = "import thalweg as tf; s = tf.TensorShape([None, 3]); print(s[0], s[1] + 1, repr(s), s)"
    assert run(two) == "None 4 TensorShape([None, 3]) (None, 3)"
    one = two.replace("import thalweg as tf", "import thalweg.compat.v1 as tf")
    assert run(one) == "? 4 TensorShape([Dimension(None), Dimension(3)]) (?, 3)"


def test_nothing_is_loaded_before_it_is_used() -> None:
    program = (
        "import sys, thalweg as tf; before = len([m for m in sys.modules if m[:7] == 'thalweg']);"
    )
    assert run(program + "tf.constant; tf.nn.relu; tf.__version__; print(before)") == "1"


def test_builtins_are_not_lost_to_the_names_that_hide_them() -> None:
    assert (
        run("import thalweg as tf; tf.abs; print(len(dir(tf)) > 200, hasattr(tf, 'nothing'))")
        == "True False"
    )
