"""The readers that TensorFlow's tutorials import."""
