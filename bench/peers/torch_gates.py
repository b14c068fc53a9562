#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What Hard Concrete gates cost in PyTorch: the peer that the benchmarks of this library are measured against.

Needs PyTorch with a fast BLAS (Debian 12: apt install python3-torch libopenblas0-pthread). The benchmarks carry the
names of their counterparts in bench/gates.cpp and bench/layers.cpp.
"""

import argparse
import json
import math
import statistics
import sys
import time

import torch

BETA, GAMMA, ZETA, EPSILON = 0.5, -0.1, 1.1, 1e-6
LOG_ALPHA_LIMIT = 20.0
IN, OUT, BATCH = 784, 256, 128
TRIAD_LENGTH = 1 << 24  # floats: 64 MiB per array, more than a cache holds
SLOW_GEMM = 10.0  # GFLOP/s per thread: an optimised BLAS reaches several times that, the reference BLAS about 3


def sample_gate(log_alpha):
    """z in [0, 1], differentiable in log_alpha; fresh noise at every call."""
    u = torch.rand_like(log_alpha, requires_grad=False).clamp_(EPSILON, 1 - EPSILON)
    logits = torch.log(u) - torch.log1p(-u) + log_alpha.clamp(-LOG_ALPHA_LIMIT, LOG_ALPHA_LIMIT)
    s = torch.sigmoid(logits / BETA)
    return torch.clamp(s * (ZETA - GAMMA) + GAMMA, 0.0, 1.0)


def expected_open(log_alpha):
    return torch.sigmoid(log_alpha - BETA * math.log(-GAMMA / ZETA)).sum()


class GatedLinear(torch.nn.Module):
    """A linear layer with a gate per weight."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.linear = torch.nn.Linear(n_in, n_out)
        self.log_alpha = torch.nn.Parameter(0.01 * torch.randn(n_out, n_in))

    def forward(self, x):
        weight = self.linear.weight * sample_gate(self.log_alpha)
        return torch.nn.functional.linear(x, weight, self.linear.bias)


def gate_cases():
    log_alpha = (0.01 * torch.randn(OUT, IN)).requires_grad_()
    upstream = torch.randn(OUT, IN)

    def sample():
        return sample_gate(log_alpha)

    def sample_backward():
        log_alpha.grad = None
        (upstream * sample_gate(log_alpha)).sum().backward()

    to_nanoseconds_per_gate = 1e9 / log_alpha.numel()
    yield "gate/sample", sample, to_nanoseconds_per_gate, "ns per gate"
    yield "gate/sample_backward", sample_backward, to_nanoseconds_per_gate, "ns per gate"


def linear_cases():
    x = torch.randn(BATCH, IN)
    y = torch.randn(BATCH, OUT)
    gated = GatedLinear(IN, OUT)
    dense = torch.nn.Linear(IN, OUT)
    gated_optimizer = torch.optim.Adam(gated.parameters(), lr=1e-3)
    dense_optimizer = torch.optim.Adam(dense.parameters(), lr=1e-3)

    def gated_step():
        gated_optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(gated(x), y) + 1e-6 * expected_open(gated.log_alpha)
        loss.backward()
        gated_optimizer.step()

    def dense_step():
        dense_optimizer.zero_grad()
        torch.nn.functional.mse_loss(dense(x), y).backward()
        dense_optimizer.step()

    yield "linear/gated_step", gated_step, 1e3, "ms"
    yield "linear/dense_step", dense_step, 1e3, "ms"


def machine_cases():
    """What the memory and the BLAS underneath give: rates, so the amount of work per call stands in for the factor."""
    a, b, c = (torch.ones(TRIAD_LENGTH) for _ in range(3))
    bytes_moved = 3 * 4 * TRIAD_LENGTH  # two arrays read, one written, as STREAM counts it
    yield "triad", lambda: torch.add(b, c, alpha=0.5, out=a), 1e-9 * bytes_moved, "GB/s"

    x, weight = torch.randn(BATCH, IN), torch.randn(OUT, IN)
    yield "gemm", lambda: x @ weight.t(), 2e-9 * BATCH * IN * OUT, "GFLOP/s"


def seconds_per_call(function, repeat, batch_seconds=0.05):
    """Median over `repeat` batches, each of as many calls as fill `batch_seconds`, after a warm-up as long."""
    calls = 0
    start = time.perf_counter()
    while time.perf_counter() - start < batch_seconds or calls < 3:
        function()
        calls += 1
    samples = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        samples.append((time.perf_counter() - start) / calls)
    return statistics.median(samples)


def main():
    parser = argparse.ArgumentParser(description="Cost of Hard Concrete gates in PyTorch.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=15, help="batches of which the median is taken")
    parser.add_argument("--json", metavar="FILE", help="write {name: {median, unit}} there")
    arguments = parser.parse_args()
    if arguments.threads < 1 or arguments.repeat < 1:
        parser.error("--threads and --repeat must be at least 1")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)

    results = {}
    for cases in (gate_cases, linear_cases, machine_cases):
        for name, function, factor, unit in cases():
            seconds = seconds_per_call(function, arguments.repeat)
            median = factor / seconds if unit.endswith("/s") else factor * seconds
            results[name] = {"median": median, "unit": unit}
            print(f"{name:24} {median:10.3f} {unit}")
    results["gemm"]["slow"] = results["gemm"]["median"] < SLOW_GEMM * arguments.threads
    if results["gemm"]["slow"]:
        print(
            "note: PyTorch multiplies matrices with a slow BLAS here, so its linear/ figures say little;"
            " install libopenblas0-pthread and run again",
            file=sys.stderr,
        )
    if arguments.json:
        with open(arguments.json, "w", encoding="ascii") as file:
            json.dump(results, file, indent=2)


if __name__ == "__main__":
    main()
