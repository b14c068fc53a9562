// SPDX-License-Identifier: MIT
// The gradient of log α through sampled gates, against central differences at fixed noise.
#include <l0/gates/gate.hpp>
#include "gates/fixed_noise.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::gates::gate_backward {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using l0::Gate;
using l0::GivenNoise;
using l0::Index;
using l0::Matrix;
using l0::Vector;
using l0::test::close;
using l0::test::Stencil;
namespace tolerance = l0::test::tolerance;

/// dzᵢ/dlog αᵢ of all gates at once, which is enough as no gate depends on another's log α.
template <class Distribution>
VectorXd numerical_slope(Gate<Distribution> gate, const GivenNoise<double>& noise) {
  const VectorXd centre = gate.location();
  const double h = l0::test::default_step<double>(Stencil::five_point);
  const auto at = [&](double shift) -> VectorXd {
    gate.location() = (centre.array() + shift).matrix();
    return gate.sample(noise);
  };
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

VectorXd some_upstream(Index size) { return VectorXd::LinSpaced(size, -1.0, 1.5); }

}  // namespace

TEMPLATE_TEST_CASE("backward multiplies by dz/dlog alpha", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  for (const Index size : {0, 1, 63, 64, 65, 1000}) {
    for (const double temperature : {0.5, 2.0}) {
      CAPTURE(size, temperature);
      Gate<TestType> gate(size, {.temperature = temperature});
      l0::test::spread_locations(gate);
      const GivenNoise<double> noise(l0::test::noise_away_from_clamps(VectorXd(gate.location()), gate.distribution()));
      gate.sample(noise);
      const VectorXd upstream = some_upstream(size);
      gate.backward(upstream);
      const VectorXd expected = upstream.cwiseProduct(numerical_slope(gate, noise));
      CHECK(close(gate.location_gradient(), expected, tolerance::gradient(expected)));
      if (size >= 63) {
        CHECK((gate.location_gradient().array() == 0).any());  // clamped gates
        CHECK(gate.location_gradient().cwiseAbs().maxCoeff() > 0.1);
      }
    }
  }
}

TEMPLATE_TEST_CASE("The gradient of an objective that mixes a matrix of gates", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType, Eigen::Dynamic> gate(5, 3, {.temperature = 2.0 / 3});
  l0::test::spread_locations(gate);
  const MatrixXd log_alpha = gate.location();
  const GivenNoise<double> noise(l0::test::noise_away_from_clamps(log_alpha, gate.distribution()));
  const MatrixXd mix = MatrixXd::NullaryExpr(4, 5, [](Index i, Index j) { return std::cos(double(i + 4 * j)); });
  const MatrixXd target = MatrixXd::Constant(4, 3, 0.3);
  const auto objective = [&](const MatrixXd& a) {
    gate.location() = a;
    return (mix * gate.sample(noise) - target).squaredNorm() / 2;
  };
  objective(log_alpha);
  gate.backward(mix.transpose() * (mix * gate.values() - target));
  const MatrixXd gradient = gate.location_gradient();
  const MatrixXd expected = l0::test::numerical_gradient(objective, log_alpha, Stencil::five_point);
  CHECK(close(gradient, expected, tolerance::gradient(expected)));
}

TEMPLATE_TEST_CASE("backward accumulates, and may be called twice after one sample", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType> gate(65);
  gate.sample(l0::Rng(1));
  const Vector<Scalar> upstream = Vector<Scalar>::LinSpaced(65, -1, 1);
  gate.backward(upstream);
  const Vector<Scalar> once = gate.location_gradient();
  CHECK(once.cwiseAbs().maxCoeff() > 0);
  gate.backward(upstream);
  CHECK(gate.location_gradient() == 2 * once);
  gate.location_gradient().setConstant(7);
  gate.backward(upstream);
  CHECK(gate.location_gradient().isApprox((once.array() + 7).matrix(), 8 * std::numeric_limits<Scalar>::epsilon()));
}

TEMPLATE_TEST_CASE("backward belongs to the temperature of the last sample", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(65);
  l0::test::spread_locations(gate);
  const GivenNoise<double> noise(l0::test::noise_away_from_clamps(VectorXd(gate.location()), gate.distribution()));
  const VectorXd upstream = some_upstream(65);
  gate.sample(noise);
  gate.backward(upstream);
  const VectorXd expected = gate.location_gradient();

  gate.location_gradient().setZero();
  gate.set_temperature(0.1);
  gate.backward(upstream);
  CHECK(gate.location_gradient() == expected);

  gate.location_gradient().setZero();
  gate.sample(noise);
  gate.backward(upstream);
  CHECK(gate.location_gradient() != expected);
}

