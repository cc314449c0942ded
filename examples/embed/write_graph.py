"""python write_graph.py graph.pb: writes a small network with constant weights as a GraphDef."""

from __future__ import annotations

import sys

import thalweg.compat.v1 as tf

x = tf.placeholder(tf.float32, [None, 3], name="x")
w = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
tf.nn.softmax(tf.matmul(x, w) - [4.0, 5.0], name="y")
with open(sys.argv[1], "wb") as file:
    file.write(tf.get_default_graph().as_graph_def().SerializeToString())
