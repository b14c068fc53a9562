// SPDX-License-Identifier: MIT
// Networks whose gates are those of STG: every gradient, prediction, compaction, files, and training.
#include <string>
#include <utility>

#include <l0/gates/gaussian.hpp>
#include <l0/io/network.hpp>
#include <l0/layers/activations.hpp>
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>
#include <l0/layers/linear.hpp>
#include <l0/losses/losses.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/pruning/compact.hpp>
#include <l0/pruning/prune.hpp>
#include <l0/training/trainer.hpp>
#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/fixed_numbers.hpp"
#include "support/tolerances.hpp"

namespace tests::networks::gaussian {

namespace {

using l0::ClippedGaussian;
using l0::Index;
using l0::Matrix;
using l0::test::close;
using l0::test::fixed_numbers;
namespace tolerance = l0::test::tolerance;

template <class Grouping>
using Linear = l0::L0Linear<double, Grouping, ClippedGaussian<double>>;

/// Gates per filter and channel of a convolution, per neuron and per weight.
auto small_network(l0::Rng& rng) {
  const l0::ImageShape image{2, 5, 4};
  l0::L0Conv2d<double, l0::PerOutput, ClippedGaussian<double>> convolution(image, 3, {2, 2}, rng);
  l0::L0DepthwiseConv2d<double, ClippedGaussian<double>> depthwise(convolution.output_shape(), {2, 2}, rng);
  const Index flat = depthwise.outputs();
  return l0::Sequential{std::move(convolution),
                        l0::Tanh{},
                        std::move(depthwise),
                        l0::Tanh{},
                        Linear<l0::PerInput>(flat, 6, rng),
                        l0::Tanh{},
                        Linear<l0::PerWeight>(6, 2, rng)};
}

/// Means of gates that are 0, 1 and between, and weights large enough for signals to reach the end.
template <class Network>
void spread_gates(Network& net) {
  l0::for_each_gated(net, [](auto& layer) {
    auto& mu = layer.gate().mu();
    for (Index k = 0; k < mu.size(); ++k) {
      mu(k) = k % 4 == 1 ? -0.5 : k % 4 == 2 ? 1.5 : 0.3 + 0.05 * static_cast<double>(k % 7);
    }
    layer.weight() = 2 * fixed_numbers(layer.weight().rows(), layer.weight().cols(), 9);
    if (layer.has_bias()) layer.bias() = 0.5 * fixed_numbers(layer.bias().rows(), 1, 8);
  });
}

}  // namespace

TEST_CASE("Gradients of a network with Gaussian gates", "[gradient]") {
  l0::Rng rng(2);
  auto net = small_network(rng);
  spread_gates(net);
  Matrix<double> X = fixed_numbers(4, net.inputs(), 1);
  const Matrix<double> upstream = fixed_numbers(4, net.outputs(), 2);
  const l0::Rng noise(3);
  const auto value = [&] {
    l0::for_each_gated(net, [](auto& layer) { layer.gate().set_draw(0); });
    return net.forward(X, noise).cwiseProduct(upstream).sum();
  };
  value();
  Matrix<double> grad_X;
  net.backward(upstream, grad_X);
  const auto check = [&](const Matrix<double>& analytic, auto&& parameter) {
    const Matrix<double> numerical = l0::test::gradient_by(parameter, value, l0::test::Stencil::five_point);
    CHECK(numerical.cwiseAbs().maxCoeff() > 1e-3);
    CHECK(close(analytic, numerical, tolerance::gradient(numerical)));
  };
  for (const auto& parameter : net.parameters()) {
    CAPTURE(parameter.name(), parameter.size());
    check(Matrix<double>(parameter.gradients()), parameter.values());
  }
  check(grad_X, X);
}

TEST_CASE("Networks with Gaussian gates predict with clipped means, also compacted and from a file", "[networks]") {
  l0::Rng rng(2);
  auto net = small_network(rng);
  spread_gates(net);
  const Matrix<double> X = fixed_numbers(5, net.inputs(), 1);
  const Matrix<double> Y = net.predict(X);

  const l0::test::TemporaryFile file;
  l0::save_network(file.path(), net);
  l0::Rng other(7);
  auto loaded = small_network(other);
  l0::load_network(file.path(), loaded);
  CHECK(loaded.predict(X) == Y);
  // A network with other gates does not take their means for log α.
  l0::Sequential hard{l0::L0Linear<double>(4, 2, rng)};
  const l0::test::TemporaryFile of_gaussian;
  l0::Sequential soft{Linear<l0::PerWeight>(4, 2, rng)};
  l0::save_network(of_gaussian.path(), soft);
  CHECK_THROWS_AS(l0::load_network(of_gaussian.path(), hard), l0::Error);

  // Rounding of sums of some dozen products in another order.
  constexpr l0::test::Tolerance rounding{1e-12, 1};
  const auto small = l0::compact(net);
  CHECK(close(small.predict(X), Y, rounding));
  CHECK(small.parameter_count() < 200);
  l0::prune(net);
  CHECK(close(net.predict(X), Y, rounding));
}

TEST_CASE("A network with Gaussian gates learns which inputs matter", "[networks]") {
  const Matrix<double> X = fixed_numbers(300, 12, 1);
  Eigen::VectorXi y(300);
  for (Index i = 0; i < 300; ++i) y(i) = X(i, 0) > 0.2 ? 0 : X(i, 1) > 0 ? 1 : 2;
  l0::Rng rng(3);
  l0::Sequential net{Linear<l0::PerInput>(12, 16, rng), l0::Relu{}, Linear<l0::PerInput>(16, 3, rng)};
  l0::Trainer trainer(net, {.epochs = 120, .batch_size = 32, .seed = 5, .learning_rate = 0.01});
  trainer.fit(X, y, l0::L0Penalty<double>{.lambda = 0.01});
  const auto z = net.part<0>().gate().deterministic();
  CHECK(z(0) > 0);
  CHECK(z(1) > 0);
  CHECK(z.tail(10).cwiseAbs().maxCoeff() == 0);
  CHECK(l0::evaluate(net, X, y).error < 0.1);
}

}  // namespace tests::networks::gaussian
