// SPDX-License-Identifier: MIT
// What gates cost and how many are open.
#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace {

using Catch::Matchers::Message;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using l0::Evaluation;
using l0::HardConcreteGate;
using l0::Index;
using l0::Vector;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

/// Σ P(z ≠ 0) from the definition.
double expected_l0(const VectorXd& log_alpha, const l0::HardConcrete<double>& d) {
  double sum = 0;
  for (const double a : log_alpha) sum += 1 / (1 + std::exp(d.temperature * std::log(-d.gamma / d.zeta) - a));
  return sum;
}

}  // namespace

TEST_CASE("The expected number of open gates and its gradient", "[gates]") {
  for (const Index size : {0, 1, 63, 64, 65, 1000}) {
    CAPTURE(size);
    HardConcreteGate<double> gate(size, {.temperature = 0.7});
    l0::test::spread_log_alpha(gate.log_alpha(), 10);
    const VectorXd log_alpha = gate.log_alpha();
    const double value = expected_l0(log_alpha, gate.distribution());
    CHECK(close(gate.expected_l0(), value, tolerance::golden));
    CHECK(gate.l0_penalty() == gate.expected_l0());
    CHECK(gate.get_l0_penalty() == gate.expected_l0());
    CHECK(close(gate.active_probability().sum(), value, tolerance::golden));
    CHECK(gate.log_alpha_gradient().isZero(0));

    CHECK(gate.accumulate_expected_l0(0.25) == gate.expected_l0());
    const VectorXd once = gate.log_alpha_gradient();
    const auto at = [&](const VectorXd& a) { return 0.25 * expected_l0(a, gate.distribution()); };
    if (size <= 65) {
      const VectorXd expected = l0::test::numerical_gradient(at, log_alpha, l0::test::Stencil::five_point);
      CHECK(close(once, expected, tolerance::gradient(expected)));
    }
    gate.accumulate_expected_l0(0.25);
    CHECK(gate.log_alpha_gradient() == 2 * once);
  }
}

TEMPLATE_TEST_CASE("A large number of gates is counted without loss", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(1000000);
  gate.log_alpha().setConstant(TestType(1));
  const double one = l0::HardConcrete<double>{static_cast<double>(TestType(0.5)), static_cast<double>(TestType(-0.1)),
                                              static_cast<double>(TestType(1.1))}
                         .active_probability(1);
  CHECK(gate.expected_l0() == Approx(1e6 * one).epsilon(std::is_same_v<TestType, float> ? 2e-7 : 1e-12));
}

TEST_CASE("A price of its own for every gate", "[gates]") {
  HardConcreteGate<double, Eigen::Dynamic> gate(4, 3);
  l0::test::spread_log_alpha(gate.log_alpha());
  const MatrixXd log_alpha = gate.log_alpha();
  const MatrixXd price = MatrixXd::NullaryExpr(4, 3, [](Index i, Index j) { return 0.3 * double(i) - double(j); });
  const auto cost = [&](const MatrixXd& a) {
    gate.log_alpha() = a;
    return gate.active_probability().cwiseProduct(price).sum();
  };
  const MatrixXd expected = l0::test::numerical_gradient(cost, log_alpha, l0::test::Stencil::five_point);
  gate.log_alpha() = log_alpha;
  gate.log_alpha_gradient().setOnes();
  gate.accumulate_active_gradient(price);
  CHECK(close(gate.log_alpha_gradient() - MatrixXd::Ones(4, 3), expected, tolerance::gradient(expected)));
  CHECK_THROWS_MATCHES(gate.accumulate_active_gradient(MatrixXd::Zero(3, 4)), l0::Error,
                       Message("l0: price is 3x4, expected 4x3"));
}

TEMPLATE_TEST_CASE("Deterministic gates, moments and probabilities of an array are those of its gates", "[gates]",
                   float, double) {
  HardConcreteGate<TestType> gate(131, {.temperature = TestType(0.7)});
  l0::test::spread_log_alpha(gate.log_alpha(), 4);
  const auto& d = gate.distribution();
  const TestType rounding = 16 * std::numeric_limits<TestType>::epsilon();
  const auto same = [&](const Vector<TestType>& actual, auto f) {
    return actual.isApprox(Vector<TestType>(Vector<TestType>(gate.log_alpha()).unaryExpr(f)), rounding);
  };
  CHECK(same(gate.deterministic(), [&](TestType a) { return d.deterministic(a); }));
  CHECK(same(gate.deterministic(Evaluation::without_temperature),
             [&](TestType a) { return d.deterministic(a, Evaluation::without_temperature); }));
  CHECK(same(gate.active_probability(), [&](TestType a) { return d.active_probability(a); }));
  CHECK(same(gate.mean(), [&](TestType a) { return d.mean(a); }));
  CHECK(same(gate.variance(), [&](TestType a) { return d.variance(a); }));
}

TEMPLATE_TEST_CASE("Open gates are counted by their deterministic values", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(8);
  gate.log_alpha() << -20, 20, -3, 3, 0, TestType(-1.5), TestType(-1.1), 0;  // closed below β logit(1/12) = −1.199
  CHECK(gate.active_count() == 5);
  CHECK(gate.sparsity() == TestType(0.375));
  gate.log_alpha().setConstant(-20);
  CHECK(gate.active_count() == 0);
  CHECK(gate.sparsity() == 1);
  const HardConcreteGate<TestType> none(0);
  CHECK(none.active_count() == 0);
  CHECK(none.sparsity() == 0);
  CHECK(none.expected_l0() == 0);
}

TEMPLATE_TEST_CASE("Frozen gates are deterministic, draw nothing and pass no gradient", "[gates]", float, double) {
  const l0::Rng rng(3);
  HardConcreteGate<TestType> gate(65);
  l0::test::spread_log_alpha(gate.log_alpha());
  const Vector<TestType> first = gate.sample(rng);
  gate.set_draw(0);
  CHECK_FALSE(gate.frozen());
  gate.freeze();
  CHECK(gate.frozen());
  CHECK(gate.sample(rng) == gate.deterministic());
  CHECK(gate.draw() == 0);
  const Vector<TestType> ones = Vector<TestType>::Ones(65);
  gate.backward(ones);
  CHECK(gate.accumulate_expected_l0(1) == gate.expected_l0());
  gate.accumulate_active_gradient(ones);
  CHECK(gate.log_alpha_gradient().isZero(0));
  CHECK_THROWS_AS(gate.backward(Vector<TestType>::Ones(64)), l0::Error);

  gate.unfreeze();
  CHECK_FALSE(gate.frozen());
  CHECK(gate.sample(rng) == first);
  gate.backward(ones);
  CHECK_FALSE(gate.log_alpha_gradient().isZero(0));
}
