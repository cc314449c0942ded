"""The workloads over TensorFlow's names, for TensorFlow and for Thalweg: one program for both.

Graph workloads are runs of a `compat.v1` Session that is fed NumPy arrays, as the lectures' are;
`eager_`, `tape_` and `function_` ones are TensorFlow 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .worker import Makers, Workload
from .workloads import ELEMENTS, MATMUL_SIZES, NETWORKS, TAPE_NETWORK, Network


class SessionWorkloads:
    """Every workload builds a graph of its own and keeps a session for it."""

    def __init__(self, tf: Any) -> None:
        self.tf = tf
        self.v1 = tf.compat.v1

    def _run(self, fetch: Any, feed: dict[Any, Any] | None = None) -> Workload:
        """A run of the default graph; its variables are initialized here."""
        session = self.v1.Session()
        session.run(self.v1.global_variables_initializer())
        return (lambda: session.run(fetch, feed)) if feed else (lambda: session.run(fetch))

    def in_graph(self, make: Callable[..., Workload], *args: Any) -> Callable[[], Workload]:
        def made() -> Workload:
            with self.tf.Graph().as_default():
                return make(*args)

        return made

    def scalar_add(self) -> Workload:
        return self._run(self.v1.Variable(1.0) + 1.0)

    def feed_add(self) -> Workload:
        x = self.v1.placeholder(self.tf.float32, [None, 784])
        return self._run(x + 1.0, {x: np.zeros((1, 784), np.float32)})

    def chain(self) -> Workload:
        x = self.v1.placeholder(self.tf.float32, [])
        y = x
        for _ in range(1000):
            y = self.tf.sin(y)
        return self._run(y, {x: 0.5})

    def train(self, network: Network) -> Workload:
        images, labels = network.data()
        x = self.v1.placeholder(self.tf.float32, [None, *images.shape[1:]])
        y = self.v1.placeholder(self.tf.float32, [None, 10])
        variables = [self.v1.Variable(value) for value in network.parameters()]
        loss = mean_loss(self.tf, logits(self.tf, network, variables, x, training=True), y)
        step = optimizer(self.tf, network).minimize(loss)
        return self._run(step, {x: images, y: labels})

    def infer(self, network: Network, rows: int) -> Workload:
        images = network.data()[0][:rows]
        x = self.v1.placeholder(self.tf.float32, [None, *images.shape[1:]])
        variables = [self.v1.Variable(value) for value in network.parameters()]
        return self._run(logits(self.tf, network, variables, x, training=False), {x: images})

    def matmul(self, size: int) -> Workload:
        a, b = (self.v1.Variable(self.tf.random.normal([size, size])) for _ in range(2))
        return self._run(self.tf.matmul(a, b).op)  # the op: the product is not copied out

    def elementwise(self) -> Workload:
        tf = self.tf
        a, b = (self.v1.Variable(tf.random.normal([ELEMENTS])) for _ in range(2))
        return self._run(tf.reduce_sum(tf.tanh(a * b + a) * tf.sigmoid(b) - tf.sqrt(tf.abs(a))))


def logits(tf: Any, network: Network, variables: Sequence[Any], x: Any, training: bool) -> Any:
    """The network's last layer before the softmax."""
    parameters = iter(variables)
    h = x
    for conv in network.convs:
        w, b = next(parameters), next(parameters)
        h = tf.nn.relu(tf.nn.conv2d(h, w, strides=conv.stride, padding="SAME") + b)
        if conv.pool:
            h = tf.nn.max_pool2d(h, ksize=2, strides=2, padding="SAME")
    if network.convs:
        h = tf.reshape(h, [-1, network.dense[0]])
    activation = getattr(tf.nn, network.activation)
    hidden = len(network.dense) - 2
    for layer in range(hidden):
        w, b = next(parameters), next(parameters)
        h = activation(tf.matmul(h, w) + b)
        if training and network.keep < 1 and layer == hidden - 1:
            h = tf.nn.dropout(h, rate=1 - network.keep)
    w, b = next(parameters), next(parameters)
    return tf.matmul(h, w) + b


def mean_loss(tf: Any, outputs: Any, labels: Any) -> Any:
    """The mean cross-entropy of a batch."""
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=outputs))


def optimizer(tf: Any, network: Network) -> Any:
    """The network's optimizer."""
    train = tf.compat.v1.train
    kinds = {"sgd": train.GradientDescentOptimizer, "adam": train.AdamOptimizer}
    return kinds[network.optimizer](network.rate)


def function_train(tf: Any, network: Network) -> Workload:
    """The step of `SessionWorkloads.train` as a `tf.function` over tensors."""
    x, y = (tf.constant(array) for array in network.data())
    variables = [tf.Variable(value) for value in network.parameters()]
    update = optimizer(tf, network)

    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = mean_loss(tf, logits(tf, network, variables, x, training=True), y)
        gradients = tape.gradient(loss, variables)
        update.apply_gradients(list(zip(gradients, variables)))  # noqa: B905

    function = tf.function(step)
    return lambda: function(x, y)


def tape_network(tf: Any) -> Workload:
    """The gradient of a network's loss, eagerly."""
    x, y = (tf.constant(array) for array in TAPE_NETWORK.data())
    variables = [tf.Variable(value) for value in TAPE_NETWORK.parameters()]

    def gradient() -> Any:
        with tf.GradientTape() as tape:
            loss = mean_loss(tf, logits(tf, TAPE_NETWORK, variables, x, training=True), y)
        return tape.gradient(loss, variables)

    return gradient


def tape_5_ops(tf: Any) -> Workload:
    """Five ops on a scalar and their gradient, eagerly."""
    x = tf.constant(0.5)

    def gradient() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(x * x + tf.sin(x)) * x
        return tape.gradient(y, x)

    return gradient


def eager_add(tf: Any) -> Workload:
    a, b = tf.constant(1.0), tf.constant(2.0)
    return lambda: a + b


def eager_matmul(tf: Any) -> Workload:
    a, b = (tf.random.normal([64, 64]) for _ in range(2))
    return lambda: tf.matmul(a, b)


def function_add(tf: Any) -> Workload:
    function = tf.function(lambda x: x + 1.0)
    x = tf.constant(1.0)
    return lambda: function(x)


def makers(tf: Any) -> Makers:
    """All workloads by name."""
    graphs = SessionWorkloads(tf)
    found: Makers = {
        "run_scalar_var_add": graphs.in_graph(graphs.scalar_add),
        "run_feed_784_add": graphs.in_graph(graphs.feed_add),
        "run_chain_1000_sin_scalar": graphs.in_graph(graphs.chain),
        "elementwise_4m_fused": graphs.in_graph(graphs.elementwise),
        "eager_scalar_add": partial(eager_add, tf),
        "eager_matmul_64": partial(eager_matmul, tf),
        "tape_5_ops": partial(tape_5_ops, tf),
        f"tape_{TAPE_NETWORK.name}": partial(tape_network, tf),
        "function_scalar_add": partial(function_add, tf),
    }
    for size in MATMUL_SIZES:
        found[f"matmul_{size}"] = graphs.in_graph(graphs.matmul, size)
    for network in NETWORKS:
        found[f"train_{network.name}"] = graphs.in_graph(graphs.train, network)
        found[f"infer_{network.name}"] = graphs.in_graph(graphs.infer, network, network.batch)
        found[f"infer1_{network.name}"] = graphs.in_graph(graphs.infer, network, 1)
        found[f"function_train_{network.name}"] = partial(function_train, tf, network)
    return found
