#!/usr/bin/env bash
# Builds the documentation site into build/docs/html: runs the examples for the gallery, then Doxygen with warnings as
# errors, then a check of every link. Installs what is missing, with apt-get; formulas need MathJax, fetched with npm.
# Usage: scripts/docs.sh [--quick | --keep-gallery | --names]
#   --quick         runs every example in its short form, as the tests do
#   --keep-gallery  takes the gallery of the last build as it is
#   --names         only checks that every public name is documented; needs Doxygen and nothing else, writes no pages
# CXX and BUILD_DIR (build/docs) are honoured.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

mathjax_version=3.2.2
mathjax_integrity='sha512-Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw=='

mode=${1:-}
case $mode in
  '' | --quick | --keep-gallery | --names) ;;
  *)
    echo "usage: scripts/docs.sh [--quick | --keep-gallery | --names]" >&2
    exit 2
    ;;
esac

build=${BUILD_DIR:-$root/build/docs}
theme=/usr/share/doxygen-awesome-css
pages=$build/pages
version=$(sed -n 's/^#define L0_VERSION_\(MAJOR\|MINOR\|PATCH\) \([0-9]*\).*/\2/p' "$root/include/l0/version.hpp" | paste -sd.)
mkdir -p "$build"

# doxygen_with HTML XML PAGES: fills in the settings and runs Doxygen; its warnings are errors.
doxygen_with() {
  sed -e "s|@ROOT@|$root|g; s|@OUT@|$build|g; s|@PAGES@|$3|g; s|@THEME@|$theme|g; s|@VERSION@|$version|g" \
    -e "s|@HTML@|$1|; s|@XML@|$2|" "$root/docs/Doxyfile.in" >"$build/Doxyfile"
  doxygen "$build/Doxyfile"
}

if [[ $mode == --names ]]; then
  have doxygen || { echo "doxygen is not installed" >&2; exit 1; }
  doxygen_with NO YES ''
  rm -rf "$build/xml"
  echo "every public name is documented"
  exit 0
fi

need_build_packages
need python3 have python3
need doxygen have doxygen
need doxygen-awesome-css test -d "$theme"
need gnuplot-nox have gnuplot
need npm have npm
need openssl have openssl
need libcli11-dev have_cli11
install_missing

# MathJax, once: the part that turns TeX into HTML, and its fonts.
mathjax=$build/mathjax-$mathjax_version
if [[ ! -d $mathjax/es5 ]]; then
  rm -rf "$build/npm" && mkdir -p "$build/npm/unpacked"
  (cd "$build/npm" && npm pack --silent "mathjax@$mathjax_version" >/dev/null)
  found=sha512-$(openssl dgst -sha512 -binary "$build/npm/mathjax-$mathjax_version.tgz" | base64 -w0)
  if [[ $found != "$mathjax_integrity" ]]; then
    echo "mathjax $mathjax_version from npm has another checksum than expected: $found" >&2
    exit 1
  fi
  tar -xzf "$build/npm/mathjax-$mathjax_version.tgz" -C "$build/npm/unpacked"
  mkdir -p "$mathjax/es5/output/chtml"
  cp "$build/npm/unpacked/package/es5/tex-chtml.js" "$mathjax/es5/"
  cp -r "$build/npm/unpacked/package/es5/output/chtml/fonts" "$mathjax/es5/output/chtml/"
  cp -r "$build/npm/unpacked/package/LICENSE" "$mathjax/"
  rm -rf "$build/npm"
fi

if [[ $mode != --keep-gallery || ! -e $build/gallery/page_gallery.md ]]; then
  examples=$build/examples
  configure "$examples" -DCMAKE_BUILD_TYPE=Release -DL0_BUILD_EXAMPLES=ON -DL0_BUILD_TESTS=OFF -DL0_BUILD_BENCHMARKS=OFF \
    -DL0_WARNINGS_AS_ERRORS=OFF >/dev/null
  cmake --build "$examples" -j "${JOBS:-$(cores)}"
  rm -rf "$build/pictures" "$build/gallery"
  python3 "$root/scripts/docs_pages.py" gallery --out "$build/gallery" --pictures "$build/pictures" \
    --programs "$examples/examples" $([[ $mode != --quick ]] || echo --quick)
fi

rm -rf "$pages" "$build/html"
python3 "$root/scripts/docs_pages.py" pages --out "$pages"
cp "$build/gallery/page_gallery.md" "$pages/"
doxygen_with YES NO "$pages"
cp -r "$mathjax" "$build/html/mathjax"
cp "$root"/docs/images/* "$build/html/"
cp "$build"/pictures/*.svg "$build/html/"
# Doxygen 1.9.4 links to a list of nested classes also where all of them are private and there is no list.
grep -L 'name="nested-classes"' "$build"/html/*.html | xargs sed -i 's|<a href="#nested-classes">Classes</a> &#124;||'
python3 "$root/scripts/check_links.py" "$build/html"
echo "documentation: $build/html/index.html"
