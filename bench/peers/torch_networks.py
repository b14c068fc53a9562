#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Training steps of the networks of bench/networks.cpp in PyTorch, with the same names: the perceptron with a gate per
weight and without gates, LeNet-5-Caffe without gates. Milliseconds of processor time, medians, on one thread.
"""

import statistics
import time

import torch
from torch import nn
from torch.nn import functional

from torch_gates import GatedLinear, expected_open


def milliseconds(step, repeat=40):
    """Processor time, so that other programs on the machine count less."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        step()
        times.append(1e3 * (time.process_time() - start))
    return statistics.median(times)


def training_step(net, x, y, gated=()):
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = functional.cross_entropy(net(x), y)
        for layer in gated:
            loss = loss + 1e-6 * expected_open(layer.log_alpha)
        loss.backward()
        optimizer.step()

    return step


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    x, y = torch.rand(128, 784), torch.randint(0, 10, (128,))
    layers = GatedLinear(784, 256), GatedLinear(256, 10)
    print(f"network/mlp_step {milliseconds(training_step(nn.Sequential(layers[0], nn.ReLU(), layers[1]), x, y, layers)):.3f} ms")
    dense = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    print(f"network/mlp_dense_step {milliseconds(training_step(dense, x, y)):.3f} ms")

    x, y = torch.rand(100, 1, 28, 28), torch.randint(0, 10, (100,))
    lenet = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )
    print(f"network/lenet_step {milliseconds(training_step(lenet, x, y)):.3f} ms")


if __name__ == "__main__":
    main()
