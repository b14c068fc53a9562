// SPDX-License-Identifier: MIT
#include <l0/networks/sparse_mlp.hpp>
#include <l0/pruning/compact.hpp>
#include <l0/pruning/prune.hpp>
#include <l0/pruning/report.hpp>

#include "networks/networks.hpp"
#include "support/catch.hpp"
#include "support/concurrently.hpp"
#include "support/tolerances.hpp"

namespace tests::pruning::compact {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::close;
using l0::test::fixed_numbers;
namespace tolerance = l0::test::tolerance;

/// Rounding of sums of some hundred products in another order.
constexpr l0::test::Tolerance rounding{1e-12, 1};

template <class Network>
l0::Network<double> check_same(const Network& net, const l0::CompactOptions& options = {}) {
  const l0::Network<double> small = l0::compact(net, options);
  CHECK(small.inputs() == net.inputs());
  CHECK(small.outputs() == net.outputs());
  for (const Index samples : {0, 1, 5}) {
    CAPTURE(samples);
    const Matrix<double> X = fixed_numbers(samples, net.inputs(), 1);
    CHECK(close(small.predict(X), net.predict(X), rounding));
    CHECK(close(small.predict(Eigen::SparseMatrix<double>(X.sparseView())), net.predict(X), rounding));
    CHECK(close(small.predict(2 * X), net.predict(2 * X), rounding));
  }
  return small;
}

}  // namespace

TEST_CASE("A compact network predicts the same, at every density of gates", "[compact]") {
  l0::Rng rng(2);
  auto net = l0::test::small_convolutional_network(rng);
  for (const Index period : {2, 3, 5, 100}) {
    CAPTURE(period);
    l0::test::spread_gates(net, period);
    check_same(net);
    check_same(net, {.sparse_below = 1});
    check_same(net, {.sparse_below = 0});
  }
  l0::for_each_gated(net, [](auto& layer) { layer.log_alpha().setConstant(-20); });
  check_same(net);
}

TEST_CASE("Closed inputs, neurons and outgoing weights are gone", "[compact]") {
  l0::Rng rng(2);
  l0::Sequential net{l0::L0Linear<double, l0::PerInput>(10, 8, rng), l0::Relu{},
                     l0::L0Linear<double, l0::PerInput>(8, 6, rng), l0::Relu{},
                     l0::L0Linear<double, l0::PerInput>(6, 3, rng)};
  l0::for_each_gated(net, [](auto& layer) { layer.log_alpha().setConstant(20); });
  net.part<0>().log_alpha()(2) = -20;
  net.part<0>().log_alpha()(7) = -20;
  net.part<2>().log_alpha().head(3).setConstant(-20);
  net.part<4>().log_alpha()(5) = -20;
  // inputs 8, neurons 5 and 5
  const auto small = check_same(net);
  CHECK(l0::flop_count(net) == 2 * (8 * 8 + 5 * 6 + 5 * 3));
  CHECK(l0::flop_count(small) == 2 * (8 * 5 + 5 * 5 + 5 * 3));
  CHECK(small.parameter_count() == 8 * 5 + 5 * 5 + 5 * 3 + 5 + 5 + 3);
}

TEST_CASE("A closed neuron with a bias becomes part of the next bias", "[compact]") {
  l0::Rng rng(2);
  l0::Sequential net{l0::L0Linear<double, l0::PerOutput>(4, 3, rng), l0::Sigmoid{}, l0::L0Linear<double>(3, 2, rng)};
  l0::for_each_gated(net, [](auto& layer) { layer.log_alpha().setConstant(20); });
  net.part<0>().log_alpha()(1) = -20;
  net.part<0>().bias() << 0.3, -0.7, 0.1;
  const auto small = check_same(net);
  CHECK(l0::flop_count(small) == 2 * (4 * 2 + 2 * 2));
}

TEST_CASE("A closed filter is folded without padding and stays under padding", "[compact]") {
  for (const Index padding : {0, 1}) {
    CAPTURE(padding);
    l0::Rng rng(2);
    const Index side = 4 + 2 * padding;
    l0::Sequential net{l0::L0Conv2d<double>({1, 6, 6}, 3, 1, rng), l0::Tanh{},
                       l0::L0Conv2d<double>({3, 6, 6}, 2, 3, rng, {.padding = padding}),
                       l0::L0Linear<double>(2 * side * side, 2, rng)};
    l0::for_each_gated(net, [](auto& layer) { layer.log_alpha().setConstant(20); });
    net.part<0>().log_alpha()(1) = -20;
    net.part<0>().bias() << 0.3, -0.7, 0.1;
    const auto small = check_same(net);
    const Index channels = padding == 0 ? 2 : 3;  // of which the constant one is not computed
    CHECK(l0::flop_count(small) == 2 * (2 * 36 + channels * 2 * 9 * side * side + 2 * side * side * 2));
    // Without its constant nothing of the channel is left.
    net.part<0>().bias()(1) = 0;
    CHECK(l0::flop_count(check_same(net)) == 2 * (2 * 36 + 2 * 2 * 9 * side * side + 2 * side * side * 2));
  }
}

