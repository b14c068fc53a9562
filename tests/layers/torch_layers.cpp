// SPDX-License-Identifier: MIT
// Layers without gates, normalisations, activations and label smoothing against PyTorch in double.
#include <l0/layers/batch_norm.hpp>
#include <l0/layers/embedding.hpp>
#include <l0/layers/layer_norm.hpp>
#include <l0/losses/losses.hpp>
#include <l0/networks/residual.hpp>
#include <l0/networks/sequential.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tolerances.hpp"

namespace tests::layers::torch_layers {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::close;
using l0::test::Golden;

/// A rounding error of sums of up to fifty products, in units of their terms.
constexpr l0::test::Tolerance rounding{1e-12, 1};

const Golden& golden() {
  static const Golden file(l0::test::data_file("torch_layers.txt"));
  return file;
}

template <class Parameter>
void set(Parameter&& parameter, const std::string& name) {
  const Matrix<double> given = golden().matrix(name);
  REQUIRE(given.size() == parameter.size());
  parameter = given;
}

/// Output, gradients and prediction of a layer whose parameters are set.
template <class Layer>
void check(Layer& layer, const std::string& name, const std::vector<std::string>& parameters) {
  const Matrix<double> x = golden().matrix(name + "_x");
  const Matrix<double> upstream = golden().matrix(name + "_upstream");
  l0::Rng rng(1);
  CHECK(close(layer.forward(x, rng), golden().matrix(name + "_y"), rounding));
  Matrix<double> gradient;
  layer.backward(upstream, gradient);
  CHECK(close(gradient, golden().matrix(name + "_grad_x"), rounding));
  const auto handles = l0::parameters(layer);
  REQUIRE(handles.size() == parameters.size());
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    CAPTURE(parameters[k]);
    const Matrix<double> given = golden().matrix(name + "_grad_" + parameters[k]);
    const Matrix<double> own =
        Eigen::Map<const Matrix<double>>(handles[k].gradients().data(), handles[k].rows(), handles[k].columns());
    CHECK(close(own, given, rounding));
  }
  CHECK(close(layer.predict(x), golden().matrix(name + "_predicted"), rounding));
}

template <class A>
void check_activation(const A& activation, const std::string& name) {
  CAPTURE(name);
  const Matrix<double> x = golden().matrix("activation_x");
  const Matrix<double> y = golden().matrix(name + "_y");
  const Matrix<double> slope = golden().matrix(name + "_slope");
  for (Index i = 0; i < x.size(); ++i) {
    CAPTURE(x(i));
    CHECK(close(activation.value(x(i)), y(i), {1e-12, 1e-3}));
    CHECK(close(activation.derivative(x(i), activation.value(x(i))), slope(i), {1e-12, 1e-3}));
  }
}

}  // namespace

TEST_CASE("Activations are those of PyTorch", "[torch]") {
  check_activation(l0::Relu{}, "Relu");
  check_activation(l0::Sigmoid{}, "Sigmoid");
  check_activation(l0::Tanh{}, "Tanh");
  check_activation(l0::Gelu{}, "Gelu");
  check_activation(l0::Silu{}, "Silu");
  check_activation(l0::LeakyRelu{.slope = 0.01}, "LeakyRelu");
  check_activation(l0::Elu{}, "Elu");
}

TEST_CASE("Batch normalisation is that of PyTorch, of columns and of images", "[torch]") {
  l0::BatchNorm<double> columns(4);
  set(columns.scale(), "batch_norm_1d_weight");
  set(columns.shift(), "batch_norm_1d_bias");
  check(columns, "batch_norm_1d", {"weight", "bias"});
  CHECK(close(columns.running_mean(), golden().matrix("batch_norm_1d_running_mean"), rounding));
  CHECK(close(columns.running_variance(), golden().matrix("batch_norm_1d_running_var"), rounding));

  l0::BatchNorm<double> images(3, {.epsilon = 1e-3, .momentum = 0.3});
  set(images.scale(), "batch_norm_2d_weight");
  set(images.shift(), "batch_norm_2d_bias");
  check(images, "batch_norm_2d", {"weight", "bias"});
  CHECK(close(images.running_mean(), golden().matrix("batch_norm_2d_running_mean"), rounding));
  CHECK(close(images.running_variance(), golden().matrix("batch_norm_2d_running_var"), rounding));
}

TEST_CASE("Layer normalisation is that of PyTorch", "[torch]") {
  l0::LayerNorm<double> norm(7);
  set(norm.scale(), "layer_norm_weight");
  set(norm.shift(), "layer_norm_bias");
  check(norm, "layer_norm", {"weight", "bias"});
}

