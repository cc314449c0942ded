"""Thalweg's workloads."""

from __future__ import annotations

import thalweg as tf

from .tensorflow_api import makers
from .worker import Makers


def workloads(threads: int) -> Makers:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    return makers(tf)
