// SPDX-License-Identifier: MIT
// What open gates cost, prices per layer, and budgets with the price that keeps them.
#include <l0/penalties/budget.hpp>
#include <l0/penalties/budget_price.hpp>
#include <l0/penalties/cost.hpp>

#include <cmath>
#include <numeric>
#include <vector>

#include "penalties/models.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::penalties::budget {

namespace {

using l0::CostUnit;
using l0::Index;
using l0::Vector;

/// Σ over gates or weights of what is open, spelled out.
template <class Layer, class GateOf>
double plain_cost(const Layer& layer, CostUnit unit, const GateOf& gate_of) {
  const auto p = layer.gate().active_probability();
  if (unit == CostUnit::gates) return static_cast<double>(p.sum());
  double cost = 0;
  for (Index o = 0; o < layer.outputs(); ++o) {
    for (Index i = 0; i < layer.inputs(); ++i) cost += static_cast<double>(p(gate_of(o, i)));
  }
  return unit == CostUnit::weights ? cost : 2 * cost;  // a multiplication and an addition
}

template <class Layer>
double whole_cost(const Layer& layer, CostUnit unit) {
  if (unit == CostUnit::gates) return static_cast<double>(layer.gate().size());
  return static_cast<double>(layer.weight().size()) * (unit == CostUnit::weights ? 1 : 2);
}

constexpr CostUnit units[] = {CostUnit::gates, CostUnit::weights, CostUnit::flops};

}  // namespace

TEST_CASE("A price per layer is what its open gates, weights or operations cost", "[penalties]") {
  l0::test::for_each_grouping<double>([](const char* name, auto layer, const auto& gate_of) {
    for (const CostUnit unit : units) {
      CAPTURE(name, static_cast<int>(unit));
      const l0::LayerPenalty<double> penalty{.lambda = {0.3}, .unit = unit};
      layer.log_alpha_gradient().setZero();
      CHECK(penalty.accumulate(layer) == Approx(0.3 * plain_cost(layer, unit, gate_of)).epsilon(1e-13));
      const Vector<double> gradient =
          Eigen::Map<const Vector<double>>(layer.log_alpha_gradient().data(), layer.gate().size());
      const auto handle = layer.parameters().back();
      const Vector<double> start = handle.values();
      const auto numerical = l0::test::numerical_gradient(
          [&](const auto& moved) {
            handle.values() = moved;
            return 0.3 * plain_cost(layer, unit, gate_of);
          },
          start, l0::test::Stencil::five_point);
      handle.values() = start;
      CHECK(l0::test::close(gradient, numerical, l0::test::tolerance::gradient(numerical)));
    }
  });
}

TEST_CASE("Layers have prices of their own, one each or one for all", "[penalties]") {
  l0::Rng rng(1);
  l0::test::UserModel model(rng);
  const double costs[] = {model.first.l0_penalty(), model.second.l0_penalty(), model.extra.l0_penalty()};
  CHECK(l0::LayerPenalty<double>{.lambda = {2, 0, 5}}.accumulate(model) == Approx(2 * costs[0] + 5 * costs[2]));
  CHECK(model.second.log_alpha_gradient().isZero(0));
  CHECK_FALSE(model.extra.log_alpha_gradient().isZero(0));
  CHECK(l0::LayerPenalty<double>{.lambda = {3}}.accumulate(model) == Approx(3 * (costs[0] + costs[1] + costs[2])));
  CHECK_THROWS_AS((l0::LayerPenalty<double>{.lambda = {1, 2}}.accumulate(model)), l0::Error);
  CHECK_THROWS_AS((l0::LayerPenalty<double>{.lambda = {-1}}.accumulate(model)), l0::Error);
}

