// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include <l0/gates/distribution.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/gates/quadrature.hpp>

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

}  // namespace l0::detail
