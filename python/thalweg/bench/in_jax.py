"""JAX's workloads: compiled by `jax.jit`, parameters donated; `eager_` and `tape_` ones op by op.

Every call waits for its result. Optimizers are written out: `optax` need not be installed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .worker import Makers, Workload
from .workloads import ELEMENTS, MATMUL_SIZES, NETWORKS, TAPE_NETWORK, Network


def logits(network: Network, values: list[Any], h: Any, key: Any = None) -> Any:
    """The last layer before the softmax; with a key, dropout as in training."""
    parameters = iter(values)
    for conv in network.convs:
        w, b = next(parameters), next(parameters)
        strides = (conv.stride, conv.stride)
        order = ("NHWC", "HWIO", "NHWC")
        h = jax.lax.conv_general_dilated(h, w, strides, "SAME", dimension_numbers=order)
        h = jax.nn.relu(h + b)
        if conv.pool:
            window = (1, 2, 2, 1)
            h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, window, window, "SAME")
    h = h.reshape(h.shape[0], -1)
    activation = getattr(jax.nn, network.activation)
    hidden = len(network.dense) - 2
    for layer in range(hidden):
        h = activation(h @ next(parameters) + next(parameters))
        if key is not None and network.keep < 1 and layer == hidden - 1:
            kept = jax.random.bernoulli(key, network.keep, h.shape)
            h = jnp.where(kept, h / network.keep, 0)
    return h @ next(parameters) + next(parameters)


def mean_loss(network: Network, values: list[Any], x: Any, y: Any, key: Any = None) -> Any:
    outputs = jax.nn.log_softmax(logits(network, values, x, key))
    return -(y * outputs).sum(axis=1).mean()


def sgd(rate: float, values: list[Any], gradients: list[Any], slots: Any) -> tuple[Any, Any]:
    return [v - rate * g for v, g in zip(values, gradients)], slots  # noqa: B905


def adam(rate: float, values: list[Any], gradients: list[Any], slots: Any) -> tuple[Any, Any]:
    count, means, squares = slots
    count = count + 1
    means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients)]  # noqa: B905
    squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradients)]  # noqa: B905
    rate = rate * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    values = [
        v - rate * m / (jnp.sqrt(s) + 1e-8)
        for v, m, s in zip(values, means, squares)  # noqa: B905
    ]
    return values, (count, means, squares)


def train(network: Network) -> Workload:
    x, y = network.data()
    update = {"sgd": sgd, "adam": adam}[network.optimizer]

    def step(values: Any, slots: Any, key: Any, x: Any, y: Any) -> Any:
        key, used = jax.random.split(key)
        gradients = jax.grad(lambda v: mean_loss(network, v, x, y, used))(values)
        return (*update(network.rate, values, gradients, slots), key)

    compiled = jax.jit(step, donate_argnums=(0, 1, 2))

    def parameters() -> list[Any]:
        return [jnp.array(value) for value in network.parameters()]

    def zeros() -> list[Any]:
        return [jnp.zeros(shape) for shape in network.shapes()]

    slots = (jnp.zeros(()), zeros(), zeros()) if network.optimizer == "adam" else ()
    state = [parameters(), slots, jax.random.PRNGKey(0)]

    def run() -> None:
        state[:] = compiled(*state, x, y)
        jax.block_until_ready(state[0])

    return run


def infer(network: Network, rows: int) -> Workload:
    values = [jnp.array(value) for value in network.parameters()]
    x = network.data()[0][:rows]
    return waiting(jax.jit(lambda values, x: logits(network, values, x)), values, x)


def waiting(function: Callable[..., Any], *args: Any) -> Workload:
    """A call that waits for its result."""
    return lambda: function(*args).block_until_ready()


def increment(x: Any) -> Any:
    return x + 1.0


def feed_add() -> Workload:
    x = np.zeros((1, 784), np.float32)
    function = jax.jit(increment)
    return lambda: np.asarray(function(x))


def chain() -> Workload:
    def sines(x: Any) -> Any:
        for _ in range(1000):
            x = jnp.sin(x)
        return x

    return waiting(jax.jit(sines), jnp.float32(0.5))


def normal(*shape: int) -> list[Any]:
    return [jax.random.normal(jax.random.PRNGKey(seed), shape) for seed in range(2)]


def matmul(size: int) -> Workload:
    return waiting(jax.jit(jnp.matmul), *normal(size, size))


def elementwise() -> Workload:
    def tree(a: Any, b: Any) -> Any:
        return (jnp.tanh(a * b + a) * jax.nn.sigmoid(b) - jnp.sqrt(jnp.abs(a))).sum()

    return waiting(jax.jit(tree), *normal(ELEMENTS))


def tape_network() -> Workload:
    values = [jnp.array(value) for value in TAPE_NETWORK.parameters()]
    x, y = (jnp.array(array) for array in TAPE_NETWORK.data())
    gradient = jax.grad(lambda values: mean_loss(TAPE_NETWORK, values, x, y))
    return lambda: jax.block_until_ready(gradient(values))


def workloads(threads: int) -> Makers:
    # Read when the first op makes XLA's client.
    os.environ["PJRT_NPROC"] = os.environ["NPROC"] = str(threads)
    os.environ["JAX_PLATFORMS"] = "cpu"
    one = jnp.float32(1.0)
    found: Makers = {
        "run_scalar_var_add": lambda: waiting(jax.jit(increment), one),
        "run_feed_784_add": feed_add,
        "run_chain_1000_sin_scalar": chain,
        "elementwise_4m_fused": elementwise,
        "eager_scalar_add": lambda: waiting(lambda a, b: a + b, one, jnp.float32(2.0)),
        "eager_matmul_64": lambda: waiting(jnp.matmul, *normal(64, 64)),
        "tape_5_ops": lambda: waiting(
            jax.grad(lambda x: jnp.tanh(x * x + jnp.sin(x)) * x), jnp.float32(0.5)
        ),
        f"tape_{TAPE_NETWORK.name}": tape_network,
        "function_scalar_add": lambda: waiting(jax.jit(increment), one),
    }
    for size in MATMUL_SIZES:
        found[f"matmul_{size}"] = partial(matmul, size)
    for network in NETWORKS:
        found[f"train_{network.name}"] = partial(train, network)
        found[f"infer_{network.name}"] = partial(infer, network, network.batch)
        found[f"infer1_{network.name}"] = partial(infer, network, 1)
    return found
