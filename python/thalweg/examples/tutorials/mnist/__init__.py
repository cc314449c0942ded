"""The reader of MNIST files."""

from thalweg.examples.tutorials.mnist import input_data

__all__ = ["input_data"]
