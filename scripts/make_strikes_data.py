#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes examples/data/strikes.csv from birdstrikes.csv of the npm package vega-datasets (made with version 3.2.1).

    npm pack vega-datasets && tar xzf vega-datasets-*.tgz
    make_strikes_data.py package/data/birdstrikes.csv [FOLDER]

examples/data/README.md describes the columns.
"""

import csv
import pathlib
import sys

COLUMNS = {
    "state": "Origin State",
    "year": "Flight Date",
    "phase": "Phase of flight",
    "size": "Wildlife Size",
    "damage": "Effect Amount of damage",
    "time": "Time of day",
    "cost": "Cost Total $",
}


def main():
    source = pathlib.Path(sys.argv[1])
    default = pathlib.Path(__file__).resolve().parent.parent / "examples" / "data"
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else default
    with open(source, newline="", encoding="utf-8") as file:
        rows = [{name: row[column] for name, column in COLUMNS.items()} for row in csv.DictReader(file)]
    for row in rows:
        row["year"] = row["year"][:4]
    with open(folder / "strikes.csv", "w", newline="", encoding="ascii") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{folder / 'strikes.csv'}: {len(rows)} rows")


if __name__ == "__main__":
    main()