TEST_CASE("Layers without gates are those of PyTorch", "[torch]") {
  l0::Rng rng(1);
  l0::Linear<double> linear(5, 4, rng);
  set(linear.weight(), "linear_weight");
  set(linear.bias(), "linear_bias");
  check(linear, "linear", {"weight", "bias"});
  l0::Conv2d<double> conv({2, 6, 5}, 3, {3, 2}, rng, {.stride = {2, 1}, .padding = {1, 0}});
  set(conv.weight(), "conv2d_weight");
  set(conv.bias(), "conv2d_bias");
  check(conv, "conv2d", {"weight", "bias"});
  l0::Sequential pool{l0::GlobalAvgPool2d({2, 4, 3}), l0::Linear<double>(2, 2, rng)};
  CHECK(close(pool.part<0>().predict(golden().matrix("global_average_x")), golden().matrix("global_average_y"),
              rounding));
  Matrix<double> gradient;
  pool.part<0>().forward(golden().matrix("global_average_x"), rng);
  pool.part<0>().backward(golden().matrix("global_average_upstream"), gradient);
  CHECK(close(gradient, golden().matrix("global_average_grad_x"), rounding));
}

TEST_CASE("A residual block with a projection is that of PyTorch", "[torch]") {
  l0::Rng rng(1);
  const l0::ImageShape image{2, 6, 4};
  l0::Parallel block{
      l0::Conv2d<double>(image, 3, 1, rng, {.stride = 2}),
      l0::Sequential{l0::Conv2d<double>(image, 3, 3, rng, {.stride = 2, .padding = 1}), l0::BatchNorm<double>(3),
                     l0::Relu{}, l0::Conv2d<double>({3, 3, 2}, 3, 3, rng, {.padding = 1})}};
  set(block.branch<0>().weight(), "block_shortcut.weight");
  set(block.branch<0>().bias(), "block_shortcut.bias");
  set(block.branch<1>().part<0>().weight(), "block_first.weight");
  set(block.branch<1>().part<0>().bias(), "block_first.bias");
  set(block.branch<1>().part<1>().scale(), "block_norm.weight");
  set(block.branch<1>().part<1>().shift(), "block_norm.bias");
  set(block.branch<1>().part<3>().weight(), "block_second.weight");
  set(block.branch<1>().part<3>().bias(), "block_second.bias");
  check(block, "block",
        {"shortcut.weight", "shortcut.bias", "first.weight", "first.bias", "norm.weight", "norm.bias", "second.weight",
         "second.bias"});
}

TEST_CASE("An embedding is that of PyTorch", "[torch]") {
  l0::Rng rng(1);
  l0::Embedding<double> embedding(9, 3, rng);
  set(embedding.table(), "embedding_weight");
  const Matrix<double> x = golden().matrix("embedding_x");
  CHECK(embedding.forward(x, rng) == golden().matrix("embedding_y"));
  CHECK(embedding.predict(x) == golden().matrix("embedding_y"));
  Matrix<double> gradient;
  embedding.backward(golden().matrix("embedding_upstream"), gradient);
  CHECK(close(embedding.parameters()[0].gradients(), golden().matrix("embedding_grad_weight").reshaped(), rounding));
  CHECK(gradient.isZero(0));
  for (const double wrong : {-1.0, 9.0, 1.5}) {
    CHECK_THROWS_AS(embedding.predict(Matrix<double>::Constant(1, 2, wrong)), l0::Error);
  }
}

TEST_CASE("Label smoothing is that of PyTorch", "[torch]") {
  const Matrix<double> logits = golden().matrix("smoothing_logits");
  const Eigen::VectorXi labels = golden().matrix("smoothing_labels").cast<int>();
  for (int k = 0; k < 3; ++k) {
    const std::string name = "smoothing" + std::to_string(k);
    const l0::CrossEntropy loss{golden().scalar(name + "_share")};
    Matrix<double> gradient;
    CHECK(close(loss(logits, labels, gradient), golden().scalar(name + "_loss"), rounding));
    CHECK(close(gradient, golden().matrix(name + "_gradient"), rounding));
    Matrix<double> one_hot = Matrix<double>::Zero(6, 4);
    for (Index i = 0; i < 6; ++i) one_hot(i, labels(i)) = 1;
    CHECK(close(loss(logits, one_hot, gradient), golden().scalar(name + "_loss"), rounding));
    CHECK(close(gradient, golden().matrix(name + "_gradient"), rounding));
  }
  Matrix<double> gradient;
  CHECK_THROWS_AS(l0::CrossEntropy{1.5}(logits, labels, gradient), l0::Error);
}

}  // namespace tests::layers::torch_layers
