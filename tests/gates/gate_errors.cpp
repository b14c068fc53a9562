// SPDX-License-Identifier: MIT
// Wrong arguments of gates: the error names them, the gate stays as it was.
#include <limits>
#include <string>

#include <l0/gates/gated.hpp>
#include "gates/distributions.hpp"
#include "support/catch.hpp"

namespace tests::gates::gate_errors {

namespace {

using Catch::Matchers::Message;
using Eigen::MatrixXd;
using l0::GivenNoise;
using l0::Matrix;
using l0::Vector;

}  // namespace

TEMPLATE_TEST_CASE("Options of gates out of range", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  using Gate = l0::Gate<TestType>;
  using Options = typename Gate::Options;
  const Scalar nan = std::numeric_limits<Scalar>::quiet_NaN();
  const Scalar infinity = std::numeric_limits<Scalar>::infinity();
  CHECK_THROWS_MATCHES(Gate(3, Options{.temperature = -1}), l0::Error,
                       Message("l0: temperature is -1, expected a finite number > 0"));
  CHECK_THROWS_MATCHES(Gate(3, Options{.init_sparsity = 1}), l0::Error,
                       Message("l0: init_sparsity is 1, expected a probability in (0, 1)"));
  const bool stretches = l0::test::is_hard_concrete<TestType>;
  const std::string no_stretch = "the default, as Gaussian gates do not stretch";
  CHECK_THROWS_MATCHES(Gate(3, Options{.gamma = Scalar(0.5)}), l0::Error,
                       Message("l0: gamma is 0.5, expected " + (stretches ? "a finite number < 0" : no_stretch)));
  CHECK_THROWS_MATCHES(Gate(3, Options{.zeta = 1}), l0::Error,
                       Message("l0: zeta is 1, expected " + (stretches ? "a finite number > 1" : no_stretch)));
  for (const Scalar bad : {Scalar(0), nan, infinity}) {
    CHECK_THROWS_AS(Gate(3, Options{.temperature = bad}), l0::Error);
    CHECK_THROWS_AS(Gate(0, Options{.temperature = bad}), l0::Error);
    CHECK_THROWS_AS(Gate(3, Options{.init_sparsity = bad}), l0::Error);
    CHECK_THROWS_AS(Gate(3, Options{.gamma = bad}), l0::Error);
  }
  for (const Scalar bad : {Scalar(0), nan, infinity}) CHECK_THROWS_AS(Gate(3, Options{.zeta = bad}), l0::Error);
}

TEMPLATE_TEST_CASE("An initial sparsity out of range among those of single gates", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  CHECK_THROWS_MATCHES(l0::Gate<TestType>(Eigen::Vector3d(0.5, 1.5, 0.5)), l0::Error,
                       Message("l0: init_sparsity is 1.5, expected a probability in (0, 1)"));
}

TEMPLATE_TEST_CASE("Impossible sizes of gates", "[gates]", L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  using Vector = l0::Gate<TestType>;
  using Matrix = l0::Gate<TestType, Eigen::Dynamic>;
  CHECK_THROWS_MATCHES(Vector(-1), l0::Error, Message("l0: rows is -1, expected a size >= 0"));
  CHECK_THROWS_MATCHES(Matrix(2, -3), l0::Error, Message("l0: columns is -3, expected a size >= 0"));
  CHECK_THROWS_MATCHES(Vector(3, 2), l0::Error, Message("l0: columns is 2, expected 1 for a vector of gates"));
  CHECK_THROWS_AS(Vector(MatrixXd::Constant(3, 2, 0.5)), l0::Error);
}

TEMPLATE_TEST_CASE("An impossible temperature is refused and the old one stays", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  l0::Gate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.set_temperature(0), l0::Error,
                       Message("l0: temperature is 0, expected a finite number > 0"));
  CHECK_THROWS_AS(gate.set_temperature(std::numeric_limits<Scalar>::quiet_NaN()), l0::Error);
  CHECK(gate.temperature() == Scalar(0.5));
}

