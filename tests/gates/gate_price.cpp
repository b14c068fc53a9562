// SPDX-License-Identifier: MIT
// What gates cost and how many are open.
#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::gates::gate_price {

namespace {

using Catch::Matchers::Message;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using l0::Evaluation;
using l0::Gate;
using l0::Index;
using l0::Vector;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

/// P(z ≠ 0) from the definition.
double open(double log_alpha, const l0::HardConcrete<double>& d) {
  return 1 / (1 + std::exp(d.temperature * std::log(-d.gamma / d.zeta) - log_alpha));
}
double open(double mu, const l0::ClippedGaussian<double>& d) {
  return std::erfc(-mu / d.temperature / std::sqrt(2.0)) / 2;
}

template <class Distribution>
double expected_l0(const VectorXd& location, const Distribution& d) {
  double sum = 0;
  for (const double a : location) sum += open(a, d);
  return sum;
}

}  // namespace

TEMPLATE_TEST_CASE("The expected number of open gates and its gradient", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const Index size : {0, 1, 63, 64, 65, 1000}) {
    CAPTURE(size);
    Gate<TestType> gate(size, {.temperature = 0.7});
    l0::test::spread_locations(gate, 10);
    const VectorXd location = gate.location();
    const double value = expected_l0(location, gate.distribution());
    CHECK(close(gate.expected_l0(), value, tolerance::golden));
    CHECK(gate.l0_penalty() == gate.expected_l0());
    CHECK(gate.get_l0_penalty() == gate.expected_l0());
    CHECK(close(gate.active_probability().sum(), value, tolerance::golden));
    CHECK(gate.location_gradient().isZero(0));

    CHECK(gate.accumulate_expected_l0(0.25) == gate.expected_l0());
    const VectorXd once = gate.location_gradient();
    const auto at = [&](const VectorXd& a) { return 0.25 * expected_l0(a, gate.distribution()); };
    if (size <= 65) {
      const VectorXd expected = l0::test::numerical_gradient(at, location, l0::test::Stencil::five_point);
      CHECK(close(once, expected, tolerance::gradient(expected)));
    }
    gate.accumulate_expected_l0(0.25);
    CHECK(gate.location_gradient() == 2 * once);
  }
}

TEMPLATE_TEST_CASE("A large number of gates is counted without loss", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(1000000);
  gate.location().setConstant(Scalar(1));
  const double one = l0::test::in_double(gate.distribution()).active_probability(1);
  CHECK(gate.expected_l0() == Approx(1e6 * one).epsilon(std::is_same_v<Scalar, float> ? 2e-7 : 1e-12));
}

TEMPLATE_TEST_CASE("A price of its own for every gate", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType, Eigen::Dynamic> gate(4, 3);
  l0::test::spread_locations(gate);
  const MatrixXd location = gate.location();
  const MatrixXd price = MatrixXd::NullaryExpr(4, 3, [](Index i, Index j) { return 0.3 * double(i) - double(j); });
  const auto cost = [&](const MatrixXd& a) {
    gate.location() = a;
    return gate.active_probability().cwiseProduct(price).sum();
  };
  const MatrixXd expected = l0::test::numerical_gradient(cost, location, l0::test::Stencil::five_point);
  gate.location() = location;
  gate.location_gradient().setOnes();
  gate.accumulate_active_gradient(price);
  CHECK(close(gate.location_gradient() - MatrixXd::Ones(4, 3), expected, tolerance::gradient(expected)));
  CHECK_THROWS_MATCHES(gate.accumulate_active_gradient(MatrixXd::Zero(3, 4)), l0::Error,
                       Message("l0: price is 3x4, expected 4x3"));
}

TEMPLATE_TEST_CASE("Deterministic gates, moments and probabilities of an array are those of its gates", "[gates]",
                   L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(131, {.temperature = Scalar(0.7)});
  l0::test::spread_locations(gate, 4);
  const auto& d = gate.distribution();
  const Scalar rounding = 16 * std::numeric_limits<Scalar>::epsilon();
  const auto same = [&](const Vector<Scalar>& actual, auto f) {
    return actual.isApprox(Vector<Scalar>(Vector<Scalar>(gate.location()).unaryExpr(f)), rounding);
  };
  CHECK(same(gate.deterministic(), [&](Scalar a) { return d.deterministic(a); }));
  CHECK(same(gate.deterministic(Evaluation::without_temperature),
             [&](Scalar a) { return d.deterministic(a, Evaluation::without_temperature); }));
  CHECK(same(gate.active_probability(), [&](Scalar a) { return d.active_probability(a); }));
  CHECK(same(gate.mean(), [&](Scalar a) { return d.mean(a); }));
  CHECK(same(gate.variance(), [&](Scalar a) { return d.variance(a); }));
}

TEMPLATE_TEST_CASE("Open gates are counted by their deterministic values", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(8);
  if constexpr (l0::test::is_hard_concrete<TestType>) {
    gate.location() << -20, 20, -3, 3, 0, Scalar(-1.5), Scalar(-1.1), 0;  // closed below β logit(1/12) = −1.199
  } else {
    gate.location() << -20, 20, -3, 3, 1, 0, Scalar(1e-6), Scalar(0.5);  // closed up to 0
  }
  CHECK(gate.active_count() == 5);
  CHECK(gate.sparsity() == Scalar(0.375));
  gate.location().setConstant(-20);
  CHECK(gate.active_count() == 0);
  CHECK(gate.sparsity() == 1);
  const Gate<TestType> none(0);
  CHECK(none.active_count() == 0);
  CHECK(none.sparsity() == 0);
  CHECK(none.expected_l0() == 0);
}

TEMPLATE_TEST_CASE("Frozen gates are deterministic, draw nothing and pass no gradient", "[gates]",
                   L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  const l0::Rng rng(3);
  Gate<TestType> gate(65);
  l0::test::spread_locations(gate);
  const Vector<Scalar> first = gate.sample(rng);
  gate.set_draw(0);
  CHECK_FALSE(gate.frozen());
  gate.freeze();
  CHECK(gate.frozen());
  CHECK(gate.sample(rng) == gate.deterministic());
  CHECK(gate.draw() == 0);
  const Vector<Scalar> ones = Vector<Scalar>::Ones(65);
  gate.backward(ones);
  CHECK(gate.accumulate_expected_l0(1) == gate.expected_l0());
  gate.accumulate_active_gradient(ones);
  CHECK(gate.location_gradient().isZero(0));
  CHECK_THROWS_AS(gate.backward(Vector<Scalar>::Ones(64)), l0::Error);

  gate.unfreeze();
  CHECK_FALSE(gate.frozen());
  CHECK(gate.sample(rng) == first);
  gate.backward(ones);
  CHECK_FALSE(gate.location_gradient().isZero(0));
}

}  // namespace tests::gates::gate_price
