// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// The price of an open gate under a budget: the dual variable of E‖z‖₀ ≤ target, where the target falls from all gates
/// to the budget over the first half of the run, since gates that a sudden price closes too early hardly come back. It
/// moves on a logarithmic scale, as nothing is known of the scale of the loss.
///
/// Gates lag behind the price: while they close, too many are open still, and a price that rose all the while would end
/// by closing everything. So the gates that the price will keep are counted too: gate j moves up where what it is
/// worth, (−dL/dlog α_j)/(dP_j/dlog α_j), is more than λ. λ rises where the gates open and the gates that will be are
/// both more than the target, falls where both are fewer, and stays where they disagree, but for a slow rise while too
/// many are open: gates that are worth next to nothing would take long to close.
///
/// Source of the dual ascent: Gallego-Posada et al., NeurIPS 2022, arXiv:2208.04425.
class BudgetPrice {
 public:
  /// `first` > 0 is where the price begins; at 0 it begins with what the first gate to be closed is worth. The target
  /// arrives at the budget after `arrival` of the steps. Where gates are numbered with gaps, as among records of which
  /// some are out, `slots` is above all their numbers.
  BudgetPrice(Index budget, Index gates, Index steps, double first, double arrival = 0.5, Index slots = 0)
      : gates_(static_cast<double>(gates)), budget_(std::min(static_cast<double>(budget), gates_)),
        steps_(static_cast<double>(steps)), arrival_(arrival), price_(first) {
    for (auto* array : {&earned_, &slope_}) array->assign(static_cast<std::size_t>(std::max(gates, slots)), 0.0);
  }

  double value() const { return price_; }

  /// Takes down the slopes of the loss and of P(z ≠ 0) at gate j, by log α. Different gates may come from different
  /// threads.
  void watch(Index j, double loss_slope, double probability_slope) {
    const auto at = static_cast<std::size_t>(j);
    earned_[at] = memory * earned_[at] - (1 - memory) * loss_slope;
    slope_[at] = memory * slope_[at] + (1 - memory) * probability_slope;
  }

  /// The price for step 0, 1, ..., with E‖z‖₀ as it is.
  double move(double expected, Index step) {
    const double progress = std::min(1.0, static_cast<double>(step + 1) / (arrival_ * steps_));
    const double target = budget_ + (gates_ - budget_) * std::pow(1 - progress, 3);
    if (price_ == 0) {
      auto keep = static_cast<std::size_t>(std::lround(target));
      if (keep >= static_cast<std::size_t>(gates_)) return 0;
      if (progress == 1 && expected > target) keep = std::min(keep, worthy(0));  // fewer are of any use
      price_ = worth_at(keep);
      return price_;
    }
    const double now = excess(expected, target);
    const double later = excess(static_cast<double>(worthy(price_)), target);
    double pace = now * later <= 0 ? 0 : std::abs(now) < std::abs(later) ? now : later;
    if (now > 0) pace = std::max(pace, creep * now);
    price_ *= std::exp(std::min(0.5, e_folds / steps_) * pace);
    return price_;
  }

  /// Both, for a gate whose location's gradient is that of the loss alone.
  template <class Gate>
  double update(const Gate& gate, Index step) {
    const auto formulas = gate.distribution().formulas();
    double expected = 0;
    for (Index j = 0; j < gate.size(); ++j) {
      const auto location = gate.location()(j);
      const auto p = formulas.active_probability(location);
      expected += static_cast<double>(p);
      watch(j, static_cast<double>(gate.location_gradient()(j)),
            static_cast<double>(formulas.active_probability_derivative(p, location)));
    }
    return move(expected, step);
  }

  template <class Archive>
  void archive(Archive& archive) {
    archive(price_);
    if constexpr (Archive::reads) archive.require(price_ >= 0 && std::isfinite(price_));
    for (auto* array : {&earned_, &slope_}) archive(*array);
  }

 private:
  static constexpr double e_folds = 200;  // of the price over a run, at full excess
  static constexpr double creep = 0.02;   // of that, where the gates are closing already
  static constexpr double memory = 0.98;  // of the averages, per step: some fifty draws

  static double excess(double open, double target) {
    return std::clamp((open - target) / std::max(target, 1.0), -1.0, 1.0);
  }

  /// How many gates are worth more than a price.
  std::size_t worthy(double price) const {
    std::size_t count = 0;
    for (std::size_t j = 0; j < earned_.size(); ++j) count += earned_[j] > price * slope_[j] && slope_[j] > 0 ? 1 : 0;
    return count;
  }

  /// Between what the k-th and the next most worthy gate are worth.
  double worth_at(std::size_t k) const {
    std::vector<double> worth(earned_.size());
    for (std::size_t j = 0; j < worth.size(); ++j) {
      worth[j] = slope_[j] > 0 ? std::max(0.0, earned_[j] / slope_[j]) : 0.0;
    }
    const auto middle = worth.begin() + static_cast<std::ptrdiff_t>(k);
    std::nth_element(worth.begin(), middle, worth.end(), std::greater<>());
    const double next = *middle;
    return 0.5 * (next + (k > 0 ? *std::min_element(worth.begin(), middle) : next));
  }

  double gates_;
  double budget_;
  double steps_;
  double arrival_;
  double price_;
  std::vector<double> earned_;  // −dL/dlog α, averaged
  std::vector<double> slope_;   // dP/dlog α, averaged
};

}  // namespace l0::detail
