// SPDX-License-Identifier: MIT
// Compiled for any processor.
#include "mixed.hpp"

l0::L0Linear<double> layer_of_other_flags();  // mixed_native.cpp
l0::Matrix<double> doubled(l0::Matrix<double> given);

/// Files with other instruction sets give the same layer up to rounding, and may hand their matrices over.
int main() {
  l0::L0Linear<double> here = trained_layer();
  l0::L0Linear<double> there = layer_of_other_flags();
  const bool agree =
      here.weight().isApprox(there.weight(), 1e-9) && here.gate().log_alpha().isApprox(there.gate().log_alpha(), 1e-9);
  const l0::Matrix<double> weight = there.weight();
  const l0::Matrix<double> twice = doubled(weight);
  here = std::move(there);  // memory taken under one set of flags, given back under the other
  const bool same =
      here.weight() == weight && twice.leftCols(weight.cols()) == weight && twice.rightCols(weight.cols()) == weight;
  return agree && same ? 0 : 1;
}
