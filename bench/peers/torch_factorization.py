#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A factorization in PyTorch as it is usually written: embeddings of users and items, biases, squared loss, Adam on
minibatches. Reads what `bench_factorization write FOLDER` leaves; prints the time per epoch and the test RMSE.

    torch_factorization.py FOLDER --rank 20 --batch 8192 --epochs 5 --threads 1       batch 0: all ratings in one
"""

import argparse
import pathlib
import statistics
import time

import numpy
import torch


class Factorization(torch.nn.Module):
    def __init__(self, users, items, rank):
        super().__init__()
        self.user = torch.nn.Embedding(users, rank)
        self.item = torch.nn.Embedding(items, rank)
        self.user_bias = torch.nn.Embedding(users, 1)
        self.item_bias = torch.nn.Embedding(items, 1)
        self.mean = torch.nn.Parameter(torch.zeros(1))
        for table in (self.user, self.item):
            torch.nn.init.normal_(table.weight, std=0.1)
        for table in (self.user_bias, self.item_bias):
            torch.nn.init.zeros_(table.weight)

    def forward(self, user, item):
        return ((self.user(user) * self.item(item)).sum(1) + self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0]
                + self.mean)


def read(path):
    table = numpy.loadtxt(path, delimiter=",", dtype="float32")
    return (torch.from_numpy(table[:, 0].astype("int64")), torch.from_numpy(table[:, 1].astype("int64")),
            torch.from_numpy(table[:, 2].copy()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rank", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8192)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--learning-rate", type=float, default=5e-3)
    parser.add_argument("--weight-decay", type=float, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    user, item, rating = read(arguments.folder / "train.csv")
    test = read(arguments.folder / "test.csv")
    model = Factorization(int(user.max()) + 1, int(item.max()) + 1, arguments.rank)
    model.mean.data.fill_(rating.mean())
    optimizer = torch.optim.Adam(model.parameters(), lr=arguments.learning_rate, weight_decay=arguments.weight_decay)
    batch = arguments.batch or len(rating)
    seconds, processor = [], []
    for _ in range(arguments.epochs):
        began, ticks = time.perf_counter(), time.process_time()
        order = torch.randperm(len(rating)) if batch < len(rating) else torch.arange(len(rating))
        for first in range(0, len(rating), batch):
            part = order[first:first + batch]
            optimizer.zero_grad()
            loss = ((model(user[part], item[part]) - rating[part]) ** 2).mean()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - ticks)
    with torch.no_grad():
        error = ((model(test[0], test[1]) - test[2]) ** 2).mean().sqrt()
    print(f"rank {arguments.rank}, batch {batch}, {arguments.threads} thread(s): an epoch takes "
          f"{1e3 * statistics.median(seconds):.0f} ms (best {1e3 * min(seconds):.0f}, processor "
          f"{1e3 * statistics.median(processor):.0f}), test RMSE {error:.4f} after {arguments.epochs}")


if __name__ == "__main__":
    main()
