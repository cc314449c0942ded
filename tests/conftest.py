"""Tests of both versions of TensorFlow in one process."""

from __future__ import annotations

import pytest

import thalweg
from thalweg.framework import mode, shapes


def choose(two: bool) -> None:
    mode.choose(two)
    shapes.use_dimensions(not two)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """What a file does while it is imported belongs to its version too, whichever came before it."""
    if isinstance(collector, pytest.Module):
        choose("import thalweg as tf" in collector.path.read_text())


@pytest.fixture(autouse=True)
def version(request: pytest.FixtureRequest) -> None:
    """A test file is a program of the version that it imports as tf."""
    choose(getattr(request.module, "tf", None) is thalweg)
