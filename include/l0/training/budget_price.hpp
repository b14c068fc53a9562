// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

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
  /// `first` > 0 is where the price begins; at 0 it begins with what the first gate to be closed is worth.
  BudgetPrice(Index budget, Index gates, Index steps, double first)
      : gates_(static_cast<double>(gates)), budget_(std::min(static_cast<double>(budget), gates_)),
        steps_(static_cast<double>(steps)), price_(first), earned_(Vector<double>::Zero(gates)), slope_(earned_),
        worth_(earned_) {}

  double value() const { return price_; }

  /// The price for step 0, 1, ...; the gradient of the gate's location is that of the loss alone.
  template <class Gate>
  double update(const Gate& gate, Index step) {
    const double expected = watch(gate);
    const double progress = std::min(1.0, 2.0 * static_cast<double>(step + 1) / steps_);
    const double target = budget_ + (gates_ - budget_) * std::pow(1 - progress, 3);
    if (price_ == 0) {
      price_ = worth_at(static_cast<Index>(std::lround(target)));
      return price_;
    }
    const double now = excess(expected, target);
    const double later = excess(static_cast<double>((worth_.array() > price_).count()), target);
    double pace = now * later <= 0 ? 0 : std::abs(now) < std::abs(later) ? now : later;
    if (now > 0) pace = std::max(pace, creep * now);
    price_ *= std::exp(std::min(0.5, e_folds / steps_) * pace);
    return price_;
  }

 private:
  static constexpr double e_folds = 200;  // of the price over a run, at full excess
  static constexpr double creep = 0.02;   // of that, where the gates are closing already
  static constexpr double memory = 0.98;  // of the averages, per step: some fifty draws

  static double excess(double open, double target) {
    return std::clamp((open - target) / std::max(target, 1.0), -1.0, 1.0);
  }

  /// Averages what the gates are worth; returns E‖z‖₀.
  template <class Gate>
  double watch(const Gate& gate) {
    const auto formulas = gate.distribution().formulas();
    double expected = 0;
    for (Index j = 0; j < worth_.size(); ++j) {
      const auto p = formulas.active_probability(gate.location()(j));
      expected += static_cast<double>(p);
      const auto slope = static_cast<double>(formulas.active_probability_derivative(p, gate.location()(j)));
      earned_(j) = memory * earned_(j) - (1 - memory) * static_cast<double>(gate.location_gradient()(j));
      slope_(j) = memory * slope_(j) + (1 - memory) * slope;
      worth_(j) = slope_(j) > 0 ? std::max(0.0, earned_(j) / slope_(j)) : 0.0;
    }
    return expected;
  }

  /// Between what the k-th and the next most worthy gate are worth; 0 for all gates.
  double worth_at(Index k) {
    if (k >= worth_.size()) return 0;
    sorted_ = worth_;
    std::sort(sorted_.data(), sorted_.data() + sorted_.size(), std::greater<>());
    return 0.5 * (sorted_(std::max<Index>(k - 1, 0)) + sorted_(k));
  }

  double gates_;
  double budget_;
  double steps_;
  double price_;
  Vector<double> earned_;  // −dL/dlog α, averaged
  Vector<double> slope_;   // dP/dlog α, averaged
  Vector<double> worth_;
  Vector<double> sorted_;
};

}  // namespace l0::detail
