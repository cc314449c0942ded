"""Composites over raw ops: TensorFlow's argument conventions, names and small graphs."""
