// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <vector>

#include <l0/calibration/options.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// One term of the loss: ω (e²) or ω min(|e|, cap), e = (sum − target)/scale.
struct CalibrationTerm {
  double target = 0;
  double scale = 1;
  double weight = 1;  ///< ω
};

/// Value and first two derivatives of a term's expectation when e is normal with some variance.
struct TermMoments {
  double value = 0;
  double slope = 0;      ///< by the mean of e
  double curvature = 0;  ///< by the variance of e; half the second derivative by the mean
};

/// E min(|e|, c) for e ~ N(m, s²), with Φ and φ: the integral of P(|e| > x) over 0..c.
inline TermMoments expected_capped(double m, double s, double c) {
  if (s < 1e-12 * std::max(1.0, std::abs(m))) {
    return {std::min(std::abs(m), c), std::abs(m) < c ? (m > 0 ? 1.0 : (m < 0 ? -1.0 : 0.0)) : 0.0, 0.0};
  }
  const auto cdf = [](double x) { return 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2); };
  const auto density = [](double x) { return std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2; };
  // H(x) = E max(e − x, 0) for x = 0, ±c; min(|e|, c) = e⁺ + e⁻ − (e−c)⁺ − (−e−c)⁺.
  const auto above = [&](double mean) { return s * density(mean / s) + mean * cdf(mean / s); };
  TermMoments result;
  result.value = above(m) + above(-m) - above(m - c) - above(-m - c);
  result.slope = cdf(m / s) - cdf(-m / s) - cdf((m - c) / s) + cdf((-m - c) / s);
  result.curvature = (2 * density(m / s) - density((m - c) / s) - density((m + c) / s)) / (2 * s);
  return result;
}

/// The terms of the loss, one per target and one per aggregate behind them, with checked and combined weights.
class CalibrationTerms {
 public:
  CalibrationTerms() = default;

  /// `sizes`: Σ w₀ |m| of the rows of M; without them the relative loss has the scale t + 1.
  template <class Derived>
  CalibrationTerms(const Eigen::DenseBase<Derived>& targets, const CalibrationTask& task,
                   std::vector<Dependent<double, Derived>> sizes = {})
      : loss_(task.loss), cap_(task.cap), targets_(targets.size()) {
    require_positive("cap", task.cap);
    if (task.relative_scale == RelativeScale::plus_one) sizes.clear();
    to_units_of_targets(targets.derived(), sizes);
    const std::vector<Dependent<double, Derived>> weight = target_weights(targets.size(), task);
    for (Index j = 0; j < targets_; ++j) {
      const auto t = static_cast<double>(targets.derived()(j));
      if (!std::isfinite(t)) fail("targets(" + to_text(j) + ")", to_text(t), "a finite number");
      terms_.push_back(
          {t, scale("targets(" + to_text(j) + ")", t, sizes.empty() ? -1 : sizes[static_cast<std::size_t>(j)]),
           weight[static_cast<std::size_t>(j)]});
    }
    add_aggregates(task, sizes);
    if (loss_ == CalibrationLoss::capped) {
      double total = 0;
      for (const CalibrationTerm& term : terms_) total += term.weight;
      for (CalibrationTerm& term : terms_) term.weight /= total > 0 ? total : 1;
    }
  }

  CalibrationLoss loss() const { return loss_; }
  double cap() const { return cap_; }
  Index targets() const { return targets_; }
  Index size() const { return static_cast<Index>(terms_.size()); }
  const CalibrationTerm& operator[](Index j) const { return terms_[static_cast<std::size_t>(j)]; }

  /// Whether the loss is a plain sum of squares over the rows of M once these are scaled by `row_factors`.
  bool is_uniform() const { return loss_ != CalibrationLoss::capped && !has_aggregates(); }

  /// The factors that bring sums to the scale of residuals: 1/scale, with √ω where that makes all terms plain squares.
  template <class Factor = double>  // a template, so that nothing of it is compiled before it is used
  std::vector<Factor> row_factors() const {
    std::vector<Factor> factors;
    for (const CalibrationTerm& term : terms_) {
      factors.push_back((is_uniform() ? std::sqrt(term.weight) : 1) / term.scale);
    }
    return factors;
  }

  /// The terms whose aggregate target j belongs to are aggregates_of[first..last).
  struct Membership {
    const Index* first;
    const Index* last;
  };
  Membership aggregates_of(Index j) const {
    if (membership_start_.empty()) return {nullptr, nullptr};
    const auto at = static_cast<std::size_t>(j);
    return {membership_.data() + membership_start_[at], membership_.data() + membership_start_[at + 1]};
  }
  bool has_aggregates() const { return size() > targets_; }

  /// Fills the sums of the aggregates from the predictions of the targets.
  template <class Sums>
  void add_up(Sums& sums) const {
    for (Index a = targets_; a < size(); ++a) sums[static_cast<std::size_t>(a)] = 0;
    if (!has_aggregates()) return;
    for (Index j = 0; j < targets_; ++j) {
      const Membership of = aggregates_of(j);
      for (const Index* a = of.first; a != of.last; ++a) {
        sums[static_cast<std::size_t>(*a)] += sums[static_cast<std::size_t>(j)];
      }
    }
  }

  /// The loss at the sums of all terms.
  template <class Sums>
  double value(const Sums& sums) const {
    double total = 0;
    for (Index j = 0; j < size(); ++j) {
      const double e = residual(j, static_cast<double>(sums[static_cast<std::size_t>(j)]));
      total += (*this)[j].weight * (loss_ == CalibrationLoss::capped ? std::min(std::abs(e), cap_) : e * e);
    }
    return total;
  }

