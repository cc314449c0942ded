"""Eager mode: variables, tapes and functions, over the core's eager ops."""
