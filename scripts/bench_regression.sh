#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Sparse regression, this library beside cv.glmnet on the same instances in one run, one thread: F1 of the support,
# size, error of the coefficients, seconds of the whole fit and their ratio.
#
#   scripts/bench_regression.sh [--seeds FIRST..LAST] [--rounds N] [--no-peer] [CONFIG ...]
#
# Seeds 1..2 (where none are given) are the instances on which figures of abess and L0Learn are known; they stand in the
# table too, marked. Ten seeds of all configurations take 1.5 GB under build/bench_regression and about fifteen minutes,
# nearly all of it in cv.glmnet. Debian, Ubuntu: apt install r-cran-glmnet python3-numpy
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"

usage() { sed -n '4,11s/^# \{0,1\}//p' "$0"; }

seeds=1..2
rounds=3
peer=yes
configurations=()
while [ $# -gt 0 ]; do
  case $1 in
    --seeds) seeds=${2:?--seeds needs FIRST..LAST}; shift 2 ;;
    --rounds) rounds=${2:?--rounds needs a number}; shift 2 ;;
    --no-peer) peer=no; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "bench_regression.sh: unknown option $1" >&2; usage >&2; exit 2 ;;
    *) configurations+=("$1"); shift ;;
  esac
done
case $rounds in
  '' | 0 | *[!0-9]*) echo "bench_regression.sh: --rounds needs a number of at least 1, got '$rounds'" >&2; exit 2 ;;
esac
if [[ ! $seeds =~ ^[0-9]+(\.\.[0-9]+)?$ ]]; then
  echo "bench_regression.sh: --seeds needs FIRST..LAST, got '$seeds'" >&2
  exit 2
fi
[[ $seeds == *..* ]] || seeds=$seeds..$seeds

need_build_packages
need libbenchmark-dev have_benchmark
need python3 have python3
install_missing

# The peer and the instances common to all machines are optional.
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import numpy' 2>/dev/null; then python=$candidate; break; fi
done
if [[ $peer == yes ]] && ! { have Rscript && Rscript -e 'library(glmnet)' >/dev/null 2>&1; }; then
  echo "glmnet is not installed, so its lines are missing: apt install r-cran-glmnet" >&2
  peer=no
fi

build=$root/build/bench_regression
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$build"
echo "Building in $build"
if ! { configure "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_RUNTIME_OUTPUT_DIRECTORY="$build/bin" \
  -DL0_BUILD_BENCHMARKS=ON -DL0_BUILD_TESTS=OFF -DL0_BUILD_EXAMPLES=OFF -DL0_WARNINGS_AS_ERRORS=OFF &&
  cmake --build "$build" -j "$(cores)" --target bench_regression bench_regression_native; } \
  >"$build/build.log" 2>&1; then
  tail -n 30 "$build/build.log" >&2
  echo "bench_regression.sh: the benchmark did not build; the whole log is $build/build.log" >&2
  exit 1
fi

instances=$build/instances
results=$build/results
rm -rf "$instances" "$results"
mkdir -p "$instances" "$results"
if [[ -n $python ]]; then
  "$python" bench/peers/make_instances.py "$instances" "${configurations[@]}" --seeds "$seeds"
else
  echo "numpy is not installed, so the instances are this machine's own: apt install python3-numpy" >&2
  "$build/bin/bench_regression" --save "$instances" --no-fit --seeds "$seeds" "${configurations[@]}"
fi

read -r load _ </proc/loadavg 2>/dev/null && echo "Load of the machine before the first round: $load"
for ((round = 1; round <= rounds; ++round)); do
  echo "Round $round of $rounds"
  for flavour in native default; do
    suffix=
    if [[ $flavour == native ]]; then suffix=_native; fi
    "$build/bin/bench_regression$suffix" --load "$instances"/* --repeat 3 --method "l0_$flavour" \
      --csv "$results/l0_$flavour-$round.csv" >/dev/null
  done
  # Once: its figures are the same every time, and it takes far longer than any noise of the machine lasts.
  if [[ $peer == yes && $round == 1 ]]; then
    Rscript bench/peers/glmnet.R "$results/glmnet-$round.csv" "$instances"/* >/dev/null
  fi
done

echo
python3 bench/peers/regression_table.py "$results" "$instances" --known bench/peers/known_figures.csv \
  --csv "$build/table.csv"
