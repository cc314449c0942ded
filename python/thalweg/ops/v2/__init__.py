"""Functions whose TensorFlow-2 form differs from that of TensorFlow 1 in more than its name."""
