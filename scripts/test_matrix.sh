#!/usr/bin/env bash
# The library in every build that the README claims: one line per cell, with what passed, or why it is not there.
# Usage: scripts/test_matrix.sh [--quick] [--strict] [--list] [--eigen5 FOLDER] [--rooms "core gates ..."] [CELL...]
#   --quick           only tests/build/program.cpp: a network, a budget, a regression, with the figures they must give
#   --strict          a cell that is not there counts as failed
#   --list            prints the names of the cells
#   --eigen5 FOLDER   a checkout of Eigen 5, which holds Eigen/Core
#   --rooms "..."     these test rooms instead of those of the cell
# Without --quick a cell builds the test programs of its rooms and runs them: about 10 minutes of a processor, and all
# cells some hours. CMAKE_BUILD_PARALLEL_LEVEL is honoured. BUILD_DIR (build/matrix) keeps them, a folder and a log per
# cell. Installs nothing.
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

six_rooms="core gates layers networks regression io"
every_room="$six_rooms random callbacks penalties annealing losses optimizers pruning training calibration factorization trees selection"
row=-DEIGEN_DEFAULT_TO_ROW_MAJOR
int=-DEIGEN_DEFAULT_DENSE_INDEX_TYPE=int
# g++ 12 takes the undefined registers inside its own AVX-512 intrinsics for uninitialised variables.
native="-O2 -march=native -Wno-uninitialized -Wno-maybe-uninitialized"

# name | compiler | flags | rooms | how its programs are run | package of the compiler
cells="
g++            | g++                   |                              | $every_room  |                                        | g++
clang++-14     | clang++-14            |                              | $every_room  |                                        | clang-14
clang++-19     | clang++-19            |                              | $every_room  |                                        | clang-19
libc++         | clang++-19            | -stdlib=libc++               | $six_rooms   |                                        | clang-19 libc++-19-dev libc++abi-19-dev
aarch64        | aarch64-linux-gnu-g++ |                              | $six_rooms   | qemu-aarch64 -L /usr/aarch64-linux-gnu | g++-aarch64-linux-gnu qemu-user
aarch64-neon   | aarch64-linux-gnu-g++ |                              |              |                                        | g++-aarch64-linux-gnu
i386           | g++-12                | -m32 -msse2 -mfpmath=sse -idirafter /usr/include/x86_64-linux-gnu | $six_rooms   |                                        | g++-12-multilib
row-major      | g++                   | $row                         | $six_rooms   |                                        | g++
int-index      | g++                   | $int                         | $six_rooms   |                                        | g++
dont-vectorize | g++                   | -DEIGEN_DONT_VECTORIZE       | $six_rooms   |                                        | g++
no-dispatch    | g++                   | -DL0_NO_SIMD_DISPATCH        | $six_rooms   |                                        | g++
no-internals   | g++                   | -DL0_NO_EIGEN_INTERNALS      | $six_rooms   |                                        | g++
fast-math      | g++                   | -O2 -ffast-math -fno-finite-math-only | $six_rooms   |                                        | g++
finite-math    | g++                   | -ffast-math                  |              |                                        | g++
no-rtti        | g++                   | -fno-rtti                    | $six_rooms   |                                        | g++
c++23          | g++                   | -std=c++23                   | $six_rooms   |                                        | g++
native         | g++                   | $native                      | $six_rooms   |                                        | g++
eigen5         | g++                   |                              | $six_rooms   |                                        | g++
eigen5-clang   | clang++-19            |                              | $six_rooms   |                                        | clang-19
"

quick=no
strict=no
eigen5=
rooms=
chosen=()
usage() { sed -n '3,12s/^# //p' "${BASH_SOURCE[0]}" >&2; }
while (($#)); do
  case $1 in
    --quick) quick=yes ;;
    --strict) strict=yes ;;
    --list)
      awk -F'|' 'NF > 1 { sub(/ *$/, "", $1); print $1 }' <<<"$cells"
      exit 0
      ;;
    --eigen5 | --rooms)
      (($# > 1)) || { usage && exit 2; }
      if [[ $1 == --rooms ]]; then rooms=$2; else eigen5=$(cd "$2" && pwd) || exit 2; fi
      shift
      ;;
    -*)
      usage
      exit 2
      ;;
    *) chosen+=("$1") ;;
  esac
  shift
