// SPDX-License-Identifier: MIT
// A vector of gates drawn anew for every sample of a batch.
#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

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
  const MatrixXd& z = gate.sample_each(20, noise);
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
  gate.backward_each(upstream);
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
  const MatrixXd& z = gate.sample_each(4, l0::Rng(3));
  for (Index i = 0; i < 4; ++i) CHECK(z.row(i).transpose() == gate.deterministic());
  gate.backward_each(MatrixXd::Ones(4, 5));
  CHECK(gate.location_gradient().isZero(0));
  CHECK(gate.draw() == 0);
}
