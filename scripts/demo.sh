#!/usr/bin/env bash
# Builds and runs the main example: a sparse linear regression on the diabetes data. Installs what is missing, with apt-get.
# Usage: scripts/demo.sh [arguments of the example]      CXX and BUILD_DIR (build/demo) are honoured.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_build_packages
install_missing

build=${BUILD_DIR:-$root/build/demo}
configure "$build" -DCMAKE_BUILD_TYPE=Release -DL0_BUILD_EXAMPLES=ON -DL0_BUILD_TESTS=OFF -DL0_BUILD_BENCHMARKS=OFF \
  -DL0_PRECOMPILE=OFF -DL0_WARNINGS_AS_ERRORS=OFF >/dev/null
cmake --build "$build" --target example_linear_regression -j "$(cores)"

have gnuplot || echo "note: with gnuplot installed, the example draws its results too"
"$build/examples/linear_regression" "$@"
