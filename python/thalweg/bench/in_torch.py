"""PyTorch's workloads: eager, as most programs are; images lie channels last, its fastest order.

Where there is nothing like a session or a function, the op called eagerly is the nearest.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .worker import Makers, Workload
from .workloads import ELEMENTS, MATMUL_SIZES, NETWORKS, TAPE_NETWORK, Network


class Model(torch.nn.Module):  # type: ignore[misc]  # a class of a module without types
    """A network in PyTorch's layouts: channels before pixels, weights output by input."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.activation = getattr(torch, network.activation)
        self.values = torch.nn.ParameterList()
        for value in network.parameters():
            if value.ndim == 4:
                tensor = torch.tensor(value.transpose(3, 2, 0, 1))
                tensor = tensor.contiguous(memory_format=torch.channels_last)
            else:
                tensor = torch.tensor(value.T)
                tensor = tensor.contiguous()
            self.values.append(torch.nn.Parameter(tensor))

    def forward(self, h: Any) -> Any:
        network = self.network
        values = iter(self.values)
        for conv in network.convs:
            w, b = next(values), next(values)
            low, high = same_padding(h.shape[2], conv.size, conv.stride)
            if low == high:
                h = F.conv2d(h, w, b, stride=conv.stride, padding=low)
            else:
                h = F.conv2d(F.pad(h, (low, high, low, high)), w, b, stride=conv.stride)
            h = F.relu(h)
            if conv.pool:
                h = F.max_pool2d(h, 2)
        h = h.flatten(1)
        hidden = len(network.dense) - 2
        for layer in range(hidden):
            h = self.activation(F.linear(h, next(values), next(values)))
            if network.keep < 1 and layer == hidden - 1:
                h = F.dropout(h, 1 - network.keep, self.training)
        return F.linear(h, next(values), next(values))


def same_padding(pixels: int, size: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME padding of one axis: before and after."""
    outputs = -(-pixels // stride)
    total = max((outputs - 1) * stride + size - pixels, 0)
    return total // 2, total - total // 2


def inputs(network: Network) -> tuple[Any, Any]:
    """Images, channels last in memory, and labels as numbers, which is PyTorch's fastest form."""
    images, labels = network.data()
    x = torch.tensor(images)
    if network.convs:
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    return x, torch.tensor(labels.argmax(axis=1))


def train(network: Network) -> Workload:
    model = Model(network)
    x, y = inputs(network)
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = kinds[network.optimizer](model.parameters(), network.rate)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def infer(network: Network, rows: int) -> Workload:
    model = Model(network).eval()
    x = inputs(network)[0][:rows].clone()

    def run() -> Any:
        with torch.inference_mode():
            return model(x)

    return run


def scalar_add() -> Workload:
    a, b = torch.tensor(1.0), torch.tensor(2.0)
    return lambda: a + b


def number_add() -> Workload:
    a = torch.tensor(1.0)
    return lambda: a + 1.0


def feed_add() -> Workload:
    x = np.zeros((1, 784), np.float32)
    return lambda: (torch.from_numpy(x) + 1.0).numpy()


def chain() -> Workload:
    x = torch.tensor(0.5)

    def run() -> Any:
        y = x
        for _ in range(1000):
            y = torch.sin(y)
        return y

    return run


def matmul(size: int) -> Workload:
    a, b = torch.randn(size, size), torch.randn(size, size)
    return lambda: a @ b


def elementwise() -> Workload:
    a, b = torch.randn(ELEMENTS), torch.randn(ELEMENTS)
    return lambda: (torch.tanh(a * b + a) * torch.sigmoid(b) - torch.sqrt(torch.abs(a))).sum()


def tape_5_ops() -> Workload:
    x = torch.tensor(0.5, requires_grad=True)

    def gradient() -> Any:
        y = torch.tanh(x * x + torch.sin(x)) * x
        return torch.autograd.grad(y, x)

    return gradient


def tape_network() -> Workload:
    model = Model(TAPE_NETWORK)
    x, y = inputs(TAPE_NETWORK)
    values = list(model.parameters())
    return lambda: torch.autograd.grad(F.cross_entropy(model(x), y), values)


def workloads(threads: int) -> Makers:
    torch.set_num_threads(threads)
    found: Makers = {
        "run_scalar_var_add": number_add,
        "run_feed_784_add": feed_add,
        "run_chain_1000_sin_scalar": chain,
        "elementwise_4m_fused": elementwise,
        "eager_scalar_add": scalar_add,
        "eager_matmul_64": partial(matmul, 64),
        "tape_5_ops": tape_5_ops,
        f"tape_{TAPE_NETWORK.name}": tape_network,
        "function_scalar_add": number_add,
    }
    for size in MATMUL_SIZES:
        found[f"matmul_{size}"] = partial(matmul, size)
    for network in NETWORKS:
        found[f"train_{network.name}"] = partial(train, network)
        found[f"infer_{network.name}"] = partial(infer, network, network.batch)
        found[f"infer1_{network.name}"] = partial(infer, network, 1)
    return found
