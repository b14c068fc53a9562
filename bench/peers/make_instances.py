#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes instances of bench_regression whose data are the same on every machine.

    make_instances.py DIR [CONFIG ...] [--seeds 1..2]      Debian, Ubuntu: apt install python3-numpy

The configurations and the laws are those of bench/regression.cpp, but numpy's PCG64 promises the same numbers
everywhere, which the distributions of the C++ standard library do not. Seeds 1 and 2 are the instances on which the
figures of known_figures.csv were measured; scripts/bench_regression.sh recognises them by their checksums.
"""

import argparse
import math
import pathlib

import numpy as np

# name: binary, signed coefficients, n, p, k, correlation, signal to noise
CONFIGURATIONS = {
    "g1": (False, False, 500, 1000, 20, 0.5, 5),
    "g2": (False, False, 300, 1000, 20, 0.0, 5),
    "g3": (False, False, 500, 1000, 20, 0.9, 5),
    "g4": (False, False, 1000, 1000, 50, 0.5, 3),
    "g5": (False, False, 1000, 10000, 50, 0.5, 5),
    "g6": (False, False, 500, 5000, 20, 0.9, 5),
    "g7": (False, True, 500, 1000, 20, 0.5, 5),
    "b1": (True, False, 1000, 1000, 15, 0.3, 0),
    "b2": (True, True, 1000, 1000, 15, 0.3, 0),
}


def make(binary, signed, n, p, k, rho, snr, seed):
    """X, y and the true coefficients."""
    key = [seed, n, p, k, round(rho * 1000), round(snr * 1000), int(binary), int(signed)]
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
    x = np.empty((n, p), order="F")
    fresh = math.sqrt(1 - rho * rho)
    for j in range(p):
        noise = rng.standard_normal(n)
        x[:, j] = rho * x[:, j - 1] + fresh * noise if j else noise
    support = np.round(np.linspace(0, p - 1, k)).astype(int)
    beta = np.zeros(p)
    beta[support] = 1
    if signed:
        signs = np.where(rng.random(k) < 0.5, -1.0, 1.0)
        beta[support] = signs * rng.uniform(0.5, 2.0, k)
    signal = np.zeros(n)
    for j in support:  # one after the other, and exact sums below: others may round differently elsewhere
        signal += beta[j] * x[:, j]
    if binary:
        y = (rng.random(n) < 1 / (1 + np.exp(-signal))).astype(float)
    else:
        mean = math.fsum(signal) / n
        variance = math.fsum((value - mean) ** 2 for value in signal) / n
        y = signal + math.sqrt(variance / snr) * rng.standard_normal(n)
    return x, y, beta


def seed_range(text):
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seeds", type=seed_range, default=seed_range("1..2"), help="FIRST..LAST")
    parser.add_argument("configurations", nargs="*", metavar="CONFIG", help="all where none is given")
    options = parser.parse_args()
    unknown = set(options.configurations) - set(CONFIGURATIONS)
    if unknown:
        parser.error(f"unknown configuration: {', '.join(sorted(unknown))}")
    for name in options.configurations or CONFIGURATIONS:
        binary, signed, n, p, k, rho, snr = CONFIGURATIONS[name]
        for seed in options.seeds:
            folder = options.folder / f"{name}_s{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            arrays = make(*CONFIGURATIONS[name], seed)
            for file, array in zip(("X.bin", "y.bin", "beta.bin"), arrays):
                (folder / file).write_bytes(np.asarray(array, "<f8").tobytes(order="F"))
            family = "binomial" if binary else "gaussian"
            (folder / "meta.txt").write_text(f"{n} {p} {k} {rho:g} {snr:g} {seed}\nfamily {family}\n")


if __name__ == "__main__":
    main()
