#!/usr/bin/env bash
# Fuzzes the readers and what goes on from a stored state: clang's libFuzzer with address and undefined-behaviour
# sanitizers, at most 512 MB. One line per target; what it finds stays in build/fuzz/found/.
# Usage: scripts/fuzz.sh [--runs N | --seconds N] [target...]
#   --runs N     executions per target (1000000 by default)
#   --seconds N  at most so long per target
#   target       a file of tests/fuzz without .cpp; all of them by default
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=1000000
seconds=0
targets=()
while (($# > 0)); do
  case $1 in
    --runs) runs=$2 && shift ;;
    --seconds) seconds=$2 && runs=-1 && shift ;;
    -*)
      sed -n '4,7s/^# //p' "${BASH_SOURCE[0]}" >&2
      exit 2
      ;;
    *) targets+=("$1") ;;
  esac
  shift
done
if ((${#targets[@]} == 0)); then
  for file in tests/fuzz/*.cpp; do
    [[ $file == */corpus_main.cpp ]] || targets+=("$(basename "$file" .cpp)")
  done
fi

compiler=
for candidate in "${CLANGXX:-}" clang++ clang++-19 clang++-14; do
  if [[ -n $candidate ]] && have "$candidate"; then
    compiler=$candidate
    break
  fi
done
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' > "$probe/probe.cpp"
if [[ -z $compiler ]] || ! "$compiler" -fsanitize=fuzzer "$probe/probe.cpp" -o "$probe/probe" 2> /dev/null; then
  echo "not fuzzed: needs clang++ with libFuzzer (Debian 12: clang, libclang-rt-14-dev)"
  exit 77
fi

eigen=${EIGEN_INCLUDE:-/usr/include/eigen3}
# Findings are few, allocations many: short traces of where memory comes from make it several times faster.
export ASAN_OPTIONS=malloc_context_size=${FUZZ_TRACE:-2}:quarantine_size_mb=8
mkdir -p build/fuzz/found
status=0
for target in "${targets[@]}"; do
  program=build/fuzz/$target
  "$compiler" -std=c++20 -O1 -g1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -Iinclude -Itests -isystem "$eigen" "tests/fuzz/$target.cpp" -o "$program" -pthread
  # What earlier runs came across is kept beside the seeds, and is no part of the repository.
  mkdir -p "build/fuzz/corpus/$target"
  if "$program" "-runs=$runs" "-max_total_time=$seconds" -rss_limit_mb=512 -timeout=10 -max_len=4096 -print_final_stats=1 \
    "-artifact_prefix=build/fuzz/found/$target-" "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" \
    > "build/fuzz/$target.log" 2>&1; then
    result="nothing found"
  else
    result="FOUND: see build/fuzz/$target.log"
    status=1
  fi
  executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$target.log")
  memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "build/fuzz/$target.log")
  echo "$target: ${executed:-?} executions, ${memory:-?} MB, $result"
done
exit "$status"
