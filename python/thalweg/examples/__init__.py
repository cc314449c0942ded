"""Programs to read and run, and the modules that TensorFlow kept under this name."""

from thalweg.examples import tutorials

__all__ = ["tutorials"]
