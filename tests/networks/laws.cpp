// SPDX-License-Identifier: MIT
// The laws of layers, for every layer, and layers of a user's own that break one each.
#include <l0/layers/batch_norm.hpp>
#include <l0/layers/embedding.hpp>
#include <l0/layers/layer_norm.hpp>
#include <l0/layers/soft_tree.hpp>
#include <l0/networks/check_layer.hpp>
#include <l0/networks/residual.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/selection/feature_gate.hpp>

#include "networks/networks.hpp"
#include "support/catch.hpp"

namespace tests::networks::laws {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::fixed_numbers;
using Broken = std::vector<std::string>;

/// Gates that are open, closed or between, of a layer or network.
template <class Model>
Model with_gates(Model model) {
  l0::set_temperature(model, 1.5);
  l0::for_each_gated(model, [](auto& part) {
    auto& location = l0::detail::gates_of(part).location();
    for (Index k = 0; k < location.size(); ++k) location.data()[k] = k % 3 == 1 ? -9 : 0.3 * static_cast<double>(k % 4);
  });
  return model;
}

template <class A>
auto activation() {
  return l0::ActivationLayer<double, A>();
}

}  // namespace

TEST_CASE("Layers with weights keep the laws of layers", "[laws]") {
  l0::Rng rng(3);
  const Matrix<double> x = fixed_numbers(4, 6, 1);
  const Matrix<double> image = fixed_numbers(3, 32, 2);
  CHECK(l0::check_layer(l0::Linear<double>(6, 5, rng), x) == Broken{});
  CHECK(l0::check_layer(l0::Linear<double>(6, 5, rng, {.bias = false, .initial = l0::Initial::he_normal}), x) ==
        Broken{});
  CHECK(l0::check_layer(with_gates(l0::L0Linear<double>(6, 5, rng)), x) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::L0Linear<double, l0::PerInput>(6, 5, rng)), x) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::L0Linear<double, l0::PerOutput>(6, 5, rng)), x) == Broken{});
  CHECK(l0::check_layer(l0::Conv2d<double>({2, 4, 4}, 3, 3, rng, {.stride = 2, .padding = 1}), image) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::L0Conv2d<double>({2, 4, 4}, 3, {3, 2}, rng)), image) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::L0Conv2d<double, l0::PerInput>({2, 4, 4}, 3, 3, rng, {.padding = 1})), image) ==
        Broken{});
  CHECK(l0::check_layer(l0::DepthwiseConv2d<double>({2, 4, 4}, 3, rng), image) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::L0DepthwiseConv2d<double>({2, 4, 4}, 3, rng, {.padding = 1})), image) ==
        Broken{});
  CHECK(l0::check_layer(
            with_gates(l0::SoftTree<double>(6, 2, rng, {.trees = 2, .depth = 2, .split = l0::SplitShape::logistic})),
            x) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::FeatureGate<double>(6)), x) == Broken{});
}

TEST_CASE("Layers without weights keep the laws of layers", "[laws]") {
  const Matrix<double> x = fixed_numbers(4, 6, 1);
  const Matrix<double> image = fixed_numbers(3, 32, 2);
  CHECK(l0::check_layer(activation<l0::Relu>(), x) == Broken{});
  CHECK(l0::check_layer(activation<l0::Sigmoid>(), x) == Broken{});
  CHECK(l0::check_layer(activation<l0::Tanh>(), x) == Broken{});
  CHECK(l0::check_layer(activation<l0::Gelu>(), x) == Broken{});
  CHECK(l0::check_layer(activation<l0::Silu>(), x) == Broken{});
  CHECK(l0::check_layer(activation<l0::LeakyRelu>(), x) == Broken{});
  CHECK(l0::check_layer(activation<l0::Elu>(), x) == Broken{});
  CHECK(l0::check_layer(l0::IdentityLayer<double>(), x) == Broken{});
  CHECK(l0::check_layer(l0::DropoutLayer<double>(0.3), x) == Broken{});
  CHECK(l0::check_layer(l0::OperationLayer<double, l0::MaxPool2d>(l0::MaxPool2d({2, 4, 4}, 2)), image) == Broken{});
  CHECK(l0::check_layer(l0::OperationLayer<double, l0::AvgPool2d>(l0::AvgPool2d({2, 4, 4}, 3, {.padding = 1})),
                        image) == Broken{});
  CHECK(l0::check_layer(l0::OperationLayer<double, l0::GlobalAvgPool2d>(l0::GlobalAvgPool2d({2, 4, 4})), image) ==
        Broken{});
}

