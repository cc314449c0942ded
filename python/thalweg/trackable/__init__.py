"""Objects as trees of named children, which is how checkpoints name their values."""