TEST_CASE("A layer with few open weights is stored sparse", "[compact]") {
  l0::Rng rng(2);
  l0::L0Linear<double> layer(60, 50, rng);
  for (Index k = 0; k < layer.log_alpha().size(); ++k) layer.log_alpha().data()[k] = k % 31 == 0 ? 20 : -20;
  const auto is_sparse = [](const auto& model) { return model.layers().back().type_name() == "SparseLinear"; };
  const auto sparse = check_same(layer);
  CHECK(is_sparse(sparse));
  CHECK(l0::flop_count(sparse) == l0::flop_count(layer));
  const auto dense = check_same(layer, {.sparse_below = 0});
  CHECK_FALSE(is_sparse(dense));
  CHECK(l0::flop_count(dense) > l0::flop_count(layer));
}

TEST_CASE("Single layers and networks in networks are compacted too", "[compact]") {
  l0::Rng rng(2);
  l0::L0Linear<double> layer(6, 4, rng);
  check_same(layer);
  l0::Sequential net{l0::Sequential{layer, l0::Relu{}}, l0::Flatten{}, l0::L0Linear<double>(4, 3, rng)};
  l0::test::spread_gates(net);
  check_same(net);
}

TEST_CASE("Pruning at threshold 0 leaves predictions as they are and writes exact zeros", "[prune]") {
  l0::Rng rng(2);
  auto net = l0::test::small_convolutional_network(rng);
  l0::test::spread_gates(net);
  const Matrix<double> X = fixed_numbers(3, net.inputs(), 1);
  const Matrix<double> before = net.predict(X);
  CHECK(l0::test::same_from_threads([&] { return net.predict(X); }));
  CHECK(l0::test::same_from_threads([&, small = l0::compact(net)] { return small.predict(X); }));
  CHECK(l0::test::same_from_threads([&] { return net.count_gates().open; }));
  const auto [open, all] = net.count_gates();
  CHECK(l0::prune(net) == all - open);
  CHECK(net.predict(X) == before);
  l0::for_each_gated(net, [&](auto& part) {
    const Matrix<double> effective = part.effective_weight();
    CHECK((effective.array() == 0).count() == (part.weight().array() == 0).count());
    CHECK((part.log_alpha().array() == -20).any());
  });
}

TEST_CASE("Pruning closes the gates below its threshold", "[prune]") {
  l0::Rng rng(2);
  l0::L0Linear<double, l0::PerInput> layer(4, 3, rng);
  layer.log_alpha() << 3, -0.4, -5, 0.3;
  const auto z = layer.gate().deterministic();
  REQUIRE((z(1) > 0.2 && z(1) < 0.4));
  CHECK(l0::prune(layer, {.threshold = 0.2}) == 1);
  CHECK(l0::prune(layer, {.threshold = 0.4f}) == 2);
  CHECK(layer.weight().col(1).isZero(0));
  CHECK_FALSE(layer.weight().col(3).isZero());
  CHECK(layer.log_alpha()(1) == -20);
  for (const double wrong : {-0.1, 1.0, std::nan("")}) {
    CHECK_THROWS_AS(l0::prune(layer, {.threshold = wrong}), l0::Error);
  }
}

TEST_CASE("Gates too warm to close are refused, and nothing is changed", "[prune]") {
  l0::Rng rng(2);
  l0::Sequential net{l0::L0Linear<double>(4, 3, rng), l0::L0Linear<double>(3, 2, rng, {.gate = {.temperature = 10}})};
  net.part<0>().log_alpha()(1, 1) = -15;
  const Matrix<double> weight = net.part<0>().weight();
  CHECK_THROWS_MATCHES(l0::prune(net), l0::Error,
                       Catch::Matchers::Message("l0: temperature is 10, expected one at which gates can close"));
  CHECK(net.part<0>().weight() == weight);
  net.set_temperature(8);
  CHECK(l0::prune(net) == 0);
  net.set_temperature(2);
  CHECK(l0::prune(net) == 1);
}

TEST_CASE("The report tells gates, weights and operations of every layer", "[prune]") {
  l0::Rng rng(2);
  l0::Sequential net{l0::L0Conv2d<double>({1, 6, 6}, 3, 3, rng), l0::Relu{},
                     l0::L0Linear<double, l0::PerInput>(48, 2, rng)};
  l0::for_each_gated(net, [](auto& layer) { layer.log_alpha().setConstant(20); });
  net.part<0>().log_alpha()(1) = -20;
  const auto report = l0::sparsity_report(net);
  REQUIRE(report.size() == 2);
  CHECK(report[0].name == "0 L0Conv2d");
  CHECK(report[0].gates == 3);
  CHECK(report[0].open_gates == 2);
  CHECK(report[0].weights == 27);
  CHECK(report[0].open_weights == 18);
  CHECK(report[0].flops == 2 * 18 * 16);
  CHECK(report[1].flops == 2 * 96);
  CHECK(l0::flop_count(net) == 2 * 18 * 16 + 2 * 96);
  CHECK(l0::to_string(report) ==
        "layer, gates open, of, weights open, of, flops\n0 L0Conv2d, 2, 3, 18, 27, 576\n2 L0Linear, 48, 48, 96, 96, "
        "192\n");
}

TEST_CASE("Compaction refuses wrong options and batches", "[compact]") {
  l0::Rng rng(2);
  l0::L0Linear<double> layer(6, 4, rng);
  CHECK_THROWS_AS(l0::compact(layer, {.sparse_below = 2}), l0::Error);
  const auto small = l0::compact(layer);
  CHECK_THROWS_MATCHES(small.predict(Matrix<double>::Zero(2, 5)), l0::Error,
                       Catch::Matchers::Message("l0: X is 2x5, expected 2x6"));
}

}  // namespace tests::pruning::compact
