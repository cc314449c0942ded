"""The MNIST reader of the tutorials."""
