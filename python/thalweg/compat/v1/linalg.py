"""`tf.linalg`."""

# ruff: noqa: F401, F403
from __future__ import annotations

from thalweg._gen.linalg import *
from thalweg.compat.v1._shared import shared
from thalweg.ops.clip import global_norm
from thalweg.ops.creation import eye
from thalweg.ops.linalg import diag, diag_part, set_diag
from thalweg.ops.math import matmul, matvec, tensordot, trace
from thalweg.ops.nn import l2_normalize
from thalweg.ops.reduce import norm
from thalweg.ops.transpose import matrix_transpose as transpose

__getattr__ = shared(__name__, "linalg")
