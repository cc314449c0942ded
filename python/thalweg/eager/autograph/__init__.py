"""Python's control flow over tensors as operations, while a function is traced.

The rewriting of source code is diastatic-malt's, an optional package that is imported when the
first function needs it; what the rewritten code calls is here.
"""

from __future__ import annotations

from thalweg.eager.autograph.decide import convert_if_needed, unconverted

__all__ = ["convert_if_needed", "unconverted"]
