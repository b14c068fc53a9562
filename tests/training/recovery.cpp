// SPDX-License-Identifier: MIT
// minimize finds a support that is known, by price and by budget.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "support/tolerances.hpp"
#include "training/objectives.hpp"

namespace tests::training::recovery {

namespace {

using l0::Index;
using l0::StopReason;
using l0::Vector;
using l0::test::sparse_quadratic_support;
using l0::test::SparseQuadratic;

/// A result fits together, whatever was asked.
template <class Scalar>
void check_consistent(const l0::MinimizeResult<Scalar>& result, Index size) {
  REQUIRE(result.weights.size() == size);
  REQUIRE(result.probability.size() == size);
  CHECK(std::is_sorted(result.active.begin(), result.active.end()));
  Vector<Scalar> inactive = result.weights;
  for (const Index j : result.active) inactive(j) = 0;
  CHECK(inactive.isZero(0));
  SparseQuadratic<Scalar> f(size);
  Vector<Scalar> gradient(size);
  CHECK(result.report.loss == Approx(static_cast<double>(f(result.weights, gradient))));
  CHECK(result.report.expected_l0 == Approx(static_cast<double>(result.probability.sum())));
  CHECK((result.probability.array() >= 0 && result.probability.array() <= 1).all());
  CHECK(result.report.seconds >= 0);
}

}  // namespace

TEMPLATE_TEST_CASE("A price on gates finds the support and the refit the weights", "", float, double) {
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    CAPTURE(seed);
    SparseQuadratic<TestType> f;
    const auto result = l0::minimize(f, Vector<TestType>::Zero(12),
                                     {.lambda_l0 = 0.1, .epochs = 1000, .learning_rate = 0.05, .seed = seed});
    CHECK(result.active == sparse_quadratic_support);
    CHECK(l0::test::close(result.weights, f.target(), {sizeof(TestType) == 4 ? 1e-3 : 1e-6, 1}));
    CHECK(result.report.loss < 1e-6);
    CHECK(result.report.stop == StopReason::completed);
    CHECK(result.report.converged());
    CHECK(result.report.lambda == 0.1);
    check_consistent(result, 12);
  }
}

TEMPLATE_TEST_CASE("A budget keeps exactly that many weights", "", float, double) {
  for (const Index budget : {0, 1, 2, 3, 5, 12, 40}) {
    CAPTURE(budget);
    SparseQuadratic<TestType> f;
    const auto result = l0::minimize(f, Vector<TestType>::Constant(12, TestType(0.5)),
                                     {.max_active = budget, .epochs = 1000, .learning_rate = 0.05});
    CHECK(static_cast<Index>(result.active.size()) == std::min<Index>(budget, 12));
    check_consistent(result, 12);
    CHECK(result.report.expected_l0 < static_cast<double>(budget) + 0.5);  // the price has enforced it
    if (budget == 1) CHECK(result.active == std::vector<Index>{4});
    if (budget == 2) CHECK(result.active == std::vector<Index>{1, 4});
    if (budget == 3) CHECK(result.active == sparse_quadratic_support);
    if (budget == 0) CHECK(result.weights.isZero(0));
    if (budget >= 3) CHECK(result.report.loss < 1e-6);
  }
}

TEST_CASE("Without a price or a budget nothing is closed for long") {
  SparseQuadratic<double> f;
  const auto result = l0::minimize(f, Vector<double>::Zero(12), {.learning_rate = 0.05});
  CHECK(result.report.lambda == 0);
  CHECK(result.report.loss < 1e-6);
  check_consistent(result, 12);
}

TEST_CASE("A large price closes everything") {
  SparseQuadratic<double> f;
  const auto result = l0::minimize(f, Vector<double>::Zero(12), {.lambda_l0 = 100});
  CHECK(result.active.empty());
  CHECK(result.weights.isZero(0));
  check_consistent(result, 12);
}

TEST_CASE("Without a refit the weights are those of the gates") {
  SparseQuadratic<double> f;
  int refits = 0;
  const auto result =
      l0::minimize(f, Vector<double>::Zero(12),
                   {.lambda_l0 = 0.1, .learning_rate = 0.05, .refit = false, .callback = [&](const auto& report) {
                      refits += report.stage == "refit";
                    }});
  CHECK(result.active == sparse_quadratic_support);
  CHECK(result.report.steps == 1000);
  CHECK(refits == 0);
  CHECK(f.calls() == 1001);  // one for the loss of the result
  CHECK(result.report.loss < 0.1);
  check_consistent(result, 12);
}

