// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/gates/distribution.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/gates/moment_table.hpp>

namespace l0::detail {

/// Supports proposed by training Hard Concrete gates without noise on a set of columns with Gram matrix G (unit
/// diagonal) and correlations c (one or more responses): the objective
///
///     ‖y − X(w∘μ)‖² + Σ w²v  +  price Σ P(z≠0),   μ = E[z], v = Var z.
///
/// For given gates a coordinate has the exact minimiser w_j = μ_j ρ_j/E[z_j²], with ρ_j the correlation with the
/// partial residual; put back, gate j is worth −ρ_j² m(P_j) + price·P_j with m = E[z]²/E[z²]. m is convex in P with
/// m(0) = 0 and m(1) = 1, so every coordinatewise minimum has its gates at 0 or 1: the relaxation is tight, and its use
/// lies in the way there. All gates start half open, log α moves by bounded steps, and columns compete while nothing is
/// decided. A gate whose log α falls below −8 (P < 1e-3) is closed and leaves the work.
///
/// Returns the positions of the open gates.
template <class Scalar>
std::vector<Index> propose_support(const Matrix<Scalar>& gram, const Matrix<Scalar>& correlation, double price) {
  static const GateTable table(HardConcrete<Double<Scalar>>{.temperature = 2.0 / 3});
  constexpr int sweeps = 150;
  constexpr int settling = 5;  // sweeps before gates move
  constexpr double rate = 0.05;
  constexpr double decided = 8;
  const Index m = gram.rows();
  Matrix<Scalar> residual = correlation;  // Xᵀ(Y − XB)
  Matrix<Scalar> coefficient = Matrix<Scalar>::Zero(m, correlation.cols());
  Eigen::Matrix<Scalar, 1, Eigen::Dynamic> partial(correlation.cols());
  Eigen::Matrix<Scalar, 1, Eigen::Dynamic> change(correlation.cols());
  std::vector<double> log_alpha(static_cast<std::size_t>(m), 0.0);
  std::vector<char> closed(static_cast<std::size_t>(m), 0);
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    bool undecided = false;
    for (Index j = 0; j < m; ++j) {
      const auto at = static_cast<std::size_t>(j);
      if (closed[at]) continue;
      const auto entry = table.at(log_alpha[at]);
      partial = residual.row(j) + coefficient.row(j);
      change = static_cast<Scalar>(entry.share) * partial - coefficient.row(j);
      if (sweep >= settling) {
        const double pull = static_cast<double>(partial.squaredNorm()) / price * entry.slope - 1;
        log_alpha[at] = std::clamp(log_alpha[at] + rate * std::clamp(pull, -5.0, 5.0), -double(log_alpha_limit),
                                   double(log_alpha_limit));
        if (log_alpha[at] < -decided) {
          closed[at] = 1;
          change = -coefficient.row(j);
        } else {
          undecided = undecided || log_alpha[at] < decided;
        }
      }
      coefficient.row(j) += change;
      for (Index k = 0; k < change.size(); ++k) residual.col(k).noalias() -= change(k) * gram.col(j);
    }
    if (sweep > settling && !undecided) break;
  }
  std::vector<Index> open;
  for (Index j = 0; j < m; ++j) {
    if (!closed[static_cast<std::size_t>(j)] && log_alpha[static_cast<std::size_t>(j)] > 0) open.push_back(j);
  }
  return open;
}

}  // namespace l0::detail
