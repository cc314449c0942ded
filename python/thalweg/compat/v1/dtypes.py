"""`tf.dtypes`: the root's, which has had nothing added or taken away."""

from __future__ import annotations

from thalweg.compat.v1._shared import shared
from thalweg.dtypes import *  # noqa: F403

__getattr__ = shared(__name__, "dtypes")
