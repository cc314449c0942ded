"""python use.py ./build/zero_out.so: loads the op, runs it and its gradient."""

from __future__ import annotations

import sys

import thalweg.compat.v1 as tf

module = tf.load_op_library(sys.argv[1])
x = tf.constant([[5.0, 4.0], [3.0, 2.0]])
y = module.zero_out(x)
(dx,) = tf.gradients(y * 10.0, x)
with tf.Session() as sess:
    print(module.zero_out.__doc__.splitlines()[0])
    print(sess.run(y).tolist(), sess.run(dx).tolist())
