// SPDX-License-Identifier: MIT
// Compiled for this processor.
#include "mixed.hpp"

l0::L0Linear<double> layer_of_other_flags();
l0::Matrix<double> doubled(l0::Matrix<double> given);

l0::L0Linear<double> layer_of_other_flags() { return trained_layer(); }

l0::Matrix<double> doubled(l0::Matrix<double> given) {
  given.conservativeResize(given.rows(), 2 * given.cols());
  given.rightCols(given.cols() / 2) = given.leftCols(given.cols() / 2);
  return given;
}
