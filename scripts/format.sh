#!/usr/bin/env bash
# Checks the formatting of all C++ files with clang-format 14; other versions disagree in details.
# Usage: scripts/format.sh [--fix | --if-available]
#   --fix           rewrites the files
#   --if-available  checks, but passes where clang-format 14 is not installed
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mode=(--dry-run --Werror)
optional=no
case ${1:-} in
  --fix) mode=(-i) ;;
  --if-available) optional=yes ;;
  '') ;;
  *)
    echo "usage: scripts/format.sh [--fix | --if-available]" >&2
    exit 2
    ;;
esac

formatter=
for candidate in clang-format-14 clang-format; do
  if have "$candidate" && "$candidate" --version | grep -q 'version 14\.'; then
    formatter=$candidate
    break
  fi
done
if [[ -z $formatter ]]; then
  echo "formatting not checked: clang-format 14 was not found (Debian 12, Ubuntu 22.04: clang-format)"
  [[ $optional == yes ]]
  exit
fi

cd "$root"
find include tests examples bench -name '*.[ch]pp' -print0 | xargs -0 -r "$formatter" "${mode[@]}"
echo "formatting: done with $("$formatter" --version)"
