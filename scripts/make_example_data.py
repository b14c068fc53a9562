#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes examples/data/diabetes.csv and examples/data/digits.csv from the copies that scikit-learn carries.

Needs Debian's python3-sklearn and nothing else; the files were made with version 1.2.1. examples/data/README.md
describes the columns. Usage: make_example_data.py [FOLDER]
"""

import csv
import itertools
import pathlib
import sys

import numpy as np
from sklearn.datasets import load_diabetes, load_digits

# scikit-learn calls the six blood serum measurements s1 ... s6; these are the names of the paper.
DIABETES_NAMES = ["age", "sex", "bmi", "bp", "tc", "ldl", "hdl", "tch", "ltg", "glu"]


def standardised(columns):
    """Mean 0 and variance 1 (division by the number of rows)."""
    centred = columns - columns.mean(axis=0)
    return centred / np.sqrt((centred**2).mean(axis=0))


def diabetes():
    """The 64 columns of Efron et al. (2004, section 4): 10 mains, 9 squares, 45 products, then the target."""
    data = load_diabetes(scaled=False)
    mains = standardised(data.data)
    # The square of a variable with two values says nothing new.
    squared = [i for i, name in enumerate(DIABETES_NAMES) if name != "sex"]
    pairs = list(itertools.combinations(range(len(DIABETES_NAMES)), 2))
    squares = mains[:, squared] ** 2
    products = np.stack([mains[:, i] * mains[:, j] for i, j in pairs], axis=1)

    names = DIABETES_NAMES + [f"{DIABETES_NAMES[i]}^2" for i in squared]
    names += [f"{DIABETES_NAMES[i]}:{DIABETES_NAMES[j]}" for i, j in pairs]
    features = standardised(np.hstack([mains, squares, products]))
    rows = [
        [f"{value:.7g}" for value in row] + [f"{target:g}"]
        for row, target in zip(features, data.target)
    ]
    return names + ["progression"], rows


def digits():
    data = load_digits()
    rows = [
        [f"{pixel:g}" for pixel in image] + [int(digit)]
        for image, digit in zip(data.data, data.target)
    ]
    return list(data.feature_names) + ["digit"], rows


def write(path, header, rows):
    with open(path, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(f"{path}: {len(rows)} rows, {len(header)} columns")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "examples" / "data"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    write(folder / "diabetes.csv", *diabetes())
    write(folder / "digits.csv", *digits())


if __name__ == "__main__":
    main()
