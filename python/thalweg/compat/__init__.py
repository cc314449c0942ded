"""Faces for programs written for a version of TensorFlow; `compat.v1` is TensorFlow 1's."""
