"""Tests of both versions of TensorFlow in one process."""

from __future__ import annotations

import pytest

import thalweg
from thalweg.framework import mode, shapes


@pytest.fixture(autouse=True)
def version(request: pytest.FixtureRequest) -> None:
    """A test file is a program of the version that it imports as tf."""
    two = getattr(request.module, "tf", None) is thalweg
    mode.choose(two)
    shapes.use_dimensions(not two)
