"""Optimizers, learning rates, moving averages and step counters of graph mode."""