TEST_CASE("Normalisations keep the laws of layers", "[laws]") {
  const Matrix<double> x = fixed_numbers(5, 6, 1);
  l0::BatchNorm<double> columns(6);
  columns.scale() = fixed_numbers(6, 1, 4);
  columns.shift() = fixed_numbers(6, 1, 5);
  columns.running_mean() = fixed_numbers(6, 1, 6);
  CHECK(l0::check_layer(columns, x) == Broken{});
  columns.scale()(2) = 0;
  CHECK(l0::check_layer(columns, x) == Broken{});
  l0::BatchNorm<double> images(2, {.epsilon = 1e-3, .momentum = 0.4});
  images.scale() = fixed_numbers(2, 1, 4);
  CHECK(l0::check_layer(images, x) == Broken{});
  l0::LayerNorm<double> layer(6);
  layer.scale() = fixed_numbers(6, 1, 4);
  CHECK(l0::check_layer(layer, x) == Broken{});
}

TEST_CASE("Networks and blocks keep the laws of layers", "[laws]") {
  l0::Rng rng(3);
  const Matrix<double> x = fixed_numbers(5, 6, 1);
  l0::Sequential inner{l0::L0Linear<double>(6, 4, rng), l0::BatchNorm<double>(4), l0::Gelu{},
                       l0::L0Linear<double, l0::PerInput>(4, 6, rng)};
  CHECK(l0::check_layer(with_gates(inner), x) == Broken{});
  CHECK(l0::check_layer(with_gates(inner).as_network(), x) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::Residual{inner}), x) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::Residual{inner, l0::L0Linear<double, l0::PerOutput>(6, 6, rng)}), x) ==
        Broken{});
  l0::Parallel parallel{inner, l0::Linear<double>(6, 6, rng)};
  CHECK(l0::check_layer(with_gates(parallel), x) == Broken{});
  CHECK(l0::check_layer(with_gates(l0::Sequential{parallel, l0::Dropout{0.2}, l0::Residual{inner}}), x) == Broken{});
}

namespace {

/// y = x ∘ w with one fault at a time.
enum class Fault { none, gradient, input_gradient, no_sum, columns, hidden_state, compaction };
template <Fault fault>
struct Scale {
  using Scalar = double;
  using compactable = Scale;
  l0::Parameter<l0::Vector<double>> scale{l0::ParameterKind::weight, "scale", 0, 1};
  Matrix<double> x, y;
  double seen = 0;

  explicit Scale(Index columns) : scale(l0::ParameterKind::weight, "scale", columns, 1) {
    scale.value().setConstant(2);
  }
  Index outputs(Index columns) const { return fault == Fault::columns ? columns + 1 : columns; }
  void visit(auto&& v) {
    v("scale", scale);
    if (fault != Fault::hidden_state) v("seen", seen);
  }
  Matrix<double> predict(const Matrix<double>& in) const {
    return (in * scale.value().asDiagonal()).array() + (fault == Fault::hidden_state ? seen : 0);
  }
  template <class Noise>
  const Matrix<double>& forward(const Matrix<double>& in, Noise&&) {
    seen += 1;
    x = in;
    return y = in * scale.value().asDiagonal();
  }
  void backward(const Matrix<double>& upstream, Matrix<double>& input_gradient) {
    if (fault == Fault::no_sum) scale.gradient().setZero();
    scale.gradient() += (fault == Fault::gradient ? 1.001 : 1.0) * x.cwiseProduct(upstream).colwise().sum().transpose();
    input_gradient = upstream * scale.value().asDiagonal();
    if (fault == Fault::input_gradient) input_gradient(0, 0) += 1e-3;
  }
  void find_constants(const l0::Columns<double>& in, l0::Columns<double>& out) const {
    for (Index j = 0; j < in.size(); ++j) {
      if (in.is_constant(j)) out.set_constant(j, in.value(j) * (fault == Fault::compaction ? 1.0 : scale.value()(j)));
    }
  }
  void find_needs(l0::Columns<double>& in, const l0::Columns<double>& out) const { in.needed = out.needed; }
  l0::AnyLayer<double> compacted(const l0::Columns<double>&, l0::Columns<double>& out) const {
    const auto kept = out.kept();
    return l0::AnyLayer<double>(
        l0::ColumnScale<double>(scale.value()(kept), l0::Vector<double>::Zero(static_cast<Index>(kept.size()))));
  }
};

template <Fault fault>
Broken broken() {
  return l0::check_layer(Scale<fault>(6), fixed_numbers(4, 6, 1));
}

}  // namespace

TEST_CASE("A layer that breaks a law is told which", "[laws]") {
  CHECK(broken<Fault::none>() == Broken{});
  CHECK(broken<Fault::gradient>() == Broken{"the gradient of parameter 0 is not its slope"});
  CHECK(broken<Fault::input_gradient>() == Broken{"the gradient by x is not its slope"});
  CHECK(broken<Fault::no_sum>() == Broken{"a second backward does not add"});
  CHECK(broken<Fault::columns>() ==
        Broken{"predict gives other columns than outputs()", "forward gives other columns than outputs()"});
  CHECK(broken<Fault::hidden_state>() == Broken{"what it visits does not make the layer predict as it did"});
  CHECK(broken<Fault::compaction>() == Broken{"compaction changes the prediction"});
}

}  // namespace tests::networks::laws
