// SPDX-License-Identifier: MIT
// Wrong arguments of gates: the error names them, the gate stays as it was.
#include <limits>

#include <l0/gates/gate.hpp>
#include "support/catch.hpp"

namespace {

using Catch::Matchers::Message;
using Eigen::MatrixXd;
using l0::GivenNoise;
using l0::HardConcreteGate;
using l0::Matrix;
using l0::Vector;

}  // namespace

TEMPLATE_TEST_CASE("Options of gates out of range", "[gates]", float, double) {
  using Gate = HardConcreteGate<TestType>;
  using Options = typename Gate::Options;
  const TestType nan = std::numeric_limits<TestType>::quiet_NaN();
  const TestType infinity = std::numeric_limits<TestType>::infinity();
  CHECK_THROWS_MATCHES(Gate(3, Options{.temperature = -1}), l0::Error,
                       Message("l0: temperature is -1, expected a finite number > 0"));
  CHECK_THROWS_MATCHES(Gate(3, Options{.init_sparsity = 1}), l0::Error,
                       Message("l0: init_sparsity is 1, expected a probability in (0, 1)"));
  CHECK_THROWS_MATCHES(Gate(3, Options{.gamma = TestType(0.5)}), l0::Error,
                       Message("l0: gamma is 0.5, expected a finite number < 0"));
  CHECK_THROWS_MATCHES(Gate(3, Options{.zeta = 1}), l0::Error, Message("l0: zeta is 1, expected a finite number > 1"));
  for (const TestType bad : {TestType(0), nan, infinity}) {
    CHECK_THROWS_AS(Gate(3, Options{.temperature = bad}), l0::Error);
    CHECK_THROWS_AS(Gate(0, Options{.temperature = bad}), l0::Error);
    CHECK_THROWS_AS(Gate(3, Options{.init_sparsity = bad}), l0::Error);
    CHECK_THROWS_AS(Gate(3, Options{.gamma = bad}), l0::Error);
  }
  for (const TestType bad : {TestType(0), nan, infinity}) CHECK_THROWS_AS(Gate(3, Options{.zeta = bad}), l0::Error);
}

TEST_CASE("An initial sparsity out of range among those of single gates", "[gates]") {
  CHECK_THROWS_MATCHES(HardConcreteGate<double>(Eigen::Vector3d(0.5, 1.5, 0.5)), l0::Error,
                       Message("l0: init_sparsity is 1.5, expected a probability in (0, 1)"));
}

TEST_CASE("Impossible sizes of gates", "[gates]") {
  using Vector = HardConcreteGate<double>;
  using Matrix = HardConcreteGate<double, Eigen::Dynamic>;
  CHECK_THROWS_MATCHES(Vector(-1), l0::Error, Message("l0: rows is -1, expected a size >= 0"));
  CHECK_THROWS_MATCHES(Matrix(2, -3), l0::Error, Message("l0: columns is -3, expected a size >= 0"));
  CHECK_THROWS_MATCHES(Vector(3, 2), l0::Error, Message("l0: columns is 2, expected 1 for a vector of gates"));
  CHECK_THROWS_AS(Vector(MatrixXd::Constant(3, 2, 0.5)), l0::Error);
}

TEMPLATE_TEST_CASE("An impossible temperature is refused and the old one stays", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.set_temperature(0), l0::Error,
                       Message("l0: temperature is 0, expected a finite number > 0"));
  CHECK_THROWS_AS(gate.set_temperature(std::numeric_limits<TestType>::quiet_NaN()), l0::Error);
  CHECK(gate.temperature() == TestType(0.5));
}

TEMPLATE_TEST_CASE("Gates that were never sampled have no values and no gradient", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.backward(Vector<TestType>::Ones(3)), l0::Error,
                       Message("l0: backward is called before sample, expected a call of sample first"));
  CHECK_THROWS_MATCHES(gate.values(), l0::Error,
                       Message("l0: values is called before sample, expected a call of sample first"));
  CHECK(gate.log_alpha_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("An upstream of another shape is refused and nothing is added", "[gates]", float, double) {
  HardConcreteGate<TestType, Eigen::Dynamic> gate(3, 2);
  gate.sample(l0::Rng(1));
  CHECK_THROWS_MATCHES(gate.backward(Matrix<TestType>::Ones(2, 3)), l0::Error,
                       Message("l0: upstream is 2x3, expected 3x2"));
  CHECK_THROWS_AS(gate.backward(Vector<TestType>::Ones(6)), l0::Error);
  CHECK_THROWS_AS(gate.backward(Matrix<TestType>()), l0::Error);
  CHECK(gate.log_alpha_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("Given noise of another shape is refused, and the draw is not counted", "[gates]", float, double) {
  HardConcreteGate<TestType, Eigen::Dynamic> gate(3, 2);
  const Matrix<TestType> z = gate.sample(l0::Rng(1));
  CHECK_THROWS_MATCHES(gate.sample(GivenNoise<TestType>(Matrix<TestType>::Constant(2, 3, TestType(0.5)))), l0::Error,
                       Message("l0: the given noise is 2x3, expected 3x2"));
  CHECK(gate.draw() == 1);
  CHECK(gate.values() == z);
}

TEMPLATE_TEST_CASE("A negative jitter is refused and nothing is added", "[gates]", float, double) {
  HardConcreteGate<TestType> gate(3);
  CHECK_THROWS_MATCHES(gate.jitter(l0::Rng(1), TestType(-0.5)), l0::Error,
                       Message("l0: deviation is -0.5, expected a finite number >= 0"));
  CHECK(gate.log_alpha().isZero(0));
}
