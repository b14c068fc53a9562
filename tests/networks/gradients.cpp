// SPDX-License-Identifier: MIT
// Every gradient of whole networks, and of their parts without parameters, against central differences in double.
#include <l0/losses/losses.hpp>
#include <l0/networks/sparse_mlp.hpp>

#include "networks/networks.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::networks::gradients {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::close;
using l0::test::fixed_numbers;
namespace tolerance = l0::test::tolerance;

/// The gradient of a function of the network, and of X, with the same noise at every call: fresh copies of one Rng and
/// draw number 0.
template <class Network>
void check_network(Network net, Matrix<double> X, Index classes) {
  Eigen::VectorXi labels(X.rows());
  for (Index i = 0; i < X.rows(); ++i) labels(i) = static_cast<int>(i % classes);
  const l0::Rng noise(3);
  const auto value = [&] {
    l0::for_each_gated(net, [](auto& layer) { layer.gate().set_draw(0); });
    return l0::cross_entropy_loss(net.forward(X, noise), labels);
  };
  for (const auto& parameter : net.parameters()) parameter.gradients().setZero();
  Matrix<double> grad_X;
  net.backward(value().gradient, grad_X);
  const auto check = [&](const Matrix<double>& analytic, auto&& parameter) {
    const Matrix<double> numerical = l0::test::gradient_by(parameter, [&] { return value().value; });
    CHECK(numerical.cwiseAbs().maxCoeff() > 1e-5);
    // Three points: 1e-10 of a value of order 1, beside gradients of 1e-2 and more. The goal is 1e-6 relative.
    CHECK(close(analytic, numerical, {1e-6, 1e-2 * numerical.cwiseAbs().maxCoeff()}));
  };
  for (const auto& parameter : net.parameters()) {
    CAPTURE(parameter.name(), parameter.size());
    check(Matrix<double>(parameter.gradients()), parameter.values());
  }
  check(grad_X, X);
}

}  // namespace

TEST_CASE("Gradients of a network of every kind of layer", "[gradient]") {
  l0::Rng rng(2);
  auto net = l0::test::small_convolutional_network(rng);
  l0::test::spread_gates(net);
  check_network(std::move(net), fixed_numbers(4, 144, 1), 3);
}

TEST_CASE("Gradients of a perceptron", "[gradient]") {
  l0::Rng rng(2);
  l0::SparseMLP<double> mlp(7, 6, 3, rng);
  check_network(std::move(mlp), fixed_numbers(5, 7, 1), 3);
}

TEST_CASE("Gradients of a network that begins and ends without a layer", "[gradient]") {
  l0::Rng rng(2);
  l0::Sequential net{l0::Flatten{}, l0::Tanh{}, l0::AvgPool2d({1, 4, 4}, 2), l0::L0Linear<double>(4, 3, rng),
                     l0::Sigmoid{}};
  check_network(std::move(net), fixed_numbers(5, 16, 1), 3);
}

TEST_CASE("Gradients of networks inside networks", "[gradient]") {
  l0::Rng rng(2);
  l0::Sequential inner{l0::L0Linear<double>(6, 4, rng), l0::Tanh{}};
  l0::Sequential net{inner, l0::L0Linear<double>(4, 3, rng)};
  check_network(std::move(net), fixed_numbers(5, 6, 1), 3);
}

TEMPLATE_TEST_CASE("Values and slopes of activations", "[gradient]", l0::Relu, l0::Sigmoid, l0::Tanh, l0::Gelu,
                   l0::Silu, l0::LeakyRelu, l0::Elu) {
  const TestType activation;
  const auto value = [&](double x) {
    if constexpr (std::is_same_v<TestType, l0::Relu>) return std::fmax(x, 0.0);
    if constexpr (std::is_same_v<TestType, l0::Sigmoid>) return 1 / (1 + std::exp(-x));
    if constexpr (std::is_same_v<TestType, l0::Tanh>) return std::tanh(x);
    if constexpr (std::is_same_v<TestType, l0::Gelu>) return x / 2 * std::erfc(-x / std::sqrt(2));
    if constexpr (std::is_same_v<TestType, l0::Silu>) return x / (1 + std::exp(-x));
    if constexpr (std::is_same_v<TestType, l0::LeakyRelu>) return x > 0 ? x : 0.01 * x;
    if constexpr (std::is_same_v<TestType, l0::Elu>) return x > 0 ? x : std::expm1(x);
  };
  for (const double x : {-30.0, -2.0, -0.3, 0.0, 1e-8, 0.4, 3.0, 30.0}) {
    CAPTURE(x);
    CHECK(close(activation.value(x), value(x), tolerance::golden));
    CHECK(close(static_cast<double>(activation.value(static_cast<float>(x))), value(x), tolerance::single));
    if (x == 0 || x == 1e-8) continue;  // the kink of ReLU
    const double h = 1e-5;
    CHECK(activation.derivative(x, activation.value(x)) ==
          Approx((value(x + h) - value(x - h)) / (2 * h)).margin(1e-9));
  }
  CHECK(std::isnan(activation.value(std::nan(""))));
}

}  // namespace tests::networks::gradients
