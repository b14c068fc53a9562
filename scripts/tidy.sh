#!/usr/bin/env bash
# Runs clang-tidy over the project's programs, and so over the headers that they use.
# Usage: scripts/tidy.sh [regular expression]      only the files whose path matches, e.g. scripts/tidy.sh tests/gates
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_build_packages
need clang have clang++
need clang-tidy have clang-tidy
need catch2 have_catch2
install_missing

cd "$root"
build=$root/build/tidy
configure "$build" --preset tidy >/dev/null

# From the compilation database: each file once, generated ones left out.
mapfile -t files < <(sed -n 's/^ *"file": "\(.*\)".*$/\1/p' "$build/compile_commands.json" | sort -u |
  grep -v -F "$build/" | grep -E -- "${1:-.}")
if ((${#files[@]} == 0)); then
  echo "no program of the project matches '${1:-}'" >&2
  exit 1
fi
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(cores)" clang-tidy --quiet -p "$build" 2> >(grep -v 'warnings generated' >&2)
