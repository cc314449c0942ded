"""Summaries: ops that describe values, and the event files that TensorBoard reads."""
