#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Calibration weights under Hard Concrete gates in PyTorch, the way l0-python does it: M a sparse tensor, weights
exp(log_weight) * z with z drawn at every epoch, Adam on log_weight and log_alpha, relative squared loss + L0 price.

Reads M, targets and starting weights as `bench_calibration --write FOLDER` leaves them, or makes a matrix of its own.

    torch_calibration.py --targets 2000 --records 20000 --entries 200 --epochs 20        time per epoch
    torch_calibration.py --folder FOLDER --epochs 1500 --lambda-l0 5e-5 --out weights.f32
"""

import argparse
import json
import pathlib
import statistics
import time

import numpy
import torch

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1


def read(folder):
    """Column-compressed arrays: the sizes, then start (int64), row (int32), value, target and start weight (float32)."""
    targets, records, entries = numpy.fromfile(folder / "sizes.i64", dtype="int64")
    start = numpy.fromfile(folder / "start.i64", dtype="int64")
    column = numpy.repeat(numpy.arange(records), numpy.diff(start))
    row = numpy.fromfile(folder / "row.i32", dtype="int32").astype("int64")
    value = numpy.fromfile(folder / "value.f32", dtype="float32")
    matrix = torch.sparse_coo_tensor(numpy.vstack([row, column]), torch.from_numpy(value), (targets, records)).coalesce()
    return (matrix, torch.from_numpy(numpy.fromfile(folder / "targets.f32", dtype="float32")),
            torch.from_numpy(numpy.fromfile(folder / "weights.f32", dtype="float32")))


def make(targets, records, entries):
    """`entries` log-normal values in each column; half of the true weights are zero."""
    generator = numpy.random.default_rng(1)
    row = numpy.concatenate([generator.choice(targets, entries, replace=False) for _ in range(records)])
    column = numpy.repeat(numpy.arange(records), entries)
    value = generator.lognormal(size=row.size).astype("float32")
    matrix = torch.sparse_coo_tensor(numpy.vstack([row, column]), torch.from_numpy(value), (targets, records)).coalesce()
    truth = numpy.where(generator.random(records) < 0.5, 0, generator.lognormal(0, 0.5, records)).astype("float32")
    y = torch.sparse.mm(matrix, torch.from_numpy(truth)[:, None])[:, 0]
    return matrix, y, torch.ones(records)


class Weights(torch.nn.Module):
    def __init__(self, start, keep_probability):
        super().__init__()
        self.log_weight = torch.nn.Parameter(torch.log(start + 1e-8))
        mean = torch.logit(torch.full_like(start, keep_probability))
        self.log_alpha = torch.nn.Parameter(mean + 0.01 * torch.randn_like(mean))

    def forward(self, matrix):
        log_alpha = self.log_alpha.clamp(-20, 20)
        u = torch.rand_like(log_alpha).clamp(1e-6, 1 - 1e-6)
        s = torch.sigmoid((torch.log(u) - torch.log(1 - u) + log_alpha) / BETA)
        z = (s * (ZETA - GAMMA) + GAMMA).clamp(0, 1)
        return torch.sparse.mm(matrix, (torch.exp(self.log_weight) * z)[:, None])[:, 0]

    def price(self):
        return torch.sigmoid(self.log_alpha.clamp(-20, 20) - BETA * numpy.log(-GAMMA / ZETA)).sum()

    @torch.no_grad()
    def deterministic(self):
        s = torch.sigmoid(self.log_alpha.clamp(-20, 20) / BETA)
        return torch.exp(self.log_weight) * (s * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--targets", type=int, default=2000)
    parser.add_argument("--records", type=int, default=20000)
    parser.add_argument("--entries", type=int, default=200, help="per record")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lambda-l0", type=float, default=5e-5)
    parser.add_argument("--learning-rate", type=float, default=0.2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--every", type=int, default=0, help="print the state every so many epochs")
    parser.add_argument("--out", type=pathlib.Path, help="write the weights (float32)")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)

    if arguments.folder:
        matrix, y, start = read(arguments.folder)
    else:
        matrix, y, start = make(arguments.targets, arguments.records, arguments.entries)
    model = Weights(start, 0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=arguments.learning_rate)
    seconds = []
    processor = time.process_time()

    def state():
        weights = model.deterministic()
        errors = (torch.sparse.mm(matrix, weights[:, None])[:, 0] - y).abs() / y.abs().clamp(min=1)
        return {"records": int((weights > 0).sum()), "mean error": float(errors.mean()),
                "largest error": float(errors.max()), "capped loss": float(errors.clamp(max=1).mean()),
                "loss": float((((torch.sparse.mm(matrix, weights[:, None])[:, 0] - y) / (y + 1)) ** 2).sum())}

    begin = time.perf_counter()
    for epoch in range(arguments.epochs):
        began = time.perf_counter()
        optimizer.zero_grad()
        loss = (((y - model(matrix)) / (y + 1)) ** 2).sum() + arguments.lambda_l0 * model.price()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - began)
        if arguments.every and (epoch + 1) % arguments.every == 0:
            print(epoch + 1, f"{time.perf_counter() - begin:.1f} s", state(), flush=True)
    processor = (time.process_time() - processor) / max(1, arguments.epochs)
    result = {"epoch": statistics.median(seconds), "best": min(seconds), "processor": processor, "total": sum(seconds), "entries": matrix._nnz(), **state()}
    print(json.dumps(result))
    if arguments.out:
        model.deterministic().numpy().tofile(arguments.out)
    if arguments.json:
        arguments.json.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
