// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/types.hpp>

#include <cmath>

namespace l0::test {

/// Numbers in (−1, 1) that depend on nothing but `seed`.
inline Matrix<double> fixed_numbers(Index rows, Index columns, double seed) {
  Matrix<double> result(rows, columns);
  for (Index k = 0; k < result.size(); ++k) {
    const double x = std::sin(12.9898 * (static_cast<double>(k) + 1) + 78.233 * seed) * 43758.5453;
    result(k) = 2 * (x - std::floor(x)) - 1;
  }
  return result;
}

}  // namespace l0::test
