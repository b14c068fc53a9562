#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints one table of what bench_regression_real_sets and glmnet_real.R measured on the same outer folds.

    real_sets_table.py FILE.csv [FILE.csv ...]

Means over the folds. The sets digit0, ..., digit9 are shown as their mean, one-vs-rest, too. The error is the mean
squared error, or the mean deviance where labels are predicted; the last column counts the folds (of the means: the
digits) in which the error is no larger than cv.glmnet's.
"""

import csv
import statistics
import sys

PEER = "glmnet lambda.1se"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folds = {}  # set, method -> fold -> figures
    for path in sys.argv[1:]:
        with open(path) as file:
            for row in csv.DictReader(file):
                figures = tuple(float(row[name]) for name in ("error", "misclassified", "size", "seconds"))
                folds.setdefault((row["set"], row["method"]), {})[row["fold"]] = figures
    table = {}
    for key, entries in folds.items():
        peer = folds.get((key[0], PEER), {})
        common = [fold for fold in entries if fold in peer]
        means = tuple(statistics.fmean(column) for column in zip(*entries.values()))
        table[key] = means + (sum(entries[f][0] <= peer[f][0] for f in common), len(common))
    for method in dict.fromkeys(method for _, method in table):
        rows = {name: row for (name, m), row in table.items() if m == method and name[5:].isdigit()}
        if len(rows) == 10:
            means = tuple(statistics.fmean(column) for column in zip(*(row[:4] for row in rows.values())))
            wins = [rows[name][0] <= table[name, PEER][0] for name in rows if (name, PEER) in table]
            table["one-vs-rest", method] = means + (sum(wins), len(wins))

    print(f"{'set':<12} {'method':<26} {'error':>10} {'misclassified':>14} {'size':>6} {'seconds':>8}  no worse")
    for name in dict.fromkeys(name for name, _ in table):
        for (set_name, method), row in table.items():
            if set_name == name:
                print(f"{name:<12} {method:<26} {row[0]:>10.4f} {row[1]:>14.4f} {row[2]:>6.1f} {row[3]:>8.4f}  "
                      f"{row[4]} of {row[5]}")


if __name__ == "__main__":
    main()
