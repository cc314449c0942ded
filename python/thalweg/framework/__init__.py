"""The program as Python sees it: graphs, tensors, conversion, gradients. Names follow TensorFlow
1.
"""

from thalweg.framework import errors, operators

__all__ = ["errors", "operators"]