TEST_CASE("A budget charges its price on what is overspent, and then moves the price", "[penalties]") {
  l0::test::for_each_grouping<double>([](const char* name, auto layer, const auto& gate_of) {
    for (const CostUnit unit : units) {
      CAPTURE(name, static_cast<int>(unit));
      const double share = plain_cost(layer, unit, gate_of) / whole_cost(layer, unit);
      REQUIRE((share > 0.2 && share < 0.95));
      l0::Budget<double> budget({.max_share = 0.2, .unit = unit, .rate = 0.5});
      CHECK(budget.accumulate(layer) == 0);  // the price starts at 0
      CHECK(budget.share() == Approx(share).epsilon(1e-13));
      CHECK(budget.cost() == Approx(share * whole_cost(layer, unit)).epsilon(1e-13));
      const double price = 0.5 * (share - 0.2);
      REQUIRE(budget.lambda().size() == 1);
      CHECK(budget.lambda()[0] == Approx(price).epsilon(1e-13));

      layer.log_alpha_gradient().setZero();
      CHECK(budget.accumulate(layer) == Approx(price * (share - 0.2)).epsilon(1e-12));
      CHECK(budget.lambda()[0] == Approx(2 * price).epsilon(1e-13));
      auto priced = layer;
      priced.log_alpha_gradient().setZero();
      l0::LayerPenalty<double>{.lambda = {price / whole_cost(layer, unit)}, .unit = unit}.accumulate(priced);
      CHECK(l0::test::close(layer.log_alpha_gradient(), priced.log_alpha_gradient(), {1e-12, 1e-6}));

      // The same as a cost; and a budget that is kept.
      l0::Budget<double> by_cost({.max_cost = 0.2 * whole_cost(layer, unit), .unit = unit, .rate = 0.5});
      by_cost.accumulate(layer);
      CHECK(by_cost.lambda()[0] == Approx(price).epsilon(1e-12));
      for (const bool restart : {true, false}) {
        l0::Budget<double> kept({.max_share = 0.99, .unit = unit, .rate = 0.5, .restart = restart});
        kept.set_lambda({3});
        CHECK(kept.accumulate(layer) == Approx(3 * (share - 0.99)).epsilon(1e-12));
        CHECK(kept.lambda()[0] == Approx(restart ? 0 : 3 - 0.5 * (0.99 - share)).margin(1e-14));
        kept.set_lambda({1e-9});
        kept.accumulate(layer);
        CHECK(kept.lambda()[0] == 0);  // never below
      }
    }
  });
}

TEST_CASE("A budget per layer has a price for each", "[penalties]") {
  l0::Rng rng(1);
  l0::test::UserModel model(rng);
  l0::Budget<double> budget({.max_share = 0.1, .per_layer = true, .rate = 0.5});
  budget.accumulate(model);
  const double shares[] = {model.first.l0_penalty() / 12, model.second.l0_penalty() / 3, model.extra.l0_penalty() / 5};
  REQUIRE(budget.lambda().size() == 3);
  double value = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    CAPTURE(k);
    CHECK(budget.lambda()[k] == Approx(0.5 * (shares[k] - 0.1)).epsilon(1e-13));
    value += 0.5 * (shares[k] - 0.1) * (shares[k] - 0.1);
  }
  CHECK(budget.accumulate(model) == Approx(value).epsilon(1e-12));
  CHECK(budget.cost() == Approx(12 * shares[0] + 3 * shares[1] + 5 * shares[2]).epsilon(1e-13));
  CHECK(budget.share() == Approx(budget.cost() / 20).epsilon(1e-13));
}

TEST_CASE("Budgets refuse options that contradict each other", "[penalties]") {
  using Budget = l0::Budget<double>;
  CHECK_THROWS_AS(Budget({}), l0::Error);
  CHECK_THROWS_AS(Budget({.max_share = 0.1, .max_cost = 3}), l0::Error);
  CHECK_THROWS_AS(Budget({.max_share = 1}), l0::Error);
  CHECK_THROWS_AS(Budget({.max_share = -0.1}), l0::Error);
  CHECK_THROWS_AS(Budget({.max_cost = -1}), l0::Error);
  CHECK_THROWS_AS(Budget({.max_cost = 3, .per_layer = true}), l0::Error);
  CHECK_THROWS_AS(Budget({.max_share = 0.1, .rate = 0}), l0::Error);
}

TEST_CASE("The price of minimize begins with what the first gate to be closed is worth", "[penalties]") {
  // Ten gates worth 1, 2, ..., 10; three are to stay after half of 100 steps.
  l0::detail::BudgetPrice price(3, 10, 100, 0);
  const auto watch = [&] {
    for (Index j = 0; j < 10; ++j) price.watch(j, -static_cast<double>(j + 1), 1);
  };
  watch();
  CHECK(price.move(10, 0) == 0);  // 10 may stay: 3 + 7 (1 − 1/50)³ = 9.6
  watch();
  // 3 + 7 (1 − 3/50)³ = 8.8 is 9 gates; the averages are worth as much as what they are averages of.
  const double first = price.move(10, 2);
  CHECK(first == Approx(1.5).epsilon(1e-12));
  CHECK(price.move(8, 2) == first);  // fewer are open, but more are worth it: it stays
  const double later = price.move(10, 49);
  CHECK(later > first);  // 3 may stay by now: more are open, and worth more
  CHECK(price.move(10, 80) > later);
  l0::detail::BudgetPrice high(3, 10, 100, 100);
  CHECK(high.move(1, 60) < 100);  // fewer are open than wanted, and none is worth that
}

}  // namespace tests::penalties::budget
