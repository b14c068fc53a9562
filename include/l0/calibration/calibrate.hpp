// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/calibration/dual_newton.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>

namespace l0 {

/// What `calibrate` finds.
struct CalibratedWeights {
  Vector<double> weights;      ///< one per record
  Vector<double> multipliers;  ///< λ, one per target: w = d · ratio(mᵀλ)
  Vector<double> misses;       ///< M w − t
  bool met = false;            ///< every target to 1e-12 of its size
};

namespace detail {

/// Rows divided by the size of their sums, so that misses count alike whatever the units.
template <class M, class T, class D>
DualProblem calibration_problem(const M& m, const T& targets, const D& design,
                                std::vector<Double<typename M::Scalar>>& scale) {
  const Index rows = m.rows();
  Dependent<DualProblem, M> problem;
  problem.rows = rows;
  scale.assign(static_cast<std::size_t>(rows), 0.0);
  const Eigen::SparseMatrix<Dependent<double, M>, Eigen::ColMajor, Index> by_records = m.template cast<double>();
  const auto visit = [&](auto&& take) {
    for (Index j = 0; j < by_records.cols(); ++j) {
      const bool is_in = static_cast<double>(design(j)) > 0;
      for (typename Eigen::SparseMatrix<Dependent<double, M>, Eigen::ColMajor, Index>::InnerIterator entry(by_records,
                                                                                                           j);
           entry && is_in; ++entry) {
        take(j, static_cast<std::size_t>(entry.row()), entry.value());
      }
      take(j, static_cast<std::size_t>(rows), 0.0);
    }
  };
  visit([&](Index j, std::size_t row, double value) {
    if (!std::isfinite(value)) fail("M(" + to_text(row) + ", " + to_text(j) + ")", to_text(value), "a finite number");
    if (row < scale.size()) scale[row] += static_cast<double>(design(j)) * std::abs(value);
  });
  for (std::size_t i = 0; i < scale.size(); ++i) {
    const auto t = static_cast<double>(targets(static_cast<Index>(i)));
    if (!std::isfinite(t)) fail("targets(" + to_text(i) + ")", to_text(t), "a finite number");
    const double size = std::max(std::abs(t), scale[i]);
    scale[i] = size > 0 ? 1 / size : 1;
    problem.target.push_back(t * scale[i]);
  }
  visit([&](Index, std::size_t row, double value) {
    if (row == scale.size()) {
      problem.start.push_back(static_cast<Index>(problem.row.size()));
    } else if (value != 0) {
      problem.row.push_back(static_cast<std::uint32_t>(row));
      problem.value.push_back(value * scale[row]);
    }
  });
  return problem;
}

}  // namespace detail

/// Calibration of all records (Deville & Särndal 1992): the weights with M w = t that are nearest to the design weights
/// d in a distance,
///
///     min Σ d_j G(w_j/d_j)  subject to  M w = t,
///
/// for M (targets × records, dense or sparse). Solved in the dual by Newton's method: w_j = d_j · ratio(m_jᵀλ).
///
///     const auto greg = l0::calibrate(M, t, d);                          // linear: generalised regression
///     const auto raked = l0::calibrate(M, t, d, l0::RakingDistance{});   // or LogitDistance{0.4, 2.5}, your own
///
/// Records with d = 0 are out. Targets that contradict each other or the bounds of the distance cannot be met: then
/// `met` is false, and the weights are those that miss least in squares of relative size. Throws `Error` for wrong
/// shapes, for d < 0 and numbers that are not finite, and for bounds that do not enclose 1.
template <class M, class T, class W, Distance D = LinearDistance>
CalibratedWeights calibrate(const Eigen::EigenBase<M>& m, const Eigen::DenseBase<T>& targets,
                            const Eigen::DenseBase<W>& design_weights, const D& distance = {}) {
  detail::require_shape("targets", targets.rows(), targets.cols(), m.rows(), 1);
  detail::require_shape("design_weights", design_weights.rows(), design_weights.cols(), m.cols(), 1);
  if (!(distance.lowest() < 1 && distance.highest() > 1)) {
    detail::fail("distance",
                 "bounded by " + detail::to_text(distance.lowest()) + " and " + detail::to_text(distance.highest()),
                 "bounds that enclose 1");
  }
  using Law = detail::DistanceLaw<D>;
  const Vector<detail::Dependent<double, M>> d = design_weights.derived().template cast<double>();
  std::vector<Law> laws;
  for (Index j = 0; j < d.size(); ++j) {
    detail::require_non_negative("a design weight", d(j));
    laws.push_back({distance, d(j), -std::numeric_limits<double>::infinity()});
  }
  std::vector<detail::Dependent<double, M>> scale;
  const auto& matrix = detail::as_matrix(m);
  const detail::DualProblem problem = [&] {
    if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<M>, M>) {
      return detail::calibration_problem(matrix, targets.derived(), d, scale);
    } else {
      return detail::calibration_problem(matrix.sparseView(), targets.derived(), d, scale);
    }
  }();
  detail::DualNewton<Law> newton(problem, std::move(laws));
  newton.meet();
  CalibratedWeights result;
  result.weights = newton.weight();
  result.met = newton.is_met();
  result.misses = newton.misses();
  result.multipliers = Vector<double>(m.rows());
  for (Index i = 0; i < m.rows(); ++i) {
    result.misses(i) /= scale[static_cast<std::size_t>(i)];
    result.multipliers(i) = newton.multiplier(i) * scale[static_cast<std::size_t>(i)];
  }
  return result;
}

}  // namespace l0