TEST_CASE("The same seed gives the same bits, another seed another run") {
  const auto run = [](std::uint64_t seed) {
    return l0::minimize(SparseQuadratic<double>(), Vector<double>::Zero(12),
                        {.lambda_l0 = 0.1, .epochs = 50, .refit = false, .seed = seed});
  };
  CHECK(run(7).weights == run(7).weights);
  CHECK(run(7).probability == run(7).probability);
  CHECK_FALSE(run(7).weights == run(8).weights);
}

TEST_CASE("Temperature, initial sparsity and rates are those asked for") {
  SparseQuadratic<double> f;
  std::vector<double> temperatures;
  l0::MinimizeOptions options{.epochs = 4, .refit = false};
  options.temperature_schedule = [](Index step) { return 1.0 / static_cast<double>(step + 1); };
  options.callback = [&](const l0::StepReport& report) { temperatures.push_back(report.temperature); };
  l0::minimize(f, Vector<double>::Zero(12), options);
  CHECK(temperatures == std::vector<double>{1, 1.0 / 2, 1.0 / 3, 1.0 / 4});

  temperatures.clear();
  options.temperature_schedule = {};
  l0::minimize(f, Vector<double>::Zero(12), options);
  REQUIRE(temperatures.size() == 4);
  CHECK(temperatures[0] == Approx(2.0 / 3));
  CHECK(temperatures[2] == Approx(2.0 / 3 * std::sqrt(0.1 * 1.5)));

  const auto untrained = l0::minimize(f, Vector<double>::Ones(12), {.epochs = 0, .init_sparsity = 0.2, .refit = false});
  // σ(logit(0.8) − β log(1/11)) at the temperature that a gate has before the first step.
  CHECK(untrained.probability.isConstant(1 / (1 + 0.25 * std::exp(0.5 * std::log(1.0 / 11)))));
  CHECK(untrained.report.steps == 0);
}

TEST_CASE("A budget closes gates that are worth nothing, too") {
  // Three of thirty weights matter, and the budget has room for five.
  const auto f = [](const Vector<double>& w, Vector<double>& gradient) {
    gradient = Vector<double>::Zero(30);
    gradient.head(3) = 2 * (w.head(3).array() - 1).matrix();
    return (w.head(3).array() - 1).square().sum();
  };
  const auto result = l0::minimize(f, Vector<double>::Zero(30), {.max_active = 5, .epochs = 1000});
  CHECK(result.active.size() == 5);
  CHECK(result.probability.head(3).minCoeff() > 0.9);
  CHECK(result.report.expected_l0 < 5.5);
  const auto roomy = l0::minimize(f, Vector<double>::Zero(30), {.max_active = 30, .epochs = 300});
  CHECK(roomy.report.lambda == 0);
}

TEST_CASE("A budget ends near its number of open gates, at a price of the size of what gates are worth") {
  // Separable, each gate worth goal²: a price that rose while the gates close would end many decades
  // too high or, once everything is closed, too low.
  const Vector<double> goal = Vector<double>::LinSpaced(30, -1, 1);
  const auto f = [&](const Vector<double>& w, Vector<double>& gradient) {
    gradient = 2 * (w - goal);
    return (w - goal).squaredNorm();
  };
  double open = 0;
  for (const std::uint64_t seed : {0U, 1U, 2U, 3U}) {
    for (const Index epochs : {300, 1000}) {
      const auto result = l0::minimize(f, Vector<double>::Zero(30), {.max_active = 4, .epochs = epochs, .seed = seed});
      CHECK(result.report.lambda > 1e-2);  // the least worthy of the four is worth 0.87
      CHECK(result.report.lambda < 1e2);
      open += result.report.expected_l0 / 8;
      CHECK(result.report.loss < 7.945);  // what the fifth to eighth largest would leave; the four largest leave 6.956
    }
  }
  CHECK(open > 2);
  CHECK(open < 6);
}

}  // namespace tests::training::recovery
