# Shared by the scripts of this folder; sourced, not run.
# shellcheck shell=bash

# The commands that a script needs, and the Debian/Ubuntu packages that bring them.
missing_packages=()

have() { command -v "$1" >/dev/null 2>&1; }

# need PACKAGE CHECK...: notes PACKAGE as missing unless CHECK succeeds.
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing_packages+=("$package")
}

have_compiler() {
  if [[ -n ${CXX:-} ]]; then have "${CXX%% *}"; else have g++ || have clang++ || have c++; fi
}
have_build_tool() { have ninja || have make; }

# have_header FILE [PKG_CONFIG_NAME]: FILE is where compilers or CMake will find it.
have_header() {
  local dir
  for dir in /usr/include /usr/include/eigen3 /usr/local/include /usr/local/include/eigen3 /opt/homebrew/include \
             /opt/homebrew/include/eigen3; do
    [[ -e $dir/$1 ]] && return 0
  done
  [[ -n ${2:-} ]] && have pkg-config && pkg-config --exists "$2"
}

# Where CMake is told to look elsewhere, CMake is left to find out.
have_eigen() { [[ -n ${Eigen3_DIR:-}${Eigen3_ROOT:-}${CMAKE_PREFIX_PATH:-} ]] || have_header Eigen/Core eigen3; }
have_catch2() {
  [[ -n ${Catch2_DIR:-}${Catch2_ROOT:-}${CMAKE_PREFIX_PATH:-} ]] ||
    have_header catch2/catch.hpp || have_header catch2/catch_test_macros.hpp
}
have_benchmark() { have_header benchmark/benchmark.h benchmark; }
have_lbfgspp() { have_header LBFGS.h; }
have_cli11() { have_header CLI/CLI.hpp; }

need_build_packages() {
  if [[ -n ${CXX:-} ]] && ! have_compiler; then
    echo "CXX is '$CXX', which is not a command here" >&2
    exit 1
  fi
  need g++ have_compiler
  need cmake have cmake
  need ninja-build have_build_tool
  need libeigen3-dev have_eigen
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@"; fi
}
can_install() {
  have apt-get && { [[ $(id -u) == 0 ]] || { have sudo && sudo -n true 2>/dev/null; }; }
}

# The lists of packages may be absent or old: apt_install tries as it is, then, once, with fresh lists.
lists_are_fresh=no
apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 "$@" </dev/null; }
apt_install() {
  echo "== installing: $*"
  apt_get install -y --no-install-recommends "$@" && return 0
  [[ $lists_are_fresh == no ]] || return 1
  lists_are_fresh=yes
  apt_get update && apt_get install -y --no-install-recommends "$@"
}

# Installs what `need` noted; where that cannot be done, says what to install and ends the script.
install_missing() {
  ((${#missing_packages[@]})) || return 0
  if can_install; then
    if apt_install "${missing_packages[@]}"; then
      missing_packages=()
      return 0
    fi
    echo "apt-get could not install: ${missing_packages[*]}" >&2
    exit 1
  fi
  {
    echo "These are missing, by their Debian and Ubuntu names: ${missing_packages[*]}"
    if have apt-get; then
      echo "Install them with:  sudo apt-get install ${missing_packages[*]}"
    else
      echo "Install them in your system's way, then run this script again."
    fi
  } >&2
  exit 1
}

# The same for packages one can do without: what cannot be installed is named and passed over.
install_optional() {
  local package
  for package in "${missing_packages[@]}"; do
    if can_install && apt_install "$package"; then continue; fi
    echo "note: $package is not installed; what uses it is left out"
  done
  missing_packages=()
}

cores() { if have nproc; then nproc; else getconf _NPROCESSORS_ONLN; fi; }

# configure BUILD_DIR CMAKE_ARGUMENT...: with Ninja where it is installed. A folder configured before keeps its generator.
configure() {
  local build=$1
  shift
  local generator=()
  if [[ ! -e $build/CMakeCache.txt ]] && have ninja; then generator=(-G Ninja); fi
  cmake -S "$root" -B "$build" "${generator[@]}" "$@"
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