done
[[ -z $eigen5 || -e $eigen5/Eigen/Core ]] || { echo "$eigen5 holds no Eigen/Core" >&2 && exit 2; }
for name in "${chosen[@]}"; do
  "${BASH_SOURCE[0]}" --list | grep -qxF -- "$name" || { echo "there is no cell '$name': --list names them" >&2 && exit 2; }
done

folder=${BUILD_DIR:-$root/build/matrix}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
failed=0
passed=0
absent=0

trim() { sed 's/^ *//; s/ *$//' <<<"$1"; }
tell() { printf '%-15s %-9s %s\n' "$1" "$2" "$3"; }

# Eigen of the distribution: where CMake and pkg-config find it.
eigen3=/usr/include/eigen3
if have pkg-config && pkg-config --exists eigen3; then eigen3=$(pkg-config --variable=includedir eigen3)/eigen3; fi
[[ -e $eigen3/Eigen/Core ]] || eigen3=$(pkg-config --cflags-only-I eigen3 2>/dev/null | sed 's/^-I//; s/ .*//')

# can_build COMPILER FLAG...: whether it makes a program of C++20 with the standard library.
can_build() {
  have "$1" || return 1
  local compiler=$1
  shift
  printf '#include <vector>\nint main() { return static_cast<int>(std::vector<int>().size()); }\n' >"$folder/probe.cpp"
  "$compiler" -std=c++20 "$@" "$folder/probe.cpp" -o "$folder/probe" >/dev/null 2>&1
}

# The one program, into $log; its standard is the last one given.
run_program() {
  local compiler=$1 eigen=$2 runner=$3 where=$4
  shift 4
  # shellcheck disable=SC2086
  "$compiler" -std=c++20 -O1 "${warnings[@]}" -I "$root/include" -isystem "$eigen" "$@" "$root/tests/build/program.cpp" \
    -o "$where/program" && $runner "$where/program"
}

# The gate kernels of aarch64: arithmetic on whole registers (v0.4s) against arithmetic on single numbers (s0).
count_neon() {
  local compiler=$1 where=$2
  "$compiler" -std=c++20 -O2 -DNDEBUG -I "$root/include" -isystem "$eigen3" -S "$root/tests/build/gate_kernel.cpp" \
    -o "$where/gate_kernel.s" || return 1
  awk '/^_Z.*:/ { kernel = /run_baseline.*SampleGates/ ? "sample" : /run_baseline.*BackpropagateGates/ ? "backward" : "" }
    kernel && $1 ~ /^f(add|sub|mul|mla|mls|div|madd|msub|nmsub|nmadd)$/ { if ($2 ~ /^v[0-9]+\.4s/) vector[kernel]++; else single[kernel]++ }
    END {
      for (k in vector)
        printf "%s: %d on four numbers, %d on one; ", k, vector[k], single[k]
      good = vector["sample"] >= 20 && vector["backward"] >= 4 && single["sample"] <= 4 && single["backward"] <= 4
      exit !good
    }' "$where/gate_kernel.s"
}

# How much passed, of what the programs of the rooms say.
count_tests() {
  awk '/All tests passed \(/ { match($0, /\(.*/); split(substr($0, RSTART + 1), n, " "); assertions += n[1]; tests += n[4] }
    END { printf "%d tests, %d assertions", tests, assertions }'
}

# The test programs of some rooms, by CMake.
run_rooms() {
  local compiler=$1 eigen=$2 runner=$3 where=$4 flags=$5
  shift 5
  local level=-O1
  if [[ $flags == *-O2* ]]; then level=-O2; fi
  local arguments=(-DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=$level" "-DCMAKE_CXX_COMPILER=$compiler"
    "-DCMAKE_CXX_FLAGS=$flags" -DL0_BUILD_TESTS=ON -DL0_WARNINGS_AS_ERRORS=ON -DL0_INSTALL=OFF)
  if [[ $eigen != "$eigen3" ]]; then
    # A package around the plain folder: FindEigen takes a target that is there.
    printf 'add_library(Eigen3::Eigen INTERFACE IMPORTED)\nset_target_properties(Eigen3::Eigen PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "%s")\nset(Eigen3_VERSION 5.0)\n' \
      "$eigen" >"$where/Eigen3Config.cmake"
    arguments+=("-DEigen3_DIR=$where")
  fi
  if [[ -n $runner ]]; then
    # Not all of /usr/include, where the headers of this processor are.
    mkdir -p "$where/catch2"
    ln -sfn /usr/include/catch2 "$where/catch2/catch2"
    arguments+=(-DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=${compiler%%-*}" "-DL0_CATCH2_INCLUDE_DIR=$where/catch2"
      "-DCMAKE_CROSSCOMPILING_EMULATOR=${runner// /;}" "-DEigen3_DIR=/usr/share/eigen3/cmake")
  fi
  local room targets=() pattern=
  for room in "$@"; do
    targets+=("test_$room")
    pattern+=${pattern:+|}$room
  done
  configure "$where/build" "${arguments[@]}" &&
    cmake --build "$where/build" -j "${CMAKE_BUILD_PARALLEL_LEVEL:-$(cores)}" --target "${targets[@]}" &&
    ctest --test-dir "$where/build" -R "^room\.($pattern)\$" --verbose --no-tests=error
}

