#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boosted soft trees beside scikit-learn's GradientBoostingRegressor with its defaults, on the same instances.

    bench/peers/sklearn_trees.py BENCH_TREES [--data FILE] [--seeds N] [--sets SET ...]

Runs the two alternately, instance by instance, one thread each, and prints a table: mean test RMSE and its ratio, how
often Friedman's five features are kept exactly, median seconds and the median of their ratio.
"""

import argparse
import os
import subprocess
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import sklearn
from sklearn.ensemble import GradientBoostingRegressor


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--data", default="examples/data/diabetes.csv")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", nargs="*", default=["diabetes", "friedman10", "friedman100"])
    given = parser.parse_args()
    print("scikit-learn", sklearn.__version__)
    print(f"{'set':12} {'rmse':>8} {'sklearn':>8} {'ratio':>6} {'features':>8} {'exact':>5} "
          f"{'seconds':>8} {'sklearn':>8} {'ratio':>6}")
    for name in given.sets:
        rows = []
        for seed in range(given.seeds):
            with tempfile.TemporaryDirectory() as folder:
                answer = subprocess.run(
                    [given.bench, "--set", name, "--seed", str(seed), "--data", given.data, "--write", folder],
                    check=True, capture_output=True, text=True).stdout.split("\n")[1].split(",")
                path = os.path.join(folder, f"{name}_{seed}.csv")
                with open(path) as file:
                    train = int(file.readline())
                table = np.loadtxt(path, delimiter=",", skiprows=1)
            x, y = table[:, :-1], table[:, -1]
            begun = time.perf_counter()
            model = GradientBoostingRegressor(random_state=0).fit(x[:train], y[:train])
            seconds = time.perf_counter() - begun
            error = np.sqrt(np.mean((model.predict(x[train:]) - y[train:]) ** 2))
            rows.append([float(v) for v in answer[2:]] + [error, seconds])
        r = np.array(rows)  # rmse, features, exact, trees, seconds; sklearn's rmse and seconds
        print(f"{name:12} {r[:, 0].mean():8.3f} {r[:, 5].mean():8.3f} {r[:, 0].mean() / r[:, 5].mean():6.3f} "
              f"{r[:, 1].mean():8.1f} {int(r[:, 2].sum()):2d}/{len(rows):2d} {np.median(r[:, 4]):8.3f} "
              f"{np.median(r[:, 6]):8.3f} {np.median(r[:, 4] / r[:, 6]):6.2f}", flush=True)


if __name__ == "__main__":
    main()
