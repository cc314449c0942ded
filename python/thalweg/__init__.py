"""Thalweg: TensorFlow's programming model as a small, fast library.

`import thalweg.compat.v1 as tf` runs TensorFlow-1 programs.
"""

__version__ = "0.1.0"
