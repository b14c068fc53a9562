// SPDX-License-Identifier: MIT
// A vector of gates drawn anew for every sample of a batch.
#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::gates::gate_per_sample {

namespace {

using Catch::Matchers::Message;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using l0::Gate;
using l0::GivenNoise;
using l0::Index;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

}  // namespace

TEMPLATE_TEST_CASE("Gates per sample follow their own noise, and their gradients add up", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(7);
  l0::test::spread_locations(gate);
  const VectorXd log_alpha = gate.location();
  const MatrixXd each = log_alpha.transpose().replicate(20, 1);
  const MatrixXd u = l0::test::noise_away_from_clamps(each, gate.distribution());
  const GivenNoise<double> noise(u);
  const l0::Matrix<double>& z = gate.sample_each(20, noise);
  REQUIRE(z.rows() == 20);
  REQUIRE(z.cols() == 7);
  CHECK(&z == &gate.each_values());
  for (Index i = 0; i < 20; ++i) {
    for (Index j = 0; j < 7; ++j) {
      CHECK(z(i, j) == Approx(gate.distribution().sample(u(i, j), log_alpha(j))).epsilon(1e-13));
    }
  }

  const MatrixXd upstream = MatrixXd::NullaryExpr(20, 7, [](Index i, Index j) { return std::sin(double(i + 20 * j)); });
  const auto objective = [&](const VectorXd& a) {
    gate.location() = a;
    return gate.sample_each(20, noise).cwiseProduct(upstream).sum();
  };
  objective(log_alpha);
  gate.backward_each(upstream);
  const VectorXd once = gate.location_gradient();
  const VectorXd expected = l0::test::numerical_gradient(objective, log_alpha, l0::test::Stencil::five_point);
  CHECK(close(once, expected, tolerance::gradient(expected)));

  objective(log_alpha);
  gate.set_temperature(0.1);  // backward still belongs to the draw
  gate.backward_each(upstream.array() * 1);
  CHECK(gate.location_gradient().isApprox(2 * once, 1e-14));
}

TEMPLATE_TEST_CASE("Gates per sample count as one draw and may change their number", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  const l0::Rng rng(3);
  Gate<TestType> gate(5);
  const MatrixXd first = gate.sample_each(10, rng);
  CHECK(gate.draw() == 1);
  CHECK(gate.sample_each(10, rng) != first);
  CHECK(gate.sample_each(0, rng).rows() == 0);
  gate.set_draw(0);
  CHECK(gate.sample_each(10, rng) == first);
  CHECK(first.row(0) != first.row(1));
}

TEMPLATE_TEST_CASE("Gates per sample refuse an upstream of another shape", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(5);
  gate.sample_each(4, l0::Rng(3));
  CHECK_THROWS_MATCHES(gate.backward_each(MatrixXd::Zero(5, 4)), l0::Error,
                       Message("l0: upstream is 5x4, expected 4x5"));
  CHECK_THROWS_AS(gate.backward_each(MatrixXd::Zero(3, 5)), l0::Error);
  CHECK(gate.location_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("Gates per sample cannot be used before they are drawn", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(5);
  CHECK_THROWS_AS(gate.backward_each(MatrixXd::Zero(4, 5)), l0::Error);
  CHECK_THROWS_AS(gate.backward_each(MatrixXd::Zero(0, 5)), l0::Error);
  CHECK_THROWS_AS(gate.each_values(), l0::Error);
}

TEMPLATE_TEST_CASE("Frozen gates per sample are all the deterministic ones", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(5);
  l0::test::spread_locations(gate);
  gate.freeze();
  const l0::Matrix<double>& z = gate.sample_each(4, l0::Rng(3));
  for (Index i = 0; i < 4; ++i) CHECK(z.row(i).transpose() == gate.deterministic());
  gate.backward_each(MatrixXd::Ones(4, 5));
  CHECK(gate.location_gradient().isZero(0));
  CHECK(gate.draw() == 0);
}

// Whatever backward needs is kept at the draw: what happens to the gate between the two does not reach it.
TEMPLATE_TEST_CASE("Backward belongs to the draw of frozen gates, also when they are thawed", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  const l0::Rng rng(3);
  const MatrixXd upstream = MatrixXd::Ones(400, 70);
  Gate<TestType> gate(70);
  l0::test::spread_locations(gate);
  gate.freeze();
  SECTION("never drawn before") {}
  SECTION("drawn before for fewer samples") {
    gate.unfreeze();
    gate.sample_each(3, rng);
    gate.freeze();
  }
  gate.sample_each(400, rng);
  const VectorXd values = gate.sample(rng);
  gate.unfreeze();
  gate.backward_each(upstream);
  gate.backward(VectorXd::Ones(70));
  MatrixXd weight_gradient = MatrixXd::Zero(70, 1);
  gate.backward_product(VectorXd::Ones(70), VectorXd::Ones(70), weight_gradient);
  CHECK(gate.location_gradient().isZero(0));
  CHECK(weight_gradient == values);
}

TEMPLATE_TEST_CASE("No gradient reaches gates that were frozen after the draw", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  const l0::Rng rng(3);
  Gate<TestType> gate(70);
  l0::test::spread_locations(gate);
  gate.sample_each(4, rng);
  gate.sample(rng);
  gate.freeze();
  gate.backward_each(MatrixXd::Ones(4, 70));
  gate.backward(VectorXd::Ones(70));
  CHECK(gate.location_gradient().isZero(0));
  gate.unfreeze();
  gate.backward(VectorXd::Ones(70));
  CHECK_FALSE(gate.location_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("One draw for all samples and one for each do not share their temperature", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  const l0::Rng rng(3);
  const auto gradients = [&](bool in_between) {
    Gate<TestType> gate(70);
    l0::test::spread_locations(gate);
    gate.sample(rng);
    const auto draw = gate.draw();
    if (in_between) {
      gate.set_temperature(0.1);
      gate.sample_each(4, rng);
    }
    gate.backward(VectorXd::Ones(70));
    const VectorXd of_one = gate.location_gradient();
    gate.location_gradient().setZero();
    gate.set_temperature(0.1);
    gate.set_draw(draw);
    gate.sample_each(4, rng);
    if (in_between) {
      gate.set_temperature(0.7);
      gate.sample(rng);
    }
    gate.backward_each(MatrixXd::Ones(4, 70));
    return std::pair(of_one, VectorXd(gate.location_gradient()));
  };
  CHECK(gradients(true) == gradients(false));
}

TEMPLATE_TEST_CASE("Negative numbers of samples are refused", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.sample_each(-1, l0::Rng(3)), l0::Error, Message("l0: samples is -1, expected a size >= 0"));
  CHECK(gate.draw() == 0);
  CHECK(gate.sample_number() == 0);
}

TEMPLATE_TEST_CASE("Every draw and every assignment has a number of its own", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  const l0::Rng rng(3);
  Gate<TestType> gate(3);
  const auto changes = [&](auto&& act) {
    const auto before = gate.sample_number();
    act();
    return gate.sample_number() > before;
  };
  CHECK(changes([&] { gate.sample(rng); }));
  CHECK(changes([&] { gate.sample_each(2, rng); }));
  const Gate<TestType> other = gate;
  CHECK(other.sample_number() == gate.sample_number());
  CHECK(changes([&] { gate = other; }));
  CHECK(changes([&] { gate = Gate<TestType>(3); }));
  gate.freeze();
  CHECK(changes([&] { gate.sample(rng); }));
  CHECK_FALSE(changes([&] { gate.backward(VectorXd::Ones(3)); }));
}

}  // namespace tests::gates::gate_per_sample
