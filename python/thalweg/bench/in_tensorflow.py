"""TensorFlow's workloads."""

from __future__ import annotations

import tensorflow as tf

from .tensorflow_api import makers
from .worker import Makers


def workloads(threads: int) -> Makers:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.set_visible_devices([], "GPU")
    return makers(tf)
