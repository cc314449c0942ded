"""`tf.random.experimental`: earlier names."""

from __future__ import annotations

from thalweg.ops.stateless_random import Algorithm, stateless_shuffle
from thalweg.ops.stateless_random import fold_in as stateless_fold_in
from thalweg.ops.stateless_random import split as stateless_split

__all__ = ["Algorithm", "stateless_fold_in", "stateless_shuffle", "stateless_split"]