  double residual(Index j, double sum) const { return (sum - (*this)[j].target) / (*this)[j].scale; }

  /// The term of j in expectation, for a sum with this mean and variance: exact for squares; for the capped loss as if
  /// the sum were normal, which it nearly is where many records share a target.
  TermMoments expectation(Index j, double mean, double variance) const {
    const CalibrationTerm& term = (*this)[j];
    const double e = residual(j, mean);
    TermMoments moments;
    if (loss_ == CalibrationLoss::capped) {
      moments = expected_capped(e, std::sqrt(std::max(variance, 0.0)) / term.scale, cap_);
    } else {
      moments = {e * e + variance / (term.scale * term.scale), 2 * e, 1};
    }
    return {term.weight * moments.value, term.weight * moments.slope / term.scale,
            term.weight * moments.curvature / (term.scale * term.scale)};
  }

 private:
  /// Starting weights may be in another unit than the targets, as where none are given: the sizes are brought to it.
  template <class T, class Sizes>
  static void to_units_of_targets(const T& targets, Sizes& sizes) {
    std::vector<Dependent<double, T>> ratio;
    for (std::size_t j = 0; j < sizes.size(); ++j) {
      const double t = std::abs(static_cast<double>(targets(static_cast<Index>(j))));
      if (t > 0 && sizes[j] > 0) ratio.push_back(t / sizes[j]);
    }
    if (ratio.empty()) return;
    const auto middle = ratio.begin() + static_cast<std::ptrdiff_t>(ratio.size() / 2);
    std::nth_element(ratio.begin(), middle, ratio.end());
    for (double& size : sizes) size *= *middle;
  }

  double scale(const std::string& name, double target, double size) const {
    switch (loss_) {
      case CalibrationLoss::squared: return 1;
      case CalibrationLoss::relative:
        if (size >= 0) {
          const double scale = std::max(std::abs(target), 0.01 * size);
          return scale > 0 ? scale : 1;
        }
        if (target < 0 && target > -2) fail(name, to_text(target), "a target >= 0 or <= -2 for the relative loss");
        return target + 1;
      case CalibrationLoss::capped: return std::max(std::abs(target), 1.0);
    }
    return 1;
  }

  template <class Task>  // templates for the same reason
  static std::vector<double> target_weights(Index targets, const Task& task) {
    const auto size = static_cast<std::size_t>(targets);
    std::vector<Dependent<double, Task>> weight(size, 1.0);
    if (!task.target_weights.empty()) {
      if (task.target_weights.size() != size) {
        fail("target_weights", to_text(task.target_weights.size()) + " entries", to_text(targets) + ", one per target");
      }
      for (std::size_t j = 0; j < size; ++j) {
        require_non_negative("a target weight", task.target_weights[j]);
        weight[j] = task.target_weights[j];
      }
    }
    if (task.target_groups.empty()) {
      if (!task.group_multipliers.empty()) fail("group_multipliers", "given without target_groups", "both or neither");
      return weight;
    }
    if (task.target_groups.size() != size) {
      fail("target_groups", to_text(task.target_groups.size()) + " entries", to_text(targets) + ", one per target");
    }
    std::map<Dependent<Index, Task>, double> members;
    for (const Index group : task.target_groups) members[group] += 1;
    for (const auto& [group, factor] : task.group_multipliers) {
      if (!members.contains(group)) fail("group_multipliers", "group " + to_text(group), "a group of target_groups");
      require_non_negative("a group multiplier", factor);
    }
    for (std::size_t j = 0; j < size; ++j) {
      const Index group = task.target_groups[j];
      if (task.normalize_groups) weight[j] /= members[group];
      const auto factor = task.group_multipliers.find(group);
      if (factor != task.group_multipliers.end()) weight[j] *= factor->second;
    }
    return weight;
  }

  template <class Task, class Sizes>
  void add_aggregates(const Task& task, const Sizes& sizes) {
    if (task.aggregates.empty()) return;
    std::vector<std::vector<Dependent<Index, Task>>> of(static_cast<std::size_t>(targets_));
    for (const auto& aggregate : task.aggregates) {
      double sum = 0;
      double row_size = sizes.empty() ? -1 : 0;
      for (const Index j : aggregate.members) {
        if (j < 0 || j >= targets_) {
          fail("a member of an aggregate", to_text(j), "a target in [0, " + to_text(targets_) + ")");
        }
        auto& list = of[static_cast<std::size_t>(j)];
        if (!list.empty() && list.back() == size()) fail("a member of an aggregate", to_text(j), "each target once");
        list.push_back(size());
        sum += (*this)[j].target;
        if (!sizes.empty()) row_size += sizes[static_cast<std::size_t>(j)];
      }
      const double target = aggregate.target.value_or(sum);
      if (!std::isfinite(target)) fail("the target of an aggregate", to_text(target), "a finite number");
      require_non_negative("the weight of an aggregate", aggregate.weight);
      terms_.push_back({target, scale("the target of an aggregate", target, row_size), aggregate.weight});
    }
    membership_start_.push_back(0);
    for (const auto& list : of) {
      membership_.insert(membership_.end(), list.begin(), list.end());
      membership_start_.push_back(static_cast<Index>(membership_.size()));
    }
  }

  CalibrationLoss loss_ = CalibrationLoss::relative;
  double cap_ = 1;
  Index targets_ = 0;
  std::vector<CalibrationTerm> terms_;
  std::vector<Index> membership_start_;
  std::vector<Index> membership_;
};

}  // namespace l0::detail
