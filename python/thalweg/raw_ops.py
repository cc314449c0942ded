"""Every registered op as a function under its own name: `raw_ops.MatMul(a=x, b=y)`."""

from thalweg._gen.raw_ops import *  # noqa: F403