TEMPLATE_TEST_CASE("No gradient reaches log alpha beyond its clamp", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(4, {.temperature = 10});
  gate.location() << -20.5, -19.5, 19.5, 20.5;
  // Noise at which none is clamped.
  const VectorXd u = gate.location().unaryExpr([&](double a) { return gate.distribution().cdf(0.5, a); });
  gate.sample(GivenNoise<double>(u));
  gate.backward(VectorXd::Ones(4));
  CHECK(gate.location_gradient()(0) == 0);
  CHECK(gate.location_gradient()(1) > 0);
  CHECK(gate.location_gradient()(2) > 0);
  CHECK(gate.location_gradient()(3) == 0);
}

TEMPLATE_TEST_CASE("upstream is any expression, in either storage order", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  Gate<TestType, Eigen::Dynamic> gate(9, 8);
  gate.sample(l0::Rng(1));
  const Matrix<Scalar> upstream = Matrix<Scalar>::NullaryExpr(
      9, 8, [](Index i, Index j) { return static_cast<Scalar>(std::sin(double(i + 9 * j))); });
  gate.backward(upstream);
  const Matrix<Scalar> expected = gate.location_gradient();
  const auto gradient_of = [&](const auto& expression) -> Matrix<Scalar> {
    gate.location_gradient().setZero();
    gate.backward(expression);
    return gate.location_gradient();
  };

  const Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> by_rows = upstream;
  const Matrix<Scalar> transposed = upstream.transpose();
  Matrix<Scalar> large = Matrix<Scalar>::Constant(20, 20, 99);
  large.block(3, 4, 9, 8) = upstream;
  CHECK(gradient_of(by_rows) == expected);
  CHECK(gradient_of(transposed.transpose()) == expected);
  CHECK(gradient_of(large.block(3, 4, 9, 8)) == expected);
  CHECK(gradient_of(upstream * Scalar(1)) == expected);
  CHECK(gradient_of(Eigen::Array<Scalar, Eigen::Dynamic, Eigen::Dynamic>(upstream)) == expected);
  CHECK(gradient_of(upstream.array() * Scalar(1)) == expected);
  CHECK(gradient_of(Eigen::Map<const Matrix<Scalar>>(upstream.data(), 9, 8)) == expected);
  CHECK(gradient_of(Matrix<Scalar>::Identity(9, 9) * upstream).isApprox(expected));
  CHECK(gradient_of(gate.location_gradient()).isZero(0));  // aliases the result, which gradient_of has set to 0
}

TEMPLATE_TEST_CASE("A vector of gates takes rows of a row-major matrix and fixed sizes", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  Gate<TestType> gate(3);
  gate.sample(GivenNoise<double>(VectorXd::Constant(3, 0.5)));
  const Eigen::Vector3d upstream(1, 2, 3);
  gate.backward(upstream);
  const VectorXd expected = gate.location_gradient();
  gate.location_gradient().setZero();
  Eigen::Matrix<double, 2, 3, Eigen::RowMajor> rows;
  rows << 9, 9, 9, 1, 2, 3;
  gate.backward(rows.row(1).transpose());
  CHECK(gate.location_gradient() == expected);
  gate.location_gradient().setZero();
  gate.backward(Eigen::ArrayXd(upstream.array()));
  CHECK(gate.location_gradient() == expected);
}

TEMPLATE_TEST_CASE("backward of products is that of their factors, whole and in blocks of larger matrices", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  using Gates = Gate<TestType, Eigen::Dynamic>;
  for (const auto& [rows, columns] : {std::pair<Index, Index>{1, 1}, {9, 7}, {8, 8}, {13, 5}, {25, 41}}) {
    CAPTURE(rows, columns);
    Gates gate(rows, columns);
    l0::test::spread_locations(gate);
    const MatrixXd z = gate.sample(l0::Rng(3));
    const MatrixXd upstream =
        MatrixXd::NullaryExpr(rows, columns, [](Index i, Index j) { return std::sin(double(3 * i + j)); });
    const MatrixXd weight =
        MatrixXd::NullaryExpr(rows, columns, [](Index i, Index j) { return std::cos(double(i - 2 * j)); });
    gate.backward(upstream.cwiseProduct(weight));
    const MatrixXd expected = gate.location_gradient();
    CHECK((rows == 1 || !expected.isZero(0)));

    MatrixXd weight_gradient = MatrixXd::Constant(rows, columns, 2);
    gate.location_gradient().setZero();
    gate.backward_product(upstream, weight, weight_gradient);
    CHECK(close(gate.location_gradient(), expected, {1e-14, 1e-3}));
    CHECK(close(weight_gradient, MatrixXd((upstream.cwiseProduct(z).array() + 2).matrix()), {1e-14, 1e-3}));

    // Not in one piece.
    MatrixXd large = MatrixXd::Constant(rows + 3, columns, 2);
    gate.location_gradient().setZero();
    gate.backward_product(upstream, weight, large.topRows(rows));
    CHECK(close(gate.location_gradient(), expected, {1e-14, 1e-3}));
    CHECK(close(MatrixXd(large.topRows(rows)), weight_gradient, {1e-14, 1e-3}));
    CHECK((large.bottomRows(3).array() == 2).all());
  }
}

}  // namespace tests::gates::gate_backward
