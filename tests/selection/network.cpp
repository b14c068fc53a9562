// SPDX-License-Identifier: MIT
// A FeatureGate as the first layer of a network.
#include "support/allocations.hpp"

#include <memory>
#include <utility>
#include <vector>

#include <l0/losses/losses.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/budget.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/pruning/compact.hpp>
#include <l0/pruning/prune.hpp>
#include <l0/selection/coverage.hpp>
#include <l0/selection/feature_gate.hpp>
#include <l0/selection/sample_gate.hpp>

#include "networks/networks.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::selection::network {

namespace {

using l0::FeatureGate;
using l0::Index;
using l0::Matrix;
using l0::Vector;
using l0::test::close;
using l0::test::fixed_numbers;
namespace tolerance = l0::test::tolerance;

static_assert(l0::Layer<FeatureGate<float>> && l0::Layer<FeatureGate<double>>);

auto small_network(l0::Rng& rng) {
  return l0::Sequential{FeatureGate<double>(6, {.max_features = 3, .temperature = 1}), l0::L0Linear<double>(6, 4, rng),
                        l0::Tanh{}, l0::L0Linear<double, l0::PerInput>(4, 2, rng)};
}

}  // namespace

TEST_CASE("Gradients through a network behind feature gates", "[selection]") {
  l0::Rng rng(1);
  auto net = small_network(rng);
  const auto inside = [](Index rows, Index columns, double seed) {
    return Matrix<double>(0.5 + 0.2 * fixed_numbers(rows, columns, seed).array());
  };
  const l0::GivenNoise<double> noise(inside(6, 1, 1), inside(4, 6, 2), inside(4, 1, 3));
  const Matrix<double> x = fixed_numbers(5, 6, 4);
  const Matrix<double> upstream = fixed_numbers(5, 2, 5);
  net.forward(x, noise);
  net.backward(upstream);
  for (const auto& parameter : net.parameters()) {
    CAPTURE(parameter.name(), parameter.size());
    const Vector<double> start = parameter.values();
    const auto numerical = l0::test::numerical_gradient(
        [&](const auto& moved) {
          parameter.values() = moved;
          return net.forward(x, noise).cwiseProduct(upstream).sum();
        },
        start, l0::test::Stencil::five_point);
    parameter.values() = start;
    CHECK(numerical.cwiseAbs().maxCoeff() > 1e-3);
    CHECK(close(parameter.gradients(), numerical, tolerance::gradient(numerical)));
  }
}

TEST_CASE("A network reads no more features than the budget", "[selection]") {
  l0::Rng rng(1);
  auto net = small_network(rng);
  auto& features = net.part<0>();
  features.log_alpha() << 4, 5, 6, 7, 8, 9;
  const Matrix<double> x = fixed_numbers(5, 6, 4);
  Matrix<double> other = x;
  other.leftCols(3) = fixed_numbers(5, 3, 8);
  CHECK(net.predict(other) == net.predict(x));
  other.col(3) *= 2;
  CHECK(net.predict(other) != net.predict(x));
  const Eigen::SparseMatrix<double, Eigen::RowMajor> sparse = x.sparseView();
  CHECK(close(net.predict(sparse), net.predict(x), tolerance::golden));

  const auto small = l0::compact(net);
  CHECK(close(small.predict(x), net.predict(x), tolerance::golden));
  other = x;
  other.leftCols(3).setConstant(1e300);
  CHECK(small.predict(other) == small.predict(x));
}

TEST_CASE("Sparse batches pass through a network as dense ones do", "[selection]") {
  l0::Rng rng(1);
  auto net = small_network(rng);
  Matrix<double> x = fixed_numbers(5, 6, 4);
  for (Index k = 0; k < x.size(); k += 2) x(k) = 0;
  const Eigen::SparseMatrix<double> columns = x.sparseView();
  const Eigen::SparseMatrix<double, Eigen::RowMajor> rows = x.sparseView();
  const auto gradients = [&](const auto& batch) {
    auto copy = std::make_unique<decltype(net)>(net);
    copy->forward(batch, l0::Rng(3));
    auto moved = std::move(*copy);  // what the second layer refers to moves along
    copy.reset();
    std::vector<Matrix<double>> others;  // take the memory that is free now
    for (Index size = 1; size < 60; ++size) others.insert(others.end(), 3, Matrix<double>::Constant(size, 1, 99));
    Matrix<double> input_gradient;
    moved.backward(fixed_numbers(5, 2, 5), input_gradient);
    Matrix<double> all(6, 7);
    all << input_gradient.transpose(), moved.part<0>().log_alpha_gradient(), Vector<double>::Zero(6);
    return all;
  };
  const Matrix<double> dense = gradients(x);
  CHECK(dense.col(5).norm() > 1e-3);
  CHECK(close(gradients(columns), dense, tolerance::golden));
  CHECK(close(gradients(rows), dense, tolerance::golden));
}

