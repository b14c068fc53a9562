// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <vector>

#include <l0/gates/hard_concrete.hpp>
#include <l0/regression/data/gram.hpp>

namespace l0::detail {

/// Moments of a gate as functions of log α on a grid, interpolated linearly: the noise-free objective needs E[z]²/E[z²]
/// and its slope against P(z ≠ 0) once per gate and sweep. A template, so that nothing of it is compiled before it is
/// used.
template <std::same_as<double> Number>
class GateTable {
 public:
  explicit GateTable(const HardConcrete<Number>& distribution) {
    const MomentRule rule = distribution.moment_rule();
    std::vector<Number> probability(points);
    for (int k = 0; k < points; ++k) {
      const double log_alpha = -log_alpha_limit + step * k;
      const GateMoments moments = rule.evaluate(log_alpha);
      share_[index(k)] = moments.mean * moments.mean / moments.second_moment();
      probability[index(k)] = distribution.active_probability(log_alpha);
    }
    for (int k = 1; k + 1 < points; ++k) {
      const double change = probability[index(k + 1)] - probability[index(k - 1)];
      slope_[index(k)] = change > 1e-12 ? (share_[index(k + 1)] - share_[index(k - 1)]) / change : slope_[index(k - 1)];
    }
    slope_.front() = slope_[1];
    slope_.back() = slope_[points - 2];
  }

  /// m = E[z]²/E[z²], the share of the least-squares effect that a gated coefficient keeps, and dm/dP(z≠0).
  struct Entry {
    double share;
    double slope;
  };
  Entry at(double log_alpha) const {
    const double place = (log_alpha + log_alpha_limit) / step;
    const int k = std::clamp(static_cast<int>(place), 0, points - 2);
    const double f = place - k;
    return {share_[index(k)] + f * (share_[index(k + 1)] - share_[index(k)]), slope_[index(k)]};
  }

 private:
  static constexpr int points = 801;
  static constexpr double step = 2.0 * log_alpha_limit / (points - 1);
  static std::size_t index(int k) { return static_cast<std::size_t>(k); }

  std::vector<Number> share_ = std::vector<Number>(points);
  std::vector<Number> slope_ = std::vector<Number>(points);
};

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

/// The Gram matrix and correlations of a few columns whose rows are known.
template <class Design>
Matrix<typename Design::Scalar> gram_of(const GramRows<Design>& gram, const std::vector<Index>& columns) {
  const auto m = static_cast<Index>(columns.size());
  Matrix<typename Design::Scalar> result(m, m);
  for (Index i = 0; i < m; ++i) {
    const auto row = gram.row(columns[static_cast<std::size_t>(i)]);
    for (Index k = 0; k < m; ++k) result(k, i) = row(columns[static_cast<std::size_t>(k)]);
  }
  return result;
}

}  // namespace l0::detail
