"""TensorFlow 1 programs read MNIST through a module of this package."""

from thalweg.examples.tutorials import mnist

__all__ = ["mnist"]
