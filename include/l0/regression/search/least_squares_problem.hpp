// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/standardized.hpp>

namespace l0::detail {

/// A least-squares problem of standardized columns: their correlations with the responses, and Σ D(Y−Ȳ)².
template <class Precise>
struct LeastSquaresProblem {
  std::unique_ptr<const StandardizedColumns<Precise>> owned_columns;
  Matrix<Precise> correlation;
  double squares = 0;

  const StandardizedColumns<Precise>& columns() const { return *owned_columns; }
};

/// The problem of a design, which must outlive it. `y` is n × responses, `weight` sums to what the samples are worth.
template <class Precise>
LeastSquaresProblem<Precise> pose(const Design<Precise>& x, const Matrix<Precise>& y, const Vector<Precise>& weight,
                                  bool centre) {
  auto columns = std::make_unique<StandardizedDesign<Precise>>(x);
  columns->set_weights(weight, centre);
  Matrix<Precise> weighted = y;
  double squares = 0;
  for (Index m = 0; m < y.cols(); ++m) {
    if (centre) weighted.col(m).array() -= y.col(m).dot(weight) / weight.sum();
    squares += (weighted.col(m).array().square() * weight.array()).sum();
    weighted.col(m).array() *= weight.array();
  }
  Matrix<Precise> correlation = columns->correlate(weighted);
  return {std::move(columns), std::move(correlation), squares};
}

/// The closed formulas of `ActiveSet` on one support, for all columns once and in chunks, so that no features × k
/// numbers are kept. `ridge` is what GramRows adds to the diagonal, times scale².
template <class Precise>
class NeighbourScan {
 public:
  /// A squared length below this, of 1, counts as "in the span of the support".
  static constexpr Precise spanned = Precise(1e-11);

  NeighbourScan(const LeastSquaresProblem<Precise>& problem, Precise ridge, const std::vector<Index>& support)
      : problem_(problem), ridge_(ridge) {
    const StandardizedColumns<Precise>& columns = problem.columns();
    const auto k = static_cast<Index>(support.size());
    columns.weighted_columns(support, block_);
    Matrix<Precise> gram(k, k);
    for (Index i = 0; i < k; ++i) {
      const Index j = support[static_cast<std::size_t>(i)];
      gram.row(i) = columns.correlate(block_, j, 1);
      // Of columns of unit length; a hundredth of `spanned`, so that kept columns that depend on others have an
      // inverse.
      gram(i, i) = columns.scale(j) > 0 ? 1 + added(j) + Precise(1e-13) : Precise(1);
    }
    inverse = gram.ldlt().solve(Matrix<Precise>::Identity(k, k));
    const Matrix<Precise> start = rows_of(problem.correlation, support);
    beta = inverse * start;
    loss = problem.squares - beta.cwiseProduct(start).sum();
  }

  Matrix<Precise> inverse;  ///< H
  Matrix<Precise> beta;     ///< on the standardized columns
  double loss = 0;

  /// Calls visit(first, B, C, d) for one chunk of columns after another; d is 0 for constant columns.
  template <class Visit>
  void each_chunk(Visit visit) const {
    const StandardizedColumns<Precise>& columns = problem_.columns();
    const Index chunk = std::max<Index>(4096, columns.columns() / 64);
    for (Index first = 0; first < columns.columns(); first += chunk) {
      const Index count = std::min(chunk, columns.columns() - first);
      const Matrix<Precise> g = columns.correlate(block_, first, count);
      const Matrix<Precise> b = g * inverse;
      const Matrix<Precise> c = problem_.correlation.middleRows(first, count) - g * beta;
      Vector<Precise> d(count);
      for (Index l = 0; l < count; ++l) {
        d(l) = columns.scale(first + l) > 0 ? 1 + added(first + l) : Precise(0);
        if (d(l) > 0 && b.cols() > 0) d(l) -= b.row(l).dot(g.row(l));
      }
      visit(first, b, c, d);
    }
  }

 private:
  Precise added(Index j) const { return ridge_ * problem_.columns().scale(j) * problem_.columns().scale(j); }

  const LeastSquaresProblem<Precise>& problem_;
  Precise ridge_;
  Matrix<Precise> block_;
};

}  // namespace l0::detail
