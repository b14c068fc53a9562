// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <l0/penalties/cost.hpp>

namespace l0 {

/// Options of `Budget`: give exactly one of `max_share` and `max_cost`.
struct BudgetOptions {
  double max_share = 0;             ///< expected cost of the open gates over that of all gates, in (0, 1); 0: not given
  double max_cost = 0;              ///< expected cost itself, > 0; 0: not given
  CostUnit unit = CostUnit::gates;  ///< what is counted
  bool per_layer = false;           ///< every gated layer keeps the share, each with a price of its own; not max_cost
  double rate = 1e-2;               ///< by how much λ grows per step and unit of overspent share, > 0
  bool restart = true;              ///< λ returns to 0 where the budget is kept
};

/// A budget instead of a price: minimise the loss subject to E cost ≤ budget, with the price λ a dual variable.
///
/// Each `accumulate` charges λ (share − max_share), where share is the expected cost over that of all gates, and then
/// moves λ ← max(0, λ + rate (share − max_share)): the price rises while too much is open. A budget that is kept sets λ
/// back to 0 (dual restarts), so that nothing is closed beyond it.
///
///     l0::Budget<float> budget({.max_share = 0.05, .unit = l0::CostUnit::flops});
///     budget.accumulate(net);      // in the place of a penalty, once per step
///
/// Source: Gallego-Posada, Ramirez, Erraqabi, Bengio & Lacoste-Julien, NeurIPS 2022, arXiv:2208.04425, eq. 8 and 9.
template <std::floating_point Scalar>
class Budget {
 public:
  /// Throws `Error` for options outside their ranges.
  explicit Budget(const BudgetOptions& options) : options_(options) {
    const bool by_share = options.max_share != 0;
    detail::require(by_share != (options.max_cost != 0), "max_cost", options.max_cost,
                    by_share ? "0 where max_share is given" : "a cost > 0, or max_share");
    if (by_share) {
      detail::require(options.max_share > 0 && options.max_share < 1, "max_share", options.max_share,
                      "a share in (0, 1)");
    } else {
      detail::require_positive("max_cost", options.max_cost);
      detail::require(!options.per_layer, "per_layer", true, "false with max_cost");
    }
    detail::require_positive("rate", options.rate);
  }

  /// Returns Σ λ (share − max_share), adds its gradient, and then moves λ.
  template <Gated Model>
  Scalar accumulate(Model& model) {
    full_.clear();
    for_each_gated(model, [&](auto& part) { full_.push_back(detail::full_cost(part, options_.unit)); });
    double all = 0;
    for (const double cost : full_) all += cost;
    lambda_.resize(options_.per_layer ? full_.size() : 1, 0.0);
    if (all == 0) return 0;
    cost_ = 0;
    double value = 0;
    std::size_t k = 0;
    for_each_gated(model, [&](auto& part) {
      double& lambda = lambda_[options_.per_layer ? k : 0];
      const double whole = options_.per_layer ? full_[k] : all;
      ++k;
      if (whole == 0) return;
      const double cost = detail::accumulate_cost(part, options_.unit, lambda / whole);
      cost_ += cost;
      if (options_.per_layer) value += charge(lambda, cost / whole, options_.max_share);
    });
    if (!options_.per_layer) {
      value = charge(lambda_[0], cost_ / all, options_.max_share > 0 ? options_.max_share : options_.max_cost / all);
    }
    share_ = cost_ / all;
    return static_cast<Scalar>(value);
  }

  /// The prices of a share after the last `accumulate`: one, or one per gated layer.
  const std::vector<double>& lambda() const { return lambda_; }
  /// Puts other prices in their place.
  void set_lambda(std::vector<double> lambda) { lambda_ = std::move(lambda); }
  /// What it consists of, to store it or to resume a run: the prices.
  void visit(auto&& v) { v("lambda", lambda_); }
  /// The expected cost and its share at the last `accumulate`.
  double cost() const { return cost_; }
  /// The expected share of the cost at the last step.
  double share() const { return share_; }

 private:
  double charge(double& lambda, double share, double limit) const {
    const double value = lambda * (share - limit);
    lambda = share <= limit && options_.restart ? 0 : std::max(0.0, lambda + options_.rate * (share - limit));
    return value;
  }

  BudgetOptions options_;
  std::vector<detail::Double<Scalar>> full_;
  std::vector<detail::Double<Scalar>> lambda_;
  double cost_ = 0;
  double share_ = 0;
};

}  // namespace l0
