// SPDX-License-Identifier: MIT
// Copies, moves and assignments of networks, and the handles on their parameters.
#include <l0/networks/sparse_mlp.hpp>

#include <memory>
#include <vector>

#include "networks/networks.hpp"
#include "support/catch.hpp"

namespace tests::networks::ownership {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::fixed_numbers;

auto network(std::uint64_t seed) {
  l0::Rng rng(seed);
  auto net = l0::test::small_convolutional_network(rng);
  l0::test::spread_gates(net);
  return net;
}

struct Gradients {
  template <class Network>
  explicit Gradients(Network& net) {
    for (const auto& parameter : net.parameters()) all.emplace_back(parameter.gradients());
  }
  bool operator==(const Gradients&) const = default;
  std::vector<Eigen::VectorXd> all;
};

}  // namespace

TEST_CASE("A network may be moved between forward and backward", "[move]") {
  const l0::Rng noise(1);
  const Matrix<double> X = fixed_numbers(4, 144, 1);
  const Matrix<double> upstream = fixed_numbers(4, 3, 2);
  auto first = std::make_unique<decltype(network(1))>(network(1));
  auto other = *first;
  other.forward(X, noise);
  Matrix<double> expected_X;
  other.backward(upstream, expected_X);
  first->forward(X, noise);
  const auto handles = first->parameters();
  auto moved = std::move(*first);
  first.reset();
  std::vector<Matrix<double>> others;  // take the memory that is free now
  for (Index size = 1; size < 300; ++size) others.insert(others.end(), 3, Matrix<double>::Constant(size, 1, 99));
  Matrix<double> grad_X;
  moved.backward(upstream, grad_X);
  CHECK(Gradients(moved) == Gradients(other));
  CHECK(grad_X == expected_X);
  CHECK(handles.front().values().data() == moved.part<0>().weight().data());
}

TEST_CASE("A copied network is its own and starts without a batch") {
  const l0::Rng noise(1);
  auto net = network(1);
  const Matrix<double> X = fixed_numbers(4, 144, 1);
  net.forward(X, noise);
  auto copy = net;
  CHECK_THROWS_AS(copy.backward(fixed_numbers(4, 3, 2)), l0::Error);
  CHECK(copy.forward(X, noise).rows() == 4);
  copy.part<0>().weight().setZero();
  CHECK_FALSE(net.part<0>().weight().isZero());
  // Where an activation comes last, no layer is there to refuse.
  l0::Rng rng(3);
  l0::Sequential last{l0::L0Linear<double>(4, 3, rng), l0::Tanh{}};
  last.forward(fixed_numbers(2, 4, 1), noise);
  auto copy_of_last = last;
  CHECK_THROWS_AS(copy_of_last.backward(fixed_numbers(2, 3, 2)), l0::Error);
  last = copy_of_last;
  CHECK_THROWS_AS(last.backward(fixed_numbers(2, 3, 2)), l0::Error);
}

TEST_CASE("Assigning a network of the same shapes writes through, another is refused whole") {
  auto net = network(1);
  const auto handles = net.parameters();
  const auto best = network(2);
  net = best;
  CHECK(handles.front().values().data() == net.part<0>().weight().data());
  CHECK(net.part<0>().weight() == best.part<0>().weight());
  CHECK(net.predict(fixed_numbers(2, 144, 1)) == best.predict(fixed_numbers(2, 144, 1)));

  l0::Rng rng(1);
  l0::SparseMLP<double> small(4, 3, 2, rng);
  const l0::SparseMLP<double> larger(4, 3, 5, rng);
  const Matrix<double> before = small.part<0>().weight();
  CHECK_THROWS_MATCHES(
      small = larger, l0::Error,
      Catch::Matchers::Message(
          "l0: the assigned network is 3x4, 3x1, 3x4, 5x3, 5x1, 5x3, expected 3x4, 3x1, 3x4, 2x3, 2x1, "
          "2x3, the shapes of the parameters"));
  CHECK(small.part<0>().weight() == before);

  auto moved = std::move(small);
  small = larger;  // what was moved from takes any shape
  CHECK(small.predict(fixed_numbers(2, 4, 1)).cols() == 5);

  auto source = std::move(small);
  small = std::move(source);
  CHECK(small.predict(fixed_numbers(2, 4, 1)).cols() == 5);
  source = moved;  // it was moved from in its turn
  CHECK(source.predict(fixed_numbers(2, 4, 1)) == moved.predict(fixed_numbers(2, 4, 1)));
}

TEST_CASE("A vector of networks may grow while handles are held") {
  l0::Rng rng(1);
  std::vector<l0::SparseMLP<double>> networks;
  networks.emplace_back(4, 3, 2, rng);
  const auto handles = networks[0].parameters();
  for (int k = 0; k < 10; ++k) networks.emplace_back(4, 3, 2, rng);
  CHECK(handles.back().values().data() == networks[0].part<2>().log_alpha().data());
}

TEST_CASE("The same seed gives the same bits") {
  const auto run = [] {
    l0::Rng rng(5);
    auto net = l0::test::small_convolutional_network(rng);
    const Matrix<double> X = fixed_numbers(4, 144, 1);
    Matrix<double> y = net.forward(X, rng);
    net.backward(y);
    return std::pair{y, Gradients(net)};
  };
  CHECK(run() == run());
}

TEST_CASE("A part run by itself ends what forward of the network began") {
  l0::Rng rng(5);
  l0::Sequential net{l0::L0Conv2d<double>({1, 6, 6}, 2, 3, rng), l0::MaxPool2d({2, 4, 4}, 2),
                     l0::L0Linear<double>(8, 2, rng)};
  const Matrix<double> X = fixed_numbers(4, 36, 1);
  const Matrix<double> more = fixed_numbers(400, 36, 1);  // takes another buffer, which the pooling does not know of
  const Matrix<double> upstream = fixed_numbers(4, 2, 2);
  const auto refuses = [&] {
    CHECK_THROWS_MATCHES(net.backward(upstream), l0::Error,
                         Catch::Matchers::Message("l0: backward is called after the gates were drawn again, expected "
                                                  "the draw of forward"));
    for (const auto& parameter : net.parameters()) CHECK(parameter.gradients().isZero(0));
  };
  net.forward(X, rng);
  net.part<0>().forward(more, rng);
  refuses();
  net.forward(X, rng);
  net.part<0>() = l0::L0Conv2d<double>(net.part<0>());
  refuses();
  net.forward(X, rng);
  net.part<2>().gate().sample(rng);
  refuses();
  net.forward(X, rng);
  CHECK_NOTHROW(net.backward(upstream));
}

TEST_CASE("A network that was moved from has no forward to go back from") {
  l0::Rng rng(5);
  l0::Sequential net{l0::L0Linear<double>(4, 2, rng), l0::Relu{}};
  const Matrix<double> X = fixed_numbers(3, 4, 1);
  net.forward(X, rng);
  auto taken = std::move(net);
  CHECK_NOTHROW(taken.backward(fixed_numbers(3, 2, 2)));
  CHECK_THROWS_AS(net.backward(fixed_numbers(3, 2, 2)), l0::Error);  // NOLINT(bugprone-use-after-move)
}

}  // namespace tests::networks::ownership
