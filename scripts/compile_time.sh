#!/usr/bin/env bash
# Compares what `#include <l0/l0.hpp>` costs the compiler with `#include <Eigen/Dense>` plus `<Eigen/Sparse>`.
# Usage: scripts/compile_time.sh [largest ratio allowed]      CXX (g++) and CXXFLAGS (-O2) are honoured.
# Processor time, the least of five compilations of each, taken in turn.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

limit=${1:-}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '#include <Eigen/Dense>\n#include <Eigen/Sparse>\n' >"$folder/eigen.cpp"
printf '#include <l0/l0.hpp>\n' >"$folder/l0.cpp"

# cost NAME: milliseconds of processor time to compile NAME.cpp.
cost() {
  local TIMEFORMAT='%3U %3S' spent
  # shellcheck disable=SC2086
  spent=$({ time "${CXX:-g++}" -std=c++20 ${CXXFLAGS:--O2} -I "$root/include" -isystem /usr/include/eigen3 \
    -c "$folder/$1.cpp" -o "$folder/$1.o" 1>&3 2>&3; } 3>"$folder/log" 2>&1) || {
    cat "$folder/log" >&2
    exit 1
  }
  awk '{ printf "%d", 1000 * ($1 + $2) }' <<<"$spent"
}

declare -A least=([eigen]=999999 [l0]=999999)
for _ in 1 2 3 4 5; do
  for name in eigen l0; do
    now=$(cost "$name")
    if ((now < least[$name])); then least[$name]=$now; fi
  done
done

ratio=$(awk -v a="${least[l0]}" -v b="${least[eigen]}" 'BEGIN { printf "%.2f", a / b }')
echo "<l0/l0.hpp> ${least[l0]} ms, <Eigen/Dense> and <Eigen/Sparse> ${least[eigen]} ms: ratio $ratio"
if [[ -n $limit ]]; then
  awk -v ratio="$ratio" -v limit="$limit" 'BEGIN { exit !(ratio <= limit) }' || { echo "the limit is $limit" && exit 1; }
fi
