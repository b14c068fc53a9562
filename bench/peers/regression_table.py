#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the table of scripts/bench_regression.sh.

    regression_table.py RESULTS INSTANCES [--known FILE] [--csv FILE]

RESULTS holds one CSV per method and round, METHOD-ROUND.csv, INSTANCES the folders that were fitted. Means over the
instances of a configuration, seconds as medians over the rounds. The last column is the seconds of a method over those
of this library's native build: measured in this run, except for the methods marked *, whose figures are known from
another day (FILE). Those marked *o were measured on other instances of the same configuration.
"""

import argparse
import csv
import hashlib
import pathlib
import statistics
import sys

OURS = "l0_native"
NAMES = {
    "l0_native": "l0, -O3 -march=native",
    "l0_default": "l0, -O2",
    "glmnet_lambda.1se": "cv.glmnet, lambda.1se",
    "abess_gic": "abess",
    "L0Learn_cv5_L0": "L0Learn, 5-fold cv",
    "L0Learn_path_L0_oraclek": "L0Learn, told the size",
}
FIGURES = ("f1", "size", "coefficient_error", "seconds")
PEERS = ("abess_gic", "L0Learn_cv5_L0")
YARDSTICK = "glmnet_lambda.1se"


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def configuration(name):
    return name.split("_s")[0]


def read_results(folder):
    """{(id, method): {figure: value}}, seconds as the median over the rounds."""
    rounds = {}
    for path in sorted(folder.glob("*.csv")):
        for row in rows_of(path):
            rounds.setdefault((row["id"], row["method"]), []).append({name: float(row[name]) for name in FIGURES})
    result = {}
    for key, entries in rounds.items():
        result[key] = dict(entries[0], seconds=statistics.median(entry["seconds"] for entry in entries))
    return result


def read_known(path, instances):
    """{(configuration, method): (figures by instance, whether on the instances of this run)}"""
    by_checksum = {}
    for folder in instances.iterdir():
        if (folder / "y.bin").exists():
            by_checksum[hashlib.sha256((folder / "y.bin").read_bytes()).hexdigest()[:12]] = folder.name
    groups = {}
    for row in rows_of(path):
        key = (configuration(row["id"]), row["method"])
        groups.setdefault(key, []).append((row["y"], {name: float(row[name]) for name in FIGURES}))
    result = {}
    for key, entries in groups.items():
        same = [figures for checksum, figures in entries if checksum in by_checksum]
        result[key] = (same or [figures for _, figures in entries], bool(same))
    return result


def means(entries):
    return {name: statistics.fmean(entry[name] for entry in entries) for name in FIGURES}


class Table:
    def __init__(self, results, known):
        self.known = known
        self.lines = []  # configuration, method, instances, figures, mark
        for config in sorted({configuration(name) for name, _ in results}):
            mine = [entry for (name, method), entry in results.items()
                    if method == OURS and configuration(name) == config]
            for method in NAMES:
                here = [entry for (name, m), entry in results.items() if m == method and configuration(name) == config]
                if here:
                    self.lines.append((config, method, len(here), means(here), ""))
                elif (config, method) in known:
                    entries, same = known[config, method]
                    # The same instances on both sides, or means that say so.
                    mark = "*" if same and len(entries) == len(mine) else "*o"
                    self.lines.append((config, method, len(entries), means(entries), mark))

    def find(self, config, method):
        for line in self.lines:
            if line[:2] == (config, method):
                return line
        return None

    def print(self):
        print(f"{'config':<7} {'method':<26} {'instances':>9} {'F1':>7} {'size':>7} {'error':>7} {'seconds':>9} "
              f"{'ratio':>8}")
        last = None
        for config, method, count, figures, mark in self.lines:
            if last not in (None, config):
                print()
            mine = self.find(config, OURS)
            ratio = f"{figures['seconds'] / mine[3]['seconds']:.1f}" if mine else ""
            name = NAMES[method] + (" " + mark if mark else "")
            print(f"{config if last != config else '':<7} {name:<26} {count:>9} {figures['f1']:>7.4f} "
                  f"{figures['size']:>7.2f} {figures['coefficient_error']:>7.4f} {figures['seconds']:>9.4f} {ratio:>8}")
            last = config

    def speed(self, config):
        """Seconds of today over those of the day when the figures were taken, by what was measured on both."""
        here, then = self.find(config, YARDSTICK), self.known.get((config, YARDSTICK))
        if not here or here[4] or not then:
            return None
        return here[3]["seconds"] / means(then[0])["seconds"]

    def print_comparison(self):
        """Against the best of abess and L0Learn: F1, error and seconds."""
        print("\nthe library's native build beside the peers that are known from another day; their seconds are scaled by"
              "\nwhat cv.glmnet takes now over what it took then, where it was measured now")
        print(f"{'config':<7} {'F1 - best':>10} {'(told the size)':>16} {'error / best':>13} {'(told the size)':>16} "
              f"{'abess / l0 s':>13} {'L0Learn cv / l0 s':>18} {'now / then':>11}")
        for config in sorted({line[0] for line in self.lines}):
            mine = self.find(config, OURS)
            untold = [line[3] for line in map(lambda m: self.find(config, m), PEERS) if line]
            if not mine or not untold:
                continue
            told = self.find(config, "L0Learn_path_L0_oraclek")
            everyone = untold + ([told[3]] if told else [])
            figures = mine[3]
            cells = [f"{figures['f1'] - max(peer['f1'] for peer in group):+.4f}" for group in (untold, everyone)]
            cells += [f"{figures['coefficient_error'] / min(peer['coefficient_error'] for peer in group):.4f}"
                      for group in (untold, everyone)]
            speed = self.speed(config)
            for method in PEERS:
                peer = self.find(config, method)
                cells.append(f"{peer[3]['seconds'] * (speed or 1) / figures['seconds']:.1f}" if peer else "-")
            cells.append(f"{speed:.2f}" if speed else "-")
            print(f"{config:<7}", *(f"{cell:>{width}}" for cell, width in zip(cells, (10, 16, 13, 16, 13, 18, 11))))

    def write(self, path):
        with path.open("w") as file:
            writer = csv.writer(file)
            writer.writerow(("configuration", "method", "instances", *FIGURES, "mark"))
            for config, method, count, figures, mark in self.lines:
                writer.writerow((config, method, count, *(f"{figures[name]:.6g}" for name in FIGURES), mark))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("instances", type=pathlib.Path)
    parser.add_argument("--known", type=pathlib.Path)
    parser.add_argument("--csv", type=pathlib.Path)
    options = parser.parse_args()
    results = read_results(options.results)
    if not results:
        sys.exit(f"{options.results}: no results")
    table = Table(results, read_known(options.known, options.instances) if options.known else {})
    table.print()
    if options.known:
        print("*  known from another day (bench/peers/known_figures.csv); *o on other instances of the configuration")
        table.print_comparison()
    if options.csv:
        table.write(options.csv)


if __name__ == "__main__":
    main()