TEST_CASE("Features that matter only together are found through a network", "[selection]") {
  const Index n = 500;
  for (const std::uint64_t seed : {1U, 2U}) {
    l0::Rng rng(seed);
    Matrix<double> x(n, 20);
    l0::detail::fill_normal(rng, 99, 0, x.data(), x.size());
    const Matrix<double> y = (x.col(4).array() * x.col(11).array() > 0).cast<double>();
    l0::Sequential net{FeatureGate<double>(20, {.max_features = 2, .init_sparsity = 0.1}),
                       l0::L0Linear<double>(20, 16, rng), l0::Tanh{}, l0::L0Linear<double, l0::PerInput>(16, 1, rng)};
    const auto open = [](auto& layer) {
      layer.log_alpha().setConstant(20);
      layer.gate().freeze();
    };
    open(net.part<1>());
    open(net.part<3>());
    l0::Adam<double> optimizer(net.parameters(), {.learning_rate = 0.02, .gate_learning_rate = 0.03});
    l0::Budget<double> budget({.max_cost = 2, .rate = 0.05, .restart = false});
    Matrix<double> gradient;
    for (int epoch = 0; epoch < 600; ++epoch) {
      optimizer.zero_grad();
      l0::binary_cross_entropy_loss(net.forward(x, rng), y, gradient);
      net.backward(gradient);
      budget.accumulate(net.part<0>());
      optimizer.step();
    }
    CHECK(net.part<0>().selected() == std::vector<Index>{4, 11});
    CHECK(((net.predict(x).array() > 0) == (y.array() > 0.5)).cast<double>().mean() > 0.95);
  }
}

TEST_CASE("Prices and budgets find the feature gates of a network", "[selection]") {
  l0::Rng rng(1);
  auto net = small_network(rng);
  CHECK(net.count_gates().all == 6 + 24 + 4);
  CHECK(net.l0_penalty() > net.part<0>().l0_penalty());
  CHECK(l0::L0Penalty<double>{0.5}.accumulate(net) == Approx(0.5 * net.l0_penalty()));
  CHECK(net.part<0>().log_alpha_gradient().minCoeff() > 0);
  l0::Budget<double> budget({.max_cost = 3});
  budget.accumulate(net.part<0>());
  CHECK(budget.cost() == Approx(net.part<0>().l0_penalty()));
  net.part<0>().log_alpha()(2) = -9;
  CHECK(l0::prune(net, {}) == 1);
  CHECK(net.part<0>().log_alpha()(2) == -20);
}

TEST_CASE("A step with feature gates takes no memory after the first", "[selection]") {
  l0::Rng rng(1);
  auto net = small_network(rng);
  l0::Adam<double> optimizer(net.parameters());
  const Matrix<double> x = fixed_numbers(100, 6, 1);
  const Eigen::SparseMatrix<double> columns = x.sparseView(1.0, 0.5);
  const Eigen::SparseMatrix<double, Eigen::RowMajor> rows = columns;
  const Matrix<double> y = fixed_numbers(100, 2, 2);
  Matrix<double> gradient;
  const auto check = [&](const auto& batch) {
    const auto step = [&] {
      optimizer.zero_grad();
      l0::mse_loss(net.forward(batch, rng), y, gradient);
      net.backward(gradient);
      optimizer.step();
    };
    const auto open = [&](Index count) {
      net.part<0>().log_alpha().setConstant(-20);
      net.part<0>().log_alpha().head(count).setConstant(20);
    };
    open(2);
    step();
    for (const Index count : {6, 1, 3}) {
      CAPTURE(count);
      open(count);
      CHECK(l0::test::allocations_in(step) == 0);
    }
  };
  check(x);
  check(columns);
  check(rows);

  l0::Coverage<double> coverage(x, {.neighbours = 50});
  l0::SampleGate<double> samples(100);
  coverage.accumulate(samples);
  CHECK(l0::test::allocations_in([&] { coverage.accumulate(samples); }) == 0);
}

}  // namespace tests::selection::network
