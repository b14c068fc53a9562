#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints one table from the measurements that scripts/bench.sh collects, and writes it as JSON.

The folder RESULTS holds, for each round R = 1, 2, ...:
    peer-R.json                                what torch_gates.py --json writes; may be absent
    default-gates-R.json, default-linear-R.json, native-gates-R.json, native-linear-R.json
                                               what Google Benchmark writes with --benchmark_out
A ratio is formed inside each round, where both sides met the same machine, and the median over the rounds is shown.
"""

import argparse
import json
import pathlib
import re
import statistics
import sys


def has_avx512():
    cpu = pathlib.Path("/proc/cpuinfo")
    return cpu.exists() and " avx512f " in cpu.read_text()


BUILDS = ("default", "native")
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
# What Google Benchmark appends to a name: /real_time, /repeats:3, ...
OPTIONS = re.compile(r"(/(real_time|process_time|manual_time|[a-z_]+:[0-9.]+))+$")

# The case and the unit of its figure.
CASES = {
    "gate/sample": "ns per gate",
    "gate/sample_backward": "ns per gate",
    "linear/gated_step": "ms",
    "linear/dense_step": "ms",
    "linear/per_input_open": "ms",
    "linear/per_input_closed_90": "ms",
}
# PyTorch's time over ours, at least: default build, native build. With AVX-512 more is asked of the native build.
WANTED_FASTER = {"gate/sample_backward": (4.0, 8.0 if has_avx512() else 4.0), "linear/gated_step": (4.0, 4.0)}
# One of our cases over another, at most: default build, native build.
WANTED_WITHIN = {
    ("linear/gated_step", "linear/dense_step"): (1.5, 1.8),
    ("linear/per_input_closed_90", "linear/per_input_open"): (0.3, 0.3),
}
TRAFFIC = ("gate/sample", "gate/sample_backward")


def read_peer(path):
    """{name: figure}, and whether matrix products were slow."""
    entries = json.loads(path.read_text())
    return {name: entry["median"] for name, entry in entries.items()}, entries["gemm"]["slow"]


def read_library(paths):
    """{name: figure}, and {name: GB/s} for the cases that state the bytes they move."""
    runs = {}
    for path in paths:
        for run in json.loads(path.read_text())["benchmarks"]:
            if run.get("error_occurred"):
                sys.exit(f"{path}: {run['name']}: {run.get('error_message', 'failed')}")
            if run.get("run_type") == "iteration":
                runs.setdefault(OPTIONS.sub("", run["name"]), []).append(run)

    figures, traffic = {}, {}
    for name, repetitions in runs.items():

        def median(key):
            values = [run[key] for run in repetitions if key in run]
            if len(values) != len(repetitions):
                sys.exit(f"{paths[0].parent}: benchmark {name} reports no {key}")
            return statistics.median(values)

        if name == "triad":
            figures[name] = median("bytes_per_second") / 1e9
        elif CASES.get(name) == "ns per gate":
            figures[name] = median("ns_per_gate")
            traffic[name] = median("bytes_per_gate") / figures[name]
        else:
            figures[name] = median("real_time") * NANOSECONDS[repetitions[0]["time_unit"]] / 1e6
    return figures, traffic


def read_round(folder, number):
    result = {}
    peer = folder / f"peer-{number}.json"
    if peer.exists():
        result["peer"], result["peer has slow BLAS"] = read_peer(peer)
    for build in BUILDS:
        paths = [folder / f"{build}-{program}-{number}.json" for program in ("gates", "linear")]
        result[build], result[f"{build} GB/s"] = read_library(paths)
    return result


class Rounds:
    def __init__(self, rounds):
        self.rounds = rounds

    def values(self, function):
        """`function` of each round, without the rounds that lack what it asks for."""
        result = []
        for entry in self.rounds:
            try:
                result.append(function(entry))
            except KeyError:
                pass
        return result

    def median(self, side, name):
        values = self.values(lambda entry: entry[side][name])
        return statistics.median(values) if values else None

    def ratio(self, over, under):
        """Median, least and greatest over the rounds of one (side, name) over another."""
        values = self.values(lambda entry: entry[over[0]][over[1]] / entry[under[0]][under[1]])
        if not values:
            return None
        return {"median": statistics.median(values), "least": min(values), "greatest": max(values)}


def summarise(rounds):
    cases = []
    for name, unit in CASES.items():
        for build in BUILDS:
            if rounds.median(build, name) is None:
                print(f"note: the {build} build has no benchmark {name}", file=sys.stderr)
        row = {"case": name, "unit": unit, "peer": rounds.median("peer", name)}
        for build in BUILDS:
            row[build] = rounds.median(build, name)
            row[f"peer / {build}"] = rounds.ratio(("peer", name), (build, name))
        cases.append(row)

    inside = []
    for over, under in WANTED_WITHIN:
        row = {"over": over, "under": under}
        for side in ("peer",) + BUILDS:
            row[side] = rounds.ratio((side, over), (side, under))
        inside.append(row)

    traffic = []
    for name in TRAFFIC:
        row = {"case": name}
        for build in BUILDS:
            row[build] = rounds.median(f"{build} GB/s", name)
            row[f"{build} / triad"] = rounds.ratio((f"{build} GB/s", name), (build, "triad"))
        traffic.append(row)
    triad = {side: rounds.median(side, "triad") for side in ("peer",) + BUILDS}
    return {
        "rounds": len(rounds.rounds),
        "peer has slow BLAS": any(rounds.values(lambda entry: entry["peer has slow BLAS"])),
        "cases": cases,
        "within the library": inside,
        "traffic in GB/s": traffic,
        "triad in GB/s": triad,
    }


def cell(value, wanted=None, at_least=True):
    """A number, with its limit and whether it is kept."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        value = value["median"]
    text = f"{value:.3g}" if value < 100 else f"{value:.0f}"
    if wanted is None:
        return text
    kept = value >= wanted if at_least else value <= wanted
    return f"{text} ({'ok' if kept else 'MISSES'} {'≥' if at_least else '≤'} {wanted:g})"


