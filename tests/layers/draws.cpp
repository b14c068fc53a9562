// SPDX-License-Identifier: MIT
// Backward belongs to the draw of its forward, in every layer.
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>
#include <l0/layers/linear.hpp>
#include <l0/layers/soft_tree.hpp>

#include "support/catch.hpp"
#include "support/fixed_numbers.hpp"

namespace tests::layers::draws {

namespace {

using Catch::Matchers::Message;
using l0::Matrix;
using l0::Vector;
using l0::test::fixed_numbers;

/// The gradient of all parameters after `between` has happened between forward and backward.
template <class Layer, class Between>
Vector<double> gradient(Layer layer, Between&& between) {
  for (auto& parameter : layer.parameters()) {
    if (parameter.kind() != l0::ParameterKind::bias) parameter.values() = 0.5 * fixed_numbers(parameter.size(), 1, 3);
  }
  const Matrix<double> X = fixed_numbers(5, layer.inputs(), 1);
  layer.forward(X, l0::Rng(7));
  between(layer);
  layer.backward(fixed_numbers(5, layer.outputs(), 2));
  Vector<double> all(0);
  for (const auto& parameter : layer.parameters()) {
    Vector<double> joined(all.size() + parameter.size());
    joined << all, parameter.gradients();
    all = joined;
  }
  return all;
}

template <class Use>
void for_each_layer(Use&& use) {
  l0::Rng rng(1);
  use(l0::L0Linear<double>(6, 3, rng));
  use(l0::L0Linear<double, l0::PerInput>(6, 3, rng));
  use(l0::L0Linear<double, l0::PerInput>(6, 3, rng,
                                         l0::L0Linear<double, l0::PerInput>::Options{.gates_per_sample = true}));
  use(l0::L0Linear<double, l0::PerOutput>(6, 3, rng));
  use(l0::L0Conv2d<double>({2, 4, 4}, 3, 2, rng));
  use(l0::L0Conv2d<double, l0::PerWeight>({2, 4, 4}, 3, 2, rng));
  use(l0::L0DepthwiseConv2d<double>({2, 4, 4}, 2, rng));
  use(l0::SoftTree<double>(6, 2, rng, {.trees = 3, .depth = 2}));
}

}  // namespace

TEST_CASE("A temperature set after forward does not reach its backward") {
  for_each_layer([](const auto& layer) {
    const auto plain = gradient(layer, [](auto&) {});
    CHECK_FALSE(plain.isZero(0));
    CHECK(gradient(layer, [](auto& l) { l.set_temperature(0.1); }) == plain);
  });
}

TEST_CASE("Gates thawed after forward get no gradient from its backward") {
  for_each_layer([](auto layer) {
    layer.gate().freeze();
    const auto frozen = gradient(layer, [](auto&) {});
    CHECK(gradient(layer, [](auto& l) { l.gate().unfreeze(); }) == frozen);
  });
}

TEST_CASE("Gates drawn again after forward are refused by backward, which adds nothing") {
  for_each_layer([](auto layer) {
    const Matrix<double> X = fixed_numbers(5, layer.inputs(), 1);
    const Matrix<double> upstream = fixed_numbers(5, layer.outputs(), 2);
    const auto refuses = [&] {
      CHECK_THROWS_MATCHES(
          layer.backward(upstream), l0::Error,
          Message("l0: backward is called after the gates were drawn again, expected the draw of forward"));
      for (const auto& parameter : layer.parameters()) CHECK(parameter.gradients().isZero(0));
    };
    layer.forward(X, l0::Rng(7));
    layer.gate().sample(l0::Rng(7));
    refuses();
    layer.forward(X, l0::Rng(7));
    if constexpr (std::remove_cvref_t<decltype(layer.gate())>::Values::ColsAtCompileTime == 1) {
      layer.gate().sample_each(2, l0::Rng(7));
      refuses();
    }
    layer.forward(X, l0::Rng(7));
    layer.gate() = std::remove_cvref_t<decltype(layer.gate())>(layer.gate());
    refuses();
    layer.forward(X, l0::Rng(7));
    CHECK_NOTHROW(layer.backward(upstream));
  });
}

}  // namespace tests::layers::draws