TEMPLATE_TEST_CASE("Gates that were never sampled have no values and no gradient", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  l0::Gate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.backward(Vector<Scalar>::Ones(3)), l0::Error,
                       Message("l0: backward is called before sample, expected a call of sample first"));
  CHECK_THROWS_MATCHES(gate.values(), l0::Error,
                       Message("l0: values is called before sample, expected a call of sample first"));
  CHECK(gate.location_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("An upstream of another shape is refused and nothing is added", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  l0::Gate<TestType, Eigen::Dynamic> gate(3, 2);
  gate.sample(l0::Rng(1));
  CHECK_THROWS_MATCHES(gate.backward(Matrix<Scalar>::Ones(2, 3)), l0::Error,
                       Message("l0: upstream is 2x3, expected 3x2"));
  CHECK_THROWS_AS(gate.backward(Vector<Scalar>::Ones(6)), l0::Error);
  CHECK_THROWS_AS(gate.backward(Matrix<Scalar>()), l0::Error);
  CHECK(gate.location_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("Given noise of another shape is refused, and the draw is not counted", "[gates]",
                   L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  l0::Gate<TestType, Eigen::Dynamic> gate(3, 2);
  const Matrix<Scalar> z = gate.sample(l0::Rng(1));
  CHECK_THROWS_MATCHES(gate.sample(GivenNoise<Scalar>(Matrix<Scalar>::Constant(2, 3, Scalar(0.5)))), l0::Error,
                       Message("l0: the given noise is 2x3, expected 3x2"));
  CHECK(gate.draw() == 1);
  CHECK(gate.values() == z);
}

TEMPLATE_TEST_CASE("A negative jitter is refused and nothing is added", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  l0::Gate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.jitter(l0::Rng(1), Scalar(-0.5)), l0::Error,
                       Message("l0: deviation is -0.5, expected a finite number >= 0"));
  CHECK(l0::test::is_at_start(gate));
}

TEMPLATE_TEST_CASE("Products of another shape are refused and nothing is added", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  l0::Gate<TestType, Eigen::Dynamic> gate(3, 2);
  const MatrixXd good = MatrixXd::Ones(3, 2);
  const MatrixXd bad = MatrixXd::Ones(2, 3);
  MatrixXd gradient = MatrixXd::Zero(3, 2);
  MatrixXd bad_gradient = MatrixXd::Zero(2, 3);
  CHECK_THROWS_MATCHES(gate.backward_product(good, good, gradient), l0::Error,
                       Message("l0: backward_product is called before sample, expected a call of sample first"));
  gate.sample(l0::Rng(1));
  CHECK_THROWS_MATCHES(gate.backward_product(bad, good, gradient), l0::Error,
                       Message("l0: upstream is 2x3, expected 3x2"));
  CHECK_THROWS_MATCHES(gate.backward_product(good, bad, gradient), l0::Error,
                       Message("l0: weight is 2x3, expected 3x2"));
  CHECK_THROWS_MATCHES(gate.backward_product(good, good, bad_gradient), l0::Error,
                       Message("l0: weight_gradient is 2x3, expected 3x2"));
  CHECK(gate.location_gradient().isZero(0));
  CHECK(gradient.isZero(0));
}

TEMPLATE_TEST_CASE("Gates of a given distribution start where its options would", "[gates]",
                   L0_TEST_DISTRIBUTIONS_IN_DOUBLE) {
  TestType distribution;
  distribution.temperature = 0.8;
  const l0::Gate<TestType, Eigen::Dynamic> gate(distribution, 3, 2, 7);
  CHECK(gate.temperature() == 0.8);
  CHECK(gate.stream() == 7);
  CHECK(l0::test::is_at_start(gate));
  int visits = 0;
  l0::Gate<TestType, Eigen::Dynamic> other(gate);
  l0::for_each_gated(other, [&](auto& part) { visits += &part == &other ? 1 : 100; });
  CHECK(visits == 1);
}

}  // namespace tests::gates::gate_errors
