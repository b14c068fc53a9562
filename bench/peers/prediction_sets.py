#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the real sets of the table "A support, or a prediction" as NAME.csv (the last column is the target) and
NAME.fold (a fold 0, ..., 9 per line), for bench_regression_real_sets --set and glmnet_sets.R.

    prediction_sets.py DIR      Debian, Ubuntu: apt install python3-sklearn r-cran-mass r-cran-kernlab
"""

import pathlib
import subprocess
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

FROM_R = """
suppressPackageStartupMessages({library(MASS); library(kernlab)})
put <- function(x, y, name) write.csv(cbind(x, y = y), paste0(name, ".raw"), row.names = FALSE)
p <- rbind(Pima.tr, Pima.te)
put(p[, 1:7], as.integer(p$type) - 1, "pima")
b <- na.omit(biopsy)
put(b[, 2:10], as.integer(b$class) - 1, "biopsy")
w <- birthwt
put(with(w, data.frame(age, lwt, black = +(race == 2), other = +(race == 3), smoke, ptl, ht, ui, ftv)), w$low, "birthwt")
data(spam)
put(spam[, 1:57], as.integer(spam$type) - 1, "spam")
"""


def write(folder, name, x, y):
    fold = np.arange(len(y)) % 10
    np.random.RandomState(7).shuffle(fold)
    header = ",".join([f"x{j}" for j in range(x.shape[1])] + ["y"])
    np.savetxt(folder / f"{name}.csv", np.column_stack([x, y]), fmt="%.10g", delimiter=",", header=header, comments="")
    np.savetxt(folder / f"{name}.fold", fold, fmt="%d")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    diabetes = load_diabetes()
    z = (diabetes.data - diabetes.data.mean(0)) / diabetes.data.std(0)
    squares = [z[:, i] ** 2 for i in range(10) if i != 1]  # not of sex, which has two values
    products = [z[:, i] * z[:, j] for i in range(10) for j in range(i + 1, 10)]
    write(folder, "diabetes", diabetes.data, diabetes.target)
    write(folder, "diabetes64", np.column_stack([z] + squares + products), diabetes.target)
    wine, cancer = load_wine(), load_breast_cancer()
    write(folder, "wine", wine.data, wine.target)
    for label in range(3):
        write(folder, f"wine{label}", wine.data, wine.target == label)
    write(folder, "cancer", cancer.data, cancer.target)
    subprocess.run(["Rscript", "-e", FROM_R], cwd=folder, check=True)
    for name in ("pima", "biopsy", "birthwt", "spam"):
        raw = folder / f"{name}.raw"
        table = np.genfromtxt(raw, delimiter=",", skip_header=1)
        write(folder, name, table[:, :-1], table[:, -1])
        raw.unlink()


if __name__ == "__main__":
    main()
