#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boosted soft trees beside the gradient boosting of scikit-learn and xgboost, all with their defaults, on sets that
Debian's packages carry and simulated ones.

    bench/peers/tree_sets.py BENCH_TREES [--folder DIR] [--sets SET ...] [OPTION=VALUE ...]

Writes the sets to DIR as CSV files, rows shuffled (R's packages MASS, kernlab, survival and rpart by Rscript, where it
is installed; categories as indicators, rows with missing values left out), and holds out every tenth row in turn. Prints
log loss and share of errors (labels), half the deviance (counts) or mean squared error of each, with and without the
choice of features; then mean ranks by loss, the worst ratio to the best of the others, and seconds. One thread each.
"""

import argparse
import os
import shutil
import subprocess
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import sklearn
from sklearn import datasets, ensemble

try:
    import xgboost
except ImportError:
    xgboost = None

R_SETS = r"""
suppressMessages({library(MASS); library(kernlab); library(survival); library(rpart)})
folder <- commandArgs(trailingOnly = TRUE)[1]
put <- function(name, x, y) {
  columns <- list()
  for (n in names(x)) {
    v <- x[[n]]
    if (is.character(v)) v <- factor(v)
    if (is.factor(v) && !is.ordered(v) && nlevels(v) > 2) {
      for (l in levels(v)) columns[[paste0(n, l)]] <- as.numeric(v == l)
    } else columns[[n]] <- as.numeric(v)
  }
  m <- cbind(do.call(cbind, columns), y = as.numeric(y))
  m <- m[complete.cases(m), ]
  set.seed(1)
  m <- m[sample(nrow(m)), ]
  colnames(m) <- c(paste0("x", seq_len(ncol(m) - 1)), "y")
  write.table(m, paste0(folder, "/", name, ".csv"), sep = ",", row.names = FALSE, quote = FALSE)
}
p <- rbind(Pima.tr, Pima.te)
put("label_pima", p[, -8], p$type == "Yes")
put("label_biopsy", biopsy[, 2:10], biopsy$class == "malignant")
put("label_birthwt", transform(birthwt[, -c(1, 10)], race = factor(race)), birthwt$low)
data(spam); put("label_spam", spam[, -58], spam$type == "spam")
data(promotergene); put("label_promoter", promotergene[, -1], promotergene$Class == "+")
put("label_kyphosis", kyphosis[, -1], kyphosis$Kyphosis == "present")
put("label_lung", lung[, c("age", "sex", "ph.ecog", "ph.karno", "pat.karno", "meal.cal", "wt.loss", "time")],
    lung$status == 2)
put("label_pbc", pbc[1:312, 5:20], pbc$status[1:312] == 2)
d <- subset(colon, etype == 2)
put("label_colon", d[, c("rx", "sex", "age", "obstruct", "perfor", "adhere", "nodes", "differ", "extent", "surg",
                         "node4")], d$status)
put("label_stagec", transform(stagec[, 3:8], ploidy = factor(ploidy)), stagec$pgstat)
put("label_flchain", flchain[, c("age", "sex", "sample.yr", "kappa", "lambda", "flc.grp", "creatinine", "mgus")],
    flchain$death)
