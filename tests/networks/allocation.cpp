// SPDX-License-Identifier: MIT
// A step of a network takes no memory from the heap after the first.
#include "support/allocations.hpp"

#include <l0/losses/losses.hpp>
#include <l0/networks/sparse_mlp.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/l0_penalty.hpp>

#include "networks/networks.hpp"
#include "support/catch.hpp"

namespace tests::networks::allocation {

namespace {

using l0::Index;
using l0::Matrix;

/// Steps with other gates open each time; counts what all but the first allocate.
template <class Network>
void check(Network net, const Matrix<typename Network::Scalar>& X) {
  using Scalar = typename Network::Scalar;
  l0::Rng rng(1);
  l0::Adam<Scalar> optimizer(net.parameters(), {.learning_rate = Scalar(0.01)});
  const l0::L0Penalty<Scalar> penalty{.lambda = Scalar(1e-3)};
  Eigen::VectorXi labels(X.rows());
  for (Index i = 0; i < X.rows(); ++i) labels(i) = static_cast<int>(i % 3);
  Matrix<Scalar> gradient;
  const auto step = [&] {
    optimizer.zero_grad();
    l0::cross_entropy_loss(net.forward(X, rng), labels, gradient);
    net.backward(gradient);
    penalty.accumulate(net);
    optimizer.step();
  };
  const auto open_some = [&](Index period) {
    l0::for_each_gated(net, [&](auto& layer) {
      for (Index k = 0; k < layer.log_alpha().size(); ++k) {
        layer.log_alpha().data()[k] = Scalar(k % period == 0 ? 20 : -20);
      }
    });
  };
  open_some(4);
  step();
  int total = 0;
  for (const Index period : {3, 1, 2, 50, 1}) {
    CAPTURE(period);
    open_some(period);
    const int count = l0::test::allocations_in(step);
    CHECK(count == 0);
    total += count;
  }
  if (total == 0) l0::test::forbid_eigen_allocations(step);  // would end the program
}

}  // namespace

TEST_CASE("A step of a convolutional network allocates nothing", "[allocation]") {
  l0::Rng rng(1);
  check(l0::test::small_convolutional_network(rng), l0::test::fixed_numbers(16, 144, 1));
}

TEST_CASE("A step of a larger convolution allocates nothing", "[allocation]") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Conv2d<float>({3, 16, 16}, 20, 5, rng),
                     l0::Relu{},
                     l0::MaxPool2d({20, 12, 12}, 2),
                     l0::L0Conv2d<float, l0::PerInput>({20, 6, 6}, 30, 5, rng),
                     l0::Relu{},
                     l0::L0Linear<float, l0::PerInput>(120, 3, rng)};
  check(std::move(net), l0::test::fixed_numbers(64, 768, 1).cast<float>());
}

TEST_CASE("A step of a perceptron allocates nothing", "[allocation]") {
  l0::Rng rng(1);
  check(l0::SparseMLP<float>(300, 200, 10, rng), l0::test::fixed_numbers(128, 300, 1).cast<float>());
}

}  // namespace tests::networks::allocation
