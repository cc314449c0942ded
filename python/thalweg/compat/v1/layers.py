"""`tf.layers`, the functions for dense and convolutional networks."""

from __future__ import annotations

from thalweg.ops.layers import average_pooling2d, conv2d, dense, dropout, flatten, max_pooling2d

__all__ = ["average_pooling2d", "conv2d", "dense", "dropout", "flatten", "max_pooling2d"]
