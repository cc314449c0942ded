"""What is measured: the networks as values, and the name of every workload."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class Conv(NamedTuple):
    """A square filter with SAME padding, a bias, relu, and max-pooling by two or none."""

    size: int
    channels: int
    stride: int = 1
    pool: bool = False


class Network(NamedTuple):
    """Convolutions over 28x28x1, dense layers with biases, softmax cross-entropy.

    The last of `dense` are the logits, all before it pass through `activation`; the last hidden
    layer keeps a share of `keep` in training. `dense` begins with the size of its input.
    """

    name: str
    dense: tuple[int, ...]
    activation: str = "relu"
    optimizer: str = "sgd"
    rate: float = 0.01
    convs: tuple[Conv, ...] = ()
    keep: float = 1.0
    batch: int = 100

    def data(self) -> tuple[Array, Array]:
        """Images in [0, 1) and one-hot labels, the same for every library."""
        rng = np.random.default_rng(0)
        shape = (28, 28, 1) if self.convs else (self.dense[0],)
        images = rng.random((self.batch, *shape), dtype=np.float32)
        return images, np.eye(10, dtype=np.float32)[rng.integers(0, 10, self.batch)]

    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the weights, each followed by its bias's; filters as HWIO."""
        found: list[tuple[int, ...]] = []
        channels = 1
        for conv in self.convs:
            found += [(conv.size, conv.size, channels, conv.channels), (conv.channels,)]
            channels = conv.channels
        for inputs, outputs in zip(self.dense, self.dense[1:]):  # noqa: B905
            found += [(inputs, outputs), (outputs,)]
        return found

    def parameters(self) -> list[Array]:
        """Small random weights and biases of a tenth, the same for every library."""
        rng = np.random.default_rng(1)
        return [
            np.full(shape, 0.1, np.float32)
            if len(shape) == 1
            else rng.normal(0, 0.1, shape).astype(np.float32)
            for shape in self.shapes()
        ]


_MLP = Network("mlp_784_128_32_10_b100", (784, 128, 32, 10))

NETWORKS = (
    Network("softmax_b100", (784, 10), rate=0.003),
    _MLP,
    Network("mlp5_sigmoid_adam_b100", (784, 200, 100, 60, 30, 10), "sigmoid", "adam", 0.003),
    Network(
        "cnn_b100",
        (7 * 7 * 12, 200, 10),
        optimizer="adam",
        rate=0.003,
        convs=(Conv(5, 4), Conv(4, 8, stride=2), Conv(4, 12, stride=2)),
    ),
    Network(
        "cnn_big_b100",
        (7 * 7 * 24, 200, 10),
        optimizer="adam",
        rate=0.003,
        convs=(Conv(6, 6), Conv(5, 12, stride=2), Conv(4, 24, stride=2)),
        keep=0.75,
    ),
    Network(
        "lenet_b50",
        (7 * 7 * 64, 1024, 10),
        optimizer="adam",
        rate=1e-4,
        convs=(Conv(5, 32, pool=True), Conv(5, 64, pool=True)),
        keep=0.5,
        batch=50,
    ),
)
TAPE_NETWORK = _MLP
MATMUL_SIZES = (256, 1024, 2048)
ELEMENTS = 4_000_000

IMPORT = "import"  # measured by starting a process

NAMES = (
    IMPORT,
    "run_scalar_var_add",
    "run_feed_784_add",
    "run_chain_1000_sin_scalar",
    *(
        f"{kind}_{network.name}"
        for network in NETWORKS
        for kind in ("train", "function_train", "infer", "infer1")
    ),
    *(f"matmul_{size}" for size in MATMUL_SIZES),
    "elementwise_4m_fused",
    "eager_scalar_add",
    "eager_matmul_64",
    "tape_5_ops",
    f"tape_{TAPE_NETWORK.name}",
    "function_scalar_add",
)