run_cell() {
  local name=$1 compiler=$2 flags=$3 its_rooms=$4 runner=$5 packages=$6
  local where=$folder/$name log=$folder/$name.log start=$SECONDS said
  local eigen=$eigen3 probe_flags=()
  read -ra all_flags <<<"$flags"
  mkdir -p "$where"
  : >"$log"
  if [[ $name == eigen5* ]]; then
    [[ -n $eigen5 ]] || { tell "$name" "not there" "give --eigen5 FOLDER" && absent=$((absent + 1)) && return; }
    eigen=$eigen5
  fi
  case $name in libc++ | i386) probe_flags=("${all_flags[@]}") ;; esac
  if ! can_build "$compiler" "${probe_flags[@]}" || { [[ -n $runner ]] && ! have "${runner%% *}"; }; then
    tell "$name" "not there" "apt install $packages"
    absent=$((absent + 1))
    return
  fi

  case $name in
    aarch64-neon)
      if said=$(count_neon "$compiler" "$where" 2>>"$log"); then
        passed=$((passed + 1))
        tell "$name" passed "${said%; }"
      else
        failed=$((failed + 1))
        tell "$name" FAILED "the gate kernels are not vectorised: ${said%; }; $log"
      fi
      return
      ;;
    finite-math)
      "$compiler" -std=c++20 -fsyntax-only -I "$root/include" -isystem "$eigen" "${all_flags[@]}" \
        "$root/tests/build/program.cpp" >>"$log" 2>&1
      if grep -q 'l0 compares with infinity and NaN.*add -fno-finite-math-only' "$log"; then
        passed=$((passed + 1))
        tell "$name" refused "not supported: infinity and NaN are needed; the compiler says so (see fast-math)"
      else
        failed=$((failed + 1))
        tell "$name" FAILED "should be refused in a sentence; $log"
      fi
      return
      ;;
  esac

  its_rooms=${rooms:-$its_rooms}
  local done_so_far
  done_so_far="${compiler%%-[0-9]*} $("$compiler" -dumpfullversion 2>/dev/null || "$compiler" -dumpversion): the program"
  if ! run_program "$compiler" "$eigen" "$runner" "$where" "${all_flags[@]}" >>"$log" 2>&1; then
    failed=$((failed + 1))
    tell "$name" FAILED "the program of tests/build; $log"
    return
  fi
  if [[ $quick == no && -n $its_rooms ]]; then
    # shellcheck disable=SC2086
    if ! run_rooms "$compiler" "$eigen" "$runner" "$where" "$flags" $its_rooms >>"$log" 2>&1; then
      failed=$((failed + 1))
      tell "$name" FAILED "$(sed -n 's/^[0-9% ]*tests passed.*/&/p; s/.*room\.\([a-z]*\).*\*\*\*.*/\1/p; s/^FAILED: //p' "$log" | head -n 4 | tr '\n' ' '); $log"
      return
    fi
    done_so_far+=", $its_rooms: $(count_tests <"$log")"
  fi
  passed=$((passed + 1))
  tell "$name" passed "$done_so_far ($((SECONDS - start)) s)"
}

while IFS='|' read -r name compiler flags its_rooms runner packages; do
  name=${name// /}
  [[ -n $name ]] || continue
  if ((${#chosen[@]})) && [[ " ${chosen[*]} " != *" $name "* ]]; then continue; fi
  run_cell "$name" "$(trim "$compiler")" "$(trim "$flags")" "$(trim "$its_rooms")" "$(trim "$runner")" "$(trim "$packages")" </dev/null
done <<<"$cells"

echo "$passed passed, $failed failed, $absent not there"
((failed == 0)) && { [[ $strict == no ]] || ((absent == 0)); }
