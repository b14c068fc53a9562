#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the benchmarks, runs them and their PyTorch peer in turn on one thread, and prints one table of ratios.
#
#   scripts/bench.sh [--rounds N] [--json FILE]
#
# The default build is what a user gets from -O2 without further flags; the native build has -O3 -march=native.
# Takes about 20 seconds per round. CXX chooses the compiler, PYTHON the Python that has PyTorch.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '4,9s/^# \{0,1\}//p' "$0"; }

rounds=5
json=build/bench/ratios.json
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=${2:?--rounds needs a number}; shift 2 ;;
    --json) json=${2:?--json needs a file}; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "bench.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done
case $rounds in
  '' | 0 | *[!0-9]*) echo "bench.sh: --rounds needs a number of at least 1, got '$rounds'" >&2; exit 2 ;;
esac

build=build/bench
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

table_python=$(command -v "${PYTHON:-python3}") || { echo "bench.sh: needs Python 3 (apt install python3)" >&2; exit 1; }
peer_python=
for candidate in "$table_python" /usr/bin/python3; do
  if "$candidate" -c 'import torch' 2>/dev/null; then
    peer_python=$candidate
    break
  fi
done
if [ -z "$peer_python" ]; then
  echo "PyTorch is not installed, so its column stays empty: apt install python3-torch libopenblas0-pthread" >&2
fi

echo "Building in $build"
mkdir -p "$build"
targets=(bench_gates bench_gates_native bench_layers bench_layers_native)
if ! { cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$PWD/$build/bin" \
  -DL0_BUILD_BENCHMARKS=ON -DL0_BUILD_TESTS=OFF -DL0_BUILD_EXAMPLES=OFF -DL0_WARNINGS_AS_ERRORS=OFF &&
  cmake --build "$build" --parallel --target "${targets[@]}"; } >"$build/build.log" 2>&1; then
  tail -n 30 "$build/build.log" >&2
  echo "bench.sh: the benchmarks did not build; the whole log is $build/build.log. If a package is missing:" \
    "apt install cmake g++ libeigen3-dev libbenchmark-dev" >&2
  exit 1
fi

results=$build/results
rm -rf "$results"
mkdir -p "$results"
read -r load _ </proc/loadavg 2>/dev/null && echo "Load of the machine before the first round: $load"
for ((round = 1; round <= rounds; ++round)); do
  echo "Round $round of $rounds"
  if [ -n "$peer_python" ]; then
    "$peer_python" bench/peers/torch_gates.py --threads 1 --repeat 7 --json "$results/peer-$round.json" \
      >/dev/null 2>"$results/stderr.txt" || { cat "$results/stderr.txt" >&2; exit 1; }
  fi
  for name in default native; do
    for program in gates linear; do
      suffix=
      if [ "$name" = native ]; then suffix=_native; fi
      "$build/bin/bench_$program$suffix" --benchmark_min_time=0.3 --benchmark_out_format=json \
        --benchmark_out="$results/$name-$program-$round.json" >/dev/null 2>"$results/stderr.txt" ||
        { cat "$results/stderr.txt" >&2; exit 1; }
    done
  done
done

mkdir -p "$(dirname "$json")"
"$table_python" bench/peers/ratios.py "$results" --json "$json"