def print_table(title, header, rows):
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}")
    for row in [header, *rows]:
        first, *rest = (text.ljust(width) if i == 0 else text.rjust(width)
                        for i, (text, width) in enumerate(zip(row, widths)))
        print("  ".join([first, *rest]).rstrip())


def print_summary(summary):
    rows = []
    for row in summary["cases"]:
        wanted = WANTED_FASTER.get(row["case"], (None, None))
        if summary["peer has slow BLAS"] and row["case"].startswith("linear/"):
            wanted = (None, None)
        rows.append([f"{row['case']} [{row['unit']}]", cell(row["peer"])] + [
            text
            for build, limit in zip(BUILDS, wanted)
            for text in (cell(row[build]), cell(row[f"peer / {build}"], limit))
        ])
    print_table("Time, and PyTorch's time over ours",
                ["", "PyTorch", "default", "ratio", "native", "ratio"], rows)

    if summary["peer has slow BLAS"]:
        print("PyTorch ran on a slow BLAS: its linear/ rows are no measure (apt install libopenblas0-pthread).")

    rows = []
    for row in summary["within the library"]:
        limits = WANTED_WITHIN[row["over"], row["under"]]
        rows.append([f"{row['over']} / {row['under']}", cell(row["peer"])] +
                    [cell(row[build], limit, at_least=False) for build, limit in zip(BUILDS, limits)])
    print_table("One case over another", ["", "PyTorch", "default", "native"], rows)

    rows = [["triad", cell(summary["triad in GB/s"]["default"]), "", cell(summary["triad in GB/s"]["native"]), ""]]
    for row in summary["traffic in GB/s"]:
        rows.append([row["case"]] + [text for build in BUILDS
                                     for text in (cell(row[build]), cell(row[f"{build} / triad"]))])
    print_table("Memory traffic in GB/s, and its share of the triad's",
                ["", "default", "of triad", "native", "of triad"], rows)
    print(f"\nMedians of {summary['rounds']} rounds; ratios are formed within a round.")


def main():
    parser = argparse.ArgumentParser(description="Table of ratios from the measurements of scripts/bench.sh.")
    parser.add_argument("results", type=pathlib.Path, help="folder with the measurements of all rounds")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="write the figures there")
    arguments = parser.parse_args()

    rounds = []
    while (arguments.results / f"default-gates-{len(rounds) + 1}.json").exists():
        rounds.append(read_round(arguments.results, len(rounds) + 1))
    if not rounds:
        sys.exit(f"{arguments.results}: no measurements")
    summary = summarise(Rounds(rounds))
    print_summary(summary)
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n")
        print(f"Written to {arguments.json}")


if __name__ == "__main__":
    main()
