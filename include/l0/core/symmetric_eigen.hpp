// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// Eigenvalues, descending, and eigenvectors of a small symmetric matrix by Jacobi's rotations: a full turn of all
/// pairs until what is off the diagonal is rounding (Golub & Van Loan, Matrix Computations, 4th ed., section 8.5).
template <class Real>
std::pair<Vector<Real>, Matrix<Real>> symmetric_eigen(Matrix<Real> a) {
  const Index n = a.rows();
  Matrix<Real> vectors = Matrix<Real>::Identity(n, n);
  for (int turn = 0; turn < 60; ++turn) {
    double off = 0;
    for (Index p = 0; p < n; ++p) {
      for (Index q = p + 1; q < n; ++q) {
        if (std::abs(a(p, q)) <= 1e-16 * std::sqrt(std::abs(a(p, p) * a(q, q)))) continue;
        off = std::max(off, std::abs(a(p, q)));
        const double angle = std::atan2(2 * a(p, q), a(q, q) - a(p, p)) / 2;
        const double c = std::cos(angle);
        const double s = std::sin(angle);
        for (Matrix<Real>* m : {&a, &vectors}) {
          const Vector<Real> left = m->col(p);
          m->col(p) = c * left - s * m->col(q);
          m->col(q) = s * left + c * m->col(q);
        }
        const Vector<Real> upper = a.row(p).transpose();
        a.row(p) = c * upper.transpose() - s * a.row(q);
        a.row(q) = s * upper.transpose() + c * a.row(q);
      }
    }
    if (off <= 1e-300) break;
  }
  std::vector<Index> order(static_cast<std::size_t>(n));
  for (Index k = 0; k < n; ++k) order[static_cast<std::size_t>(k)] = k;
  std::sort(order.begin(), order.end(), [&](Index p, Index q) { return a(p, p) > a(q, q); });
  std::pair<Vector<Real>, Matrix<Real>> result{Vector<Real>(n), Matrix<Real>(n, n)};
  for (Index k = 0; k < n; ++k) {
    result.first(k) = a(order[static_cast<std::size_t>(k)], order[static_cast<std::size_t>(k)]);
    result.second.col(k) = vectors.col(order[static_cast<std::size_t>(k)]);
  }
  return result;
}

}  // namespace l0::detail