put("value_boston", Boston[, -14], Boston$medv)
put("count_quine", quine[, -5], quine$Days)
"""


def write_sets(folder):
    """The sets as name.csv; those of R only where it is."""
    def put(name, x, y):
        order = np.random.RandomState(1).permutation(len(y))
        head = ",".join([f"x{j + 1}" for j in range(x.shape[1])] + ["y"])
        np.savetxt(f"{folder}/{name}.csv", np.c_[x, y][order], delimiter=",", fmt="%.9g", header=head, comments="")

    if shutil.which("Rscript"):
        subprocess.run(["Rscript", "-e", R_SETS, folder], check=True, stdout=subprocess.DEVNULL)
    x, y = datasets.load_breast_cancer(return_X_y=True)
    put("label_cancer", x, y)
    x, y = datasets.load_wine(return_X_y=True)
    put("label_wine", x, y == 1)
    x, y = datasets.load_digits(return_X_y=True)
    put("label_digit_8", x, y == 8)
    put("label_digit_3", x, y == 3)
    put("label_digit_odd", x, y % 2)
    x, y = datasets.load_diabetes(return_X_y=True)
    put("value_diabetes", x, y)
    for k, make in ((1, datasets.make_friedman1), (2, datasets.make_friedman2), (3, datasets.make_friedman3)):
        x, y = make(1000, noise=(1, 125, 0.1)[k - 1], random_state=4)
        put(f"value_friedman_{k}", x, y)
    random = np.random.RandomState(7)

    def friedman(x):
        return (10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4])

    def labels(eta):
        return random.uniform(size=len(eta)) < 1 / (1 + np.exp(-eta))

    x = random.uniform(size=(2000, 10))
    put("label_sim_friedman", x, labels(0.6 * (friedman(x) - 14)))
    x, y = datasets.make_hastie_10_2(n_samples=2000, random_state=3)
    put("label_sim_sphere", x, y > 0)
    x, y = datasets.make_classification(2000, 20, n_informative=8, n_redundant=4, n_clusters_per_class=3,
                                        random_state=5, flip_y=0.03)
    put("label_sim_clusters", x, y)
    x = random.normal(size=(1500, 15))
    put("label_sim_xor", x,
        labels(1.5 * (2 * ((x[:, 0] > 0) ^ (x[:, 1] > 0.3)) * (1 + (x[:, 2] > 0.5)) - 1.5 + x[:, 3])))
    x = random.normal(size=(1000, 30))
    put("label_sim_linear", x, labels(x[:, :6] @ np.array([1, -1, 0.7, 0.5, -0.5, 0.3])))
    x = random.uniform(size=(1500, 10))
    put("count_sim_friedman", x, random.poisson(np.exp(friedman(x) / 6 - 1.5)))
    x = random.normal(size=(1500, 8))
    put("count_sim_steps", x,
        random.poisson(np.exp(0.5 + (x[:, 0] > 0) * (x[:, 1] > 0) + 0.8 * x[:, 2] - 0.5 * (x[:, 3] > 1))))


def peers(kind):
    """Name → model with its defaults."""
    if kind == "label":
        models = {"GB": ensemble.GradientBoostingClassifier(random_state=0),
                  "HistGB": ensemble.HistGradientBoostingClassifier(random_state=0)}
        if xgboost:
            models["xgboost"] = xgboost.XGBClassifier(n_jobs=1)
    elif kind == "count":
        models = {"HistGB": ensemble.HistGradientBoostingRegressor(loss="poisson", random_state=0)}
        if xgboost:
            models["xgboost"] = xgboost.XGBRegressor(objective="count:poisson", n_jobs=1)
    else:
        models = {"GB": ensemble.GradientBoostingRegressor(random_state=0),
                  "HistGB": ensemble.HistGradientBoostingRegressor(random_state=0)}
        if xgboost:
            models["xgboost"] = xgboost.XGBRegressor(n_jobs=1)
    return models


def judge(model, kind, x, y):
    """Loss, share of wrong labels and seconds over the ten parts."""
    part = np.arange(len(y)) % 10
    loss = wrong = seconds = 0.0
    for k in range(10):
        rows, held = part != k, part == k
        begun = time.perf_counter()
        model.fit(x[rows], y[rows])
        seconds += time.perf_counter() - begun
        target = y[held]
        if kind == "label":
            p = np.clip(model.predict_proba(x[held])[:, 1], 1e-15, 1 - 1e-15)
            loss -= np.sum(target * np.log(p) + (1 - target) * np.log1p(-p))
            wrong += np.sum((p > 0.5) != target)
        elif kind == "count":
            mu = np.maximum(model.predict(x[held]), 1e-12)
            loss += np.sum(mu - target + target * np.log(np.maximum(target, 1e-300) / mu))
        else:
            loss += np.sum((model.predict(x[held]) - target) ** 2)
    return loss / len(y), wrong / len(y), seconds


def judge_l0(bench, kind, path, options):
    loss = {"label": "logistic", "count": "poisson", "value": "squared"}[kind]
    line = subprocess.run([bench, "--table", path, "--loss", loss, *options], check=True, capture_output=True,
                          text=True).stdout.split("\n")[1].split(",")
    return float(line[0]), float(line[1]), float(line[4]), float(line[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--folder", default="tree_sets")
    parser.add_argument("--sets", nargs="*")
    given, options = parser.parse_known_args()
    os.makedirs(given.folder, exist_ok=True)
    if not os.listdir(given.folder):
        write_sets(given.folder)
    files = sorted((f for f in os.listdir(given.folder) if f.endswith(".csv")),
                   key=lambda f: os.path.getsize(os.path.join(given.folder, f)))
    print("scikit-learn", sklearn.__version__, " xgboost", xgboost.__version__ if xgboost else "-", flush=True)
    ranks, worst, seconds = {}, {}, {}
    for file in files:
        name = file[:-4]
        if given.sets and name not in given.sets:
            continue
        kind = name.split("_")[0]
        path = os.path.join(given.folder, file)
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        x, y = table[:, :-1], table[:, -1]
        results = {"l0": judge_l0(given.bench, kind, path, options),
                   "l0, all features": judge_l0(given.bench, kind, path, ["max_features=1000000", *options])}
        for peer, model in peers(kind).items():
            results[peer] = judge(model, kind, x, y)
        best = min(r[0] for peer, r in results.items() if not peer.startswith("l0"))
        print(f"{name} {len(y)} x {x.shape[1]}, l0 keeps {results['l0'][3]:.1f}:", "; ".join(
            f"{peer} {r[0]:.5g}" + (f" ({r[1]:.3f})" if kind == "label" else "") + f" {r[2]:.2f} s"
            for peer, r in results.items()), flush=True)
        for version in ("l0", "l0, all features"):
            field = {peer: r[0] for peer, r in results.items() if peer == version or not peer.startswith("l0")}
            order = sorted(field, key=field.get)
            for peer in field:
                ranks.setdefault(version, {}).setdefault(peer, []).append(order.index(peer) + 1)
            worst.setdefault(version, []).append((results[version][0] / best, name))
            seconds.setdefault(version, []).append(results[version][2] / results["HistGB"][2])
    for version, means in ranks.items():
        print(f"{version}: mean ranks by loss", {peer: round(float(np.mean(r)), 2) for peer, r in means.items()},
              "; worst ratios to the best of the others", [(n, round(r, 3)) for r, n in sorted(worst[version])[-3:]],
              f"; median seconds : HistGB's {np.median(seconds[version]):.2f}")


if __name__ == "__main__":
    main()
