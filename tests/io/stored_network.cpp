// SPDX-License-Identifier: MIT
// Networks that are read without having been built.
#include <l0/io/network.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/pruning/compact.hpp>

#include <string>
#include <vector>

#include "io/files.hpp"
#include "networks/networks.hpp"
#include "support/catch.hpp"

namespace tests::io::stored_network {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::Matrix;
using l0::test::fixed_numbers;
using l0::test::TemporaryFile;

/// Every kind of layer that files know, on images of 2 × 6 × 5.
auto every_layer(l0::Rng& rng) {
  const l0::ImageShape image{4, 6, 5};
  return l0::Sequential{
      l0::L0Conv2d<double>({2, 6, 5}, 4, 3, rng, {.padding = 1, .gate = {.temperature = 0.4, .gamma = -0.2}}),
      l0::BatchNorm<double>(4, {.epsilon = 1e-3}),
      l0::Relu{},
      l0::Residual{l0::Sequential{l0::L0Conv2d<double, l0::PerInput>(image, 4, 3, rng, {.bias = false, .padding = 1}),
                                  l0::LeakyRelu{.slope = 0.2}, l0::DepthwiseConv2d<double>(image, 1, rng)}},
      l0::Parallel{
          l0::Conv2d<double>(image, 3, 1, rng, {.stride = {2, 1}}),
          l0::Sequential{l0::MaxPool2d(image, {2, 1}, {.stride = {2, 1}}), l0::Conv2d<double>({4, 3, 5}, 3, 1, rng)}},
      l0::L0DepthwiseConv2d<double>({3, 3, 5}, {1, 2}, rng),
      l0::AvgPool2d({3, 3, 4}, {3, 2}, {.padding = {1, 0}}),
      l0::Flatten{},
      l0::Sequential{l0::L0Linear<double>(6, 5, rng), l0::Elu{.alpha = 0.7}, l0::Dropout{0.2}},
      l0::L0Linear<double, l0::PerOutput>(5, 5, rng),
      l0::Gelu{},
      l0::LayerNorm<double>(5),
      l0::L0Linear<double, l0::PerInput>(5, 4, rng, {.bias = false}),
      l0::Silu{},
      l0::Linear<double>(4, 3, rng),
      l0::Tanh{},
      l0::Sigmoid{}};
}

}  // namespace

TEST_CASE("A network comes back from its file without being built", "[io]") {
  l0::Rng rng(1);
  auto net = every_layer(rng);
  for (const auto& parameter : net.parameters()) parameter.values() *= 0.9;
  const Matrix<double> x = fixed_numbers(5, net.inputs(), 1);
  net.forward(x, rng);
  const TemporaryFile file;
  l0::save_network(file.path(), net);
  l0::Network<double> read = l0::load_network<double>(file.path());
  CHECK(read.inputs() == net.inputs());
  CHECK(read.parameters().size() == net.parameters().size());
  CHECK(read.predict(x) == net.predict(x));
  CHECK(read.forward(x, rng) == net.forward(x, rng));  // the same draws
  CHECK(read.l0_penalty() == Approx(net.l0_penalty()));
  read.backward(Matrix<double>::Ones(5, 3));
  // And once more, from what was read.
  l0::save_network(file.path(), read);
  CHECK(l0::load_network<double>(file.path()).predict(x) == net.predict(x));
  CHECK_THROWS_AS(l0::load_network<float>(file.path()), l0::Error);
}

TEST_CASE("A compacted network comes back from its file", "[io]") {
  for (const double sparse_below : {0.0, 1.0}) {
    l0::Rng rng(2);
    auto net = every_layer(rng);
    l0::for_each_gated(net, [](auto& part) {
      auto& location = l0::detail::gates_of(part).location();
      for (Index k = 0; k < location.size(); ++k) location.data()[k] = k % 3 == 0 ? -20 : 20;
    });
    const auto small = l0::compact(net, {.sparse_below = sparse_below});
    const TemporaryFile file;
    l0::save_network(file.path(), small);
    const auto read = l0::load_network<double>(file.path());
    const Matrix<double> x = fixed_numbers(5, net.inputs(), 1);
    CHECK(read.predict(x) == small.predict(x));
    CHECK(read.parameter_count() == small.parameter_count());
  }
  l0::Rng rng(2);
  l0::Sequential words{l0::Embedding<double>(7, 3, rng), l0::Linear<double>(6, 2, rng)};
  const TemporaryFile file;
  l0::save_network(file.path(), words);
  const Matrix<double> tokens = Matrix<double>::Constant(1, 2, 4);
  CHECK(l0::load_network<double>(file.path()).predict(tokens) == words.predict(tokens));
}

TEST_CASE("Layers that files do not know, and texts that are none, are refused", "[io]") {
  struct Own : l0::Linear<double> {
    using Base = l0::Linear<double>;
    using Base::Base;
  };
  l0::Rng rng(1);
  const TemporaryFile file;
  l0::save_network(file.path(), l0::Sequential{l0::Linear<double>(3, 3, rng), Own(3, 2, rng)});
  CHECK_THROWS_WITH(l0::load_network<double>(file.path()), ContainsSubstring("without the layer.1 in its metadata"));

  auto net = every_layer(rng);
  const auto small = l0::compact(net, {.sparse_below = 1});
  for (const auto& whole : {l0::to_tensors(net), l0::to_tensors(small)}) {
    for (const auto& [key, text] : whole.metadata) {
      if (key.compare(0, 5, "layer") != 0) continue;
      std::vector<std::string> wrong{"",
                                     "Nothing 1 2",
                                     text + " 1e300",
                                     text + " x",
                                     "Linear 1000000 1000000 1",
                                     "BatchNorm 100000000 1e-5",
                                     "BranchSum 4 100000000",
                                     "Network -1 5"};
      for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1)) {
        wrong.push_back(text.substr(0, at));
        wrong.push_back(text.substr(0, at) + " -7" + text.substr(std::min(text.find(' ', at + 1), text.size())));
        wrong.push_back(text.substr(0, at) + " 0.5" + text.substr(std::min(text.find(' ', at + 1), text.size())));
      }
      for (const auto& other : wrong) {
        auto changed = whole;
        changed.metadata[key] = other;
        CAPTURE(key, text, other);
        l0::write_safetensors(file.path(), changed);
        try {  // what is taken is a network of the arrays in the file
          const auto taken = l0::load_network<double>(file.path());
          CHECK(taken.parameter_count() < 10000);
        } catch (const l0::Error&) {
          SUCCEED();
        }
      }
    }
  }
}

}  // namespace tests::io::stored_network
