#!/usr/bin/env bash
# Builds everything with warnings as errors and runs every test. Installs what is missing, with apt-get.
# Usage: scripts/test.sh [arguments of ctest]      e.g. scripts/test.sh -L gates
# CXX and BUILD_DIR (build/test) are honoured. Where clang-format 14 is there, the formatting is checked too.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_build_packages
need catch2 have_catch2
need pkg-config have pkg-config
need python3 have python3
install_missing
need libbenchmark-dev have_benchmark
need liblbfgspp-dev have_lbfgspp
need libcli11-dev have_cli11
install_optional

status=0
"$root/scripts/format.sh" --if-available || status=1

# -O1 without NDEBUG: Eigen's assertions and the library's own are on, and the build takes less time than with -O2.
build=${BUILD_DIR:-$root/build/test}
configure "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DL0_BUILD_TESTS=ON -DL0_BUILD_EXAMPLES=ON \
  -DL0_BUILD_BENCHMARKS=ON -DL0_BENCHMARKS_COMPILE_ONLY=ON -DL0_INSTALL=ON -DL0_WARNINGS_AS_ERRORS=ON
cmake --build "$build" -j "$(cores)"
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(cores)" "$@" || status=1

exit $status
